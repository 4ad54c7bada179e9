"""Rerun every accuracy measurement at full size and write docs/accuracy.md (``make truth``)."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from truthkit.dither import Comparison, compare, measure_frames
from truthkit.measures import BlankSky, StarErrors, blank_sky, constant_sky_error, star_errors
from truthkit.runs import BLANK_FIELD, CLEAN_FIELD, CONSTANT_FIELD, make_mosaic, simulate

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
sigma on five frames or more, all accidents on, cosmic rays flagged by the masks, header positions exact.
Flux in 6 arcsec apertures over flux in the same aperture of the noise-free image times the mean response
of the star's frames; positions by Gaussian-windowed centroids.
"""
BLANK = """
### Blank sky

Apertures of 3 native pixels less their annulus on the same kind of field without sources: true scatter
over the stated `CORRFAC sqrt(sum UNC^2)`, with the number of apertures. *estimated*: without uncertainty
frames.
"""
REAL = """AOR 17577216, channel 1, {n} frames of 30 s. Isolated Gaia stars on six frames or more, 3 native
pixels less an annulus of 3.5-8, the same on mosaic and frames; frame fluxes with the local pixel solid angle.
Positions against Gaia DR2 moved to the epoch by its proper motions; the frames carry their archive WCS.
"""


def row(*cells: object) -> str:
    """Give one line of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def simulated(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure simulated fields."""
    yield "## `irac mosaic`: simulated fields\n"
    yield "### Constant sky\n"
    yield from constant_table(folder, executor)
    yield STARS
    yield from star_table(folder, executor)
    yield BLANK
    yield from blank_table(folder, executor)


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


def star_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure star fluxes and positions over all cases."""
    yield row(
        "distortion",
        "seed",
        "combination",
        "stars",
        "flux bias",
        "flux pull",
        "position bias",
        "position rms",
    )
    yield row("---", "---", "---", "---:", "---:", "---:", "---:", "---:")
    totals: dict[str, list[StarErrors]] = {rule: [] for rule in RULES}
    for sip, seed in CASES:
        frames = simulate(
            folder / f"stars-{sip}-{seed}", sip=sip, mission=sip, seed=seed, **FULL, **CLEAN_FIELD
        )
        for rule in RULES:
            mosaic = make_mosaic(frames, folder / "out", executor=executor, combine=rule)
            errors = star_errors(mosaic, frames / "truth", rule=rule)
            totals[rule].append(errors)
            yield star_row(sip, seed, rule, errors)
    for rule, measured in totals.items():
        weights = np.array([1 / one.flux_bias_error**2 for one in measured])
        mean = float(np.average([one.flux_bias for one in measured], weights=weights))
        yield row(
            "**all**",
            "",
            rule,
            sum(one.n for one in measured),
            percent(mean, weights.sum() ** -0.5),
            "",
            "",
            "",
        )


def star_row(sip: str, seed: int, rule: str, errors: StarErrors) -> str:
    """Give one line of the table of stars."""
    return row(
        sip,
        seed,
        rule,
        errors.n,
        percent(errors.flux_bias, errors.flux_bias_error),
        f"{errors.flux_pull:.2f}",
        f"{errors.position_bias_mas:.1f} mas",
        f"{errors.position_rms_mas:.1f} mas",
    )


def percent(value: float, error: float) -> str:
    """Give a fraction and its error in per cent."""
    return f"{100 * value:+.2f} ± {100 * error:.2f} %"


def blank_table(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure blank apertures over all cases."""
    yield row("distortion", "seed", "uncertainties", *(f"{rule}" for rule in RULES))
    yield row("---", "---", "---", "---:", "---:")
    for sip, seed in CASES[:4]:
        frames = simulate(
            folder / f"blank-{sip}-{seed}", sip=sip, mission=sip, seed=seed, **FULL, **BLANK_FIELD
        )
        for source in ("frames", "estimated"):
            if source == "estimated":
                for path in frames.rglob("*_cbunc.fits"):
                    path.unlink()
            cells = []
            for rule in RULES:
                mosaic = make_mosaic(frames, folder / "out", executor=executor, combine=rule)
                cells.append(blank_cell(blank_sky(mosaic, frames / "truth", n=6000)))
            yield row(sip, seed, source, *cells)


def blank_cell(sky: BlankSky) -> str:
    """Give a ratio of scatters with its error and the number of apertures."""
    return f"{sky.sigma_ratio:.3f} ± {sky.sigma_ratio_error:.3f} ({sky.n})"


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
