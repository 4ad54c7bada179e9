"""What workers do for the sky: rows of a sky, objects of a frame, a frame less its sky."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.binning import binned
from photomitrus_cli.imaging.flatfield import OBJECT
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import frame_map
from photomitrus_cli.imaging.skyshrink import Structure
from photomitrus_cli.imaging.skystack import SkyPlanes
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.detect import Sources
from photomitrus_cli.prime.skyframes import NOT_OBJECT, Sky, joined, make_band, mark_frame, sky_residual
from photomitrus_cli.prime.skymasks import mask_on_frame
from photomitrus_cli.prime.skyrules import SkyRules, clip_limit, sky_borders
from photomitrus_cli.prime.skyscale import SkyScale
from photomitrus_cli.prime.stackframes import (
    NO_STARS,
    FrameTask,
    as_sources,
    load_calibrated,
    prepared,
    sky_level,
    star_rows,
)
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]

# Part of a frame that the masks of the second pass must leave; crowded fields keep those of the first.
_LEAST_BLANK = 0.2
BAD = "bad"
"""Checkpoint of the bad pixels of the detector where the frames tell them."""
SEEN = "seen"
"""Checkpoint of the objects of the first look at the stack."""


@dataclass(frozen=True)
class BandTask:
    """Some rows of a sky; a unit of work.

    Attributes
    ----------
    name : str
        Of its checkpoint.
    store : Store
    members : tuple of int
        Numbers of its frames.
    masks : str
        See `photomitrus_cli.prime.stackframes.load_calibrated`.
    bad : bool
        Whether the bad pixels are a checkpoint of their own.
    scales : tuple of SkyScale
        Of its frames.
    first, last, height : int
        Rows of the sky, half open, and how many it has.
    noise : float
        Of a pixel over its level; NaN for no clipping.
    rules : SkyRules
    side : int
        Of the blocks of the frames that are a pixel of the sky.
    """

    name: str
    store: Store
    members: tuple[int, ...]
    masks: str
    bad: bool
    scales: tuple[SkyScale, ...]
    first: int
    last: int
    height: int
    noise: float
    rules: SkyRules
    side: int = 1

    def __str__(self) -> str:
        return self.name


def make_sky_band(task: BandTask) -> bool:
    """Make some rows of a sky and keep them.

    Returns
    -------
    bool
        True.
    """
    if task.store.load_meta(task.name) is None:
        part = np.s_[task.first * task.side : task.last * task.side]
        bad = task.store.require(BAD).arrays["mask"][part] if task.bad else None
        frames = []
        for index in task.members:
            values, mask = load_calibrated(task.store, index, task.masks)
            mask = mask[part] if bad is None else mask[part] | bad
            frames.append(binned(values[part], mask, task.side))
        shape = frames[0][0].shape
        planes = SkyPlanes(*(np.empty(shape, kind) for kind in (np.float32, np.float32, np.uint8)))
        place = (task.first, task.height)
        structure = make_band(frames, task.scales, place, task.noise, task.rules, planes)
        arrays: dict[str, NDArray[Any]] = {"value": planes.value}
        if task.rules.leave_out:
            arrays |= {"centre": planes.centre, "count": planes.count}
        if structure is not None:
            arrays["structure"] = structure.variance
        task.store.save(task.name, arrays, {})
    return True


@dataclass(frozen=True)
class SkyUnits:
    """A sky whose rows are kept.

    Attributes
    ----------
    bands : tuple of str
        Names of their checkpoints, from above to below.
    members : tuple of int
        Numbers of its frames in the plan.
    shape : tuple of int
    noise : float
        See `BandTask`.
    rules : SkyRules
    """

    bands: tuple[str, ...]
    members: tuple[int, ...]
    shape: tuple[int, int]
    noise: float
    rules: SkyRules

    def load(self, store: Store) -> Sky:
        """Put the rows together."""
        planes = SkyPlanes(
            self.value(store),
            joined_rows(store, self.bands, "centre", self.shape, np.float32),
            joined_rows(store, self.bands, "count", self.shape, np.uint8),
        )
        variances = [store.require(name).arrays.get("structure") for name in self.bands]
        borders = sky_borders(self.shape[1], self.rules)
        structures = [
            None if one is None else Structure(one, self.noise**2, self.rules.fewest + 1, borders)
            for one in variances
        ]
        return Sky(planes, self.members, clip_limit(self.noise, self.rules), joined(structures))

    def value(self, store: Store) -> Float32:
        """Put the rows of the values together."""
        return joined_rows(store, self.bands, "value", self.shape, np.float32)


def joined_rows(
    store: Store, bands: tuple[str, ...], name: str, shape: tuple[int, int], kind: type[np.generic]
) -> NDArray[Any]:
    """Put the rows of a plane together."""
    out, first = np.empty(shape, kind), 0
    for band in bands:
        rows = store.require(band).arrays[name]
        out[first : first + rows.shape[0]] = rows
        first += rows.shape[0]
    return out


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


@dataclass(frozen=True)
class SkyTask:
    """One frame whose sky is to be subtracted; a unit of work.

    Attributes
    ----------
    name : str
        Of its checkpoint.
    frame : FrameTask
    scale : SkyScale
    sky : SkyUnits
        Without rows for a mesh alone.
    masks : str
        See `photomitrus_cli.prime.stackframes.load_calibrated`.
    stars : bool
        Whether stars are to be found.
    side : int
        See `photomitrus_cli.prime.stackframes.prepared`.
    """

    name: str
    frame: FrameTask
    scale: SkyScale
    sky: SkyUnits
    masks: str
    stars: bool
    side: int

    def __str__(self) -> str:
        return str(self.frame)


@dataclass(frozen=True)
class Subtracted:
    """A frame less its sky.

    Attributes
    ----------
    numbers : mapping
        ``level``, ``background`` and ``rms``, units of the frame.
    saturated : bool
        Whether any of its pixels is.
    sources : Sources
        Its stars; none where they were not looked for.
    """

    numbers: Mapping[str, Any]
    saturated: bool
    sources: Sources


def subtract_frame(task: SkyTask) -> Subtracted:
    """Subtract the sky of a frame, find its stars, and keep it ready for resampling.

    Returns
    -------
    Subtracted
    """
    store, one = task.frame.store, task.frame
    known = store.load(task.name)
    if known is not None:
        meta = known.meta
        rows = known.arrays["stars"]
    else:
        sky = task.sky.load(store) if task.sky.bands else None
        pair = load_calibrated(store, one.index, task.masks)
        residual = sky_residual(one.index, pair, task.scale, sky, task.sky.rules)
        # It is large, and no longer needed.
        del sky
        rows = star_rows(one, residual) if task.stars else NO_STARS
        arrays, saturated = prepared(one, residual, task.side)
        meta = {
            "level": sky_level(residual),
            "background": float(residual.background),
            "rms": float(residual.rms),
            "saturated": saturated,
        }
        store.save(task.name, arrays | {"stars": rows}, meta)
    numbers = {key: meta[key] for key in ("level", "background", "rms")}
    return Subtracted(numbers, bool(meta["saturated"]), as_sources(rows))
