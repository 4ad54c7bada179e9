"""Rerun every accuracy measurement at full size and write docs/accuracy.md (``make truth``)."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from phottruth import chapters
from truthkit.choices import (
    BLANK_CHOICES,
    FLUX_CHOICES,
    ROBUST_CHOICES,
    UNMASKED_BLANK,
    UNMASKED_STARS,
    Choice,
    blank,
    mean_bias,
    mean_ratio,
    stars,
)
from truthkit.dither import Comparison, compare, measure_frames
from truthkit.hits import (
    HIT_FIELD,
    Residuals,
    bright_sources,
    residuals,
    star_changes,
    struck_pixels,
    touched_pixels,
)
from truthkit.levels import LEVEL_FIELD, level_errors
from truthkit.measures import BlankSky, StarErrors, constant_sky_error
from truthkit.pages import percent, row
from truthkit.runs import BLANK_FIELD, CLEAN_FIELD, CONSTANT_FIELD, Mosaic, make_mosaic, simulate
from wisetruth import chapters as wise_chapters

from photomitrus_cli import __version__
from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.run.machine import available_cores
from photomitrus_cli.run.parallel import Executor, local_executor

ROOT = Path(__file__).resolve().parent.parent
RULES = ("weighted", "median-exptime")
CASES = [("cryo", 1), ("warm", 1), ("cryo", 2), ("warm", 2), ("cryo", 3), ("warm", 3)]
FULL: dict[str, Any] = {"n_aors": 4, "dithers_per_aor": 8, "field_size_arcmin": 2.0}


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "accuracy.md")
    target = parser.parse_args().output
    with local_executor(available_cores()) as executor, scratch() as folder:
        parts = [HEAD.format(version=__version__), *simulated(folder, executor), *real(folder, executor)]
        parts += ["", *chapters(folder, executor), "", *wise_chapters(folder)]
    write_text(target, "\n".join(parts) + "\n")
    print(f"wrote {target}")


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


HEAD = """# Accuracy

Written by `make truth` with astromap {version}. Every figure is a true error: products of simulated
fields against the simulator's truth, and products of real frames against the frames themselves and Gaia.
The simulator shares no WCS, resampling or correction code with the stages. Errors are standard errors.
"""
STARS = """
### Stars

32 frames of 30 s and 100 s in four AORs (rolls 88 to 269 deg), isolated stars of 0.3-3 mJy above 100
sigma on five frames or more, all accidents on, cosmic rays flagged by the masks, header positions exact;
{n} fields of both distortions. Flux in 6 arcsec apertures over flux in the same aperture of the noise-free
image times the mean response of the star's frames; positions by Gaussian-windowed centroids. *pull*: scatter
of the fluxes over their stated errors (which know nothing of the undersampling); positions: worst field.
"""
BLANK = """
### Blank sky

Apertures of 3 native pixels less their annulus on {n} such fields without sources, pointing errors of 0.15
arcsec: true scatter over the stated `CORRFAC sqrt(sum UNC^2)`, with the number of apertures. Own rejection
on. *estimated*: without uncertainty frames.
"""
HITS = """
### Cosmic rays no mask knows of

One AOR of 14 frames, four hits a second, none of them in the masks. The mosaic of the frames less that of
the same frames without hits, over `UNC`, at the pixels within 3 native pixels of one that a hit left 10 sigma
or more in: largest deviation, and how many of the pixels exceed 3. *sky*: more than 5 arcsec from any source
of 20 uJy; *stars*: nearer. *of the star*: the most by which a hit near a star goes beyond 3 sigma, over the
star's peak: what can hide behind its pixel phase. Few frames: 4 to 9 on the sky, many: 10 and more.
"""
CHANGES = """
The same frames without hits, mosaics with and without rejection: mean relative change of star fluxes,
scatter, and the largest of 99 % of the changes.
"""
LEVELS = """
### Levels from overlaps

