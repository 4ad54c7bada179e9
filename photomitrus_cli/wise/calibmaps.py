"""Maps of a calibrated band: the sky of all scans, and differences between halves of the scans."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging import scanmaps
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
    MOON: "a sample near the Moon was left out",
    PLANET: "a sample near a planet was left out",
    FLAGGED: "a flagged sample was left out",
    CONTRADICTED: "a sample that other scans contradict was left out",
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
# The median of the chi^2 distribution with one degree of freedom.
_MEDIAN_CHI2 = 0.454936
# A scan is half an orbit: its number is twice that of the orbit, or one more.
_SCAN_ID = re.compile(r"(\d{5})[a-z]")


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


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """Half the difference between the maps of two halves of the scans.

    Attributes
    ----------
    name : {'half', 'oddeven', 'updown'}
    title : str
        What is taken from what.
    map : PartialMap or None
        Of the pixels that both halves have seen; None when there are none.
    facts : dict
        ``pixels``; ``mean`` and ``rms`` of DIFF, MJy/sr; ``chi2``, the mean of (DIFF / SIGMA)^2;
        ``chi2_typical``, the same from the median, without outliers. NaN without pixels.
    """

    name: str
    title: str
    map: PartialMap | None
    facts: dict[str, float]


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
    sums, counts = _sums(data, data.accepted, label)
    weight, scans = sums[:, scanmaps.WEIGHT], counts[:, scanmaps.SCANS]
    seen = scans > 0
    sky, zodi, mjd = (_mean(sums, kind) for kind in (scanmaps.VALUE, scanmaps.ZODI, scanmaps.TIME))
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
    return _partial(samples, samples.pixels, columns, _DESCRIPTIONS)


def differences(data: Calibrated) -> list[Difference]:
    """Make the maps of half the difference between halves of the accepted scans.

    What is in both halves cancels: sky, and what the model of the zodiacal light does wrong in both. SIGMA is
    that of the samples alone, so errors of the calibration show up as a chi^2 above 1.

    - ``half``: scans before the median time less those after it. Where a pixel is seen again half a year
      later this is the difference between two visits, through other zodiacal light.
    - ``oddeven``: scans of odd less scans of even orbits, on each side of the Sun by turns.
    - ``updown``: scans towards the north ecliptic pole less those towards the south. A polar orbit goes north
      on one side of the Sun and south on the other, so this compares the sides, too.

    Parameters
    ----------
    data : Calibrated

    Returns
    -------
    list of Difference
    """
    samples = data.samples
    mjd = samples.scan_mjd()
    known = data.accepted & np.isfinite(mjd)
    middle = float(np.median(mjd[known])) if known.any() else np.nan
    halves = (
        ("half", "scans before the median time less those after", mjd < middle),
        ("oddeven", "odd orbits less even orbits", odd_orbits(samples)),
        ("updown", "scans to the north less scans to the south", samples.ascending),
    )
    return [_difference(data, name, title, chosen) for name, title, chosen in halves]


def odd_orbits(samples: Samples) -> Bool:
    """Tell which scans belong to odd orbits.

    Parameters
    ----------
    samples : Samples

    Returns
    -------
    ndarray of bool, shape (S,)
        By the numbers in the names of scans, of which an orbit has two, such as 01772a and 01773a. When not
        all names are of that form, every other scan on each side of the Sun.
    """
    found = [_SCAN_ID.fullmatch(name) for name in samples.names]
    odd = np.zeros(samples.n_scans, np.bool_)
    if all(found):
        odd[:] = [int(match[1]) // 2 % 2 == 1 for match in found if match]
        return odd
    for side in (1, -1):
        odd[np.flatnonzero(samples.side == side)[::2]] = True
    return odd


def _sums(data: Calibrated, use: Bool, label: NDArray[Any]) -> tuple[Float, NDArray[np.int32]]:
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


def _mean(sums: Float, kind: int) -> Float:
    weight = sums[:, scanmaps.WEIGHT]
    out = np.full(len(weight), np.nan)
    np.divide(sums[:, kind], weight, out=out, where=weight > 0.0)
    return out


def _chi2(sums: Float, scans: NDArray[np.int32]) -> Float:
    out = np.full(len(scans), np.nan)
    spread = sums[:, scanmaps.SQUARE] - sums[:, scanmaps.VALUE] * _mean(sums, scanmaps.VALUE)
    # Rounding may leave a little less than nothing.
    np.divide(np.maximum(spread, 0.0), scans - 1, out=out, where=scans > 1)
    return out


def _mask(counts: NDArray[np.int32]) -> NDArray[np.int32]:
    mask, scans = counts[:, scanmaps.MASK].copy(), counts[:, scanmaps.SCANS]
    one_side = ((mask & _AHEAD) != 0) != ((mask & _BEHIND) != 0)
    mask &= ~(_AHEAD | _BEHIND)
    mask[scans < scanmaps.MIN_SCANS] |= FEW_SCANS
    mask[one_side] |= ONE_SIDE
    return mask


def _difference(data: Calibrated, name: str, title: str, chosen: Bool) -> Difference:
    label = np.zeros(data.samples.n_scans)
    (sums_a, counts_a), (sums_b, counts_b) = (
        _sums(data, data.accepted & half, label) for half in (chosen, ~chosen)
    )
    both = (counts_a[:, scanmaps.SCANS] > 0) & (counts_b[:, scanmaps.SCANS] > 0)
    if not both.any():
        nothing = dict.fromkeys(("mean", "rms", "chi2", "chi2_typical"), float("nan"))
        return Difference(name, title, None, {"pixels": 0, **nothing})
    first, second = sums_a[both], sums_b[both]
    diff = 0.5 * (_mean(first, scanmaps.VALUE) - _mean(second, scanmaps.VALUE))
    sigma = 0.5 * np.sqrt(1.0 / first[:, scanmaps.WEIGHT] + 1.0 / second[:, scanmaps.WEIGHT])
    columns: dict[str, NDArray[Any]] = {
        "DIFF": diff,
        "SIGMA": sigma,
        "SCANS_A": counts_a[both, scanmaps.SCANS],
        "SCANS_B": counts_b[both, scanmaps.SCANS],
    }
    first_half, _, second_half = title.partition(" less ")
    descriptions = {
        "DIFF": f"half of: {title}",
        "SIGMA": "1-sigma error of DIFF from those of the samples alone",
        "SCANS_A": f"number of scans, {first_half}",
        "SCANS_B": f"number of scans, {second_half}",
    }
    sky = _partial(data.samples, data.samples.pixels[both], columns, descriptions)
    return Difference(name, title, sky, _figures(diff, sigma))


def _figures(diff: Float, sigma: Float) -> dict[str, float]:
    chi2 = (diff / sigma) ** 2
    return {
        "pixels": len(diff),
        "mean": float(diff.mean()),
        "rms": float(np.sqrt(np.mean(diff**2))),
        "chi2": float(chi2.mean()),
        "chi2_typical": float(np.median(chi2)) / _MEDIAN_CHI2,
    }


def _partial(
    samples: Samples,
    pixels: NDArray[np.int64],
    columns: Mapping[str, NDArray[Any]],
    descriptions: Mapping[str, str],
) -> PartialMap:
    units = {name: unit for name, unit in UNITS.items() if name in columns}
    return PartialMap(samples.nside, samples.system, pixels, columns, units, descriptions)
