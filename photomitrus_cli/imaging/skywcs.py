"""Where a frame's pixels lie on the sky: one protocol, exact for TAN and TAN-SIP, astropy for the rest."""

from __future__ import annotations

import math
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.generalwcs import GeneralWcs, rotation_to_icrs
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]

# No reference pixel lies this far from a frame, and squares of what is larger may overflow.
_LARGEST = 1e9
MIN_SCALE_ARCSEC = 0.01
MAX_SCALE_ARCSEC = 100.0


class SkyWcs(Protocol):
    """What every frame geometry can do; immutable and picklable.

    Attributes
    ----------
    shape : tuple of int
        (ny, nx) of the frame.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Size of the frame, (ny, nx)."""

    def sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        """Give the sky positions (ra, dec), degrees ICRS, of 0-based frame positions of any shape."""

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give the sky directions, unit vectors of shape (3, ...), of 0-based frame positions."""

    def moved(self, rotation: Float) -> Self:
        """Give the same frame with its directions v turned to ``rotation @ v``."""


def sky_wcs(
    wcs: Any, path: object = "frame", shape: tuple[int, int] | None = None, *, header: str = ""
) -> SkyWcs:
    """Take any WCS that can place a frame on the sky.

    astropy repairs some broken headers silently (an all-zero CD matrix becomes the identity, one degree a
    pixel), so the matrix in use is judged and not only its presence.

    Parameters
    ----------
    wcs : SkyWcs or astropy.wcs.WCS
        As built from the frame's header.
    path : object, optional
        Named in the error.
    shape : tuple of int, optional
        (ny, nx) of the frame, for a WCS of astropy that does not know it.
    header : str, optional
        The cards of a WCS of astropy; see `GeneralWcs`.

    Returns
    -------
    SkyWcs
        ``wcs`` itself, or the WCS of astropy wrapped.

    Raises
    ------
    InputError
        If the WCS is not celestial with two axes, not in ICRS, FK5 or Galactic coordinates, has a reference
        value that is not finite or absurd, a pixel scale outside 0.01 to 100 arcsec, or axes that (nearly)
        coincide.
    """
    if isinstance(wcs, TanSip):
        _check_numbers(wcs.cd, (wcs.axes, wcs.crpix, wcs.sip), path)
        return wcs
    inner = wcs.wcs if isinstance(wcs, GeneralWcs) else wcs
    if inner.naxis != 2 or not inner.has_celestial:
        raise InputError(
            f"{path}: the header has no celestial WCS with two axes", hint="check CTYPE1 and CTYPE2"
        )
    _check_numbers(np.asarray(inner.pixel_scale_matrix), (inner.wcs.crval, inner.wcs.crpix), path)
    if isinstance(wcs, GeneralWcs):
        return wcs
    return GeneralWcs(inner, shape or inner.array_shape or (0, 0), rotation_to_icrs(inner, path), header)


def _check_numbers(matrix: Float, others: tuple[Float, ...], path: object) -> None:
    """Refuse a CD matrix (degrees a pixel) that no frame has."""
    if not (np.isfinite(matrix).all() and all(np.isfinite(values).all() for values in others)):
        raise InputError(f"{path}: the WCS holds values that are not finite")
    if any(np.abs(values).max(initial=0.0) > _LARGEST for values in others):
        raise InputError(
            f"{path}: the WCS holds values above {_LARGEST:.0e}", hint="check CRPIX, CRVAL and the distortion"
        )
    # Python floats: numpy warns of an overflow that the limits below refuse anyway.
    (a, b), (c, d) = ([3600.0 * value for value in row] for row in matrix.tolist())
    scales = math.hypot(a, c), math.hypot(b, d)
    if not all(MIN_SCALE_ARCSEC < scale < MAX_SCALE_ARCSEC for scale in scales):
        raise InputError(
            f"{path}: the WCS has pixels of {scales[0]:.4g} x {scales[1]:.4g} arcsec",
            hint="check the CD matrix or CDELT",
        )
    if abs(a * d - b * c) < 0.1 * scales[0] * scales[1]:
        raise InputError(f"{path}: the axes of the WCS coincide", hint="check the CD matrix")
