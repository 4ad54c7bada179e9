"""The tiles of a stack combined: frames resampled, and their clipped weighted mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import local_contrast
from photomitrus_cli.imaging.clip import SOFTENING, clipped_mean
from photomitrus_cli.imaging.clipnear import reject_near
from photomitrus_cli.imaging.nearest import nearest_flags
from photomitrus_cli.imaging.noise import correlation_factor, large_area_ratio, variance_sums
from photomitrus_cli.imaging.pixelmap import Box, common_part, widened
from photomitrus_cli.imaging.reference import reference_map
from photomitrus_cli.imaging.resample import Resampled, resample_into
from photomitrus_cli.prime.stackframes import load_ready
from photomitrus_cli.prime.stacktiles import MARGIN, TileTask

_Tile = tuple[dict[str, NDArray[Any]], dict[str, Any]]

_FEW_FRAMES = 3
# The contrast of noise alone, squared, is seldom more than so many times its mean: that much is no star.
_NOISY = 4.0
# See `photomitrus_cli.imaging.clip.clipped_mean`.
_FEW = 2.0
NO_DATA, FEW_FRAMES, IS_SATURATED = (np.uint8(1 << bit) for bit in range(3))
MASK_BITS = {0: "no data", 1: f"fewer than {_FEW_FRAMES} frames", 2: "a frame is saturated here"}


def stack_tile(task: TileTask) -> int:
    """Stack one tile by the median, for a first look at its objects, and keep SCI and NOISE of it.

    Returns
    -------
    int
        Pixels with data.
    """
    return _once(task, _looked_at)


def _looked_at(task: TileTask) -> _Tile:
    values, variances, valid, _ = _cube(task, task.window, look=False)
    value, variance, count = reference_map(values, variances, valid)
    return {"SCI": value, "NOISE": np.sqrt(variance)}, {"covered": int(np.count_nonzero(count))}


def combine_tile(task: TileTask) -> int:
    """Combine one tile and keep its planes as a checkpoint.

    Returns
    -------
    int
        Pixels with data.
    """
    return _once(task, _combined)


def _combined(task: TileTask) -> _Tile:
    wide = widened(task.window, MARGIN)
    values, variances, valid, flags = _cube(task, wide)
    inner = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
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
    return planes, {"covered": covered, "pixel": pixel, "large": large}


def _once(task: TileTask, make: Callable[[TileTask], _Tile]) -> int:
    """Make a tile and keep it, unless it is there; give its pixels with data."""
    saved = task.store.load_meta(task.name)
    if saved is None:
        planes, saved = make(task)
        task.store.save(task.name, planes, saved)
    return int(saved["covered"])


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
