"""The tiles of a mosaic: which frames reach each, and how they are to be combined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.irac.chunks import Place
from photomitrus_cli.irac.stack import StackTile
from photomitrus_cli.run.checkpoint import Store

# Tiles are the same for any number of workers; a frame reaches about six of this size.
TILE = 384
LOW_COVERAGE = 3
NO_DATA, FEW_FRAMES, IS_SATURATED, ESTIMATED = (np.uint8(1 << bit) for bit in range(4))
MASK_BITS = {
    0: "no data",
    1: f"fewer than {LOW_COVERAGE} frames",
    2: "a frame is saturated here",
    3: "an estimated uncertainty contributes",
}


@dataclass(frozen=True)
class Member:
    """What combining needs to know of a frame.

    Attributes
    ----------
    place : Place
        Where it is kept.
    bbox : tuple of int
        Output box (y0, y1, x0, x1) the frame can reach.
    weight : float
        Scalar weight of the frame.
    sky : float
        Level still to be taken off, MJy/sr.
    exptime_s : float
    conversion : float
        GAIN / FLUXCONV.
    pixel_area_arcsec2 : float
        Mean solid angle of its pixels.
    estimated : bool
        Whether its uncertainty is an estimate.
    saturated : bool
        Whether any of its pixels is saturated.
    """

    place: Place
    bbox: Box
    weight: float
    sky: float
    exptime_s: float
    conversion: float
    pixel_area_arcsec2: float
    estimated: bool
    saturated: bool


@dataclass(frozen=True)
class TileRules:
    """How frames are resampled and combined.

    Attributes
    ----------
    combine : {'weighted', 'clipped', 'median-exptime'}
    resample : {'lanczos3', 'drizzle'}
    pixfrac : float
        Of drizzle.
    clip_sigma : float
        Of the clipped mean.
    memory_bytes : int
        What the cubes of a tile may fill; results do not depend on it.
    """

    combine: Literal["weighted", "clipped", "median-exptime"]
    resample: Literal["lanczos3", "drizzle"]
    pixfrac: float
    clip_sigma: float
    memory_bytes: int


@dataclass(frozen=True)
class TileTask:
    """One tile to stack or combine; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    window : tuple of int
        (y0, y1, x0, x1) in the mosaic.
    members : tuple of Member
        Frames that reach the tile, in frame order.
    rules : TileRules
    grid : Grid
    store : Store
    stack : tuple of (name, window)
        Tiles of the stack around it, where there is one.
    """

    name: str
    window: Box
    members: tuple[Member, ...]
    rules: TileRules
    grid: Grid
    store: Store
    stack: tuple[StackTile, ...] = ()

    def __str__(self) -> str:
        return f"tile {self.name}"

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the tile."""
        return self.window[1] - self.window[0], self.window[3] - self.window[2]


def tile_windows(shape: tuple[int, int]) -> list[Box]:
    """Cut a mosaic into tiles.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    list of (y0, y1, x0, x1)
    """
    ny, nx = shape
    return [
        (y, min(y + TILE, ny), x, min(x + TILE, nx)) for y in range(0, ny, TILE) for x in range(0, nx, TILE)
    ]
