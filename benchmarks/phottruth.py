"""Rerun the accuracy measurements of photometry and write their chapters (part of ``make truth``)."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
from truthkit import idltables as idl
from truthkit.aorfluxes import Aor, Key, above_limit, compare_with_seed, deviations_of, read_aors
from truthkit.pages import heading, row, with_chapters
from truthkit.photerrors import written
from truthkit.prfphase import phase_scatters
from truthkit.realphot import (
    LARGE,
    SMALL,
    archive_exposure,
    dithered,
    frame_deviations,
    scatter_percent,
    xo3,
)
from truthkit.simchapters import simulated

from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.irac.aorflux import combine_fluxes
from photomitrus_cli.irac.choice import Mission, choose
from photomitrus_cli.irac.corrections import Coefficients
from photomitrus_cli.run.machine import available_cores
from photomitrus_cli.run.parallel import Executor, local_executor

ROOT = Path(__file__).resolve().parent.parent
FIRST = "## `irac correct`: the IDL program"
SETS: tuple[tuple[Mission, int], ...] = (("cryo", 1), ("warm", 1), ("cryo", 2), ("warm", 2))
COEFFICIENTS: tuple[Coefficients, ...] = ("decimal", "idl")
OFF = 0.05


def main() -> None:
    """Measure and replace the chapters of photometry in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "accuracy.md")
    target = parser.parse_args().output
    with local_executor(available_cores()) as executor, tempfile.TemporaryDirectory() as name:
        made = "\n".join(chapters(Path(name), executor))
    page = target.read_text(encoding="utf-8")
    write_text(target, with_chapters(page, made, "`irac correct`", "`irac phot`"))
    print(f"wrote {target}")


def chapters(folder: Path, executor: Executor) -> Iterator[str]:
    """Give the chapters of photometry, in the folder's empty subfolders."""
    data = Path(os.environ.get("ASTROMAP_TEST_DATA", "/nonexistent"))
    if (data / "irac-tables").is_dir():
        yield from tables(data / "irac-tables")
        yield from frames(data, folder)
    else:
        yield f"{FIRST}\n\nNot measured: `ASTROMAP_TEST_DATA` names no folder with the tables and frames."
    yield from simulated(folder, executor)
    if (data / "irac-tables").is_dir():
        yield RADII_REAL
        yield from real_radii(data / "irac-tables")


IDL = """
Fluxes corrected by `irac_aphot_corr` itself: 1000 in at random places of the array, and real frames of
HD 165459 and subarray stars in channel 1 as tables of the program's output have them (printed to 11 or 12
digits); then the archive's images of the array location, every pixel. Largest relative difference.
"""
AORS = """
### Fluxes of AORs

Tables of frames of the original pipeline, corrected (idl) and combined by its rule (mean; of more than ten
fluxes without the lowest and the highest). *paired*: from that rule with every flux at its own frame's
position. *original*: from the original's own fluxes, where it paired rightly. It corrected the others with
positions of other frames; none of them must come out again (to 1e-7), the median difference is given.
"""
SCATTER = """
### Scatter within AORs

Median over AORs of the sample standard deviation over the mean, after one clip at 5 x 1.4826 MAD, of at least
{fewest} fluxes. HD 165459: full frames, 10 px less 12-20 px; subarray stars: 5 px less 5-10 px, three fluxes
or more. *seed*: the functions of the IDL program; *matched*: those of the aperture and read mode, which are
the same in the cryogenic mission.
"""
OFF_TEXT = """
AORs of HD 165459 whose flux, combined with the default rule and no knowledge of saturation, is off the median
of their set by more than 5 %. *flagged*: above the flux that saturates in the frame time of the AOR's row.
One AOR of hd_warm_ch2 is in the tables six times and counts once here.
"""
UNFLAGGED = """
Not flagged, each by its AORKEY:
"""
# Of AORs that are off and not flagged, what their frames and dates tell.
REASONS: dict[Key, str] = {
    ("warm_ch1", "37815552"): "not known; of August 2009, the first weeks of the warm mission",
    ("warm_ch1", "45708800"): "not known; a stare at the place of the subarray",
    ("warm_ch2", "45709312"): "not known; a stare at the place of the subarray",
    ("warm_ch1", "41589504"): "saturated: the row has the 0.6 s of its one short frame, the others have 6 s",
}
PRF = """
### Measured point-response functions

The archive's cryogenic PRF of the array centre at 25 places within a pixel, 3 px less 3-7 px, first moments:
rms of the flux over its mean. *multiplied*: with the response the wrong way round.
"""
EXPOSURES = """
## `irac phot`: real frames

### Subarray exposures

Five exposures of XO-3 (AOR 46466816, channel 2, warm): sample standard deviation of the flux over the mean
(of five values: known to a third of it). *planes*: the 64 planes clipped at 6 sigma (cube, the default) or as
in the archive (3 sigma, which cuts the cores of a star that moves).
"""
CUBES = """
The same exposures combined by the archive's rule against its own `sub2d`, `unc2d`, `cov2d` and `msk2d`.
"""
DITHERED = """
### Dithered frames

AOR 17577216, ten frames of channel 1: isolated Gaia stars of 0.2-30 mJy on four frames or more, 3 px less
3-7 px. Median absolute deviation of the fluxes from the median of their star, enlarged by sqrt(n / (n - 1)).
"""
RADII_REAL = """
HD 165459, channel 1: the fluxes in the original pipeline's radius tests as they are (its pixel-phase function
is the same for all apertures, which costs small ones), median over AORs and scatter of the ratios.
"""


