"""One tile of the mosaic: every frame that reaches it, resampled and combined."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.combine import ClassMedian, Combined, WeightedMean
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import Box
from photomitrus_cli.imaging.nearest import nearest_flags
from photomitrus_cli.imaging.noise import large_area_ratio, median_remainder_ratio, variance_sums
from photomitrus_cli.imaging.resample import Resampled, resample_frame
from photomitrus_cli.irac.ingest import load_ingested
from photomitrus_cli.run.checkpoint import Store

# Tiles are the same for any number of workers; a frame reaches about four of this size.
TILE = 512
LOW_COVERAGE = 3
# The median rule holds the values of one class on a band of rows: value, variance and flag, 9 bytes each.
_BYTES_PER_VALUE = 9
_CUBE_BYTES = 256_000_000
_FEWEST_ROWS = 16
_FIELDS = tuple(field.name for field in fields(Combined))
NO_DATA, FEW_FRAMES, SATURATED, ESTIMATED = (np.uint8(1 << bit) for bit in range(4))
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
    name : str
        Of its checkpoint.
    bbox : tuple of int
        Output box (y0, y1, x0, x1) the frame can reach.
    weight : float
        Scalar weight of the frame.
    exptime_s : float
    conversion : float
        GAIN / FLUXCONV.
    pixel_area_arcsec2 : float
        Mean solid angle of its pixels.
    estimated : bool
        Whether its uncertainty is an estimate.
    """

    name: str
    bbox: Box
    weight: float
    exptime_s: float
    conversion: float
    pixel_area_arcsec2: float
    estimated: bool


@dataclass(frozen=True)
class TileTask:
    """One tile to combine; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    window : tuple of int
        (y0, y1, x0, x1) in the mosaic.
    members : tuple of Member
        Frames that reach the tile, in frame order.
    rule : {'weighted', 'median-exptime'}
    grid : Grid
    store : Store
    """

    name: str
    window: Box
    members: tuple[Member, ...]
    rule: Literal["weighted", "median-exptime"]
    grid: Grid
    store: Store

    def __str__(self) -> str:
        return f"tile {self.name}"


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


def overlap(a: Box, b: Box) -> Box | None:
    """Give the common part of two boxes (y0, y1, x0, x1), or None."""
    y0, y1, x0, x1 = max(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), min(a[3], b[3])
    return (y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None


def combine_tile(task: TileTask) -> dict[str, float]:
    """Combine one tile and save it as a checkpoint; a saved one of the same run is used as it is.

    Returns
    -------
    dict
        ``pixel`` and ``large``: sums over the tile of the pixel variance and of the large-area variance, from
        which the mosaic's noise-correlation factor is made.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return saved
    shape = (task.window[1] - task.window[0], task.window[3] - task.window[2])
    flags = np.zeros(shape, dtype=np.uint8)
    combined = _weighted(task, flags) if task.rule == "weighted" else _median(task, flags)
    flags |= np.where(combined.coverage == 0, NO_DATA, np.uint8(0))
    flags |= np.where(combined.coverage < LOW_COVERAGE, FEW_FRAMES, np.uint8(0))
    planes: dict[str, NDArray[Any]] = {
        "SCI": combined.sci.astype(np.float32),
        "UNC": combined.unc.astype(np.float32),
        "COV": combined.coverage.astype(np.int16),
        "EXP": combined.exptime.astype(np.float32),
        "STD": combined.std.astype(np.float32),
        "MASK": flags,
    }
    pixel, large = variance_sums(combined)
    meta = {"pixel": pixel, "large": large}
    task.store.save(task.name, planes, meta)
    return meta


def _weighted(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    mean = WeightedMean(flags.shape)
    area = task.grid.scale**2
    for member in task.members:
        window, frame = _resample(task, member, flags)
        mean.add(
            frame.value,
            frame.variance,
            frame.valid,
            member.weight,
            member.exptime_s,
            offset=(window[0] - task.window[0], window[2] - task.window[2]),
            large_ratio=large_area_ratio(member.pixel_area_arcsec2, area),
        )
    return mean.result()


def _median(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    """Combine in bands of rows, so that the cube of one class never takes more than a fixed memory.

    Values do not depend on the window they are computed in, so neither do they on the height of the bands.
    """
    y0, y1, x0, x1 = task.window
    largest = max(Counter(member.exptime_s for member in task.members).values(), default=1)
    rows = max(_FEWEST_ROWS, _CUBE_BYTES // (largest * (x1 - x0) * _BYTES_PER_VALUE))
    bands = []
    for y in range(y0, y1, rows):
        window = (y, min(y + rows, y1), x0, x1)
        inside = tuple(member for member in task.members if overlap(member.bbox, window))
        band = replace(task, window=window, members=inside)
        bands.append(_median_band(band, flags[y - y0 : window[1] - y0]))
    return Combined(*(np.concatenate([getattr(band, name) for band in bands]) for name in _FIELDS))


def _median_band(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    """Combine class by class, so that only one class's frames are in memory."""
    medians = ClassMedian(flags.shape)
    for exptime in sorted({member.exptime_s for member in task.members}):
        members = [member for member in task.members if member.exptime_s == exptime]
        values = np.full((len(members), *flags.shape), np.nan, dtype=np.float32)
        variances = np.full_like(values, np.nan)
        valid = np.zeros(values.shape, dtype=np.bool_)
        for i, member in enumerate(members):
            window, frame = _resample(task, member, flags)
            y, x = window[0] - task.window[0], window[2] - task.window[2]
            inside = (i, slice(y, y + frame.valid.shape[0]), slice(x, x + frame.valid.shape[1]))
            values[inside], variances[inside], valid[inside] = frame.value, frame.variance, frame.valid
        native = float(np.mean([member.pixel_area_arcsec2 for member in members]))
        area = task.grid.scale**2
        medians.add(
            values,
            variances,
            valid,
            [member.conversion for member in members],
            exptime,
            large_ratio=large_area_ratio(native, area),
            remainder_ratio=_remainder_ratio(round(native, 6), area),
        )
    return medians.result()


@lru_cache(maxsize=64)
def _remainder_ratio(native: float, area: float) -> float:
    return median_remainder_ratio(native, area)


def _resample(task: TileTask, member: Member, flags: NDArray[np.uint8]) -> tuple[Box, Resampled]:
    """Interpolate a frame where it meets the tile, and flag what its masks and uncertainty say there."""
    window = overlap(member.bbox, task.window)
    assert window is not None  # noqa: S101 - tasks list only frames that reach their tile
    ingested = load_ingested(task.store, member.name)
    frame = resample_frame(ingested.frame, ingested.pixel_map, window)
    inside = (
        slice(window[0] - task.window[0], window[1] - task.window[0]),
        slice(window[2] - task.window[2], window[3] - task.window[2]),
    )
    if member.estimated:
        flags[inside] |= np.where(frame.valid, ESTIMATED, np.uint8(0))
    if ingested.saturated.any():
        flags[inside] |= np.where(
            nearest_flags(ingested.saturated, ingested.pixel_map, window), SATURATED, np.uint8(0)
        )
    return window, frame
