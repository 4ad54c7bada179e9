"""The passes over frames and tiles that make a mosaic, each spread over the workers."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.imaging.reject import RejectRules
from photomitrus_cli.irac.chunks import Place, chunks
from photomitrus_cli.irac.clean import CleanTask, Suspect, clean
from photomitrus_cli.irac.combining import stack_tile
from photomitrus_cli.irac.ingest import IngestRules, IngestTask, ingest
from photomitrus_cli.irac.levels import LevelTask, cell_means, cell_size, solve_levels
from photomitrus_cli.irac.patterns import MIN_FRAMES, PatternTask, make_pattern
from photomitrus_cli.irac.plan import Plan
from photomitrus_cli.irac.revise import ReviseTask, Revision, revise
from photomitrus_cli.irac.scan import FULL_ARRAY, Frame
from photomitrus_cli.irac.stack import Boxes, StackTile, StackTiles
from photomitrus_cli.irac.tiles import Member, TileRules, TileTask, tile_windows
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome

_log = logging.getLogger(__name__)

Task = TypeVar("Task")
Result = TypeVar("Result")

# Share of a worker's memory that the cubes of a tile or the stack of a pattern may fill; the rest is for the
# frames being read and the sums of the tile.
_CUBE_SHARE = 0.4
# Objects are told from the sky at this share of the noise of the deepest frame: the stack is deeper.
_OBJECT_SHARE = 0.5


@dataclass(frozen=True)
class Used:
    """A frame that is used, as far as the passes have come.

    Attributes
    ----------
    frame : Frame
    place : Place
        Where it is kept.
    meta : dict
        Numbers about it.
    sky : float
        Level still to be taken off, MJy/sr.
    """

    frame: Frame
    place: Place
    meta: dict[str, Any]
    sky: float = 0.0

    @property
    def bbox(self) -> Box:
        """Output box (y0, y1, x0, x1) that the frame can reach."""
        y0, y1, x0, x1 = self.meta["map"]["bbox"]
        return y0, y1, x0, x1


@dataclass(frozen=True)
class Passes:
    """What every pass shares.

    Attributes
    ----------
    plan : Plan
    store : Store
    context : Context
    """

    plan: Plan
    store: Store
    context: Context

    @property
    def cube_bytes(self) -> int:
        """What the cubes of one worker may fill."""
        return int(_CUBE_SHARE * self.context.worker_bytes)

    def run(
        self,
        label: str,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        consume: Callable[[Outcome[Result]], None] | None = None,
    ) -> list[Result]:
        """Run one pass; give the results in the order of the tasks."""
        with self.context.progress.task(label, len(tasks)) as advance:
            outcomes = self.context.executor.run(function, tasks, advance=advance, consume=consume)
        return [one.result for one in outcomes if one.result is not None]


def read_all(passes: Passes) -> list[tuple[Frame, Place, dict[str, Any] | AstromapError]]:
    """Read every frame of the plan.

    Returns
    -------
    list of (Frame, Place, numbers or the error that ended it)
    """
    plan, store, control = passes.plan, passes.store, passes.context.control
    settings = plan.settings
    rules = IngestRules(
        settings.imask_bits,
        settings.rmask_bits,
        settings.background,
        settings.mesh_size_px,
        objects=settings.delta_dark,
        stars=settings.align is not None or settings.align_frames,
        # What revision needs it makes itself, of corrected positions.
        places=settings.reject != "none"
        or settings.background == "overlap"
        or settings.resample == "drizzle",
    )
    frames = plan.selection.frames
    tasks = [
        IngestTask(f"frames_{start:06d}", tuple(part), plan.grid, rules, store, control.keep_going)
        for start, part in chunks(frames)
    ]
    _log.info("reading %d frames of channel %d", len(frames), settings.channel)
    with passes.context.progress.task("frames", len(frames)) as advance:
        outcomes = passes.context.executor.run(
            ingest,
            tasks,
            keep_going=control.keep_going,
            consume=lambda one: advance(len(tasks[one.index].frames)),
        )
    found: list[tuple[Frame, Place, dict[str, Any] | AstromapError]] = []
    for task, outcome in zip(tasks, outcomes, strict=True):
        for index, frame in enumerate(task.frames):
            # A worker that died took the whole unit with it.
            result = outcome.result[index] if outcome.result is not None else outcome.error
            if result is not None:
                found.append((frame, Place(task.name, index), result))
    return found


def revise_all(passes: Passes, used: list[Used], wcs: Sequence[Any]) -> list[Used]:
    """Correct positions and take off residual patterns.

    Parameters
    ----------
    passes : Passes
    used : list of Used
    wcs : sequence of SkyWcs or None
        The corrected positions of each frame; None where the header's stay.

    Returns
    -------
    list of Used
        With their new places; frames that have left the mosaic are not among them.
    """
    patterns = _patterns(passes, used) if passes.plan.settings.delta_dark else {}
    relevel = passes.plan.settings.background != "none"
    revisions = [
        Revision(one.place, str(one.frame.path), new, patterns.get(_observation(one), ""), relevel)
        for one, new in zip(used, wcs, strict=True)
    ]
    tasks = [
        ReviseTask(f"revised_{start:06d}", tuple(part), passes.plan.grid, passes.store)
        for start, part in chunks(revisions)
    ]
    results = passes.run("revision", revise, tasks)
    metas = [
        (task.name, k, meta) for task, many in zip(tasks, results, strict=True) for k, meta in enumerate(many)
    ]
    return [
        replace(
            one,
            place=Place(name, k),
            meta=one.meta | {"map": meta["map"], "level": one.meta["level"] + meta["level_change"]},
        )
        for one, (name, k, meta) in zip(used, metas, strict=True)
        if not meta["outside"]
    ]


def _observation(one: Used) -> tuple[int, float]:
    """Tell frames apart that do not share a pattern: AOR and exposure time."""
    return one.frame.key.aorkey, one.frame.exptime_s


def _patterns(passes: Passes, used: list[Used]) -> dict[tuple[int, float], str]:
    """Make the patterns; give the checkpoint of each observation that has one."""
    groups: dict[tuple[int, float], list[Place]] = defaultdict(list)
    for one in used:
        groups[_observation(one)].append(one.place)
    names = {
        key: f"pattern_{key[0]}_{key[1]:g}" for key, places in groups.items() if len(places) >= MIN_FRAMES
    }
    tasks = [
        PatternTask(name, tuple(groups[key]), FULL_ARRAY, passes.cube_bytes, passes.store)
        for key, name in names.items()
    ]
    passes.run("patterns", make_pattern, tasks)
    return names


def level_all(passes: Passes, used: list[Used]) -> tuple[list[Used], dict[str, Any]]:
    """Match the levels of all frames by their overlaps.

    Returns
    -------
    used : list of Used
        With what is still to be taken off, and in their numbers ``offset``, ``offset_error`` (MJy/sr) and
        ``overlap_group``.
    facts : dict
        About the solution.
    """
    side, n_cells_x = cell_size(passes.plan.grid.scale, passes.plan.grid.shape[1])
    tasks = [
        LevelTask(
            f"cells_{start:06d}",
            tuple(one.place for one in part),
            tuple(one.meta["level"] for one in part),
            side,
            n_cells_x,
            passes.store,
        )
        for start, part in chunks(used)
    ]
    passes.run("levels", cell_means, tasks)
    names, counts = [task.name for task in tasks], [len(task.places) for task in tasks]
    found = solve_levels(passes.store, names, counts)
    # The offsets of a group of connected frames have zero mean; the mean level of its frames goes to the sky.
    sums: dict[int, list[float]] = defaultdict(list)
    for one, group in zip(used, found.component, strict=True):
        sums[int(group)].append(one.meta["level"])
    mean = {group: sum(levels) / len(levels) for group, levels in sums.items()}
    moved = []
    for one, offset, error, group in zip(used, found.offset, found.error, found.component, strict=True):
        sky = mean[int(group)] + float(offset)
        own = {"offset": float(offset), "offset_error": float(error), "overlap_group": int(group)}
        meta = one.meta | own | {"level": sky}
        moved.append(replace(one, sky=sky - one.meta["level"], meta=meta))
    facts = {
        "overlap pairs": f"{found.n_pairs}",
        "overlap gauge": found.gauge,
        "overlap groups": f"{len(mean)}",
        "overlap chi2 per degree of freedom": f"{found.chi2_dof:.3g}",
    }
    return moved, facts


def tile_rules(passes: Passes) -> TileRules:
    """Give how tiles are made."""
    settings = passes.plan.settings
    return TileRules(
        settings.combine, settings.resample, settings.pixfrac, settings.clip_sigma, passes.cube_bytes
    )


def tile_tasks(
    passes: Passes,
    members: Sequence[Member],
    prefix: str,
    rules: TileRules,
    stack: Sequence[StackTile] = (),
) -> list[TileTask]:
    """Cut the mosaic into tiles, each with the frames and the part of the stack that reach it."""
    grid, store = passes.plan.grid, passes.store
    frames, around = Boxes([member.bbox for member in members]), StackTiles(stack)
    return [
        TileTask(
            f"{prefix}_{window[0]:06d}_{window[2]:06d}",
            window,
            tuple(members[k] for k in frames.reached(window)),
            rules,
            grid,
            store,
            around.around(window),
        )
        for window in tile_windows(grid.shape)
    ]


def members_of(used: Sequence[Used]) -> list[Member]:
    """Tell combining of the frames."""
    return [
        Member(
            place=one.place,
            bbox=one.bbox,
            weight=one.meta["weight"],
            sky=one.sky,
            exptime_s=one.frame.exptime_s,
            conversion=one.frame.conversion,
            pixel_area_arcsec2=one.meta["pixel_area_arcsec2"],
            estimated=one.frame.unc is None,
            saturated=one.meta["n_saturated"] > 0,
        )
        for one in used
    ]


def stack_all(passes: Passes, used: list[Used]) -> list[StackTile]:
    """Stack all frames robustly; give the tiles of the stack."""
    # For comparisons the sky is near zero, whether or not the mosaic keeps it; and the stack is interpolated
    # in the one way whose errors the limits are tuned for.
    skies = zip(used, _skies(passes, used), strict=True)
    members = members_of([replace(one, sky=sky) for one, sky in skies])
    tasks = tile_tasks(passes, members, "stack", replace(tile_rules(passes), resample="lanczos3"))
    passes.run("stack", stack_tile, tasks)
    return [(task.name, task.window) for task in tasks]


def _skies(passes: Passes, used: Sequence[Used]) -> list[float]:
    kept = passes.plan.settings.background == "none"
    return [one.meta["level"] if kept else one.sky for one in used]


def clean_all(passes: Passes, used: list[Used], stack: Sequence[StackTile]) -> list[Used]:
    """Compare every frame with the stack: outliers, and objects for the levels.

    Returns
    -------
    list of Used
        With their new places, and ``n_rejected`` in their numbers.
    """
    settings = passes.plan.settings
    rules = None
    if settings.reject == "two-pass":
        rules = RejectRules(settings.reject_sigma, settings.reject_grow_sigma, settings.reject_softening)
    object_sigma = 0.0
    if settings.background == "overlap":
        object_sigma = _OBJECT_SHARE * min(math.sqrt(one.meta["variance_median"]) for one in used)
    tiles = StackTiles(stack)
    suspects = [
        Suspect(one.place, str(one.frame.path), sky, tiles.around(one.bbox))
        for one, sky in zip(used, _skies(passes, used), strict=True)
    ]
    tasks = [
        CleanTask(f"clean_{start:06d}", tuple(part), rules, object_sigma, passes.store)
        for start, part in chunks(suspects)
    ]
    results = passes.run("rejection", clean, tasks)
    metas = [
        (task.name, k, meta) for task, many in zip(tasks, results, strict=True) for k, meta in enumerate(many)
    ]
    return [
        replace(one, place=Place(name, k), meta=one.meta | meta)
        for one, (name, k, meta) in zip(used, metas, strict=True)
    ]
