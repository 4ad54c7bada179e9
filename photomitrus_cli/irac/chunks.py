"""Chunks: a few frames of a run in one checkpoint, as every pass over the frames reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.lanczos import RADIUS, RIGHT_BORDER
from photomitrus_cli.imaging.mapping import FrameMap, PixelMap
from photomitrus_cli.imaging.resample import PreparedFrame
from photomitrus_cli.run.checkpoint import Checkpoint, Store

Item = TypeVar("Item")
Arrays = dict[str, NDArray[Any]]

# The same for any number of workers, and few enough that ten frames keep two of them busy.
FRAMES_PER_CHUNK = 8
# A bit of PreparedFrame.state beside those of the kernels: pixels of objects, for levels and patterns.
OBJECT = np.uint8(8)
# The frame within the border of PreparedFrame.
INNER = (slice(RADIUS, -RADIUS), slice(RADIUS, -RIGHT_BORDER))


@dataclass(frozen=True)
class Place:
    """Where a frame is kept.

    Attributes
    ----------
    chunk : str
        Name of the checkpoint.
    index : int
        The frame's number in it.
    """

    chunk: str
    index: int


@dataclass(frozen=True, eq=False)
class Ingested:
    """A frame ready to be resampled.

    Attributes
    ----------
    frame : PreparedFrame
    pixel_map : PixelMap
        Of the mosaic's pixels in the frame.
    frame_map : FrameMap
        Of the frame's pixels in the mosaic.
    saturated : ndarray of int64, shape (n, 2)
        Its saturated pixels, (y, x).
    """

    frame: PreparedFrame
    pixel_map: PixelMap
    frame_map: FrameMap
    saturated: NDArray[np.int64]


def chunks(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    """Cut a sequence into the parts that share a checkpoint; give each with the index of its first item."""
    for start in range(0, len(items), FRAMES_PER_CHUNK):
        yield start, items[start : start + FRAMES_PER_CHUNK]


def pack(index: int, one: Ingested) -> tuple[Arrays, dict[str, Any]]:
    """Give a frame's arrays, under names that carry its number in the chunk, and what to tell of its map."""
    pixel_map, frame_map = one.pixel_map, one.frame_map
    (y0, y1, x0, x1), (j0, i0), (ny, nx) = pixel_map.bbox, pixel_map.origin, pixel_map.shape
    # As numbers of one array, because tiles read them again and again.
    numbers = [y0, y1, x0, x1, j0, i0, ny, nx, pixel_map.step, frame_map.step]
    arrays: Arrays = {
        f"map{index}": np.array([*numbers, pixel_map.max_error_px, frame_map.max_error_px]),
        f"pixels{index}": one.frame.pixels,
        f"state{index}": one.frame.state,
        f"nodes{index}": np.stack([pixel_map.node_x, pixel_map.node_y]),
        f"places{index}": np.stack([frame_map.node_x, frame_map.node_y]),
        f"saturated{index}": one.saturated,
    }
    return arrays, {"bbox": [y0, y1, x0, x1], "map_error_px": float(pixel_map.max_error_px)}


def unpack(index: int, arrays: Mapping[str, NDArray[Any]]) -> Ingested:
    """Rebuild a frame from what :func:`pack` gave."""
    nodes, places = arrays[f"nodes{index}"], arrays[f"places{index}"]
    *numbers, map_error, place_error = arrays[f"map{index}"].tolist()
    y0, y1, x0, x1, j0, i0, ny, nx, step, place_step = map(int, numbers)
    pixel_map = PixelMap(
        step=step,
        origin=(j0, i0),
        node_x=nodes[0],
        node_y=nodes[1],
        bbox=(y0, y1, x0, x1),
        shape=(ny, nx),
        max_error_px=map_error,
    )
    frame_map = FrameMap(place_step, places[0], places[1], (ny, nx), place_error)
    frame = PreparedFrame(arrays[f"pixels{index}"], arrays[f"state{index}"])
    return Ingested(frame, pixel_map, frame_map, arrays[f"saturated{index}"])


class FrameReader:
    """Reads frames from their chunks; frames that follow each other share an open checkpoint.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._name = ""
        self._open: Checkpoint | None = None

    def get(self, place: Place) -> Ingested:
        """Give one frame; its arrays are views of the file.

        Raises
        ------
        InputError
            When the checkpoint was damaged since it was written.
        """
        if self._open is None or place.chunk != self._name:
            self._open = self._store.require(place.chunk)
            self._name = place.chunk
        return unpack(place.index, self._open.arrays)
