"""A band of rows of a sky, made of the other frames; a unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.binning import binned
from photomitrus_cli.imaging.skystack import SkyPlanes
from photomitrus_cli.prime.skyframes import make_band
from photomitrus_cli.prime.skyrules import SkyRules
from photomitrus_cli.prime.skyscale import SkyScale
from photomitrus_cli.prime.skywork import BAD
from photomitrus_cli.prime.stackframes import (
    load_calibrated,
)
from photomitrus_cli.run.checkpoint import Store


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
