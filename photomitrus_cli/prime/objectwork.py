"""Objects of a frame, in the frame and in a first stack; units of work."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from photomitrus_cli.imaging.flatfield import OBJECT
from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.skymasks import mask_on_frame
from photomitrus_cli.prime.skyresidual import NOT_OBJECT, mark_frame
from photomitrus_cli.prime.skyscale import SkyScale
from photomitrus_cli.prime.skywork import BAD, SkyUnits
from photomitrus_cli.prime.stackframes import (
    load_calibrated,
)
from photomitrus_cli.run.checkpoint import Store

# Part of a frame that the masks of the second pass must leave; crowded fields keep those of the first.
_LEAST_BLANK = 0.2
SEEN = "seen"
"""Checkpoint of the objects of the first look at the stack."""


@dataclass(frozen=True)
class ObjectTask:
    """The objects of one frame; a unit of work.

    Attributes
    ----------
    index : int
    store : Store
    sky : SkyUnits
        Of the first pass.
    level : float
        Of the frame, a first guess.
    bad : bool
        Whether the bad pixels are a checkpoint of their own.
    """

    index: int
    store: Store
    sky: SkyUnits
    level: float
    bad: bool

    def __str__(self) -> str:
        return f"objects of frame {self.index}"


def mark_objects_of(task: ObjectTask) -> SkyScale:
    """Find the objects of a frame, and keep its mask with them as ``objects_<index>``.

    Returns
    -------
    SkyScale
        Level and plane of the sky without them.
    """
    name = f"objects_{task.index}"
    saved = task.store.load_meta(name)
    if saved is None:
        values, known = load_calibrated(task.store, task.index)
        mask = known & NOT_OBJECT
        if task.bad:
            mask |= task.store.require(BAD).arrays["mask"]
        sky, rules = task.sky, task.sky.rules
        scale = mark_frame((values, mask), SkyScale(task.level), sky.value(task.store), rules, sky.noise)
        saved = {key: float(one) for key, one in asdict(scale).items()}
        task.store.save(name, {"mask": mask}, saved)
    return SkyScale(**saved)


@dataclass(frozen=True)
class SeenTask:
    """Objects of the stack in one frame; a unit of work.

    Attributes
    ----------
    index : int
    store : Store
    wcs : TanSip or None
        None where nobody knows where the frame looks.
    grid : Grid
        Of the objects.
    """

    index: int
    store: Store
    wcs: TanSip | None
    grid: Grid

    def __str__(self) -> str:
        return f"objects of the stack in frame {self.index}"


def mark_seen(task: SeenTask) -> bool:
    """Add the objects of the stack to those of a frame, and keep its mask as ``objects2_<index>``.

    Returns
    -------
    bool
        Whether they were: not where too little of the frame would be left to tell its sky.
    """
    name = f"objects2_{task.index}"
    saved = task.store.load_meta(name)
    if saved is None:
        mask = task.store.require(f"objects_{task.index}").arrays["mask"]
        marked = mask
        if task.wcs is not None:
            seen = task.store.require(SEEN).arrays["mask"]
            objects = mask_on_frame(seen, frame_map(task.wcs, task.wcs.shape, task.grid))
            marked = mask | (objects.view(np.uint8) * np.uint8(OBJECT))
        left = np.count_nonzero(marked == 0) >= _LEAST_BLANK * marked.size
        saved = {"added": bool(left and task.wcs is not None)}
        task.store.save(name, {"mask": marked if left else mask}, saved)
    return bool(saved["added"])
