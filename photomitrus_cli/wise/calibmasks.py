"""Which samples take no part in the fit: Galaxy, partly seen pixels, a user's map, Moon, planets, sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibbodies import MOON as THE_MOON
from photomitrus_cli.wise.calibbodies import PLANETS
from photomitrus_cli.wise.calibregions import inside_map, near_body
from photomitrus_cli.wise.samples import (
    BRIGHT,
    CONTRADICTED,
    FLAGGED,
    GALAXY,
    MOON,
    PARTIAL,
    PLANET,
    USER,
    Samples,
)

Flags = NDArray[np.bool_]

REASONS = {
    "galaxy": GALAXY,
    "bright": BRIGHT,
    "user": USER,
    "partial": PARTIAL,
    "moon": MOON,
    "planet": PLANET,
    "flagged": FLAGGED,
    "contradicted": CONTRADICTED,
}
# This percentile of a scan's detector pixels per map pixel is that of a map pixel that it sees as a whole.
_WHOLE_PERCENTILE = 90


@dataclass(frozen=True, slots=True)
class MaskRules:
    """What is excluded.

    Attributes
    ----------
    galaxy_deg : float
        Samples with a smaller Galactic latitude, deg; 0 for none.
    moon_deg, planet_deg : float
        Samples nearer than this to the Moon; to Mars, Jupiter or Saturn, deg; 0 for none.
    moon_windows : sequence of (first, last)
        Times, MJD UTC, whose samples count as spoilt by the Moon wherever they are.
    user_map : Path or None
        A partial HEALPix map of any resolution and system: what its first column has not 0 in is excluded.
    min_coverage : float
        Samples of map pixels of which a scan has seen a smaller part; 0 for none.
    """

    galaxy_deg: float = 0.0
    moon_deg: float = 0.0
    moon_windows: Sequence[tuple[float, float]] = ()
    planet_deg: float = 0.0
    user_map: Path | None = None
    min_coverage: float = 0.0


def exclude(samples: Samples, rules: MaskRules) -> NDArray[np.uint8]:
    """Mark the samples that the rules exclude, besides those that are marked already.

    Parameters
    ----------
    samples : Samples
    rules : MaskRules

    Returns
    -------
    ndarray of uint8, shape (n,)
        Bits of `photomitrus_cli.wise.samples`.

    Raises
    ------
    InputError
        When the map of the user cannot be read, or has no column.
    """
    excluded = samples.excluded.copy()
    pixel_bits = np.zeros(len(samples.pixels), np.uint8)
    pixel_bits[np.abs(samples.galactic_latitude) < rules.galaxy_deg] |= GALAXY
    if rules.user_map is not None:
        inside = inside_map(samples.pixels, samples.nside, samples.system, rules.user_map)
        pixel_bits[inside] |= USER
    if pixel_bits.any():
        excluded |= pixel_bits[samples.index]
    if rules.min_coverage > 0:
        excluded[partly_seen(samples, rules.min_coverage)] |= PARTIAL
    for first, last in rules.moon_windows:
        excluded[(samples.mjd >= first) & (samples.mjd <= last)] |= MOON
    if rules.moon_deg > 0:
        excluded[near_body(samples, THE_MOON, rules.moon_deg)] |= MOON
    if rules.planet_deg > 0:
        for planet in PLANETS:
            excluded[near_body(samples, planet, rules.planet_deg)] |= PLANET
    return excluded


def partly_seen(samples: Samples, least: float) -> Flags:
    """Tell which samples stand for a small part of their map pixels.

    What is seen of a pixel at the border of a scan is another part of the sky each time.

    Parameters
    ----------
    samples : Samples
    least : float
        Part of the detector pixels of a whole map pixel, as the scan has them (their 90th percentile).

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    partly = np.zeros(len(samples), np.bool_)
    for low, high in pairwise(samples.first.tolist()):
        if high > low:
            hits = samples.hits[low:high]
            partly[low:high] = hits < least * np.percentile(hits, _WHOLE_PERCENTILE)
    return partly


def count_reasons(excluded: NDArray[np.uint8]) -> dict[str, int]:
    """Count the samples of each reason; a sample may have several.

    Parameters
    ----------
    excluded : ndarray of uint8, shape (n,)

    Returns
    -------
    dict of str to int
        By the names in `REASONS`, all of them.
    """
    counts = np.bincount(excluded, minlength=256)
    values = np.arange(256)
    return {name: int(counts[(values & bit) != 0].sum()) for name, bit in REASONS.items()}
