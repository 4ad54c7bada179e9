"""Times of `prime stack` beside SExtractor, SCAMP and SWarp, and its memory."""

from __future__ import annotations

from truthkit.machine import lacking
from truthkit.primespeed import (
    N_FRAMES,
    ONE_PASS,
    TWO_PASSES,
    YARDSTICKS,
    contenders,
    dither,
    stack_words,
    warm_up,
)
from truthkit.ratios import Goal, Plan, Row, figure
from truthkit.timing import in_turn, run, summed, weigh

N_MANY = 30


def stack_rows(plan: Plan) -> list[Row]:
    """Time the stack with two passes and with one, and the other programs on its frames less sky.

    They take minutes: two runs of each where others have three.
    """
    scale, repeat = plan.size(1, 4), (plan.repeat + 1) // 2
    base = dither(plan.folder, scale)
    load = plan.load
    warm_up(base)
    lacks = lacking(YARDSTICKS)
    medians = in_turn(contenders(base, scale, [] if lacks else YARDSTICKS, run), repeat)
    told, theirs = " + ".join(YARDSTICKS), None
    if not lacks:
        theirs = summed([medians[name] for name in YARDSTICKS])
        told = " + ".join(f"{name} {figure(medians[name].wall)} s" for name in YARDSTICKS)
    goals = {TWO_PASSES: (Goal("wall", 4.0),), ONE_PASS: (Goal("wall", 4.0), Goal("s", 30.0))}
    names = {TWO_PASSES: "`prime stack`, two passes", ONE_PASS: "`prime stack --one-pass`"}
    about = f"{N_FRAMES} frames {4096 // scale} pixels wide"
    rows = [
        Row(f"{name}, {about}", told, medians[key], theirs, goals[key], lacks, repeat, load)
        for key, name in names.items()
    ]
    # Looking at memory takes time: a run of its own.
    found = weigh(stack_words(base), base).memory()
    work = f"memory of `prime stack`, {about}, all processes"
    return [*rows, Row(work, "", found, runs=1, load=load)]


def stack_memory_rows(plan: Plan) -> list[Row]:
    """Weigh the stack of many frames."""
    scale = plan.size(1, 4)
    base = dither(plan.folder, scale, N_MANY)
    load = plan.load
    found = weigh(stack_words(base), base).memory()
    work = f"memory of `prime stack`, {N_MANY} frames {4096 // scale} pixels wide, all processes"
    return [Row(work, "", found, goals=(Goal("GB", 4.0),), runs=1, load=load)]
