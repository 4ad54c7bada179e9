"""The map of a calibrated band: the sky of all scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging import scanmaps
from photomitrus_cli.imaging.scanoutliers import MIN_SCANS
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.samples import (
    BRIGHT,
    CONTRADICTED,
    FLAGGED,
    GALAXY,
    MOON,
    PARTIAL,
    PLANET,
    UNMAPPED,
    USER,
    Samples,
)

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Bits of MASK besides those of samples.
FEW_SCANS, ONE_SIDE, REFUSED = 128, 256, 512
MASK_BITS = {
    GALAXY: "not fitted: near the Galactic plane",
    BRIGHT: "not fitted: bright",
    USER: "not fitted: mask of the user",
    MOON: "a sample near the Moon was not used",
    PLANET: "a sample near a planet was not used",
    FLAGGED: "a flagged sample was not used",
    CONTRADICTED: "a sample that other scans contradict was rejected",
    FEW_SCANS: "fewer than 3 scans",
    ONE_SIDE: "seen on one side of the Sun only",
    REFUSED: "a refused scan reaches here",
}
# While scans are summed, two more bits tell on which sides of the Sun a pixel was seen.
_AHEAD, _BEHIND = 1 << 10, 1 << 11
_MJY = "MJy/sr"
UNITS = {
    **dict.fromkeys(("SKY", "TOTAL", "SIGMA", "ZODI", "ZODI_SIGMA", "MIN", "MAX", "DIFF"), _MJY),
    "MJD": "d",
}
_DESCRIPTIONS = {
    "SKY": "brightness without zodiacal light",
    "TOTAL": "brightness with zodiacal light",
    "SIGMA": "1-sigma random error of SKY with that of the calibration",
    "ZODI": "zodiacal light that was taken off",
    "ZODI_SIGMA": "systematic error of ZODI, a stated part of it",
    "HITS": "number of detector pixels",
    "SCANS": "number of scans",
    "MJD": "weighted mean time, UTC",
    "MIN": "smallest SKY of a scan",
    "MAX": "largest SKY of a scan",
    "CHI2": "scatter of the scans, chi^2 per degree of freedom",
    "MASK": "bits, see BIT0 ...",
}


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """Calibrated samples.

    Attributes
    ----------
    samples : Samples
        Of S scans, n samples in P pixels.
    sky : ndarray of float64, shape (n,)
        Brightness without zodiacal light, MJy/sr.
    zodi : ndarray of float32 or float64, shape (n,)
        Zodiacal light that was taken off, MJy/sr.
    weight : ndarray of float64, shape (n,)
        Inverse variance of `sky`, (MJy/sr)^-2; 0 where a sample is not mapped.
    accepted : ndarray of bool, shape (S,)
        Scans that are mapped.
    sigma_cal : ndarray of float64, shape (P,)
        1-sigma error of the map from that of the calibration, MJy/sr.
    """

    samples: Samples
    sky: Float
    zodi: NDArray[np.floating]
    weight: Float
    accepted: Bool
    sigma_cal: Float


def full_sky(data: Calibrated, *, zodi_error: float) -> PartialMap:
    """Make the map of all accepted scans; nothing is clipped, and what is below zero stays.

    Parameters
    ----------
    data : Calibrated
    zodi_error : float
        Systematic error of the template, a part of it.

    Returns
    -------
    PartialMap
        All pixels of the samples; those without a mapped sample have NaN and 0 scans.
    """
    samples = data.samples
    label = np.where(data.accepted, np.where(samples.side > 0, _AHEAD, _BEHIND), REFUSED)
    sums, counts = map_sums(data, data.accepted, label)
    weight, scans = sums[:, scanmaps.WEIGHT], counts[:, scanmaps.SCANS]
    seen = scans > 0
    sky, zodi, mjd = (weighted_mean(sums, kind) for kind in (scanmaps.VALUE, scanmaps.ZODI, scanmaps.TIME))
    variance = np.divide(1.0, weight, out=np.full(len(weight), np.nan), where=seen) + data.sigma_cal**2
    low, high = (np.where(seen, sums[:, kind], np.nan) for kind in (scanmaps.LOW, scanmaps.HIGH))
    columns: dict[str, NDArray[Any]] = {
        "SKY": sky,
        "TOTAL": sky + zodi,
        "SIGMA": np.sqrt(variance),
        "ZODI": zodi.astype(np.float32),
        "ZODI_SIGMA": (zodi_error * zodi).astype(np.float32),
        "HITS": sums[:, scanmaps.HITS].astype(np.int64),
        "SCANS": scans.copy(),
        "MJD": mjd,
        "MIN": low.astype(np.float32),
        "MAX": high.astype(np.float32),
        "CHI2": _chi2(sums, scans).astype(np.float32),
        "MASK": _mask(counts),
    }
    return partial_map(samples, samples.pixels, columns, _DESCRIPTIONS)


def map_sums(data: Calibrated, use: Bool, label: NDArray[Any]) -> tuple[Float, NDArray[np.int32]]:
    """Sum up the samples of scans in the pixels of the map.

    Parameters
    ----------
    data : Calibrated
    use : ndarray of bool, shape (S,)
        Scans that are summed.
    label : ndarray, shape (S,)
        Bits of each scan, those that are not summed too, joined where samples fall.

    Returns
    -------
    sums : ndarray of float64, shape (P, k)
    counts : ndarray of int32, shape (P, l)
        In the columns of `photomitrus_cli.imaging.scanmaps`.
    """
    samples = data.samples
    n_pixels = len(samples.pixels)
    sums = np.zeros((n_pixels, scanmaps.N_SUMS))
    sums[:, scanmaps.LOW], sums[:, scanmaps.HIGH] = np.inf, -np.inf
    counts = np.zeros((n_pixels, scanmaps.N_COUNTS), np.int32)
    scanmaps.sum_scans(
        samples.first, use, label.astype(np.int32), samples.index, data.sky, data.weight, samples.mjd,
        data.zodi, samples.hits, samples.excluded & np.uint8(255 - PARTIAL), UNMAPPED, sums, counts,
    )  # fmt: skip
    return sums, counts


def weighted_mean(sums: Float, kind: int) -> Float:
    """Give the weighted mean of one kind of values.

    Parameters
    ----------
    sums : ndarray of float64
        As `map_sums` gives them.
    kind : int
        Column of the weighted sum.

    Returns
    -------
    ndarray of float64
        NaN without weight.
    """
    weight = sums[:, scanmaps.WEIGHT]
    out = np.full(len(weight), np.nan)
    np.divide(sums[:, kind], weight, out=out, where=weight > 0.0)
    return out


def _chi2(sums: Float, scans: NDArray[np.int32]) -> Float:
    out = np.full(len(scans), np.nan)
    spread = sums[:, scanmaps.SQUARE] - sums[:, scanmaps.VALUE] * weighted_mean(sums, scanmaps.VALUE)
    # Rounding may leave a little less than nothing.
    np.divide(np.maximum(spread, 0.0), scans - 1, out=out, where=scans > 1)
    return out


def _mask(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    mask, scans = counts[:, scanmaps.MASK].copy(), counts[:, scanmaps.SCANS]
    one_side = ((mask & _AHEAD) != 0) != ((mask & _BEHIND) != 0)
    mask &= ~(_AHEAD | _BEHIND)
    mask[scans < MIN_SCANS] |= FEW_SCANS
    mask[one_side] |= ONE_SIDE
    return mask


def partial_map(
    samples: Samples,
    pixels: NDArray[np.int64],
    columns: Mapping[str, NDArray[Any]],
    descriptions: Mapping[str, str],
) -> PartialMap:
    """Put columns together to a map, with their units.

    Parameters
    ----------
    samples : Samples
        Of which the map is made.
    pixels : ndarray of int64, shape (m,)
        RING indices.
    columns : mapping of str to ndarray, each of shape (m,)
    descriptions : mapping of str to str
        Of the columns.

    Returns
    -------
    PartialMap
    """
    units = {name: unit for name, unit in UNITS.items() if name in columns}
    return PartialMap(samples.nside, samples.system, pixels, columns, units, descriptions)
