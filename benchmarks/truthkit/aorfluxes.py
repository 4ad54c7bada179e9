"""Observations of real stars: the fluxes of their frames, and what the original pipeline made of them."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.irac.aorflux import AorFlux, combine_fluxes
from photomitrus_cli.irac.corrections import array_location, pixel_phase
from photomitrus_cli.irac.saturation import is_saturated

Float = NDArray[np.float64]
# Of an AOR: its set without ``hd_``, such as warm_ch1, and its AORKEY.
Key = tuple[str, str]

# What counts as the original's own value.
SAME = 1e-7


@dataclass
class Aor:
    """An observation.

    Attributes
    ----------
    row : dict of str to str
        Of the original pipeline's table.
    flux : ndarray of float64, shape (n,)
        Corrected fluxes of its frames, mJy; NaN where there is none.
    mjd : ndarray of float64, shape (n,)
    """

    row: dict[str, str]
    flux: Float
    mjd: Float

    @property
    def mission(self) -> Literal["cryo", "warm"]:
        """Part of the mission."""
        return "cryo" if self.row["mission"] == "CRYO" else "warm"

    @property
    def key(self) -> Key:
        """Set and AORKEY."""
        return self.row["set"][3:], self.row["aorkey"]

    @property
    def mispaired(self) -> bool:
        """Whether the original corrected its fluxes with other frames' positions."""
        return self.row["seed_misaligned"] == "1"


def read_aors(folder: Path, name: str) -> list[Aor]:
    """Join frames to AORs, and correct the fluxes as the IDL program does.

    Parameters
    ----------
    folder : Path
        Of the tables.
    name : {'hd165459', 'subarray'}

    Returns
    -------
    list of Aor
    """
    with (folder / f"{name}_aors.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    frames = defaultdict(list)
    with (folder / f"{name}_frames.csv").open() as stream:
        for frame in csv.DictReader(stream):
            frames[frame["set"], frame["row"]].append(frame)
    return [_aor(row, frames[row["set"], row["row"]]) for row in rows]


def _aor(row: dict[str, str], frames: list[dict[str, str]]) -> Aor:
    x, y, flux, mjd = (
        np.array([float(frame[key] or "nan") for frame in frames]) for key in ("x", "y", "flux", "mjd")
    )
    aor = Aor(row, flux, mjd)
    channel, sub = int(row["channel"]), row["readmode"] == "SUB"
    place = array_location(x, y, channel, aor.mission, subarray=sub, coefficients="idl")
    phase = pixel_phase(x, y, channel, aor.mission, coefficients="idl")
    aor.flux = flux * float(row["ap_corr"]) * float(row["pix_arcsec"]) ** 2 / 206265.0**2 * 1e9
    aor.flux /= place * phase
    return aor


@dataclass(frozen=True)
class SeedComparison:
    """Fluxes by the rule of the original against its own.

    Attributes
    ----------
    n, n_mispaired : int
        Observations; those that it mis-paired.
    paired : float
        Largest relative difference from its rule with the right pairing, of all.
    own : float
        Largest relative difference from its own fluxes, of those it paired rightly.
    n_reproduced : int
        Mis-paired ones whose own flux comes out to `SAME`: there should be none.
    mispaired : float
        Median relative difference from its own fluxes, of those it mis-paired.
    """

    n: int
    n_mispaired: int
    paired: float
    own: float
    n_reproduced: int
    mispaired: float


def compare_with_seed(aors: Sequence[Aor]) -> SeedComparison:
    """Combine fluxes by the original's rule and compare.

    Parameters
    ----------
    aors : sequence of Aor

    Returns
    -------
    SeedComparison
    """
    flux = np.array([combine_fluxes(aor.flux, rule="seed").flux for aor in aors])
    paired, own = (
        np.abs(flux / np.array([float(aor.row[name]) for aor in aors]) - 1.0)
        for name in ("flux_mJy_paired", "flux_mJy_seed")
    )
    wrong = np.array([aor.mispaired for aor in aors])
    return SeedComparison(
        len(aors),
        int(wrong.sum()),
        float(paired.max()),
        float(own[~wrong].max(initial=0.0)),
        int((own[wrong] <= SAME).sum()),
        float(np.median(own[wrong])) if wrong.any() else 0.0,
    )


def deviations_of(aors: Sequence[Aor], results: Sequence[AorFlux]) -> dict[Key, float]:
    """Give the relative deviation of each AOR from the median of its set; of one listed twice the larger."""
    fluxes = defaultdict(list)
    found: dict[Key, float] = {}
    for aor, result in zip(aors, results, strict=True):
        fluxes[aor.row["set"]].append(result.flux)
    for aor, result in zip(aors, results, strict=True):
        apart = result.flux / float(np.median(fluxes[aor.row["set"]])) - 1.0
        found[aor.key] = max(apart, found.get(aor.key, apart), key=abs)
    return found


def above_limit(aors: Sequence[Aor], results: Sequence[AorFlux]) -> set[Key]:
    """Tell which fluxes are above what saturates in the frame time that the table has."""
    return {
        aor.key
        for aor, result in zip(aors, results, strict=True)
        if is_saturated(result.flux, int(aor.row["channel"]), float(aor.row["ftime"]), aor.mission)
    }
