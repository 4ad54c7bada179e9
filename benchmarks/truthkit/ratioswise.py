"""Times of `wise coadd` and `wise calibrate` beside reading, NumPy, the seed's algorithm and set times."""

from __future__ import annotations

import math
import os
import statistics
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

from truthkit.machine import lacking_package
from truthkit.ratios import Goal, Plan, Row
from truthkit.timing import BENCHMARKS, PROGRAM, Times, in_turn, per_item, run, weigh
from truthkit.wisescan import make_scan, read_table, write_table
from truthkit.wisetemplate import Template, made_template, real_template

NSIDE, WEIGHED_NSIDE = 256, 1024
N_SCANS, N_MISSION = 120, 6323
WORKERS = {"one worker": 1, "two workers": 2}
# Frames of the scan, and of the short one that is taken off.
N_FRAMES, FEW = (200, 8), (4, 2)
# The plain ways are slow and always the same: fewer frames more than those tell as much.
VECTOR_MORE, SEED_MORE, SEED_FEW = (40, 2), (4, 1), 1
YARDSTICKS = {
    "reading": ("`fits.getdata` of its three files", 1.0),
    "vector": ("vectorised NumPy and healpy, sums alone", 5.0),
    "seed": ("the algorithm of WISEmapper, faithfully slow", 10.0),
}


def scan(plan: Plan) -> tuple[Path, int, str]:
    """Make a scan, or take one that is there.

    The frames are copies of a real one of band 3 with new noise where ASTROMAP_TEST_DATA names a folder that
    has it, else of a made-up one.

    Returns
    -------
    tuple of Path, int and str
        The frame table, the number of frames, and what they were made after.
    """
    n_frames = plan.size(*N_FRAMES)
    kept = plan.folder / f"scan-{n_frames}"
    about = kept / "template.txt"
    if not about.exists():
        kept.mkdir(parents=True, exist_ok=True)
        made, name = template()
        make_scan(kept, made, n_frames)
        about.write_text(name + "\n")
    return kept / "frames.csv", n_frames, about.read_text().strip()


def template() -> tuple[Template, str]:
    """Take a real frame where there is one; tell its name."""
    data = os.environ.get("ASTROMAP_TEST_DATA")
    frames = sorted(Path(data).glob("wise-l1b/allsky4band/*-w3-int-1b.fits")) if data else []
    return (real_template(frames[0]), frames[0].name) if frames else (made_template(), "a made-up frame")


def first_frames(table: Path, n_frames: int) -> tuple[Path, int]:
    """Write the table of the first frames of a table beside it; give it and their number."""
    return write_table(table.with_name(f"first-{n_frames}.csv"), read_table(table)[:n_frames]), n_frames


def coadd(table: Path, out: Path, nside: int, jobs: int) -> list[object]:
    """Give the command line of a coadd of the frames of a table."""
    words = f"wise coadd --band 3 --nside {nside} --overwrite -j {jobs}".split()
    return [PROGRAM, *words, "--frames", table, "-o", out]


def coadd_rows(plan: Plan) -> list[Row]:
    """Time a frame of a scan with one worker and its yardsticks, and with two, all without their start."""
    table, n_frames, about = scan(plan)
    n_few = plan.size(*FEW)
    few, many = first_frames(table, n_few), (table, n_frames)
    spans = {
        **dict.fromkeys(WORKERS, (few, many)),
        "reading": (few, many),
        "vector": (few, first_frames(table, n_few + plan.size(*VECTOR_MORE))),
        "seed": (first_frames(table, SEED_FEW), first_frames(table, SEED_FEW + plan.size(*SEED_MORE))),
    }
    lacks = dict.fromkeys(("vector", "seed"), lacking_package("healpy"))

    def once(name: str, frames: Path) -> Times:
        """Run one of them."""
        if name in WORKERS:
            return run(coadd(frames, plan.folder / f"coadd-{WORKERS[name]}", NSIDE, WORKERS[name]))
        words = ("-m", "truthkit.wisetwins", name, frames, "--nside", NSIDE)
        return run([sys.executable, *words], BENCHMARKS)

    load = plan.load
    timed = {
        name: partial(per_item, partial(once, name), *span)
        for name, span in spans.items()
        if not lacks.get(name)
    }
    for name in timed:
        once(name, spans[name][0][0])
    found = in_turn(timed, plan.repeat)

    def row(workers: str, yardstick: str, told: str, *goals: Goal) -> Row:
        """Put two of them side by side."""
        frame = f"a frame of {n_frames} after {about}, start-up taken off"
        mine, yours = found[workers], found.get(yardstick)
        lacking = lacks.get(yardstick, "")
        work = f"`wise coadd --nside {NSIDE}`, {workers}: {frame}"
        return Row(work, told, mine, yours, goals, lacking, plan.repeat, load)

    one, two = WORKERS
    rows = [row(one, name, told, Goal("wall", least)) for name, (told, least) in YARDSTICKS.items()]
    return [*rows, row(two, one, one)]


def coadd_memory_rows(plan: Plan) -> list[Row]:
    """Weigh one worker, two and three, of which each has frames to do: the difference is what one takes."""
    table, n_frames, _ = scan(plan)
    frames, n_frames = first_frames(table, min(40, n_frames))
    nside, out = plan.size(WEIGHED_NSIDE, NSIDE), plan.folder / "coadd-weighed"
    load = plan.load
    run(coadd(frames, out, nside, 1))
    one, two, three = (weigh(coadd(frames, out, nside, jobs)) for jobs in (1, 2, 3))
    further = replace(three.memory(), peak=three.peak - two.peak)
    work = f"memory of a further worker of `wise coadd --nside {nside}`, {n_frames} frames"
    return [Row(work, "one worker alone", further, one.memory(), runs=1, load=load)]


def calibrate_rows(plan: Plan) -> list[Row]:
    """Time the calibration of a few days: solution and errors, template, reading and writing apart."""
    scans = plan.size(N_SCANS, 60)
    return [_calibration(plan, "bench", scans, plan.repeat, (Goal("s", 5.0),))]


def mission_rows(plan: Plan) -> list[Row]:
    """Time and weigh the calibration of the whole mission, once."""
    scans = plan.size(N_MISSION, 200)
    return [_calibration(plan, "mission", scans, 1, (Goal("s", 600.0), Goal("GB", 8.0)))]


def _calibration(plan: Plan, kind: str, scans: int, repeat: int, goals: tuple[Goal, ...]) -> Row:
    work = f"`wise calibrate`, {scans} scans, nside 256, two threads: solution and errors (user: with system)"
    lacks = lacking_package("healpy")
    if lacks:
        return Row(work, goals=goals, lacks=lacks)
    # It needs healpy.
    from truthkit.calibspeed import weigh as weigh_calibration

    load = plan.load
    found = [weigh_calibration(kind, scans, 2, plan.folder) for _ in range(repeat)]
    return Row(
        work,
        "",
        Times(
            statistics.median(one.solving.wall + one.drawing.wall for one in found),
            statistics.median(one.solving.cpu + one.drawing.cpu for one in found),
            math.nan,
            1e9 * max(one.peak_gb for one in found),
        ),
        goals=goals,
        runs=repeat,
        load=load,
    )