`background: overlap`, 32 frames of 30 s and 100 s in four AORs over 4 arcmin, sources, hits, random offsets
of 0.01 MJy/sr, a slope of 0.2 MJy/sr per degree; *pull*: rms of error over stated error (`offset_error`);
*medians*: rms error of the levels that the frames' own medians give. A first-frame ramp is no level: no
number per frame takes it off (`delta_dark` does not either, where only the first frame has it).
"""
ROBUST = """
### Which combination?

The fields above with no hit in any mask, which is far worse than the archive's masks. *flux*: bias of
stars, as above; *blank*: as above; *noise*: true noise of large areas over that of the weighted mean with
rejection; then the largest deviation that a hit of 10 sigma or more leaves, and the pixels beyond 3 sigma,
for 10 frames of 30 s and more on the sky and near stars.
"""
REAL = """AOR 17577216, channel 1, {n} frames of 30 s. Isolated Gaia stars on six frames or more, 3 native
pixels less an annulus of 3.5-8, the same on mosaic and frames; frame fluxes with the local pixel solid angle.
Positions against Gaia DR2 moved to the epoch by its proper motions; the frames carry their archive WCS.
"""


def simulated(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure simulated fields."""
    yield "## `irac mosaic`: simulated fields\n"
    yield "### Constant sky\n"
    yield from constant_table(folder, executor)
    yield STARS.format(n=len(CASES))
    yield from star_table(folder, executor)
    yield BLANK.format(n=len(CASES[:2]))
    yield from blank_table(folder, executor)
    yield HITS
    yield from hit_tables(folder, executor)
    yield LEVELS
    yield from level_table(folder, executor)
    yield ROBUST
    yield from robust_table(folder, executor)


def constant_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure how well a constant sky is conserved."""
    yield row("distortion", "combination", "largest relative error")
    yield row("---", "---", "---:")
    for sip in ("cryo", "warm"):
        frames = simulate(folder / f"flat-{sip}", sip=sip, mission=sip, **FULL, **CONSTANT_FIELD)
        level = float(Table.read(frames / "truth" / "truth_frames.ecsv")["background"][0])
        for rule in RULES:
            mosaic = make_mosaic(frames, folder / "out", executor=executor, background="none", combine=rule)
            yield row(sip, rule, f"{constant_sky_error(mosaic, level):.1e}")


def fields(folder: Path, name: str, cases: list[tuple[str, int]], **block: Any) -> list[Path]:
    """Simulate one kind of field in both distortions."""
    return [
        simulate(folder / f"{name}-{sip}-{seed}", sip=sip, mission=sip, seed=seed, **FULL, **block)
        for sip, seed in cases
    ]


def star_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure star fluxes and positions, every choice over all fields."""
    yield row("resampling", "combination", "rejection", "stars", "flux bias", "pull", "position bias", "rms")
    yield row("---", "---", "---", "---:", "---:", "---:", "---:", "---:")
    frames = fields(folder, "stars", CASES, **CLEAN_FIELD)
    for one in FLUX_CHOICES:
        found = [
            stars(one.make(path, folder / "out", executor=executor), path / "truth", one) for path in frames
        ]
        yield star_row(one, found)


def star_row(one: Choice, found: list[StarErrors]) -> str:
    """Give one line of the table of stars."""
    bias = mean_bias(found)
    return row(
        one.resample,
        one.combine,
        one.reject,
        bias.n,
        percent(bias.mean, bias.error),
        f"{np.sqrt(np.mean([field.flux_pull**2 for field in found])):.2f}",
        f"{max(field.position_bias_mas for field in found):.1f} mas",
        f"{max(field.position_rms_mas for field in found):.1f} mas",
    )


