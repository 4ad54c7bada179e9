"""Tiles of a stack, and the frames that reach each of them."""

from __future__ import annotations

from dataclasses import dataclass

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.pixelmap import Box, PixelMap, common_part, widened
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.run.checkpoint import Store

TILE = 512

# Pixels around a tile that the contrast of the stack reaches.
MARGIN = 4


@dataclass(frozen=True)
class Member:
    """A frame of a stack.

    Attributes
    ----------
    index : int
    ready : str
        Name of its checkpoint, see `photomitrus_cli.prime.stackframes.prepared`.
    pixel_map : PixelMap
    scale : float
        Its light over that of the stack.
    weight : float
    exptime : float
        Seconds.
    area_ratio : float
        Area of its pixels over that of the stack's.
    saturated : bool
        Whether any of its pixels is.
    """

    index: int
    ready: str
    pixel_map: PixelMap
    scale: float
    weight: float
    exptime: float
    area_ratio: float
    saturated: bool


@dataclass(frozen=True)
class TileTask:
    """One tile; a unit of work.

    Attributes
    ----------
    name : str
        Of its checkpoint.
    window : tuple of int
        (y0, y1, x0, x1) in the stack.
    members : tuple of Member
        Frames that reach it.
    clip_sigma : float
    store : Store
    """

    name: str
    window: Box
    members: tuple[Member, ...]
    clip_sigma: float
    store: Store

    def __str__(self) -> str:
        return self.name


def place_frame(wcs: TanSip, grid: Grid) -> PixelMap:
    """Map the grid of the stack onto a frame."""
    return map_frame(wcs, wcs.shape, grid)


def tile_tasks(
    members: list[Member], grid: Grid, clip_sigma: float, store: Store, stage: str
) -> list[TileTask]:
    """Cut a stack into tiles, the same for any number of workers."""
    ny, nx = grid.shape
    tasks = []
    for y in range(0, ny, TILE):
        for x in range(0, nx, TILE):
            window = (y, min(y + TILE, ny), x, min(x + TILE, nx))
            inside = tuple(one for one in members if common_part(one.pixel_map.bbox, widened(window, MARGIN)))
            tasks.append(TileTask(f"tile{stage}_{y:06d}_{x:06d}", window, inside, clip_sigma, store))
    return tasks