def tables(folder: Path) -> Iterator[str]:
    """Compare with the tables of the IDL program and of the original pipeline."""
    yield FIRST + "\n" + IDL
    yield from idl_table(folder)
    hd = read_aors(folder, "hd165459")
    yield AORS
    yield from aor_table(hd + read_aors(folder, "subarray"))
    yield SCATTER.format(fewest=idl.FEWEST)
    yield from scatter_table(folder)
    yield OFF_TEXT
    yield from off_tables(hd)
    yield PRF
    yield heading("channel", "as measured", "corrected", "multiplied")
    for channel in (1, 2):
        yield row(channel, *(f"{value:.2f} %" for value in phase_scatters(folder, channel)))


def idl_table(folder: Path) -> Iterator[str]:
    """Compare with the program's output."""
    yield heading("compared", "values", "decimal", "idl")
    for mission in ("cryo", "warm", "hora", "reach"):
        found = [idl.grid_differences(folder, mission, name) for name in COEFFICIENTS]
        yield row(f"grid, {mission}", found[0].size, *(f"{one.max():.1e}" for one in found))
    for mode in ("full", "sub"):
        found = [
            np.concatenate(list(idl.frame_differences(folder, mode, name).values())) for name in COEFFICIENTS
        ]
        yield row(f"real frames, {mode}", found[0].size, *(f"{one.max():.1e}" for one in found))
    for channel in (1, 2, 3, 4):
        image = idl.image_differences(folder, channel)
        yield row(f"array location, cryo, channel {channel}", image.size, "", f"{image.max():.1e}")
    for channel in (1, 2):
        image = idl.warm_image_differences(folder, channel)
        yield row(f"array location, warm 2010, channel {channel}", image.size, f"{image.max():.1e}", "")


def aor_table(aors: list[Aor]) -> Iterator[str]:
    """Compare fluxes of AORs with the original's."""
    yield heading("set", "AORs", "paired", "original", "mis-paired", "reproduced", "median difference")
    for name in dict.fromkeys(aor.row["set"] for aor in aors):
        found = compare_with_seed([aor for aor in aors if aor.row["set"] == name])
        differences = (f"{found.paired:.1e}", f"{found.own:.1e}")
        wrong = f"{100 * found.mispaired:.2f} %" if found.n_mispaired else ""
        yield row(name, found.n, *differences, found.n_mispaired, found.n_reproduced, wrong)


def scatter_table(folder: Path) -> Iterator[str]:
    """Measure the scatter within AORs with no functions, those of the program, and matched ones."""
    yield heading("set", "AORs", "raw", "seed", "matched")
    for mission, channel in SETS:
        matched = choose(mission, channel, aperture=idl.FULL_APERTURE, functions="matched")
        chosen = (idl.NO_CORRECTION, choose(mission, channel), matched)
        found = [idl.hd165459_scatters(folder, mission, channel, one) for one in chosen]
        yield row(f"hd_{mission}_ch{channel}", found[0].size, *(f"{np.median(one):.2f} %" for one in found))
    matched = choose("warm", 1, subarray=True, aperture=idl.SUBARRAY_APERTURE, functions="matched")
    chosen = (idl.NO_CORRECTION, choose("warm", 1, subarray=True), matched)
    found = [idl.subarray_scatters(folder, one) for one in chosen]
    yield row(idl.SUBARRAY_SET, found[0].size, *(f"{np.median(one):.2f} %" for one in found))