def blank_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure blank apertures, every choice over both distortions."""
    yield row("resampling", "combination", "uncertainty frames", "estimated")
    yield row("---", "---", "---:", "---:")
    given = fields(folder, "blank", CASES[:2], **BLANK_FIELD)
    bare = [Path(shutil.copytree(path, path.with_name(path.name + "-bare"))) for path in given]
    for path in (file for frames in bare for file in frames.rglob("*_cbunc.fits")):
        path.unlink()
    for one in BLANK_CHOICES:
        cells = []
        for group in (given, bare):
            made = [one.make(path, folder / "out", executor=executor) for path in group]
            cells.append(
                mean_ratio([blank(each, path / "truth")[0] for each, path in zip(made, group, strict=True)])
            )
        yield row(one.resample, one.combine, *(blank_cell(sky) for sky in cells))


def blank_cell(sky: BlankSky) -> str:
    """Give a ratio of scatters with its error and the number of apertures."""
    return f"{sky.sigma_ratio:.3f} ± {sky.sigma_ratio_error:.3f} ({sky.n})"


PAIRS = [("cryo", 2, 0.0, 30.0), ("warm", 1, 0.15, 30.0), ("cryo", 3, 0.15, 30.0), ("warm", 4, 0.15, 100.0)]


def struck_pair(folder: Path, case: tuple[str, int, float, float]) -> tuple[Path, Path]:
    """Simulate the same frames with hits and without."""
    sip, seed, pointing, time = case
    block = {
        **HIT_FIELD,
        "sip": sip,
        "mission": sip,
        "seed": seed,
        "pointing_rms_arcsec": pointing,
        "frame_times_s": [time],
        "dithers_per_aor": 14,
        "field_size_arcmin": 1.5,
    }
    names = [folder / f"{kind}-{sip}-{seed}" for kind in ("struck", "quiet")]
    if not names[0].exists():
        simulate(names[0], **block)
        simulate(names[1], **block, cosmic_ray_rate=0.0)
    return names[0], names[1]


def left(struck: Mosaic, quiet: Mosaic, frames: Path) -> Residuals:
    """Find what hits of 10 sigma and more leave."""
    return residuals(
        struck, quiet, touched_pixels(struck, struck_pixels(frames, 10.0)), bright_sources(frames, 20.0)
    )


def parts(found: Residuals) -> tuple[Residuals, Residuals, Residuals]:
    """Give what is left on the sky and near stars of many frames, and on the sky of few."""
    many, far = found.coverage >= 10, found.distance > 5.0
    few = (found.coverage >= 4) & ~many & far
    return found.part(many & far), found.part(many & ~far), found.part(few)


def worst(found: Residuals) -> str:
    """Give the largest deviation and the pixels beyond the limit."""
    return f"{found.worst:.1f} ({found.beyond} of {found.pull.size})"


def hit_tables(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure what hits leave, and what rejection changes where there are none."""
    yield row(
        "distortion", "frame time", "pointing error", "sky, many", "stars, many", "of the star", "sky, few"
    )
    yield row("---", "---:", "---:", "---:", "---:", "---:", "---:")
    changes = []
    for case in PAIRS:
        frames, bare = struck_pair(folder, case)
        struck, quiet = (make_mosaic(path, folder / "out", executor=executor) for path in (frames, bare))
        sky, near, few = parts(left(struck, quiet, frames))
        share = f"{100 * near.share.max(initial=0.0):.1f} %"
        told = (case[0], f"{case[3]:.0f} s", f"{case[2]} arcsec")
        yield row(*told, worst(sky), worst(near), share, worst(few))
        kept = make_mosaic(bare, folder / "out", executor=executor, reject="none")
        for name, change in zip(
            ("10-30", "30-100", "> 100"),
            star_changes(kept, quiet, bare / "truth", (10.0, 30.0, 100.0, np.inf)),
            strict=True,
        ):
            figures = (
                percent(change.mean, change.error),
                *(f"{100 * v:.2f} %" for v in (change.scatter, change.worst)),
            )
            changes.append(row(*told, name, change.n, *figures))
    yield CHANGES
    yield row(
        "distortion", "frame time", "pointing error", "signal to noise", "stars", "mean", "scatter", "99 %"
    )
    yield row("---", "---:", "---:", "---:", "---:", "---:", "---:", "---:")
    yield from changes


