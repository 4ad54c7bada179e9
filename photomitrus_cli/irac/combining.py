"""One tile of the mosaic: every frame that reaches it, resampled, and stacked or combined."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import local_contrast
from photomitrus_cli.imaging.classmedian import ClassMedian
from photomitrus_cli.imaging.clip import SOFTENING, clipped_mean
from photomitrus_cli.imaging.combine import Combined, WeightedMean
from photomitrus_cli.imaging.drizzle import drizzle_frame
from photomitrus_cli.imaging.drizzlenoise import drizzle_noise_sums
from photomitrus_cli.imaging.lanczos import BAD
from photomitrus_cli.imaging.nearest import few_flags, nearest_flags
from photomitrus_cli.imaging.noise import (
    drizzle_large_ratio,
    large_area_ratio,
    median_remainder_ratio,
    variance_sums,
)
from photomitrus_cli.imaging.pixelmap import Box, common_part, widened
from photomitrus_cli.imaging.reference import reference_map
from photomitrus_cli.imaging.resample import Resampled, resample_frame, resample_into
from photomitrus_cli.irac.chunks import INNER, FrameReader, Ingested, Place
from photomitrus_cli.irac.stack import MARGIN, stack_window
from photomitrus_cli.irac.tiles import (
    ESTIMATED,
    FEW_FRAMES,
    IS_SATURATED,
    LOW_COVERAGE,
    NO_DATA,
    Member,
    TileTask,
)

# Of a cube of frames in memory: value, variance, flag, and share where there is one.
_BYTES_PER_VALUE = 13
_FEWEST_ROWS = 8
_STACK_BYTES = 32 * 2**20
# Every open chunk takes a file descriptor, of which processes often have 1024.
_MOST_OPEN = 256
# By what share of the contrast of the stack good frames may differ: a drizzled value is that of a whole pixel
# of the frame, wherever in it.
_SOFTENING = {"lanczos3": SOFTENING, "drizzle": 1.0}
_FIELDS = tuple(field.name for field in fields(Combined))


def stack_tile(task: TileTask) -> int:
    """Stack one tile robustly, as the reference that single frames are compared with, and save it.

    Returns
    -------
    int
        Number of its pixels with data.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return int(saved["n"])
    ref = np.empty(task.shape, dtype=np.float32)
    ref_var = np.empty(task.shape, dtype=np.float32)
    n = 0
    frames = _Frames(task)
    bands = list(_bands(_of_memory(task, _STACK_BYTES), len(task.members)))
    largest = max((len(band.members) * math.prod(band.shape) for band, _ in bands), default=0)
    # The same memory for all bands, and so little that it stays near the processor.
    room, flags = np.empty((2, largest), dtype=np.float32), np.empty(largest, dtype=np.bool_)
    for band, rows in bands:
        ref[rows], ref_var[rows], count = reference_map(*_stack_cube(band, frames, room, flags))
        n += int((count > 0).sum())
    task.store.save(task.name, {"ref": ref, "ref_var": ref_var}, {"n": n})
    return n


class _Frames:
    """The frames of a tile, open as long as it is worked on unless they are too many for the system."""

    def __init__(self, task: TileTask) -> None:
        self._reader = FrameReader(task.store)
        few = task.members[:_MOST_OPEN]
        self._open = {member.place: self._reader.get(member.place) for member in few}

    def get(self, place: Place) -> Ingested:
        """Give one frame; its arrays are views of the file."""
        one = self._open.get(place)
        return self._reader.get(place) if one is None else one


