"""Binning against loops, layers against scipy, the block solver against the dense pseudo-inverse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from photomitrus_cli.imaging.celltable import tabulate
from photomitrus_cli.imaging.laplacian import Factors
from photomitrus_cli.imaging.levelfit import HUBER, TUKEY, robust_offsets
from photomitrus_cli.imaging.overlap import bin_frame, solve_overlap

Float = NDArray[np.float64]
Frames = list[tuple[NDArray[np.int64], Float, Float]]


def test_binning() -> None:
    rng = np.random.default_rng(1)
    shape = (40, 37)
    sci, var = rng.normal(5.0, 1.0, shape).astype(np.float32), rng.uniform(0.5, 2.0, shape).astype(np.float32)
    use = rng.random(shape) < 0.7
    y, x = np.mgrid[: shape[0], : shape[1]] * 2.03
    gx, gy = 0.8 * x - 0.6 * y + 20.0, 0.6 * x + 0.8 * y - 5.0
    cell, mean, weight = bin_frame(sci, var, use, gx, gy, 7.5, 10, min_pixels=3)
    column, row = np.floor((gx + 0.5) / 7.5).astype(int), np.floor((gy + 0.5) / 7.5).astype(int)
    inside = use & (column >= 0) & (column < 10) & (row >= 0)
    expected = {}
    for number in np.unique((row * 10 + column)[inside]):
        here = inside & (row * 10 + column == number)
        if here.sum() >= 3:
            expected[number] = (sci[here].mean(dtype=float), here.sum() ** 2 / var[here].sum(dtype=float))
    assert cell.tolist() == list(expected)
    np.testing.assert_allclose(np.stack([mean, weight], axis=1), list(expected.values()), rtol=1e-12)


def chain(seed: int, n: int, reach: int) -> Frames:
    """Frames that see stretches of a strip of cells in a random order, with gaps in the strip."""
    rng = np.random.default_rng(seed)
    frames = []
    for first in rng.permutation(n) * 5:
        cell = np.arange(first, first + reach)
        cell = cell[(rng.random(reach) < 0.8) & (cell % 100 < 60)]
        weight = rng.uniform(10.0, 200.0, cell.size)
        mean = np.sin(cell) + rng.normal(0.0, 5.0) + rng.normal(0.0, 1.0, cell.size) / np.sqrt(weight)
        frames.append((cell, mean + np.where(rng.random(cell.size) < 0.05, 20.0, 0.0), weight))
    return frames


def dense(frames: Frames) -> Float:
    """Laplacian from the design matrix: projected off the space of the skies."""
    cells = np.unique(np.concatenate([cell for cell, _, _ in frames]))
    incidence = np.zeros((len(frames), cells.size))
    for f, (cell, _, weight) in enumerate(frames):
        incidence[f, np.searchsorted(cells, cell)] = weight
    return np.asarray(np.diag(incidence.sum(axis=1)) - (incidence / incidence.sum(axis=0)) @ incidence.T)


def projector(component: NDArray[np.int64]) -> Float:
    same = component[:, None] == component
    return np.asarray(np.eye(component.size) - same / same.sum(axis=1))


@pytest.mark.parametrize(("seed", "reach"), [(1, 30), (2, 12), (3, 300)])
def test_layers_and_blocks(seed: int, reach: int) -> None:
    frames = chain(seed, 60, reach)
    table, layers = tabulate(frames)
    expected = dense(frames)
    n_groups, group = connected_components(coo_array(np.abs(expected) > 1e-9), directed=False)
    np.testing.assert_array_equal(layers.component, group)
    assert n_groups > 1 or reach == 300
    assert np.diff(layers.starts).sum() == 60
    factors = Factors(layers, table.normal_matrix(layers))
    inverse = np.linalg.pinv(expected, rcond=1e-10)
    np.testing.assert_allclose(factors.variances(), np.diag(inverse), rtol=1e-8, atol=1e-12)
    right = projector(group) @ np.random.default_rng(seed).normal(size=60)
    np.testing.assert_allclose(factors.solve(right), inverse @ right, atol=1e-9)


def reweighted(frames: Frames, scale: float, *, loops: int) -> Float:
    """Huber's fit and on to Tukey's, at a given scale, by dense reweighted least squares."""
    cells = np.unique(np.concatenate([cell for cell, _, _ in frames]))
    shape = (len(frames), cells.size)
    value, weight = np.zeros(shape), np.zeros(shape)
    for f, (cell, mean, inverse) in enumerate(frames):
        at = np.searchsorted(cells, cell)
        value[f, at], weight[f, at] = mean, inverse
    many = (weight > 0).sum(axis=0) > 1
    value, weight = value[:, many], weight[:, many]
    own = np.sqrt(weight / np.maximum(1.0 - weight / weight.sum(axis=0), 1e-6))
    offset = np.array(
        [np.median(v[w > 0]) if (w > 0).any() else 0.0 for v, w in zip(value, weight, strict=True)]
    )
    sky = np.array([np.median((v - offset)[w > 0]) for v, w in zip(value.T, weight.T, strict=True)])
    for loop in range(2 * loops):
        ratio = np.abs(value - offset[:, None] - sky) * own / scale
        if loop < loops:
            now = weight / np.maximum(ratio / HUBER, 1.0)
        else:
            now = weight * np.clip(1.0 - (ratio / TUKEY) ** 2, 0.0, None) ** 2
        total = np.maximum(now.sum(axis=0), 1e-300)
        matrix = np.diag(now.sum(axis=1)) - (now / total) @ now.T
        right = np.sum(now * value, axis=1) - (now / total) @ np.sum(now * value, axis=0)
        offset = np.linalg.pinv(matrix, rcond=1e-10) @ right
        sky = np.sum(now * (value - offset[:, None]), axis=0) / total
    return offset


@pytest.mark.parametrize(("seed", "reach"), [(4, 60), (5, 300)])
def test_robust_fit(seed: int, reach: int) -> None:
    frames = chain(seed, 40, reach)
    out = solve_overlap(frames)
    _, scale = robust_offsets(*tabulate(frames))
    expected = projector(out.component) @ reweighted(frames, scale, loops=60)
    # What is left of the steps; and single cells of two frames that may believe either of them.
    shift = np.abs(out.offset - expected) / out.error.max()
    assert np.median(shift) < 0.01
    assert shift.max() < 0.3
