"""Numbers that tell how good a calibration is: of each scan, and across the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.calibtables import ResidualTable
from photomitrus_cli.wise.samples import Samples

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

_LATITUDE_BIN, _ELONGATION_BIN = 5.0, 1.0
# Of the picture of stripes.
_LATITUDES, _MOST_COLUMNS = 180, 1200
# The Sun's mean motion, deg/d: within the hour of a scan no error to speak of.
_SUN_RATE = 0.9856


@dataclass(frozen=True, slots=True, eq=False)
class ScanFigures:
    """How well the model describes each scan; arrays of shape (S,), NaN where nothing was fitted.

    Attributes
    ----------
    n_samples, n_used : ndarray of int64
        Map pixels, and those in the fit.
    residual_rms : ndarray of float64
        MJy/sr.
    chi2 : ndarray of float64
        Per map pixel in the fit.
    correlation : ndarray of float64
        r^2 of calibrated brightness with the zodiacal template.
    """

    n_samples: Int
    n_used: Int
    residual_rms: Float
    chi2: Float
    correlation: Float


def scan_figures(
    samples: Samples, used: Bool, residual: Float, weight: Float, total: Float, zodi: NDArray[np.floating]
) -> ScanFigures:
    """Measure how well the model describes each scan.

    Parameters
    ----------
    samples : Samples
    used : ndarray of bool, shape (n,)
        Samples in the fit; others count for nothing but `n_samples`.
    residual : ndarray of float64, shape (n,)
        Scan less model, MJy/sr.
    weight : ndarray of float64, shape (n,)
        Inverse variance, (MJy/sr)^-2.
    total : ndarray of float64, shape (n,)
        Calibrated brightness with zodiacal light, MJy/sr.
    zodi : ndarray of float, shape (n,)
        Zodiacal template, MJy/sr.

    Returns
    -------
    ScanFigures
    """
    scan, n_scans = samples.scan_of_sample()[used], samples.n_scans
    left = residual[used]
    n_used = np.bincount(scan, minlength=n_scans)

    def mean(values: NDArray[np.floating]) -> Float:
        """Give the mean over the used samples of each scan, shape (S,)."""
        out = np.full(n_scans, np.nan)
        np.divide(np.bincount(scan, values, n_scans), n_used, out=out, where=n_used > 0)
        return out

    x, z = total[used], zodi[used].astype(np.float64)
    x, z = x - mean(x)[scan], z - mean(z)[scan]
    both, across, along = mean(x * z), mean(x * x), mean(z * z)
    varied = across * along > 0.0
    correlation = np.divide(both**2, across * along, out=np.full(n_scans, np.nan), where=varied)
    return ScanFigures(
        np.diff(samples.first),
        n_used,
        np.sqrt(mean(left**2)),
        mean(left**2 * weight[used]),
        correlation,
    )


def elongations(samples: Samples) -> Float:
    """Give the angle of each sample from the Sun, deg, shape (n,)."""
    middle, counts = samples.scan_mjd(), np.diff(samples.first)
    sun = np.full(samples.n_scans, np.nan)
    sun[counts > 0] = sun_longitude(middle[counts > 0])
    longitude = np.repeat(sun, counts) + _SUN_RATE * (samples.mjd - np.repeat(middle, counts))
    away = np.radians(samples.longitude[samples.index] - longitude)
    cosine = np.cos(np.radians(samples.latitude[samples.index].astype(np.float64))) * np.cos(away)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def residual_table(samples: Samples, residual: Float, use: Bool) -> ResidualTable:
    """Average residuals against ecliptic latitude, in bins of 5 deg, and elongation, of 1 deg, for each side.

    Parameters
    ----------
    samples : Samples
    residual : ndarray of float64, shape (n,)
        Scan less map, MJy/sr; what is not finite is passed over.
    use : ndarray of bool, shape (n,)
        Samples that count, such as those of accepted scans in the fit.

    Returns
    -------
    ResidualTable
    """
    good = use & np.isfinite(residual)
    side = np.repeat(samples.side, np.diff(samples.first))[good]
    left = residual[good]
    parts = []
    for name, where, step in (
        ("latitude", samples.latitude[samples.index], _LATITUDE_BIN),
        ("elongation", elongations(samples), _ELONGATION_BIN),
    ):
        place = np.floor(where[good].astype(np.float64) / step)
        for one in (1, -1):
            mine = side == one
            low, count, mean, rms = _binned(place[mine], left[mine])
            what, sides = np.full(len(low), name), np.full(len(low), one, np.int64)
            parts.append((what, sides, low * step, (low + 1.0) * step, count, mean, rms))
    return ResidualTable(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def stripes(samples: Samples, residual: Float, use: Bool, side: int) -> Float:
    """Average residuals by scan and ecliptic latitude.

    Parameters
    ----------
    samples : Samples
    residual : ndarray of float64, shape (n,)
        Scan less map, MJy/sr; what is not finite is passed over.
    use : ndarray of bool, shape (n,)
        Samples that count.
    side : {1, -1}
        Scans on this side of the Sun.

    Returns
    -------
    ndarray of float64, shape (180, c)
        Rows of 1 deg from the south; columns in the order of scans, several scans in one where there are more
        than fit on a picture; NaN where there is nothing.
    """
    mine = samples.side == side
    n_scans = int(np.count_nonzero(mine))
    width = min(n_scans, _MOST_COLUMNS)
    column = np.where(mine, (np.cumsum(mine) - 1) * width // max(n_scans, 1), -1)
    sample_column = np.repeat(column, np.diff(samples.first))
    good = use & np.isfinite(residual) & (sample_column >= 0)
    latitude = samples.latitude[samples.index[good]]
    row = np.clip(np.floor(latitude + 90.0), 0, _LATITUDES - 1).astype(np.int64)
    place, size = row * width + sample_column[good], _LATITUDES * width
    count = np.bincount(place, minlength=size)
    image = np.full(size, np.nan)
    np.divide(np.bincount(place, residual[good], size), count, out=image, where=count > 0)
    return image.reshape(_LATITUDES, width)


def _binned(place: Float, values: Float) -> tuple[Float, Int, Float, Float]:
    """Give place, number, mean and rms about the mean of the bins that hold anything."""
    bins, back, count = np.unique(place, return_inverse=True, return_counts=True)
    mean = np.bincount(back, values, len(bins)) / np.maximum(count, 1)
    square = np.bincount(back, (values - mean[back]) ** 2, len(bins)) / np.maximum(count, 1)
    return bins, count, mean, np.sqrt(square)
