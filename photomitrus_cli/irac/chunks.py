"""Chunks: a few frames of a run in one checkpoint, as every pass over the frames reads and writes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.framemap import FrameMap
from photomitrus_cli.imaging.lanczos import RADIUS, RIGHT_BORDER
from photomitrus_cli.imaging.pixelmap import PixelMap
from photomitrus_cli.imaging.prepared import PreparedFrame
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
    placed : FrameMap or None
        Of the frame's pixels in the mosaic, where the run asks for it.
    saturated : ndarray of int64, shape (n, 2)
        Its saturated pixels, (y, x).
    """

    frame: PreparedFrame
    pixel_map: PixelMap
    placed: FrameMap | None
    saturated: NDArray[np.int64]

    @property
    def frame_map(self) -> FrameMap:
        """Of the frame's pixels in the mosaic."""
        assert self.placed is not None  # noqa: S101 - the rules of reading ask for it where a pass does
        return self.placed


def chunks(items: Sequence[Item]) -> Iterator[tuple[int, Sequence[Item]]]:
    """Cut a sequence into the parts that share a checkpoint; give each with the index of its first item."""
    for start in range(0, len(items), FRAMES_PER_CHUNK):
        yield start, items[start : start + FRAMES_PER_CHUNK]


def pack(index: int, one: Ingested) -> tuple[Arrays, dict[str, Any]]:
    """Give a frame's arrays, under names that carry its number in the chunk, and what to tell of its map."""
    pixel_map, placed = one.pixel_map, one.placed
    (y0, y1, x0, x1), (j0, i0), (ny, nx) = pixel_map.bbox, pixel_map.origin, pixel_map.shape
    # As numbers of one array, because tiles read them again and again.
    numbers = [y0, y1, x0, x1, j0, i0, ny, nx, pixel_map.step, placed.step if placed else 0]
    place_error = placed.max_error_px if placed else np.nan
    arrays: Arrays = {
        f"map{index}": np.array([*numbers, pixel_map.max_error_px, place_error]),
        f"pixels{index}": one.frame.pixels,
        f"state{index}": one.frame.state,
        f"nodes{index}": np.stack([pixel_map.node_x, pixel_map.node_y]),
        f"places{index}": np.stack([placed.node_x, placed.node_y]) if placed else np.empty((2, 0, 0)),
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
    placed = FrameMap(place_step, places[0], places[1], (ny, nx), place_error) if places.size else None
    frame = PreparedFrame(arrays[f"pixels{index}"], arrays[f"state{index}"])
    return Ingested(frame, pixel_map, placed, arrays[f"saturated{index}"])


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