def level_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure levels from overlaps."""
    yield row(
        "distortion",
        "seed",
        "hits in the masks",
        "first-frame effect",
        "pull",
        "rms error",
        "stated",
        "medians",
    )
    yield row("---", "---", "---:", "---", "---:", "---:", "---:", "---:")
    first = {"first_frame_offset_mjy_sr": -0.08, "first_frame_ramp_mjy_sr": 0.03}
    cases: list[tuple[str, int, float, dict[str, float]]] = [(*case, 0.9, {}) for case in CASES[:4]]
    cases += [(*case, 0.0, {}) for case in CASES[:2]] + [(*CASES[0], 0.9, first)]
    for k, (sip, seed, completeness, more) in enumerate(cases):
        block = {**LEVEL_FIELD, **FULL, "field_size_arcmin": 4.0, **more, "rmask_completeness": completeness}
        frames = simulate(folder / f"levels-{k}", sip=sip, mission=sip, seed=seed, **block)
        made = make_mosaic(frames, folder / "out", executor=executor, background="overlap")
        medians = make_mosaic(frames, folder / "out", executor=executor, reject="none")
        found = level_errors(made, frames / "truth", medians)
        levels = (f"{1e6 * value:.0f} Jy/sr" for value in (found.rms, found.stated, found.median_rms))
        yield row(
            sip, seed, f"{100 * completeness:.0f} %", "on" if more else "off", f"{found.pull:.2f}", *levels
        )


def robust_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure the ways to live with hits that no mask knows."""
    yield row("combination", "rejection", "flux", "blank", "noise", "sky", "stars")
    yield row("---", "---", "---:", "---:", "---:", "---:", "---:")
    bright = fields(folder, "unmasked", CASES[:2], **UNMASKED_STARS)
    empty = fields(folder, "unmasked-blank", CASES[:2], **UNMASKED_BLANK)
    frames, bare = struck_pair(folder, PAIRS[1])
    least = 0.0
    for one in ROBUST_CHOICES:
        bias = mean_bias(
            [stars(one.make(path, folder / "out", executor=executor), path / "truth", one) for path in bright]
        )
        found = [blank(one.make(path, folder / "out", executor=executor), path / "truth") for path in empty]
        noise = float(np.mean([own for _, own in found]))
        least = least or noise
        struck, quiet = (one.make(path, folder / "out", executor=executor) for path in (frames, bare))
        sky, near, _ = parts(left(struck, quiet, frames))
        yield row(
            one.combine,
            one.reject,
            percent(bias.mean, bias.error),
            blank_cell(mean_ratio([ratio for ratio, _ in found])),
            f"{noise / least:.2f}",
            worst(sky),
            worst(near),
        )


def real(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure the real frames, where they are."""
    yield "\n## `irac mosaic`: real frames\n"
    data = Path(os.environ.get("ASTROMAP_TEST_DATA", "/nonexistent")) / "irac-dither"
    if not data.is_dir():
        yield "Not measured: `ASTROMAP_TEST_DATA` names no folder with the frames of AOR 17577216."
        return
    frames = sorted((data / "r17577216-ch1").glob("*_clean.fits"))
    yield REAL.format(n=len(frames))
    yield row(
        "combination",
        "stars",
        "flux, mosaic / frames",
        "offset from Gaia",
        "of the frames",
        "scatter",
        "of the frames",
    )
    yield row("---", "---:", "---:", "---:", "---:", "---:", "---:")
    for rule in RULES:
        mosaic = make_mosaic(
            data / "r17577216-ch1", folder / "out", executor=executor, filetype="clean", combine=rule
        )
        field = measure_frames(frames, data / "gaia" / "gaia_2mass0415.csv", mosaic)
        yield real_row(rule, compare(mosaic, field))


def real_row(rule: str, found: Comparison) -> str:
    """Give one line of the table of real frames."""
    return row(
        rule,
        found.n,
        f"{found.flux_ratio:.4f} ± {found.flux_ratio_error:.4f}",
        f"{found.mosaic_shift_mas:.0f} mas",
        f"{found.frame_shift_mas:.0f} mas",
        f"{found.mosaic_offset_mas:.0f} mas",
        f"{found.frame_offset_mas:.0f} mas",
    )


if __name__ == "__main__":
    main()
