"""Tiles of a stack: frames resampled and combined by a clipped weighted mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import local_contrast
from photomitrus_cli.imaging.boxes import common_part, widened
from photomitrus_cli.imaging.clip import SOFTENING, clipped_mean
from photomitrus_cli.imaging.clipnear import reject_near
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import Box, PixelMap, map_frame
from photomitrus_cli.imaging.nearest import nearest_flags
from photomitrus_cli.imaging.noise import correlation_factor, large_area_ratio, variance_sums
from photomitrus_cli.imaging.reference import reference_map
from photomitrus_cli.imaging.resample import Resampled, resample_into
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.stackframes import load_ready
from photomitrus_cli.run.checkpoint import Store

TILE = 512
# Pixels around a tile that the contrast of the stack reaches.
_MARGIN = 4
_FEW_FRAMES = 3
# The contrast of noise alone, squared, is seldom more than so many times its mean: that much is no star.
_NOISY = 4.0
# See `photomitrus_cli.imaging.clip.clipped_mean`.
_FEW = 2.0
NO_DATA, FEW_FRAMES, IS_SATURATED = (np.uint8(1 << bit) for bit in range(3))
MASK_BITS = {0: "no data", 1: f"fewer than {_FEW_FRAMES} frames", 2: "a frame is saturated here"}


@dataclass(frozen=True)
class Member:
    """A frame of a stack.

    Attributes
    ----------
    index : int
    ready : str
        Name of its checkpoint, see `photomitrus_cli.prime.stackframes.make_ready`.
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
            inside = tuple(
                one for one in members if common_part(one.pixel_map.bbox, widened(window, _MARGIN))
            )
            tasks.append(TileTask(f"tile{stage}_{y:06d}_{x:06d}", window, inside, clip_sigma, store))
    return tasks


def stack_tile(task: TileTask) -> int:
    """Stack one tile by the median, for a first look at its objects, and keep SCI and NOISE of it.

    Returns
    -------
    int
        Pixels with data.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return int(saved["covered"])
    values, variances, valid, _ = _cube(task, task.window, look=False)
    value, variance, count = reference_map(values, variances, valid)
    covered = int(np.count_nonzero(count))
    task.store.save(task.name, {"SCI": value, "NOISE": np.sqrt(variance)}, {"covered": covered})
    return covered


def combine_tile(task: TileTask) -> int:
    """Combine one tile and keep its planes as a checkpoint.

    Returns
    -------
    int
        Pixels with data.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return int(saved["covered"])
    wide = widened(task.window, _MARGIN)
    values, variances, valid, flags = _cube(task, wide)
    inner = np.s_[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    ref, ref_var, count = reference_map(values, variances, valid)
    contrast = local_contrast(ref, _NOISY * ref_var)
    soft = np.float32(SOFTENING) * contrast * (1.0 + _FEW / np.maximum(count, 1)).astype(np.float32)
    reject_near(values, variances, valid, ref, np.nan_to_num(soft, nan=0.0), task.clip_sigma)
    part = (slice(None), *inner)
    combined = clipped_mean(
        values[part],
        variances[part],
        valid[part],
        [one.weight for one in task.members],
        [one.exptime for one in task.members],
        [large_area_ratio(one.area_ratio, 1.0) for one in task.members],
        contrast=contrast[inner],
        sigma=task.clip_sigma,
    )
    flags = flags[inner]
    flags |= np.where(combined.coverage == 0, NO_DATA, np.uint8(0))
    flags |= np.where(combined.coverage < _FEW_FRAMES, FEW_FRAMES, np.uint8(0))
    covered = int(np.count_nonzero(combined.coverage))
    with np.errstate(divide="ignore"):
        weight = np.where(combined.coverage > 0, np.square(combined.unc) ** -1.0, np.float32(0.0))
    planes: dict[str, NDArray[Any]] = {
        "SCI": combined.sci,
        "NOISE": combined.unc,
        "COV": combined.coverage.astype(np.int16),
        "EXP": combined.exptime,
        "MASK": flags,
        "WEIGHT": weight.astype(np.float32),
    }
    pixel, large = variance_sums(combined)
    task.store.save(task.name, planes, {"covered": covered, "pixel": pixel, "large": large})
    return covered


def correlation_of(tasks: Sequence[TileTask]) -> float:
    """Give the noise of a blank aperture over the root of the sum of NOISE^2 over its pixels.

    Parameters
    ----------
    tasks : sequence of TileTask
        All tiles of a stack, done by `combine_tile`.

    Returns
    -------
    float
        See `photomitrus_cli.imaging.noise.correlation_factor`.
    """
    sums = [task.store.require(task.name).meta for task in tasks]
    return correlation_factor((one["pixel"], one["large"]) for one in sums)


def _cube(
    task: TileTask, wide: Box, *, look: bool = True
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.uint8]]:
    """Resample all frames onto a window, in the light of the stack; look where they are saturated, too."""
    shape = (wide[1] - wide[0], wide[3] - wide[2])
    values = np.empty((len(task.members), *shape), np.float32)
    variances = np.empty_like(values)
    valid = np.zeros(values.shape, np.bool_)
    flags = np.zeros(shape, np.uint8)
    for k, one in enumerate(task.members):
        window = common_part(one.pixel_map.bbox, wide)
        if window is None:
            # It reaches the tile's margin alone.
            continue
        frame, saturated = load_ready(task.store, one.ready)
        out = Resampled(values[k], variances[k], valid[k])
        resample_into(frame, one.pixel_map, window, (wide[0], wide[2]), out)
        inside = np.s_[window[0] - wide[0] : window[1] - wide[0], window[2] - wide[2] : window[3] - wide[2]]
        values[k][inside] *= np.float32(1.0 / one.scale)
        variances[k][inside] *= np.float32(one.scale**-2)
        if one.saturated and look:
            near = nearest_flags(saturated, one.pixel_map, window)
            flags[inside] |= np.where(near, IS_SATURATED, np.uint8(0))
    return values, variances, valid, flags
