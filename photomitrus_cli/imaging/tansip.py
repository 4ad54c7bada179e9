"""The geometry of a frame with a gnomonic projection, from its numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.sip import sip_table, tangent_directions
from photomitrus_cli.imaging.tangent import DEGREE, flat_pair, invert_pair, positions_of, tangent_axes

Float = NDArray[np.float64]

_NO_SIP = np.zeros((2, 1, 1))


@dataclass(frozen=True, eq=False)
class TanSip:
    """A gnomonic projection in ICRS, with or without SIP polynomials.

    Parameters
    ----------
    axes : ndarray of float64, shape (3, 3)
        Rows: unit vectors east, north and to the tangent point (`tangent_axes`).
    cd : ndarray of float64, shape (2, 2)
        From pixels to (xi, eta) along the first two axes, degrees a pixel.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y) of the tangent point.
    shape : tuple of int
        (ny, nx) of the frame.
    sip : ndarray of float64, shape (2, n + 1, n + 1), optional
        Polynomials A and B of degree n <= 9, [power of u, power of v], 0 where the two
        powers add up to more than n; none by default.
    """

    axes: Float
    cd: Float
    crpix: Float
    shape: tuple[int, int]
    sip: Float = field(default_factory=_NO_SIP.copy)

    @classmethod
    def at(
        cls, crval: tuple[float, float], cd: ArrayLike, crpix: ArrayLike, shape: tuple[int, int], **sip: Any
    ) -> Self:
        """Build from header numbers.

        Parameters
        ----------
        crval : tuple of float
            (ra, dec), degrees ICRS; LONPOLE is 180 degrees.
        cd : array_like, shape (2, 2)
            Degrees a pixel.
        crpix : array_like, shape (2,)
            0-based (x, y): one less than in the header.
        shape : tuple of int
            (ny, nx).
        **sip
            ``sip`` as in the class.

        Returns
        -------
        TanSip
        """
        matrix, origin = np.array(cd, dtype=np.float64), np.array(crpix, dtype=np.float64)
        return cls(tangent_axes(*crval), matrix, origin, shape, **sip)

    @cached_property
    def table(self) -> Float:
        """The polynomials as the kernels of `photomitrus_cli.imaging.sip` take them."""
        return sip_table(self.sip)

    @cached_property
    def matrix(self) -> Float:
        """From (u + f, v + g, 1), pixels from the tangent point, to a direction of any length, (3, 3)."""
        out = np.empty((3, 3))
        out[:, :2] = self.axes[:2].T @ (self.cd * DEGREE)
        out[:, 2] = self.axes[2]
        return out

    @cached_property
    def inverse_matrix(self) -> Float:
        """From a direction to a multiple of (u + f, v + g, 1), (3, 3); the last is negative behind."""
        out = self.axes.copy()
        out[:2] = invert_pair(self.cd * DEGREE) @ self.axes[:2]
        return out

    @property
    def crval(self) -> tuple[float, float]:
        """Tangent point (ra, dec), degrees."""
        ra, dec = positions_of(self.axes[2])
        return float(ra), float(dec)

    @property
    def header_cd(self) -> Float:
        """CD matrix that belongs to `crval` with LONPOLE 180, degrees a pixel, shape (2, 2)."""
        return tangent_axes(*self.crval)[:2] @ self.axes[:2].T @ self.cd

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give the sky directions of frame positions.

        Parameters
        ----------
        x, y : array_like
            0-based frame positions, broadcast against each other.

        Returns
        -------
        ndarray of float64, shape (3, ...)
            Unit vectors, ICRS.
        """
        flat_x, flat_y, shape = flat_pair(x, y)
        out = np.empty((3, flat_x.size))
        tangent_directions(flat_x, flat_y, self.crpix, self.table, self.matrix, out)
        return out.reshape(3, *shape)

    def sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        """Give the sky positions of frame positions.

        Parameters
        ----------
        x, y : array_like
            0-based frame positions, broadcast against each other.

        Returns
        -------
        ra, dec : ndarray of float64
            Degrees ICRS, ra in [0, 360).
        """
        return positions_of(self.directions(x, y))

    def moved(self, rotation: Float) -> Self:
        """Turn the frame on the sky.

        Parameters
        ----------
        rotation : ndarray of float64, shape (3, 3)
            A direction v of this frame becomes ``rotation @ v``.

        Returns
        -------
        TanSip
            Exact: the tangent plane turns with the sphere.
        """
        return replace(self, axes=self.axes @ np.asarray(rotation, dtype=np.float64).T)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the numbers only, not what is derived from them."""
        return (type(self), (self.axes, self.cd, self.crpix, self.shape, self.sip))
