"""The unknowns of a joint calibration, where its samples belong, and threads that share the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointpriors import SkyLevel

Floats = NDArray[np.float64]

# Parts in which samples are added up, whatever the number of threads, so that sums have one order.
N_PARTS = 4


@dataclass(frozen=True, slots=True)
class Design:
    """What does not change from one linearisation to the next.

    Attributes
    ----------
    first : ndarray of int64, shape (S + 1,)
    index : ndarray of int32, shape (n,)
    node : ndarray of uint8, shape (n,)
        The offset before the sample.
    part : ndarray of float32, shape (n,)
        How far it is towards the next one, 0 to 1.
    modes : ndarray of float32, shape (n, J)
        Template modes, MJy/sr.
    n_nodes : int
        Offsets per scan, K.
    n_pixels : int
        P.
    """

    first: NDArray[np.int64]
    index: NDArray[np.int32]
    node: NDArray[np.uint8]
    part: NDArray[np.float32]
    modes: NDArray[np.float32]
    n_nodes: int
    n_pixels: int

    @property
    def n_scans(self) -> int:
        """Number of scans."""
        return len(self.first) - 1

    def parts(self) -> list[tuple[int, int]]:
        """Give ranges of scans with about equal numbers of samples."""
        wanted = np.linspace(0, self.first[-1], N_PARTS + 1)[1:-1]
        edges = [0, *np.searchsorted(self.first, wanted).tolist(), self.n_scans]
        return [(a, b) for a, b in pairwise(edges) if b > a]


@dataclass(frozen=True, slots=True)
class Unknowns:
    """A point, or a direction, in the space of the unknowns.

    Attributes
    ----------
    log_gain : ndarray, shape (S,)
    nodes : ndarray, shape (S, K)
        DN.
    amplitudes : ndarray, shape (J,)
    smooth : tuple of ndarray
        Of each level of the smooth sky, MJy/sr times its scale.
    """

    log_gain: Floats
    nodes: Floats
    amplitudes: Floats
    smooth: tuple[Floats, ...]

    def flat(self) -> Floats:
        """Give one vector."""
        return np.concatenate([self.log_gain, self.nodes.ravel(), self.amplitudes, *self.smooth])


def unflatten(flat: Floats, design: Design, levels: tuple[SkyLevel, ...]) -> Unknowns:
    """Undo `Unknowns.flat`; the arrays are views."""
    n_scans, n_nodes, n_modes = design.n_scans, design.n_nodes, design.modes.shape[1]
    sizes = [n_scans, n_scans * n_nodes, n_modes, *(level.n_blocks for level in levels)]
    ends = np.cumsum(sizes)
    gain, nodes, amplitudes, *smooth = np.split(flat, ends[:-1])
    return Unknowns(gain, nodes.reshape(n_scans, n_nodes), amplitudes, tuple(smooth))


def smooth_sky(smooth: tuple[Floats, ...], levels: tuple[SkyLevel, ...], n_pixels: int) -> Floats:
    """Evaluate the smooth sky, MJy/sr, shape (P,)."""
    total = np.zeros(n_pixels)
    for values, level in zip(smooth, levels, strict=True):
        total += level.sky(values)
    return total


class Threads:
    """A pool that runs a function on the parts of the samples."""

    def __init__(self, pool: ThreadPoolExecutor | None, parts: list[tuple[int, int]]) -> None:
        self._pool = pool
        self.parts = parts

    def run(self, work: Callable[[int, int, int], None]) -> None:
        """Call ``work(part, start, stop)`` for every part."""
        jobs = [(k, *bounds) for k, bounds in enumerate(self.parts)]
        if self._pool is None:
            for job in jobs:
                work(*job)
            return
        for future in [self._pool.submit(work, *job) for job in jobs]:
            future.result()


@contextmanager
def threads(design: Design, workers: int) -> Iterator[Threads]:
    """Open a pool of threads; kernels do not hold the interpreter's lock.

    Parameters
    ----------
    design : Design
    workers : int
    """
    parts = design.parts()
    if min(workers, len(parts)) < 2:
        yield Threads(None, parts)
        return
    with ThreadPoolExecutor(min(workers, len(parts))) as pool:
        yield Threads(pool, parts)
