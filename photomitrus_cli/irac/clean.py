"""Second look at every frame, beside the stack of all as seen from it: its outliers, and its objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import blot
from photomitrus_cli.imaging.lanczos import BAD
from photomitrus_cli.imaging.objects import object_mask
from photomitrus_cli.imaging.pixelmap import widened
from photomitrus_cli.imaging.prepared import reprepare
from photomitrus_cli.imaging.reject import RejectRules, find_outliers
from photomitrus_cli.irac.chunks import INNER, OBJECT, Arrays, FrameReader, Ingested, Place, pack
from photomitrus_cli.irac.stack import MARGIN, StackReader, StackTile
from photomitrus_cli.run.checkpoint import Store

Bool = NDArray[np.bool_]


@dataclass(frozen=True)
class Suspect:
    """A frame to be compared.

    Attributes
    ----------
    place : Place
        Where it is kept so far.
    path : str
        Named in errors.
    sky : float
        Level still to be taken off, MJy/sr.
    stack : tuple of (name, window)
        Tiles of the stack that the frame reaches.
    """

    place: Place
    path: str
    sky: float
    stack: tuple[StackTile, ...]


@dataclass(frozen=True)
class CleanTask:
    """A few frames to compare; a unit of work.

    Attributes
    ----------
    name : str
        Of the new checkpoint.
    suspects : tuple of Suspect
    rules : RejectRules or None
        None rejects nothing.
    object_sigma : float
        Objects stand out of a sky of this noise, MJy/sr; the same for all frames, so that no frame has more
        of the sky masked than another. 0 looks for none.
    store : Store
    """

    name: str
    suspects: tuple[Suspect, ...]
    rules: RejectRules | None
    object_sigma: float
    store: Store

    def __str__(self) -> str:
        return ", ".join(one.path for one in self.suspects)


def clean(task: CleanTask) -> list[dict[str, Any]]:
    """Compare the frames of a unit with the stack and save them with their outliers masked.

    Returns
    -------
    list of dict
        For each frame ``map`` and ``n_rejected``.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return list(saved["frames"])
    reader, stack = FrameReader(task.store), StackReader(task.store)
    arrays: Arrays = {}
    metas = []
    for index, suspect in enumerate(task.suspects):
        old = reader.get(suspect.place)
        rejected, objects = compare(old, suspect, task, stack)
        frame = reprepare(old.frame, rejected)
        frame.state[INNER] |= np.where(objects, OBJECT, np.uint8(0))
        own, numbers = pack(index, replace(old, frame=frame))
        arrays |= own | {f"rejected{index}": rejected}
        metas.append({"map": numbers, "n_rejected": int(rejected.sum())})
    task.store.save(task.name, arrays, {"frames": metas})
    return metas


def compare(one: Ingested, suspect: Suspect, task: CleanTask, stack: StackReader) -> tuple[Bool, Bool]:
    """Compare one frame with the stack.

    Returns
    -------
    rejected : ndarray of bool, shape (ny, nx)
        Outliers among the good pixels.
    objects : ndarray of bool, shape (ny, nx)
        Pixels on objects of the stack.
    """
    window = widened(one.pixel_map.bbox, MARGIN)
    ref, ref_var = stack.window(suspect.stack, window)
    # Moved at the few nodes instead of every pixel.
    frame_map = replace(
        one.frame_map, node_x=one.frame_map.node_x - window[2], node_y=one.frame_map.node_y - window[0]
    )
    x, y = frame_map.positions()
    sci = one.frame.sci[INNER] - np.float32(suspect.sky)
    bad = (one.frame.state[INNER] & BAD) != 0
    rejected = objects = np.zeros(bad.shape, dtype=np.bool_)
    seen = None
    if task.rules is not None:
        found = find_outliers(sci, one.frame.var[INNER], bad, ref, ref_var, x, y, task.rules)
        rejected, seen = found.mask, found.blotted
    if task.object_sigma > 0:
        seen = blot(ref, x, y)[0] if seen is None else seen
        objects = object_mask(seen, ~np.isfinite(seen), 0.0, task.object_sigma)
    return rejected, objects
