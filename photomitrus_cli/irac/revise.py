"""Frames once more, with what only all frames together tell: their true positions, their shared pattern."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.lanczos import BAD, SATURATED
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.prepared import PreparedFrame, prepare_frame
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.irac.chunks import INNER, OBJECT, Arrays, FrameReader, Ingested, Place, pack
from photomitrus_cli.run.checkpoint import Store


@dataclass(frozen=True, eq=False)
class Revision:
    """What changes of one frame.

    Attributes
    ----------
    place : Place
        Where it is kept so far.
    path : str
        Named in errors.
    wcs : SkyWcs or None
        Its corrected positions; None keeps the maps as they are.
    pattern : str
        Checkpoint of the pattern to take off; empty for none.
    relevel : bool
        Whether the sky level is measured and taken off again after the pattern.
    """

    place: Place
    path: str
    wcs: SkyWcs | None
    pattern: str
    relevel: bool


@dataclass(frozen=True)
class ReviseTask:
    """A few frames to revise; a unit of work.

    Attributes
    ----------
    name : str
        Of the new checkpoint.
    revisions : tuple of Revision
    grid : Grid
    store : Store
    """

    name: str
    revisions: tuple[Revision, ...]
    grid: Grid
    store: Store

    def __str__(self) -> str:
        return ", ".join(one.path for one in self.revisions)


def revise(task: ReviseTask) -> list[dict[str, Any]]:
    """Revise the frames of a unit and save them under their new name.

    Returns
    -------
    list of dict
        For each frame ``map`` (its new maps), ``level_change`` (MJy/sr) and ``outside`` (whether it no longer
        meets the mosaic).
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return list(saved["frames"])
    reader = FrameReader(task.store)
    arrays: Arrays = {}
    metas = []
    for index, revision in enumerate(task.revisions):
        one, change = _revised(reader.get(revision.place), revision, task)
        own, numbers = pack(index, one)
        arrays |= own
        metas.append({"map": numbers, "level_change": change, "outside": one.pixel_map.empty})
    task.store.save(task.name, arrays, {"frames": metas})
    return metas


def _revised(old: Ingested, revision: Revision, task: ReviseTask) -> tuple[Ingested, float]:
    frame, change = old.frame, 0.0
    if revision.pattern:
        pattern = task.store.require(revision.pattern).arrays["pattern"]
        frame, change = _without_pattern(frame, pattern, relevel=revision.relevel)
    if revision.wcs is None:
        return replace(old, frame=frame), change
    shape = old.pixel_map.shape
    pixel_map = map_frame(revision.wcs, shape, task.grid, path=revision.path)
    return Ingested(frame, pixel_map, frame_map(revision.wcs, shape, task.grid), old.saturated), change


def _without_pattern(
    frame: PreparedFrame, pattern: NDArray[np.float32], *, relevel: bool
) -> tuple[PreparedFrame, float]:
    state = frame.state[INNER]
    bad = (state & BAD) != 0
    sci = frame.sci[INNER] - pattern
    change = 0.0
    if relevel:
        level = masked_median(sci, bad | ((state & OBJECT) != 0))
        change = float(level.level) if level.n_used else 0.0
        sci -= np.float32(change)
    new = prepare_frame(sci, np.ascontiguousarray(frame.var[INNER]), bad, (state & SATURATED) != 0)
    new.state[INNER] |= state & OBJECT
    return new, change
