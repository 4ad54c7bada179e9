"""What frames with SIP polynomials have in common, whatever their projection: a few numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.sip import sip_table
from photomitrus_cli.imaging.tangent import positions_of, tangent_axes

Float = NDArray[np.float64]

_NO_SIP = np.zeros((2, 1, 1))


@dataclass(frozen=True, eq=False)
class SipGeometry(ABC):
    """A projection with or without SIP polynomials.

    Parameters
    ----------
    axes : ndarray of float64, shape (3, 3)
        Rows: unit vectors east, north and to the reference point (`tangent_axes`).
    cd : ndarray of float64, shape (2, 2)
        From pixels to (x, y) along the first two axes, degrees a pixel.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y) of the reference point.
    shape : tuple of int
        (ny, nx) of the frame.
    sip : ndarray of float64, shape (2, n + 1, n + 1), optional
        Polynomials A and B of degree n <= 9, [power of u, power of v], 0 where the two
        powers add up to more than n; none by default. Constant and linear terms count.
    """

    axes: Float
    cd: Float
    crpix: Float
    shape: tuple[int, int]
    sip: Float = field(default_factory=_NO_SIP.copy)

    @classmethod
    def at(
        cls,
        crval: tuple[float, float],
        cd: ArrayLike,
        crpix: ArrayLike,
        shape: tuple[int, int],
        sip: ArrayLike = _NO_SIP,
    ) -> Self:
        """Build from header numbers.

        Parameters
        ----------
        crval : tuple of float
            (ra, dec), degrees; LONPOLE is 180 degrees.
        cd : array_like, shape (2, 2)
            Degrees a pixel.
        crpix : array_like, shape (2,)
            0-based (x, y): one less than in the header.
        shape : tuple of int
            (ny, nx).
        sip : array_like, shape (2, n + 1, n + 1), optional
            As in the class.

        Returns
        -------
        SipGeometry
            Of the class itself.
        """
        matrix, origin, terms = (np.array(given, dtype=np.float64) for given in (cd, crpix, sip))
        return cls(tangent_axes(*crval), matrix, origin, shape, terms)

    @cached_property
    def table(self) -> Float:
        """The polynomials as the kernels of `photomitrus_cli.imaging.sip` take them."""
        return sip_table(self.sip)

    @property
    def crval(self) -> tuple[float, float]:
        """Reference point (ra, dec), degrees."""
        ra, dec = positions_of(self.axes[2])
        return float(ra), float(dec)

    @abstractmethod
    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give the sky directions of frame positions.

        Parameters
        ----------
        x, y : array_like
            0-based frame positions, broadcast against each other.

        Returns
        -------
        ndarray of float64, shape (3, ...)
            Unit vectors in the system of the axes; NaN where the projection has no direction.
        """

    def sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        """Give the sky positions of frame positions.

        Parameters
        ----------
        x, y : array_like
            0-based frame positions, broadcast against each other.

        Returns
        -------
        ra, dec : ndarray of float64
            Degrees in the system of the axes, ra in [0, 360).
        """
        return positions_of(self.directions(x, y))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the numbers only, not what is derived from them."""
        return (type(self), (self.axes, self.cd, self.crpix, self.shape, self.sip))
