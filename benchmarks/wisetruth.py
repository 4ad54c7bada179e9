"""Rerun the accuracy measurements of WISE coadds and write their chapters (part of ``make truth``)."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from truthkit.pages import heading, row, with_chapters
from truthkit.wisedirect import add_up, agree, by_seed, direct_frames, pulls, total
from truthkit.wisehits import HitList, hits_and_losses, share_found, star_light
from truthkit.wisekit import (
    CLEAN,
    STRUCK,
    coadd_settings,
    frames_of,
    make,
    simulate,
    square_mean,
    sum_all,
)
from truthkit.wisepassers import CLASSES, moonlit, passers
from truthkit.wisereal import flux_ratio

from photomitrus_cli.io.atomic import write_text

ROOT = Path(__file__).resolve().parent.parent
NAME = "`wise coadd`"
BANDS = (1, 2, 3, 4)
LATITUDES = (20.0, 40.0)
SEEDS = (1, 2)
# Frames of full size, few of them; and quick ones, many.
LARGE: dict[str, Any] = {"frame_px": 1016, "n_scans": 2, "max_frames": 4}
SMALL: dict[str, Any] = {"frame_px": 254, "n_scans": 2, "max_frames": 60, "latitude_deg": (0.0, 45.0)}
FAINT: dict[str, Any] = {**SMALL, "zodi": 0.0, "galaxy_mjy_sr": (0.0,) * 4, "max_frames": 20}
HEIGHTS = ((5.0, 10.0), (10.0, 30.0), (30.0, np.inf))


def main() -> None:
    """Measure and replace these chapters in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "accuracy.md")
    target = parser.parse_args().output
    with tempfile.TemporaryDirectory() as name:
        made = "\n".join(chapters(Path(name)))
    write_text(target, with_chapters(target.read_text(encoding="utf-8"), made, NAME))
    print(f"wrote {target}")


def chapters(folder: Path) -> Iterator[str]:
    """Give the chapters of WISE coadds, in the folder's empty subfolders."""
    data = Path(os.environ.get("ASTROMAP_TEST_DATA", "/nonexistent")) / "wise-l1b" / "allsky4band"
    yield f"## {NAME}: real frames\n"
    if data.is_dir():
        yield REAL
        yield from sums_table(data, folder)
        yield FLUXES
        yield from flux_table(data, folder)
    else:
        yield "Not measured: `ASTROMAP_TEST_DATA` names no folder with the frames."
    yield f"\n## {NAME}: simulated frames\n"
    for text, table in (
        (TRUTH, truth_table),
        (SKIES, faint_table),
        (WEIGHTS, weight_table),
        (HITS, hit_table),
        (LOSSES, loss_table),
        (PASSERS, passer_table),
        (MOON, moon_table),
    ):
        yield text
        yield from table(folder)


