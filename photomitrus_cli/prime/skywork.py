"""A frame less its sky, of the skies that were made for it; a unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.skyshrink import Structure
from photomitrus_cli.imaging.skystack import SkyPlanes
from photomitrus_cli.prime.frametasks import FrameTask
from photomitrus_cli.prime.skyframes import Sky, joined
from photomitrus_cli.prime.skyresidual import sky_residual
from photomitrus_cli.prime.skyrules import SkyRules, clip_limit, sky_borders
from photomitrus_cli.prime.skyscale import SkyScale
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackframes import (
    NO_STARS,
    as_sources,
    load_calibrated,
    prepared,
    sky_level,
    star_rows,
)
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]

BAD = "bad"
"""Checkpoint of the bad pixels of the detector where the frames tell them."""


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
