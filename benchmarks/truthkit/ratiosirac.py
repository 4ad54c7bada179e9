"""Times of `irac mosaic` beside SWarp, and its memory."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from astropy.io import fits

from truthkit.machine import found, lacking
from truthkit.ratios import Goal, Plan, Row
from truthkit.runs import simulate
from truthkit.timing import PROGRAM, Times, in_turn, run, weigh

FIELD_ARCMIN = 12.0
# A map of 12000 x 12000 pixels of 0.6 arcsec, and a tenth of it.
SIDE_ARCMIN = 120.0
TENTH_ARCMIN = SIDE_ARCMIN / math.sqrt(10.0)
ARRAY_ARCMIN = 5.2
MEMORY = "1GB"


@dataclass(frozen=True)
class Rule:
    """A way to combine frames.

    Attributes
    ----------
    words : str
        On the command line.
    swarp : str
        SWarp's rule that is nearest.
    goals : tuple of Goal
    """

    words: str
    swarp: str
    goals: tuple[Goal, ...]


_MEAN = (Goal("wall", 10.0), Goal("user", 5.0))
WEIGHTED = (
    Rule("--combine weighted --reject none", "WEIGHTED", _MEAN),
    # The defaults: weighted, two passes of rejection.
    Rule("", "WEIGHTED", _MEAN),
)
MEDIAN = (Rule("--combine median-exptime --reject none", "MEDIAN", (Goal("wall", 12.0),)),)


def field(folder: Path, n_frames: int, side_arcmin: float) -> Path:
    """Simulate a field of four observations, or take one that is there."""
    frames = folder / f"frames-{n_frames}-{side_arcmin:g}"
    if not frames.exists():
        part = frames.with_name(frames.name + ".part")
        simulate(
            part,
            n_aors=4,
            dithers_per_aor=-(-n_frames // 4),
            field_size_arcmin=side_arcmin,
            # A large field of the usual density would take longer to simulate than all that is timed here.
            star_density_arcmin2=min(10.0, 1440.0 / max(side_arcmin, 1.0) ** 2),
            truth_image=False,
        )
        part.rename(frames)
    return frames


def mosaic_words(frames: Path, out: Path, *options: object) -> list[object]:
    """Give the command line of a mosaic."""
    return [PROGRAM, "irac", "mosaic", frames, "-o", out, "--overwrite", *options]


def mosaic_rows(plan: Plan, rules: tuple[Rule, ...]) -> list[Row]:
    """Time mosaics with all products and SWarp reading the images alone, on the same grid.

    Parameters
    ----------
    plan : Plan
    rules : tuple of Rule
        That have the same rule of SWarp.
    """
    n_frames = plan.size(300, 12)
    frames = field(plan.folder, n_frames, plan.size(int(FIELD_ARCMIN), 2))
    outs = [plan.folder / f"mosaic-{number}" for number in range(len(rules))]
    contenders = {
        rule.words: partial(run, mosaic_words(frames, out, *rule.words.split()))
        for rule, out in zip(rules, outs, strict=True)
    }
    load = plan.load
    for one in contenders.values():
        one()
    lacks, swarp = lacking(["SWarp"]), rules[0].swarp
    if not lacks:
        command = swarp_words(frames, outs[0] / "ch1_mosaic.fits", swarp)
        contenders["SWarp"] = partial(run, command, plan.folder)
        contenders["SWarp"]()
    medians = in_turn(contenders, plan.repeat)
    side = fits.getheader(outs[0] / "ch1_mosaic.fits", "SCI")["NAXIS1"]
    return [
        Row(
            f"`{' '.join(['irac mosaic', *rule.words.split()])}`"
            f"{'' if rule.words else ', its defaults'}, {n_frames} frames, {side} pixels wide, all products",
            f"SWarp {swarp}, images alone",
            medians[rule.words],
            medians.get("SWarp"),
            rule.goals,
            lacks,
            plan.repeat,
            load,
        )
        for rule in rules
    ]


def swarp_words(frames: Path, mosaic: Path, rule: str) -> list[str]:
    """Build SWarp's command line for the mosaic's grid: Lanczos-3, no background, fixed scale."""
    header = fits.getheader(mosaic, "SCI")
    listing = mosaic.with_name("images.txt")
    listing.write_text("\n".join(str(path) for path in sorted(frames.rglob("*_cbcd.fits"))) + "\n")
    options = {
        "COMBINE_TYPE": rule,
        "RESAMPLING_TYPE": "LANCZOS3",
        "SUBTRACT_BACK": "N",
        "PIXELSCALE_TYPE": "MANUAL",
        "PIXEL_SCALE": "0.6",
        "CENTER_TYPE": "MANUAL",
        "CENTER": f"{header['CRVAL1']},{header['CRVAL2']}",
        "IMAGE_SIZE": f"{header['NAXIS1']},{header['NAXIS2']}",
        "NTHREADS": str(os.cpu_count()),
        "WRITE_XML": "N",
        "VERBOSE_TYPE": "QUIET",
    }
    words = (word for key, value in options.items() for word in (f"-{key}", value))
    return [str(found("SWarp")), f"@{listing}", *words]


def mosaic_memory_rows(plan: Plan) -> list[Row]:
    """Weigh a mosaic of many frames and of a tenth of them on the same field, with bounded memory."""
    side, n_frames = plan.size(int(FIELD_ARCMIN), 2), plan.size(300, 40)
    numbers = n_frames // 10, n_frames
    few, many = (field(plan.folder, n, side) for n in numbers)
    load, out = plan.load, plan.folder / "mosaic-weighed"
    run(mosaic_words(few, out))
    light, heavy = (weigh(mosaic_words(frames, out, "--memory", MEMORY)).memory() for frames in (few, many))
    return [
        Row(
            f"memory of `irac mosaic --memory {MEMORY}`, {numbers[1]} frames, all processes",
            f"the same of {numbers[0]} frames",
            heavy,
            light,
            (Goal("GB", 1.0),),
            runs=1,
            load=load,
        )
    ]


def scale_rows(plan: Plan) -> list[Row]:
    """Time and weigh a large mosaic: a tenth of the frames on a tenth of the area, one worker and two."""
    n_frames = plan.size(3000, 60)
    shrink = math.sqrt(plan.size(1, 60))
    tenth, side = TENTH_ARCMIN / shrink, SIDE_ARCMIN / shrink
    small = field(plan.folder, n_frames // 10, max(tenth - ARRAY_ARCMIN, 0.0))
    large = field(plan.folder, n_frames, max(side - ARRAY_ARCMIN, 0.0))
    out = plan.folder / "mosaic-scale"
    run(mosaic_words(small, out))

    def weighed(frames: Path, wide: float, jobs: int, options: str) -> Times:
        """Weigh one."""
        size = ("--size", f"{wide:.1f} {wide:.1f}", "-j", jobs, "--memory", MEMORY)
        return weigh(mosaic_words(frames, out, *size, *options.split()))

    rows = []
    for options in ("--reject none", ""):
        load, name = plan.load, f"irac mosaic --memory {MEMORY} {options}".strip()
        one, two = (weighed(large, side, jobs, options) for jobs in (1, 2))
        few = weighed(small, tenth, 2, options)
        work = f"`{name}`, {n_frames} frames, {side / 0.01:.0f} pixels wide, two workers, weighed"
        goals = (Goal("GB", 1.0),)
        part = f"{n_frames // 10} frames on a tenth of the area, two workers"
        rows += [
            Row(work, yardstick, two, theirs, goals, runs=1, load=load)
            for yardstick, theirs in (("one worker", one), (part, few))
        ]
    return rows
