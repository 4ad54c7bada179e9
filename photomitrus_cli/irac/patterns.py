"""The residual pattern of an observation (delta-dark): what its frames share on the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.lanczos import BAD
from photomitrus_cli.imaging.pattern import centre_pattern, pattern_rows
from photomitrus_cli.irac.chunks import INNER, OBJECT, FrameReader, Place
from photomitrus_cli.run.checkpoint import Store

# Fewer values than this make a pattern of noise.
MIN_FRAMES = 5
_BYTES_PER_VALUE = 5


@dataclass(frozen=True)
class PatternTask:
    """The frames of one observation and exposure time; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    places : tuple of Place
    shape : tuple of int
        (ny, nx) of the frames.
    memory_bytes : int
        What the stack may fill; the pattern does not depend on it.
    store : Store
    """

    name: str
    places: tuple[Place, ...]
    shape: tuple[int, int]
    memory_bytes: int
    store: Store

    def __str__(self) -> str:
        return self.name


def make_pattern(task: PatternTask) -> int:
    """Take the median of the frames of an observation, objects left out, and save it less its own median.

    Returns
    -------
    int
        Number of pixels with a pattern.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return int(saved["n_pixels"])
    ny, nx = task.shape
    rows = max(1, min(ny, task.memory_bytes // (len(task.places) * nx * _BYTES_PER_VALUE)))
    middle = np.empty(task.shape, dtype=np.float32)
    for y in range(0, ny, rows):
        middle[y : y + rows] = _band(task, slice(y, min(y + rows, ny)))
    n_pixels = int(np.isfinite(middle).sum())
    task.store.save(task.name, {"pattern": centre_pattern(middle)}, {"n_pixels": n_pixels})
    return n_pixels


def _band(task: PatternTask, rows: slice) -> NDArray[np.float32]:
    reader = FrameReader(task.store)
    stack = np.empty((len(task.places), rows.stop - rows.start, task.shape[1]), dtype=np.float32)
    use = np.empty(stack.shape, dtype=np.bool_)
    for k, place in enumerate(task.places):
        frame = reader.get(place).frame
        stack[k] = frame.sci[INNER][rows]
        use[k] = (frame.state[INNER][rows] & (BAD | OBJECT)) == 0
    return pattern_rows(stack, use, min_frames=MIN_FRAMES)[0]
