"""Differences between the maps of halves of the scans."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging import scanmaps
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibmaps import Calibrated, map_sums, partial_map, weighted_mean
from photomitrus_cli.wise.samples import (
    Samples,
)

Float = NDArray[np.float64]

Bool = NDArray[np.bool_]

# The median of the chi^2 distribution with one degree of freedom.
_MEDIAN_CHI2 = 0.454936
# A scan is half an orbit: its number is twice that of the orbit, or one more.
_SCAN_ID = re.compile(r"(\d{5})[a-z]")


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


def _difference(data: Calibrated, name: str, title: str, chosen: Bool) -> Difference:
    label = np.zeros(data.samples.n_scans)
    (sums_a, counts_a), (sums_b, counts_b) = (
        map_sums(data, data.accepted & half, label) for half in (chosen, ~chosen)
    )
    both = (counts_a[:, scanmaps.SCANS] > 0) & (counts_b[:, scanmaps.SCANS] > 0)
    if not both.any():
        nothing = dict.fromkeys(("mean", "rms", "chi2", "chi2_typical"), float("nan"))
        return Difference(name, title, None, {"pixels": 0, **nothing})
    first, second = sums_a[both], sums_b[both]
    diff = 0.5 * (weighted_mean(first, scanmaps.VALUE) - weighted_mean(second, scanmaps.VALUE))
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
    sky = partial_map(data.samples, data.samples.pixels[both], columns, descriptions)
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