REAL = """Two frames of the four-band phase, which overlap by 27 %, without uncertainties and masks
(`--missing estimate`), in galactic, equatorial and ecliptic maps, against the sum in float64 over every pixel
that the stage uses, placed by astropy (`all_pix2world`, FK5 to the system of the map) and healpy. Largest
relative differences; *borders*: map pixels that a detector pixel moves into or out of, which the differences
leave out, and the part of all detector pixels that do.
"""
FLUXES = """
Stars above 50 sigma in the first frame, 3 px less 8-14 px, at their places carried to the second by astropy:
fluxes at one zero point (MAGZP), pixels as the stage accepts them.
"""
TRUTH = """### Errors

Maps against the frames without noise, averaged over the same pixels with the same weights: mean square and
mean of (value - truth) / sigma. Gain, offset and drift of a scan are part of the truth: the stage does not
take them off. *large*: frames of 1016 px (W4: 508), 8 of 2 scans, 2 seeds; *small*: 254 px, 120 frames.
*pinned*: 4 % of the pixels at the frame's median, as in the archive. *hits*: spikes and tracks, most of
them flagged, one in ten spikes negative.
"""
SKIES = """
### Faint and negative skies

The same without zodiacal light and Galaxy, around offsets that make the sky faint or negative, nside 1024.
*WISEmapper*: its way to take negative values for bad, any bit of the mask, and weights 1 / unc^2.
"""
WEIGHTS = """
### Weights of pixels

What `--weights pixel`, 1 / unc^2 of each pixel, takes from the light of stars in maps of nside 256.
"""
HITS = """
### Hits

Part of the positive hits unknown to the mask that are rejected, by height in sigma of the pixel, with their
number. *star*: where stars give 3 sigma or more. Frames of full size.
"""
LOSSES = """
On the same frames, pixels rejected that are no hits: of the sky, and of stars above 5 sigma; the part of the
light of these stars; stars that lose more than 1 %.
"""
PASSERS = """
### Asteroids and trails

24 frames of 8 scans, one in four with a trail of a satellite, 12 asteroids of 50 mJy; one map of all, where
three scans meet. Map pixels to which something adds 5 sigma of a frame or more: median of (value - truth) /
sigma, and pixels beyond 5, without and with the comparison of scans. *left out*: map pixels that nothing
passes and in which a frame was left out all the same. In W1 at nside 1024 what adds less than three quarters
of the light of the stars in the map pixel stays: stars on the borders of map pixels do as much.
"""
MOON = """
### Moonlight

Scans that pass the Moon, without any cut of the frame table: frames refused, by the light in the middle of
the frame in sigma of a pixel; the brightest moonlight that gets into a map; of the same frames without
moonlight, those refused within 30 deg of the Moon's place; and those beyond that a test of the Moon refuses,
with moonlight or without. *sky*: four scans of 254 px frames, two of them up to 6 deg from the Moon. *plane*:
one of 128 px frames, with the Moon beside the galactic centre. *beside*: one that keeps 17 deg from the Moon.
*bright*: one beside the plane in a Galaxy of four to five times the packaged light, with twice the cirrus.
The limits were chosen on scans like the first three, partly on these, and *bright* was made afterwards.
"""


def sums_table(data: Path, folder: Path) -> Iterator[str]:
    """Compare maps of real frames with direct sums."""
    yield heading("band", "nside", "map pixels", "value", "sigma", "borders", "moved")
    for band in BANDS:
        many = [
            coadd_settings(data, output=folder, band=band, nside=nside, system=system, missing="estimate")
            for nside, system in product((256, 1024, 4096), ("galactic", "equatorial", "ecliptic"))
        ]
        found = []
        for chosen, own in zip(many, direct_frames(frames_of(many[0]), many), strict=True):
            made = make(sum_all(chosen), chosen)
            sky = made.map
            found.append(agree(sky.pixels, sky.hits, sky.value, sky.sigma, add_up(own, made)))
        for k, nside in enumerate((256, 1024, 4096)):
            three = found[3 * k : 3 * k + 3]
            worst = (f"{max(getattr(one, name) for one in three):.0e}" for name in ("value", "sigma"))
            counts = (sum(one.pixels for one in three), *worst, sum(one.borders for one in three))
            moved = max(one.moved for one in three)
            yield row(f"W{band}", nside, *counts, f"{moved:.0e}" if moved else 0)


def flux_table(data: Path, folder: Path) -> Iterator[str]:
    """Compare fluxes of real stars."""
    yield heading("band", "stars", "second / first", "scatter", "distance")
    for band in (1, 2):
        chosen = coadd_settings(data, output=folder, band=band, missing="estimate")
        first, second = frames_of(chosen)
        found = flux_ratio(first, second, chosen, sigma=50.0 if band == 1 else 20.0)
        figures = (f"{found.median:.4f} ± {found.error:.4f}", f"{100 * found.scatter:.1f} %")
        yield row(f"W{band}", found.n, *figures, f"{found.offset_arcsec:.2f} arcsec")


def sky(folder: Path, kind: str, band: int, seed: int, **block: Any) -> Path:
    """Simulate a slice, once."""
    path = folder / f"{kind}-w{band}-{seed}"
    if not path.exists():
        simulate(path, **{**CLEAN, "latitude_deg": LATITUDES, **block}, bands=[band], seed=seed)
    return path


