"""Times of `irac phot` beside reading, and its memory."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from truthkit.ratios import Goal, Plan, Row
from truthkit.ratiosirac import field
from truthkit.timing import PROGRAM, Times, in_turn, per_item, run, weigh

TARGET = "150.10 2.20"
_READ = """
import sys
from pathlib import Path
from astropy.io import fits
for path in sorted(Path(sys.argv[1]).rglob("*_cbcd.fits")):
    for kind in ("cbcd", "cbunc", "bimsk"):
        fits.getdata(str(path).replace("_cbcd", "_" + kind))
"""


def phot_words(plan: Plan, frames: Path) -> list[object]:
    """Give the command line of the photometry of one target with one worker."""
    words = ["--filetype", "cbcd", "--target", TARGET, "-j", "1", "--overwrite"]
    return [PROGRAM, "irac", "phot", frames, "-o", plan.folder / f"phot-{frames.name}", *words]


def phot_frames(plan: Plan) -> tuple[tuple[Path, int], tuple[Path, int]]:
    """Give few frames and many of one place, and how many."""
    numbers = 8, plan.size(600, 40)
    few, many = ((field(plan.folder, n, 0.0), n) for n in numbers)
    return few, many


def phot_rows(plan: Plan) -> list[Row]:
    """Time the photometry of one target and astropy reading the same files, each without its start."""
    few, many = phot_frames(plan)
    load = plan.load

    def ours(frames: Path) -> Times:
        """Measure."""
        return run(phot_words(plan, frames))

    def theirs(frames: Path) -> Times:
        """Read."""
        return run([sys.executable, "-c", _READ, frames])

    ours(few[0]), theirs(few[0])
    contenders = {
        "ours": partial(per_item, ours, few, many),
        "theirs": partial(per_item, theirs, few, many),
    }
    medians = in_turn(contenders, plan.repeat)
    return [
        Row(
            f"`irac phot`, one target, one worker: a frame of {many[1]}, start-up taken off",
            "`fits.getdata` of frame, uncertainty and mask",
            medians["ours"],
            medians["theirs"],
            (Goal("wall", 1.0 / 3.0),),
            runs=plan.repeat,
            load=load,
        )
    ]


def phot_memory_rows(plan: Plan) -> list[Row]:
    """Weigh the photometry of many frames and of few."""
    few, many = phot_frames(plan)
    load = plan.load
    run(phot_words(plan, few[0]))
    light, heavy = (weigh(phot_words(plan, frames)).memory() for frames, _ in (few, many))
    work = f"memory of `irac phot`, one target, one worker, {many[1]} frames"
    return [Row(work, f"the same of {few[1]} frames", heavy, light, runs=1, load=load)]
