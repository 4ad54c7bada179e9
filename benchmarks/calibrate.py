"""Measure the accuracy and speed of the WISE calibration and write their chapters (part of ``make truth``).

Only these chapters of the page are replaced. Templates and what was measured are kept where ``--keep`` says,
and measurements found there are not made again: empty the folder after a change of the program.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from truthkit.calibchapters import (
    amplitude_table,
    best_table,
    difference_table,
    goal_table,
    method_table,
    seed_table,
    stated_table,
)
from truthkit.calibspeed import Weighed, weigh
from truthkit.calibtrials import Task, Trial, attempt, kept
from truthkit.calibtruth import end_to_end_table
from truthkit.pages import heading, row, with_chapters

from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.run.machine import available_cores
from photomitrus_cli.run.parallel import local_executor

ROOT = Path(__file__).resolve().parent.parent
METHODS, ERRORS, FRAMES, SPEED = (
    f"`wise calibrate`: {name}" for name in ("methods", "stated errors", "from frames", "time and memory")
)
TEMPLATES = ("none", "sides", "bands", "sin2beta", "cosine")
MISSIONS = (600, 2000, 6323)


def main() -> None:
    """Measure and replace these chapters in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "accuracy.md")
    parser.add_argument("--which", choices=["all", "truth", "frames", "speed"], default="all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--templates", nargs="+", choices=TEMPLATES, default=TEMPLATES)
    parser.add_argument("--missions", type=int, nargs="*", default=MISSIONS, help="numbers of scans to time")
    parser.add_argument("--keep", type=Path, help="keep templates and measurements in this folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        if chosen.which in ("all", "truth"):
            made = accuracy(trials(folder, chosen.templates, chosen.seeds))
            replace(chosen.output, made, METHODS, ERRORS)
        if chosen.which in ("all", "frames"):
            replace(chosen.output, frames(Path(name)), FRAMES)
        if chosen.which in ("all", "speed"):
            replace(chosen.output, speed(folder, chosen.missions), SPEED)


def replace(target: Path, lines: Iterator[str], *names: str) -> None:
    """Write chapters in the place of the old ones."""
    page = with_chapters(target.read_text(encoding="utf-8"), "\n".join(lines), *names)
    write_text(target, page)
    print(f"wrote {', '.join(names)} in {target}")


METHODS_TEXT = """120 half orbits of 4 days at nside 256 (the setting of the seed's own trials): gain 74 DN
per MJy/sr within ±1 %, offsets 250 ± 15 DN, drifts of 3 DN rms with a correlation of 25 deg, noise of 0.15
DN, Kelsall's model at one wavelength, a Galaxy with cirrus and sources of 0.41 MJy/sr; seeds {seeds}.
*template*: what is wrong with it. *sides*: 1.5 % of opposite sign on the two sides of the Sun. *bands*: dust
bands +20 %, ring -20 %. *sin2beta*: 1.5 % times the sine of twice the ecliptic latitude. These three are
modes of the fit; *cosine*, 1.5 % of opposite sign on the two sides times the cosine of the latitude, is none.
Figures are rms over seeds: of the mean error, of the rms about it. Maps at |b| > 20 deg: their mean error,
the rms about it (*residual*), and what scans differ by in a pixel (*scatter*). CPU: median, one thread,
without errors and template.

*joint*: the program, packaged settings, nothing refused. *closed form*: lines by least squares at |b| > 10,
|beta| < 40 deg; *Huber*: robust ones at |b| > 20 deg; *alternating*: with maps by turns; *destriper*: one
smooth gain and 12 baselines a scan; *seed*: the method of the program's predecessor with an optimiser that
works. Floors: *noise*, all but the sky known; *known*, gains and offsets known, the template as it is;
*destriped*, gains known and 12 baselines.
"""
BEST_TEXT = """
### Where the joint calibration is best

*best, by*: how much larger the next best method's figure is. Otherwise how much larger ours is than the best.
"""
GOAL_TEXT = """
### Goals

A residual of 0.10 and a scatter of 0.018 MJy/sr and gains to 0.3 % rms at most; with *sin2beta* a residual of
1.2 times that of known gains will do.
"""
STATED_TEXT = """The same trials: errors against those that the calibration states for them (8 draws). Gain
and offset: about the mean of all scans, which stands apart. Map: with the noise of the samples, about its
mean.

### All seeds

Stated over true, both rms over seeds. Of figures of which a trial has but one, the means, {n} seeds tell the
ratio to {share} %. The seeds are the same for all templates: lines are not independent. *within 20 %*:
columns with a ratio of 0.8 to 1.2.
"""
AMPLITUDE_TEXT = """
### Amplitudes

Of the modes: rms error over seeds, and stated.
"""
DIFFERENCE_TEXT = """
### Half-difference maps

chi^2 per pixel with the errors of samples alone, mean (least and largest) over seeds: at |b| > 20 deg, and of
the whole sky with |b| < 10 deg, which the fit leaves out. No pixel is seen from both sides of the Sun: there
is no *updown*.
"""
SEEDS_TEXT = """
### Every trial

True / stated.
"""


def trials(folder: Path, templates: Sequence[str], seeds: Sequence[int]) -> dict[str, list[Trial]]:
    """Try every seed with every error of the template."""
    first, *others = (Task(error, seed, folder) for seed in seeds for error in templates)
    # The first one makes the template that all share. It is made by a worker, too: threads that healpy has
    # started in this process would be missing in processes forked from it, which would wait for them.
    with local_executor(available_cores()) as executor:
        outcomes = [*executor.run(attempt, [first]), *executor.run(attempt, others)]
    found = [outcome.result for outcome in outcomes if outcome.result is not None]
    return {error: [trial for trial in found if trial.error == error] for error in templates}


def accuracy(found: dict[str, list[Trial]]) -> Iterator[str]:
    """Give the chapters of the benchmark."""
    every = [trial for many in found.values() for trial in many]
    seeds = sorted({trial.seed for trial in every})
    yield f"## {METHODS}\n"
    yield METHODS_TEXT.format(seeds=", ".join(map(str, seeds)))
    for error, many in found.items():
        yield f"### Template: {error}\n"
        yield from method_table(many)
        yield ""
    yield BEST_TEXT.lstrip("\n")
    yield from best_table(found)
    yield GOAL_TEXT
    yield from goal_table(found)
    yield f"\n## {ERRORS}\n"
    yield STATED_TEXT.format(n=len(seeds), share=round(100 / (2 * len(seeds)) ** 0.5))
    yield from stated_table(found)
    yield AMPLITUDE_TEXT
    yield from amplitude_table(found)
    yield DIFFERENCE_TEXT
    yield from difference_table(found)
    yield SEEDS_TEXT
    yield from seed_table(every)


FRAMES_TEXT = """Simulated frames of 47' through `wise filter` (preset unwise), `wise coadd` at nside 128
and `wise calibrate` with the template at one wavelength: 24 whole scans of 0.8 days, 64 px (W2, and W4
disturbed: 16 scans, 32 px), Galaxy and cirrus, but no stars. The simulator's own Kelsall model and the
template differ by 0.1 % beyond a scale and a level: modes of 0.1 % (bands and ring 0.5 %) and
`zodi_error` 0.001 state that; 32 draws. *disturbed*: the Moon 0 to 10 deg beside the scans of one side,
and two scans whose offset jumps (1 DN in W1, 100 in W3, 60 in W4); `moon_deg` 30: without it, moonlight
that passes the test of frames (at most 1.5 DN in W1, 16 DN in W3) makes gains scatter by 1.1 % in W1 and
0.12 % in W3. *bad*: how many of those that jump are refused. Maps at |b| > 20 deg: chi^2 per pixel about
the mean with SIGMA and ZODI_SIGMA, its standard error from regions of 15 deg, and *typical*, from the
median. A survey this short has few independent errors (a gain, some offsets, the largest scales of the
sky): chi^2 differs by about a half from one to the next, more than its standard error tells. Gain: its
mean over scans with the error stated for it, and the scatter about the mean.
"""


def frames(folder: Path) -> Iterator[str]:
    """Give the chapter of surveys that begin with frames."""
    yield f"## {FRAMES}\n"
    yield FRAMES_TEXT
    yield from end_to_end_table(folder)


SPEED_TEXT = """On {cores} shared cores ({machine}); *load*: of the machine before each run, above 0 where
others worked on it. One process each, kernels compiled and data in memory; 120 scans: the benchmark's, done
for the second time in the process; others: scans of a mission with a template that is no model, all with
*sides*. *errors*: 16 draws, besides. One solution each: the command solves again when it refuses something.
*memory*: resident at most, with samples and 16 bytes a sample of truth.
"""


def speed(folder: Path, missions: Sequence[int]) -> Iterator[str]:
    """Give the chapter of time and memory."""
    yield f"## {SPEED}\n"
    yield SPEED_TEXT.format(cores=os.cpu_count(), machine=platform.machine())
    names = ("scans", "samples", "threads", "load", "rounds", "steps", "solution: wall, s", "CPU, s")
    yield heading(
        *names, "errors: wall, s", "CPU, s", "memory, GB", "gain rms, %", "residual, MJy/sr", text=0
    )
    for kind, scans, workers in (
        ("bench", 120, 1),
        ("bench", 120, 2),
        *(("mission", n, 2) for n in missions),
    ):
        yield speed_row(weighed(folder, kind, scans, workers))


def weighed(folder: Path, kind: str, scans: int, workers: int) -> Weighed:
    """Weigh a run, unless that was done before."""
    path = folder / f"speed-{kind}-{scans}-{workers}.json"
    return kept(path, Weighed, lambda: weigh(kind, scans, workers, folder))


def speed_row(one: Weighed) -> str:
    """Give a line of the table of time and memory."""
    samples = f"{one.samples / 1e6:.2f} M"
    times = [f"{value:.1f}" for spent in (one.solving, one.drawing) for value in (spent.wall, spent.cpu)]
    work = (one.scans, samples, one.workers, f"{one.load:.1f}", one.rounds, one.steps)
    return row(*work, *times, f"{one.peak_gb:.2f}", f"{one.gain_rms:.3f}", f"{one.residual:.4f}")


if __name__ == "__main__":
    main()
