"""Smooth moonlight: what the levels of a scan have near the Moon beyond zodiacal light and Galaxy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.wise.overlaps import robust_sigma

if TYPE_CHECKING:
    from scipy.interpolate import CubicSpline

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Zodiacal light at 11.56 um and 90 deg from the Sun at ecliptic latitudes of 0, 2, ... 90 deg, MJy/sr: model
# of Kelsall et al. (1998) by zodipy 1.1.5 (dirbe), averaged over a year, both sides of the Sun, north and
# south. Only its shape matters, and the other bands differ from it by what the polynomial can follow.
_ZODI = (
    34.41, 33.98, 32.95, 31.92, 30.98, 29.91, 28.59, 27.27, 26.06, 24.91, 23.79, 22.72, 21.74, 20.84, 20.02,
    19.26, 18.57, 17.92, 17.32, 16.77, 16.27, 15.79, 15.36, 14.96, 14.58, 14.24, 13.92, 13.63, 13.36, 13.11,
    12.88, 12.68, 12.49, 12.32, 12.16, 12.02, 11.90, 11.79, 11.69, 11.61, 11.54, 11.49, 11.44, 11.41, 11.40,
    11.39,
)  # fmt: skip
_ZODI_STEP_DEG = 2.0
_DEGREE = 4
# The Galaxy is a sum of 1 / hypot(sin b, this).
_SOFT_SINES = (0.05, 0.15)
# The light is a sum, with positive parts, of squares of how far inside these shares of near_deg a frame is.
_SHARES = (1.0, 0.8, 0.6, 0.4)
_ROUNDS = 12
_TUKEY = 6.0
_LEAST_WEIGHT = 1e-6
# Levels are float32: residuals below this part of them are rounding.
_ROUNDING = 1e-6
# Columns of the trend that add less than this to the others are not told from them.
_RANK = 1e-6
# Fewer frames far from the Moon do not show what the scan is without it.
_MIN_FAR = 20


@dataclass(frozen=True, slots=True, eq=False)
class Moonlight:
    """Smooth moonlight along a scan.

    Attributes
    ----------
    light : ndarray of float64, shape (n,)
        In the middle of each frame, DN; NaN where there is no fit.
    excess : ndarray of float64, shape (n,)
        What the level has beyond all but the Moon: its light and what nothing explains, DN.
    contrast : float
        By what factor the residuals of the frames near the Moon grow when there is no such light: 1 when it
        explains nothing. NaN when the fit cannot be made.
    """

    light: Float
    excess: Float
    contrast: float


def fit_moonlight(level: Float, elon: Float, elat: Float, moon_sep: Float, near_deg: float) -> Moonlight:
    """Fit the levels along a scan by zodiacal light, Galaxy, a polynomial, and light of the Moon.

    No form of the moonlight is assumed but that it falls with distance, ever more slowly, and ends at
    ``near_deg``. Frames that stand out (the galactic plane, wrong levels) lose their weight by Tukey's
    biweight.

    Parameters
    ----------
    level : ndarray of float64, shape (n,)
        Median of each frame, DN; NaN where not known.
    elon, elat : ndarray of float64, shape (n,)
        Ecliptic coordinates of the middle of each frame, deg; NaN where not known.
    moon_sep : ndarray of float64, shape (n,)
        Distance from the Moon, deg. A frame without counts as far from it.
    near_deg : float
        Where moonlight ends, deg.

    Returns
    -------
    Moonlight
        Without a fit when no frame is near the Moon, or fewer than twenty are not.
    """
    light, excess = np.full((2, level.size), np.nan)
    known = np.isfinite(level) & np.isfinite(elon) & np.isfinite(elat)
    near = (moon_sep < near_deg)[known]
    if not near.any() or np.count_nonzero(~near) < _MIN_FAR:
        return Moonlight(light, excess, np.nan)
    trend, shapes = _trend(elon[known], elat[known]), _shapes(moon_sep[known], near_deg)
    parts, weight, contrast = _fit(level[known], trend, shapes, near)
    light[known] = shapes @ parts
    root = np.sqrt(weight)
    rest, *_ = np.linalg.lstsq(trend * root[:, None], root * (level - light)[known], rcond=_RANK)
    excess[known] = level[known] - trend @ rest
    return Moonlight(light, excess, contrast)


def _shapes(moon_sep: Float, near_deg: float) -> Float:
    inside = np.array([share * near_deg - moon_sep for share in _SHARES]).T / near_deg
    return np.nan_to_num(np.maximum(inside, 0.0)) ** 2


def _trend(elon: Float, elat: Float) -> Float:
    """Give what a scan without the Moon is made of, shape (n, 9); no column is larger than 1."""
    place = 2.0 * (elat - elat.min()) / max(float(np.ptp(elat)), 1e-9) - 1.0
    zodi = _zodi_spline()
    lon, lat = np.radians(elon), np.radians(elat)
    directions = np.array((np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)))
    pole = rotation_from_fk5("ecliptic") @ rotation_from_fk5("galactic")[2]
    # With its slope the zodiacal light can be moved in latitude: its plane of symmetry is tilted.
    galaxy = (1.0 / np.hypot(pole @ directions, soft) for soft in _SOFT_SINES)
    smooth = np.polynomial.legendre.legvander(place, _DEGREE)
    columns = np.column_stack((smooth, zodi(elat), zodi(elat, 1), *galaxy))
    return np.asarray(columns / np.abs(columns).max(axis=0))


def _zodi_spline() -> CubicSpline:
    from scipy.interpolate import CubicSpline

    half = np.array(_ZODI)
    latitude = _ZODI_STEP_DEG * np.arange(1 - half.size, half.size)
    return CubicSpline(latitude, np.concatenate((half[:0:-1], half)))


def _fit(level: Float, trend: Float, shapes: Float, near: Bool) -> tuple[Float, Float, float]:
    """Give the parts of the shapes, the weights of the frames, and the contrast."""
    from scipy.optimize import nnls

    floor = _ROUNDING * float(np.median(np.abs(level))) + np.finfo(float).tiny
    weight = np.ones(level.size)
    for _ in range(_ROUNDS):
        root = np.sqrt(weight)
        both = _beside(trend * root[:, None], np.column_stack((level, shapes)) * root[:, None])
        without, rest = both[:, 0], both[:, 1:]
        parts, _ = nnls(rest, without)
        left = without - rest @ parts
        last = weight
        z = left / root / (_TUKEY * max(robust_sigma(left / root), floor))
        weight = (1.0 - np.minimum(z**2, 1.0)) ** 2 + _LEAST_WEIGHT
    noise = max(float(np.linalg.norm(left[near])), floor)
    return parts, last, max(float(np.linalg.norm(without[near])), floor) / noise


def _beside(trend: Float, columns: Float) -> Float:
    """Give what of columns the trend cannot follow."""
    basis, size, _ = np.linalg.svd(trend, full_matrices=False)
    basis = basis[:, size > _RANK * size[0]]
    return np.asarray(columns - basis @ (basis.T @ columns))