def pulled(paths: Sequence[Path], band: int, nsides: Sequence[int]) -> list[NDArray[np.float64]]:
    """Give (value - truth) / sigma of all map pixels, for each nside."""
    found: list[list[NDArray[np.float64]]] = [[] for _ in nsides]
    for path in paths:
        many = [coadd_settings(path, band=band, nside=nside) for nside in nsides]
        for kept, chosen, own in zip(found, many, direct_frames(frames_of(many[0]), many), strict=True):
            made = make(sum_all(chosen), chosen)
            kept.append(pulls(made, add_up(own, made)))
    return [np.concatenate(many) for many in found]


def told(values: NDArray[np.float64]) -> tuple[str, str]:
    """Write the mean square and the mean of pulls, with their errors."""
    mean, error = square_mean(values)
    return f"{mean:.3f} ± {error:.3f}", f"{values.mean():+.3f} ± {1.0 / np.sqrt(values.size):.3f}"


def truth_table(folder: Path) -> Iterator[str]:
    """Compare maps with the truth."""
    yield heading("band", "frames", "with", "square, nside 256", "mean", "square, nside 1024", "mean", text=3)
    cases: list[tuple[str, str, dict[str, Any], Sequence[int]]] = [
        ("large", "noise", LARGE, SEEDS),
        ("small", "noise", SMALL, SEEDS[:1]),
        ("small", "pinned", {**SMALL, "pinned_fraction": 0.04}, SEEDS[:1]),
        ("large", "hits", {**LARGE, **STRUCK}, SEEDS),
    ]
    for size, kind, block, seeds in cases:
        for band in BANDS:
            paths = [sky(folder, f"{size}-{kind}", band, seed, **block) for seed in seeds]
            cells = [cell for values in pulled(paths, band, (256, 1024)) for cell in told(values)]
            yield row(f"W{band}", size, kind, *cells)


def faint_table(folder: Path) -> Iterator[str]:
    """Measure the bias of faint skies."""
    yield heading("band", "sky", "square", "mean", "WISEmapper: mean")
    for band, noise in ((1, 3.5), (3, 21.7)):
        for depth in (1.0, 0.0, -1.0, -3.0):
            level = depth * noise
            block = {**FAINT, "offset_low_dn": (level,) * 4, "offset_high_dn": (level + 1e-3,) * 4}
            path = sky(folder, f"faint{depth:g}", band, 5, **block)
            chosen = coadd_settings(path, band=band, nside=1024)
            seed = total(direct_frames(frames_of(chosen), [chosen], rule=by_seed)[0])
            theirs = (seed.value - seed.truth) / seed.sigma
            yield row(
                f"W{band}", f"{level:+.1f} DN", *told(pulled([path], band, (1024,))[0]), told(theirs)[1]
            )


def weight_table(folder: Path) -> Iterator[str]:
    """Measure what weights of pixels take from stars."""
    yield heading("band", "light of stars per pixel", "lost")
    for band in BANDS:
        path = sky(folder, "large-noise", band, SEEDS[0], **LARGE)
        light = []
        for weights in ("frame", "pixel"):
            chosen = coadd_settings(path, band=band, weights=weights)
            summed = sum_all(chosen)
            made = make(summed, chosen)
            own = direct_frames([one.ref for one in summed], [chosen], truth=star_light)[0]
            light.append(add_up(own, made))
        full, weighted = (float(np.average(one.truth, weights=light[0].hits)) for one in light)
        yield row(f"W{band}", f"{full:.2f} DN", f"{100.0 * (1.0 - weighted / full):.1f} %")


def struck(folder: Path, band: int) -> Path:
    """Give frames with hits."""
    return sky(folder, "large-hits", band, SEEDS[0], **LARGE, **STRUCK)


def hit_table(folder: Path) -> Iterator[str]:
    """Follow the hits."""
    yield heading("band", "hits", *(f"{low:g}-{high:g}" for low, high in HEIGHTS), text=2)
    for band in BANDS:
        hits, _ = hits_and_losses(struck(folder, band), coadd_settings(struck(folder, band), band=band))
        for name, chosen in kinds(hits):
            found = (share_found(hits, low, high, chosen) for low, high in HEIGHTS)
            yield row(f"W{band}", name, *(f"{100.0 * share:.1f} % ({n})" if n else "" for share, n in found))


