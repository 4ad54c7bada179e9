"""The geometry of a frame with an orthographic projection and SIP polynomials, from its numbers alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.sip import BLOCK, ROWS, distort, sip_table
from photomitrus_cli.imaging.tangent import DEGREE, flat_pair, positions_of, tangent_axes

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SinSip:
    """An orthographic projection (SIN; Calabretta & Greisen 2002, section 5.1.5) with SIP polynomials.

    Parameters
    ----------
    axes : ndarray of float64, shape (3, 3)
        Rows: unit vectors east, north and to the reference point, FK5 (`tangent_axes`).
    cd : ndarray of float64, shape (2, 2)
        From pixels to (x, y) along the first two axes, degrees a pixel.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y) of the reference point.
    shape : tuple of int
        (ny, nx) of the frame.
    sip : ndarray of float64, shape (2, n + 1, n + 1)
        Polynomials A and B of degree n <= 9, [power of u, power of v], 0 where the two
        powers add up to more than n. Constant and linear terms count.
    """

    axes: Float
    cd: Float
    crpix: Float
    shape: tuple[int, int]
    sip: Float

    @classmethod
    def at(
        cls,
        crval: tuple[float, float],
        cd: ArrayLike,
        crpix: ArrayLike,
        shape: tuple[int, int],
        sip: ArrayLike,
    ) -> Self:
        """Build from header numbers.

        Parameters
        ----------
        crval : tuple of float
            (ra, dec), degrees FK5 (J2000), not a pole; LONPOLE is 180 degrees.
        cd : array_like, shape (2, 2)
            Degrees a pixel.
        crpix : array_like, shape (2,)
            0-based (x, y): one less than in the header.
        shape : tuple of int
            (ny, nx).
        sip : array_like, shape (2, n + 1, n + 1)
            As in the class.

        Returns
        -------
        SinSip
        """
        matrix, origin, terms = (np.array(given, dtype=np.float64) for given in (cd, crpix, sip))
        return cls(tangent_axes(*crval), matrix, origin, shape, terms)

    @cached_property
    def table(self) -> Float:
        """The polynomials as the kernels of `photomitrus_cli.imaging.sip` take them."""
        return sip_table(self.sip)

    @property
    def crval(self) -> tuple[float, float]:
        """Reference point (ra, dec), degrees FK5 (J2000)."""
        ra, dec = positions_of(self.axes[2])
        return float(ra), float(dec)

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give the sky directions of frame positions.

        Parameters
        ----------
        x, y : array_like
            0-based frame positions, broadcast against each other.

        Returns
        -------
        ndarray of float64, shape (3, ...)
            Unit vectors, FK5 (J2000); NaN more than 90 degrees from the reference point.
        """
        flat_x, flat_y, shape = flat_pair(x, y)
        out = np.empty((3, flat_x.size))
        _sine_directions(flat_x, flat_y, self.crpix, self.table, self.cd * DEGREE, self.axes, out)
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
            Degrees FK5 (J2000), ra in [0, 360).
        """
        return positions_of(self.directions(x, y))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the numbers only, not what is derived from them."""
        return (type(self), (self.axes, self.cd, self.crpix, self.shape, self.sip))


@kernel
def _sine_directions(
    x: Float, y: Float, crpix: Float, table: Float, scale: Float, axes: Float, out: Float
) -> None:
    """Undo the distortion and the projection; `scale` is from pixels to radians on the plane."""
    work = np.empty(ROWS * min(x.size, BLOCK))
    for start in range(0, x.size, BLOCK):
        u, v = x[start : start + BLOCK] - crpix[0], y[start : start + BLOCK] - crpix[1]
        shift = work[: ROWS * u.size].reshape(ROWS, u.size)
        distort(u, v, table, shift)
        for n in range(u.size):
            right, up = u[n] + shift[0, n], v[n] + shift[1, n]
            a = scale[0, 0] * right + scale[0, 1] * up
            b = scale[1, 0] * right + scale[1, 1] * up
            rest = 1.0 - a * a - b * b
            c = np.sqrt(rest) if rest >= 0.0 else np.nan
            for k in range(3):
                out[k, start + n] = axes[0, k] * a + axes[1, k] * b + axes[2, k] * c