def off_tables(aors: list[Aor]) -> Iterator[str]:
    """List AORs that are off."""
    results = [combine_fluxes(aor.flux) for aor in aors]
    apart, flagged = deviations_of(aors, results), above_limit(aors, results)
    off = {key for key, value in apart.items() if abs(value) > OFF}
    yield heading("set", "AORs", "off", "off and flagged", "off, not flagged", "flagged, not off")
    for name in dict.fromkeys(key[0] for key in apart):
        own = [{key for key in group if key[0] == name} for group in (off, flagged)]
        counts = (sum(key[0] == name for key in apart), len(own[0]), len(own[0] & own[1]))
        yield row(f"hd_{name}", *counts, len(own[0] - own[1]), len(own[1] - own[0]))
    yield UNFLAGGED
    yield heading("set", "AORKEY", "why", "off", "fluxes", text=3)
    for aor, result in zip(aors, results, strict=True):
        if aor.key in off - flagged:
            why = REASONS.get(aor.key, "not known")
            yield row(f"hd_{aor.key[0]}", aor.key[1], why, f"{100 * apart[aor.key]:+.1f} %", result.n_used)


def frames(data: Path, folder: Path) -> Iterator[str]:
    """Measure the real frames."""
    yield EXPOSURES
    yield heading("aperture", "planes", "raw", "seed", "matched", text=2)
    for aperture, planes in product((SMALL, LARGE), ("cube", "archive")):
        seed, matched = (xo3(data, aperture, subarray=planes, functions=one) for one in ("seed", "matched"))
        cells = (scatter_percent(seed, "Flux_uncorrected (mJy)"), *map(scatter_percent, (seed, matched)))
        yield row(written(aperture), planes, *(f"{value:.3f} %" for value in cells))
    yield CUBES
    yield from cube_table(data)
    yield DITHERED
    images = dithered(data, folder)
    corrected, raw = (frame_deviations(images, name) for name in ("Flux (mJy)", "Flux_uncorrected (mJy)"))
    yield heading("fluxes", "raw", "corrected", text=0)
    yield row(corrected.size, *(f"{100 * np.median(np.abs(one)):.2f} %" for one in (raw, corrected)))


def cube_table(data: Path) -> Iterator[str]:
    """Compare combined cubes with the archive's, over all exposures."""
    yield heading("pixels", "values", "largest difference", "uncertainty", "coverage or mask differs")
    exposures = [archive_exposure(data, number) for number in range(5)]
    clean = np.concatenate([(one.ours.n_rejected == 0).ravel() for one in exposures])
    sci, unc = (
        np.concatenate(
            [np.abs(getattr(one.ours, name) / getattr(one, name) - 1.0).ravel() for one in exposures]
        )
        for name in ("sci", "unc")
    )
    different = np.concatenate(
        [((one.ours.coverage != one.coverage) | (one.ours.mask != one.mask)).ravel() for one in exposures]
    )
    for name, part in (("nothing rejected", clean), ("all", np.ones(clean.shape, dtype=bool))):
        largest = (f"{np.nanmax(values[part]):.1e}" for values in (sci, unc))
        yield row(name, part.sum(), *largest, different[part].sum())


def real_radii(folder: Path) -> Iterator[str]:
    """Compare the apertures of the radius tests."""
    found = {mission: idl.radius_ratios(folder, mission) for mission in ("cryo", "warm")}
    counts = {mission: ratios["10,12,20"].size for mission, ratios in found.items()}
    yield heading("aperture", *(f"{mission} ({n} AORs)" for mission, n in counts.items()))
    for name in found["cryo"]:
        both = (ratios[name] for ratios in found.values())
        yield row(name, *(f"{np.median(one):.4f} ± {one.std(ddof=1):.4f}" for one in both))


if __name__ == "__main__":
    main()