def _stack_cube(
    task: TileTask, frames: _Frames, room: NDArray[np.float32], flags: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Resample frames onto a band of a tile: values less their sky, variances, validity, in given memory."""
    shape = (len(task.members), *task.shape)
    size = math.prod(shape)
    values, variances = (part[:size].reshape(shape) for part in room)
    valid = flags[:size].reshape(shape)
    valid[:] = False
    corner = (task.window[0], task.window[2])
    for k, member in enumerate(task.members):
        window, one = _window(task, member), frames.get(member.place)
        out = Resampled(values[k], variances[k], valid[k])
        resample_into(one.frame, one.pixel_map, window, corner, out)
        values[k][_inside(task, window)] -= np.float32(member.sky)
    return values, variances, valid


def combine_tile(task: TileTask) -> dict[str, float]:
    """Combine one tile and save it as a checkpoint; a saved one of the same run is used as it is.

    Returns
    -------
    dict
        ``pixel`` and ``large``: sums over the tile of the pixel variance and of the large-area variance, from
        which the mosaic's noise-correlation factor is made; ``covered``: pixels with data; ``most``: frames
        on the pixel with most of them.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return saved
    flags = np.zeros(task.shape, dtype=np.uint8)
    combined = _RULES[task.rules.combine](task, flags)
    flags |= np.where(combined.coverage == 0, NO_DATA, np.uint8(0))
    flags |= np.where(combined.coverage < LOW_COVERAGE, FEW_FRAMES, np.uint8(0))
    planes: dict[str, NDArray[Any]] = {
        "SCI": combined.sci,
        "UNC": combined.unc,
        "COV": combined.coverage.astype(np.int16),
        "EXP": combined.exptime,
        "STD": combined.std,
        "MASK": flags,
    }
    covered, most = int((combined.coverage > 0).sum()), int(combined.coverage.max(initial=0))
    pixel, large = variance_sums(combined)
    if task.rules.resample == "drizzle" and task.rules.combine != "median-exptime":
        # Shallow parts have more holes between the drops: tiles count by their area, not by their noise.
        pixel, large = float(covered), covered * _drizzled_ratio(task)
    meta = {"pixel": pixel, "large": large, "covered": covered, "most": most}
    task.store.save(task.name, planes, meta)
    return meta


def _weighted(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    mean = WeightedMean(task.shape)
    reader = FrameReader(task.store)
    corner = (task.window[0], task.window[2])
    for member in task.members:
        window = _window(task, member)
        one = reader.get(member.place)
        ratio = _large_ratio(task, member)
        if task.rules.resample == "lanczos3":
            mean.add_frame(
                one.frame, one.pixel_map, window, member.weight, member.exptime_s,
                corner=corner, offset_value=member.sky, large_ratio=ratio,
            )  # fmt: skip
            _flag(task, member, one, window, flags)
            continue
        found = _resample(task, one, window)
        _flag(task, member, one, window, flags)
        mean.add(
            found.value - np.float32(member.sky), found.variance, found.valid, member.weight,
            member.exptime_s,
            offset=(window[0] - corner[0], window[2] - corner[1]), large_ratio=ratio, share=found.share,
        )  # fmt: skip
    return mean.result()


def _drizzled_ratio(task: TileTask) -> float:
    """Give large-area over pixel variance of a weighted mean of drizzled frames.

    Holes between the drops make it larger than the formula for even coverage says.
    """
    reader = FrameReader(task.store)
    weights = np.zeros(task.shape)
    shown = []
    for member in task.members:
        window = _window(task, member)
        one = reader.get(member.place)
        found = _resample(task, one, window)
        assert found.share is not None  # noqa: S101 - drizzled
        weights[_inside(task, window)] += member.weight * np.where(found.valid, found.share, 0.0)
        shown.append((member, window, one))
    sums = np.zeros(2)
    for member, window, one in shown:
        x, y = one.frame_map.positions()
        var = np.ascontiguousarray(one.frame.var[INNER])
        bad = (one.frame.state[INNER] & BAD) != 0
        share = weights[_inside(task, window)]
        sums += drizzle_noise_sums(
            var, bad, x, y, window, share, pixfrac=task.rules.pixfrac, weight=member.weight
        )
    return float(sums[1] / sums[0]) if sums[0] > 0 else 1.0


def _clipped(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    parts = []
    contrast = local_contrast(*stack_window(task.store, task.stack, widened(task.window, MARGIN)))
    contrast = contrast[MARGIN:-MARGIN, MARGIN:-MARGIN]
    for band, rows in _bands(task, len(task.members)):
        members = band.members
        values, variances, valid, shares = _cube(band, members, flags[rows])
        parts.append(
            clipped_mean(
                values,
                variances,
                valid,
                np.array([member.weight for member in members]),
                np.array([member.exptime_s for member in members]),
                np.array([_large_ratio(task, member) for member in members]),
                shares=shares,
                contrast=contrast[rows],
                sigma=task.rules.clip_sigma,
                softening=_SOFTENING[task.rules.resample],
            )
        )
    return _joined(parts)


def _median(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    return _joined([_median_band(band, flags[rows]) for band, rows in _bands(task, _largest_class(task))])


_RULES = {"weighted": _weighted, "clipped": _clipped, "median-exptime": _median}


def _bands(task: TileTask, depth: int) -> Iterator[tuple[TileTask, slice]]:
    """Cut a tile into bands of rows, so that a cube of ``depth`` frames stays within its memory.

    Values do not depend on the window they are computed in, so neither do they on the height of the bands.
    """
    y0, y1, x0, x1 = task.window
    rows = max(_FEWEST_ROWS, task.rules.memory_bytes // (max(1, depth) * (x1 - x0) * _BYTES_PER_VALUE))
    for y in range(y0, y1, rows):
        window = (y, min(y + rows, y1), x0, x1)
        inside = tuple(member for member in task.members if common_part(member.bbox, window))
        yield replace(task, window=window, members=inside), slice(y - y0, window[1] - y0)


def _of_memory(task: TileTask, most: int) -> TileTask:
    """Limit the memory of a tile's cubes."""
    return replace(task, rules=replace(task.rules, memory_bytes=min(task.rules.memory_bytes, most)))


def _joined(parts: list[Combined]) -> Combined:
    return Combined(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))


def _largest_class(task: TileTask) -> int:
    times = [member.exptime_s for member in task.members]
    return max((times.count(one) for one in set(times)), default=1)


def _cube(
    task: TileTask, members: Sequence[Member], flags: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32] | None]:
    """Resample frames onto the whole of a tile: values less their sky, variances, validity, shares if any."""
    values = np.full((len(members), *task.shape), np.nan, dtype=np.float32)
    variances = np.full_like(values, np.nan)
    valid = np.zeros(values.shape, dtype=np.bool_)
    shares = np.zeros_like(values) if task.rules.resample == "drizzle" else None
    reader = FrameReader(task.store)
    for k, member in enumerate(members):
        window = _window(task, member)
        one = reader.get(member.place)
        found = _resample(task, one, window)
        _flag(task, member, one, window, flags)
        inside = (k, *_inside(task, window))
        values[inside] = found.value - np.float32(member.sky)
        variances[inside], valid[inside] = found.variance, found.valid
        if shares is not None and found.share is not None:
            shares[inside] = found.share
    return values, variances, valid, shares


def _median_band(task: TileTask, flags: NDArray[np.uint8]) -> Combined:
    """Combine class by class, so that only one class's frames are in memory."""
    medians = ClassMedian(task.shape)
    area = task.grid.scale**2
    for exptime in sorted({member.exptime_s for member in task.members}):
        members = [member for member in task.members if member.exptime_s == exptime]
        native = float(np.mean([member.pixel_area_arcsec2 for member in members]))
        medians.add(
            *_cube(task, members, flags)[:3],
            [member.conversion for member in members],
            exptime,
            large_ratio=float(np.mean([_large_ratio(task, member) for member in members])),
            remainder_ratio=_remainder_ratio(round(native, 6), area),
        )
    return medians.result()


@lru_cache(maxsize=64)
def _remainder_ratio(native: float, area: float) -> float:
    return median_remainder_ratio(native, area)


def _large_ratio(task: TileTask, member: Member) -> float:
    native, area = member.pixel_area_arcsec2, task.grid.scale**2
    if task.rules.resample == "drizzle":
        return drizzle_large_ratio(native, area, task.rules.pixfrac)
    return large_area_ratio(native, area)


def _window(task: TileTask, member: Member) -> Box:
    window = common_part(member.bbox, task.window)
    assert window is not None  # noqa: S101 - tasks list only frames that reach their tile
    return window


def _inside(task: TileTask, window: Box) -> tuple[slice, slice]:
    """Give the place of a window in the arrays of its tile."""
    y, x = task.window[0], task.window[2]
    return slice(window[0] - y, window[1] - y), slice(window[2] - x, window[3] - x)


def _resample(task: TileTask, one: Ingested, window: Box) -> Resampled:
    if task.rules.resample == "lanczos3":
        return resample_frame(one.frame, one.pixel_map, window)
    x, y = one.frame_map.positions()
    sci, var = (np.ascontiguousarray(plane[INNER]) for plane in (one.frame.sci, one.frame.var))
    bad = (one.frame.state[INNER] & BAD) != 0
    return drizzle_frame(sci, var, bad, x, y, window, pixfrac=task.rules.pixfrac)


def _flag(task: TileTask, member: Member, one: Ingested, window: Box, flags: NDArray[np.uint8]) -> None:
    """Flag what a frame's masks and uncertainty say of a window, by the nearest pixel."""
    inside = _inside(task, window)
    if member.estimated:
        near = nearest_flags((one.frame.state[INNER] & BAD) == 0, one.pixel_map, window)
        flags[inside] |= np.where(near, ESTIMATED, np.uint8(0))
    if member.saturated:
        near = few_flags(one.saturated, one.pixel_map, one.frame_map, window)
        flags[inside] |= np.where(near, IS_SATURATED, np.uint8(0))