def kinds(hits: HitList) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Tell hits apart."""
    dark = hits.star < 3.0
    yield "spikes", dark & hits.lone
    yield "tracks", dark & ~hits.lone
    yield "star", ~dark


def loss_table(folder: Path) -> Iterator[str]:
    """Count what else is rejected."""
    yield heading("band", "sky", "of", "star pixels", "of", "light", "stars", "of")
    for band in BANDS:
        _, lost = hits_and_losses(struck(folder, band), coadd_settings(struck(folder, band), band=band))
        counts = (lost.sky_lost, lost.sky, lost.star_lost, lost.star, f"{100.0 * lost.light:.3f} %")
        yield row(f"W{band}", *counts, lost.changed, lost.stars)


def passer_table(folder: Path) -> Iterator[str]:
    """Measure what is left of asteroids and trails."""
    names = ("pixels", "median without", "with", "> 5 without", "with", "left out", "refused frames")
    yield heading("band", "nside", *names)
    block = {
        "seed": 6, "n_scans": 8, "max_frames": 3, "latitude_deg": LATITUDES, "n_asteroids": 12,
        "trail_fraction": 0.25, "asteroid_flux_jy": 0.05,
    }  # fmt: skip
    for band, nside in product((1, 3), (1024, 4096)):
        found = passers(folder / f"passers-w{band}", nside, bands=[band], **block)
        medians = (f"{value:.1f}" for value in (found.left_without, found.left))
        counts = (found.beyond_without, found.beyond, f"{found.quiet_left_out} of {found.quiet}")
        yield row(f"W{band}", nside, found.touched, *medians, *counts, found.refused)


MOONS: dict[str, dict[str, Any]] = {
    "sky": {
        "seed": 6, "frame_px": 254, "n_scans": 4, "latitude_deg": (-45.0, 45.0),
        "moon_ecliptic_deg": (238.0, 5.0),
    },
    "plane": {
        "seed": 8, "frame_px": 128, "n_scans": 1, "latitude_deg": (-90.0, 90.0), "start_mjd": 55275.0,
        "moon_ecliptic_deg": (262.0, 2.0),
    },
    "beside": {
        "seed": 13, "frame_px": 128, "n_scans": 1, "latitude_deg": (-60.0, 60.0),
        "moon_ecliptic_deg": (249.0, 5.0),
    },
    "bright": {
        "seed": 113, "frame_px": 128, "n_scans": 1, "latitude_deg": (-75.0, 75.0), "start_mjd": 55285.0,
        "moon_ecliptic_deg": (290.0, -3.0), "galaxy_mjy_sr": (0.02, 0.02, 1.5, 1.5), "cirrus": 0.4,
        "zodi_side_excess": 0.05,
    },
}  # fmt: skip


def moon_table(folder: Path) -> Iterator[str]:
    """Measure the tests of single scans near the Moon."""
    names = {"dark": "below 0.1", "dim": "0.1 to 1", "bright": "above 1"}
    told = (names[name] for name in CLASSES)
    yield heading("band", "scans", *told, "left", "without tests", "no moonlight", "beyond 30 deg", text=2)
    for (kind, block), band in product(MOONS.items(), BANDS):
        more = {"bands": [band], **block}
        found = moonlit(folder / f"moon-{kind}-w{band}", **more)
        dark = moonlit(folder / f"dark-{kind}-w{band}", **more, moon_dn=(0.0,) * 4)
        cells = (f"{found.refused[name]} of {found.frames[name]}" for name in CLASSES)
        levels = (f"{value:.1f}" for value in (found.level, found.level_without))
        beyond = f"{found.far_refused + dark.far_refused} of {found.far + dark.far}"
        yield row(f"W{band}", kind, *cells, *levels, f"{dark.near_refused} of {dark.near}", beyond)


if __name__ == "__main__":
    main()
