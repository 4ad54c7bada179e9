"""Images at the resolution of a picture: means of blocks, of frames and of planes in tiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.prime.stacktiles import TileTask
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


def thinned_plane(tiles: Sequence[TileTask], grid: Grid, store: Store, name: str, step: int) -> NDArray[Any]:
    """Give a plane of a stack in blocks of pixels, without putting the whole one together.

    Parameters
    ----------
    tiles : sequence of TileTask
    grid : Grid
    store : Store
    name : str
        ``SCI``, ``COV`` ...
    step : int
        Side of a block.

    Returns
    -------
    ndarray, shape (ceil(ny / step), ceil(nx / step))
        Of numbers that are not whole the mean of each block without NaN, as far as it is in the tile of its
        first pixel; of whole ones this pixel.
    """
    shape = tuple(-(-side // step) for side in grid.shape)
    out: NDArray[Any] | None = None
    for tile in tiles:
        y0, _, x0, _ = tile.window
        part = store.require(tile.name).arrays[name][-y0 % step :, -x0 % step :]
        if not part.size:
            continue
        part = part[::step, ::step] if part.dtype.kind in "iu" else _all_blocks(part, step)
        out = np.empty(shape, part.dtype) if out is None else out
        y, x = -(-y0 // step), -(-x0 // step)
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return np.empty(shape, np.float32) if out is None else out


def _all_blocks(values: Float32, step: int) -> Float32:
    """Average blocks of pixels without NaN; those at the high ends may be smaller."""
    if step == 1:
        return values
    whole = [-(-side // step) * step for side in values.shape]
    padded = np.full(whole, np.nan, np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return block_means([padded], np.isnan(padded), step)[0]


def block_means(planes: Sequence[Float32], bad: Bool, step: int) -> list[Float32]:
    """Average blocks of pixels; rows and columns that fill no block are left out.

    Parameters
    ----------
    planes : sequence of ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
        Pixels that do not count.
    step : int
        Side of a block.

    Returns
    -------
    list of ndarray of float32, shape (ny // step, nx // step)
        NaN where no pixel counts.
    """
    ny, nx = (side // step for side in bad.shape)
    inside = np.s_[: ny * step, : nx * step]
    good = ~bad[inside]
    count = _block_sums(good, step)
    means = []
    for plane in planes:
        total = _block_sums(np.where(good, plane[inside], np.float32(0.0)), step)
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)))
    return means


def _block_sums(values: NDArray[Any], step: int) -> Float32:
    """Sum over blocks: whole rows first, which is four times as fast as both axes at once."""
    ny, nx = values.shape
    rows = values.reshape(ny // step, step, nx).sum(axis=1, dtype=np.float32)
    return np.asarray(rows.reshape(ny // step, nx // step, step).sum(axis=2))
