"""Rejection masks: which pixels of each frame were rejected, one small file a frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from photomitrus_cli.io.atomic import check_folder, remove_stale_parts
from photomitrus_cli.io.fitswrite import image_hdu, write_fits
from photomitrus_cli.irac.passes import Passes, Used
from photomitrus_cli.irac.plan import Plan
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.run.checkpoint import Store

# Files of the product beside the masks: the mosaic and its picture.
N_FILES = 2


@dataclass(frozen=True)
class MaskTask:
    """Masks of the frames of one chunk; a unit of work.

    Attributes
    ----------
    chunk : str
    files : tuple of (index, Path)
        Number of each frame in the chunk, and its file.
    store : Store
    """

    chunk: str
    files: tuple[tuple[int, Path], ...]
    store: Store

    def __str__(self) -> str:
        return ", ".join(str(path) for _, path in self.files)


def with_masks(plan: Plan, frames: Iterable[Frame]) -> Plan:
    """Count the masks of some frames among the product's files where they are asked for."""
    if not plan.settings.rejection_masks:
        return plan
    names = tuple(_name(frame) for frame in frames)
    product = replace(plan.product, files=(*plan.product.files[:N_FILES], *names))
    return replace(plan, product=product)


def _name(frame: Frame) -> str:
    key = frame.key
    return f"ch{key.channel}_rejected/I{key.channel}_{key.aorkey}_{key.expid:04d}_{key.dcenum:04d}_rej.fits"


def write_masks(passes: Passes, used: Sequence[Used]) -> None:
    """Write the masks that are asked for."""
    if not passes.plan.settings.rejection_masks:
        return
    folder = passes.plan.product.folder
    own = folder / _name(used[0].frame).partition("/")[0]
    check_folder(own)
    remove_stale_parts(own)
    by_chunk: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for one in used:
        by_chunk[one.place.chunk].append((one.place.index, folder / _name(one.frame)))
    tasks = [MaskTask(chunk, tuple(files), passes.store) for chunk, files in by_chunk.items()]
    passes.run("masks", write_chunk, tasks)
    # A worker lives on for a moment when its run is killed, and may have died since with a file half written.
    remove_stale_parts(own)


def write_chunk(task: MaskTask) -> int:
    """Write the masks of one chunk: 1 where a pixel was rejected, 0 elsewhere.

    Returns
    -------
    int
        Number of files.
    """
    from astropy.io import fits

    arrays = task.store.require(task.chunk).arrays
    for index, path in task.files:
        mask = arrays[f"rejected{index}"].astype(np.uint8)
        cards = [("CONTENT", "rejected pixels", "1: differs from the stack of all frames")]
        write_fits(path, fits.HDUList([image_hdu("PRIMARY", mask, cards)]))
    return len(task.files)
