"""Light of a stack against a catalogue."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.tangent import directions_of

Float = NDArray[np.float64]

_ROUNDS = 10
_CLIP = 3.0
_MAD = 1.4826
# Stars that tell the zero point; fainter ones add noise only.
_LEAST_SNR = 20.0
_FEW = 3


@dataclass(frozen=True)
class ZeroPoint:
    """Magnitude of one unit of flux.

    Attributes
    ----------
    value, error, scatter : float
        Magnitudes: the median, its standard error, the robust scatter of a star.
    stars : int
    """

    value: float
    error: float
    scatter: float
    stars: int


def zero_point(flux: Float, error: Float, mag: Float, mag_error: Float) -> ZeroPoint | None:
    """Compare fluxes with magnitudes of a catalogue.

    Parameters
    ----------
    flux, error : ndarray of float64, shape (n,)
        Of stars, units of the stack.
    mag, mag_error : ndarray of float64, shape (n,)
        Of the catalogue; NaN where unknown.

    Returns
    -------
    ZeroPoint or None
        None when fewer than three stars have both.
    """
    use = np.isfinite(mag) & (flux > _LEAST_SNR * error)
    if np.count_nonzero(use) < _FEW:
        return None
    away = mag[use] + 2.5 * np.log10(flux[use])
    variance = np.square(np.nan_to_num(mag_error[use], nan=0.05)) + np.square(1.0857 * error[use] / flux[use])
    # A floor keeps few bright stars from deciding alone: catalogues have systematic errors, too.
    weight = 1.0 / (variance + 0.01**2)
    kept = np.ones(away.size, dtype=np.bool_)
    value = float(np.median(away))
    scatter = 0.0
    for _ in range(_ROUNDS):
        scatter = _MAD * float(np.median(np.abs(away[kept] - value)))
        kept = np.abs(away - value) <= max(_CLIP * scatter, 1e-6)
        value = float(np.average(away[kept], weights=weight[kept]))
    spread = float(np.sqrt(np.average(np.square(away[kept] - value), weights=weight[kept])))
    count = int(np.count_nonzero(kept))
    return ZeroPoint(value, spread / np.sqrt(count), scatter, count)


def catalogue_pairs(
    x: Float, y: Float, grid: Grid, ra: Float, dec: Float, radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair stars of a stack with those of a catalogue.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions in the stack.
    grid : Grid
    ra, dec : ndarray of float64, shape (m,)
        Degrees ICRS.
    radius : float
        Pixels of the stack.

    Returns
    -------
    stars, refs : ndarray of int64, shape (k,)
        Rows, one-to-one.
    """
    place = grid.project(directions_of(ra, dec))
    inside = np.flatnonzero(np.isfinite(place).all(axis=0))
    stars, refs = mutual_pairs(x, y, place[0][inside], place[1][inside], radius)
    return stars, inside[refs].astype(np.int64)
