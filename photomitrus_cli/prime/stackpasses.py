"""Parts of a stack under way: the first look, the frames of a pass, measuring, what comes last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from photomitrus_cli.imaging.binning import binned_grid, binned_map
from photomitrus_cli.io.atomic import FileRecord
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.prime.objectwork import SEEN, SeenTask, mark_seen
from photomitrus_cli.prime.qafigures import FigureTask, draw_figure
from photomitrus_cli.prime.skymasks import find_objects
from photomitrus_cli.prime.skywork import Subtracted
from photomitrus_cli.prime.stackastrom import Judged
from photomitrus_cli.prime.stackcombine import correlation_of, stack_tile
from photomitrus_cli.prime.stackmeasure import Measured, measure_stack
from photomitrus_cli.prime.stackproducts import plane, write_sky
from photomitrus_cli.prime.stackrun import Run
from photomitrus_cli.prime.stacksky import SkySet
from photomitrus_cli.prime.stacktiles import TILE, Member, TileTask, place_frame, tile_tasks
from photomitrus_cli.run.checkpoint import Store

Task = TypeVar("Task")
Result = TypeVar("Result")

TILE_BYTES = 24 * TILE**2
"""Bytes that a tile needs for each of its frames."""
# Cells of the background that objects stand out from where the settings name none.
_MESH_PX = 128


def look(stack: Run, known: SkySet, frames: Mapping[int, Subtracted], judged: Judged) -> None:
    """Make a first stack, and mark the objects that it shows in the masks of all frames.

    Parameters
    ----------
    stack : Run
    known : SkySet
    frames : mapping of int to Subtracted
        Of the first pass.
    judged : Judged
    """
    store, rules = stack.store, known.rules
    grid = binned_grid(judged.grid, rules.binning)
    members = members_of(stack, known, frames, judged, "")
    tiles = tile_tasks(members, grid, stack.plan.settings.clip_sigma, store, "")
    stack.each("first look", stack_tile, tiles, need=TILE_BYTES * len(members))
    if store.load_meta(SEEN) is None:
        sci, noise = (plane(tiles, grid, store, name) for name in ("SCI", "NOISE"))
        # Over its noise, which differs from place to place, or noise at the edges would look like objects.
        mesh = (rules.mesh_px or _MESH_PX) // rules.binning
        found = find_objects(sci / noise, ~np.isfinite(sci), mesh_px=mesh, binning=rules.binning)
        store.save(SEEN, {"mask": found}, {})
    tasks = [
        SeenTask(index, store, wcs, grid)
        for index, wcs in zip(known.indices, judged.solution.wcs, strict=True)
    ]
    stack.each("objects", mark_seen, tasks)


def members_of(
    stack: Run, known: SkySet, frames: Mapping[int, Subtracted], judged: Judged, stage: str
) -> list[Member]:
    """Give every frame that is used its place on the grid, its scale and its weight.

    Parameters
    ----------
    stack : Run
    known : SkySet
    frames : mapping of int to Subtracted
        Of this pass.
    judged : Judged
    stage : str
        See `photomitrus_cli.prime.stacksky.subtract_skies`.
    """
    wcs = dict(zip(known.indices, judged.solution.wcs, strict=True))
    # The first look is in larger pixels.
    side = known.rules.binning if stack.plan.settings.second_pass and not stage else 1
    grid = binned_grid(judged.grid, side)
    members = []
    for index in (one for one in known.indices if one in judged.scales):
        place = wcs[index]
        assert place is not None  # noqa: S101 - frames with a scale have a geometry
        scale, rms = judged.scales[index], float(frames[index].numbers["rms"])
        members.append(
            Member(
                index,
                f"sky{stage}_{index}",
                binned_map(place_frame(place, grid), side),
                scale,
                # Stars alone count here: those of a frame of bad seeing are spread over more pixels.
                scale**2 / (rms * judged.widths[index]) ** 2,
                stack.plan.chip.frames[index].exptime,
                3600.0**2 * abs(float(np.linalg.det(place.cd))) / judged.grid.scale**2,
                frames[index].saturated,
            )
        )
    return members


def measure(stack: Run, tiles: Sequence[TileTask], judged: Judged, stage: str) -> Measured:
    """Measure the stack; meanwhile what it was made of is removed, unless it is shown or kept."""
    plan, used = stack.plan, sorted(judged.scales)
    done = ["objects*", "rough_*", "tile_[0-9]*"] + (["rows_*", "sky_*"] if stage else [])
    if not plan.settings.keep:
        done += [f"sky{stage}_{index}" for index in used if index != used[len(used) // 2]]
        done += [f"frame_{index}" for index in range(len(plan.chip.frames)) if index != used[len(used) // 2]]
    jobs: list[Callable[[], Any]] = [
        partial(_measured, tiles, judged, stack.store),
        partial(_drop, stack.store, done),
    ]
    measured: Measured = stack.each("measure", _call, jobs)[0]
    return measured


def _measured(tiles: Sequence[TileTask], judged: Judged, store: Store) -> Measured:
    sci, noise, flags = (plane(tiles, judged.grid, store, name) for name in ("SCI", "NOISE", "MASK"))
    return measure_stack(sci, noise, flags != 0, judged.grid, judged.catalogue, correlation_of(tiles))


def _drop(store: Store, names: Sequence[str]) -> bool:
    store.drop(names)
    return True


def finish(
    stack: Run, sky: tuple[tuple[str, ...], int] | None, about: Sequence[Card], pictures: Sequence[FigureTask]
) -> tuple[list[FileRecord], list[str]]:
    """Write the sky and draw the pictures.

    Parameters
    ----------
    stack : Run
    sky : tuple or None
        See `photomitrus_cli.prime.stacksky.load_sky`.
    about : sequence of Card
        For the header of the sky.
    pictures : sequence of FigureTask

    Returns
    -------
    written : list of FileRecord
        The sky.
    trouble : list of str
        Of each picture, see `photomitrus_cli.prime.qafigures.draw_figure`.

    Raises
    ------
    WriteError
        When the sky cannot be written.
    """
    jobs: list[Callable[[], Any]] = []
    if sky is not None:
        jobs.append(partial(write_sky, stack.plan, *sky, about, stack.store))
    n = len(jobs)
    jobs += [partial(draw_figure, one) for one in pictures]
    told: list[Any] = stack.each("pictures", _call, jobs)
    return told[:n], told[n:]


def _call(job: Callable[[], Any]) -> Any:
    return job()
