"""What is supposed of the sky: the layer, interpolation between nodes, and the spreads of drawn skies."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import pixel_directions
from photomitrus_cli.wise import jointsky
from photomitrus_cli.wise.jointsky import SkyShape, layer, sky_prior, sky_shape

Floats = NDArray[np.float64]


def shape_of(nside: int, latitude: float = 30.0) -> SkyShape:
    pixels = np.arange(12 * nside**2)
    return sky_shape(pixels, nside, np.full(pixels.size, latitude, np.float32))


def test_the_layer_is_a_cosecant_that_ends_at_5_degrees() -> None:
    found = layer(np.array([-90.0, 30.0, -30.0, 5.0, 2.0, -0.1], np.float32))
    end = 1.0 / np.sin(np.radians(5.0))
    np.testing.assert_allclose(found, [1.0, 2.0, 2.0, end, end, end], rtol=1e-6)


@pytest.mark.parametrize(("nside", "n_levels"), [(1, 0), (2, 1), (8, 2), (32, 3), (64, 4), (256, 5)])
def test_nodes_are_at_least_three_pixels_apart(nside: int, n_levels: int) -> None:
    pixels = np.arange(0, 12 * nside**2, max(1, nside**2 // 256))
    shape = sky_shape(pixels, nside, np.full(pixels.size, 40.0, np.float32))
    assert len(shape.levels) == len(shape.cells) == n_levels
    assert all(level.spread_out.shape[0] == pixels.size for level in shape.levels)
    assert (shape.layer.n_blocks, shape.layer.precision) == (1, 0.0)
    np.testing.assert_allclose(shape.layer.sky(np.array([3.0])), 3.0 * shape.scale)


def test_interpolation_is_linear_between_eight_nodes() -> None:
    """Numbers that grow evenly give a sky that does, which no other weights do."""
    shape = shape_of(16)
    directions = pixel_directions(np.arange(12 * 16**2), 16)
    for level, cell, spacing in zip(shape.levels, shape.cells, (90.0, 30.0), strict=True):
        weights = level.spread_out.toarray() / shape.scale[:, None]
        assert ((weights >= 0.0) & (weights <= 1.0)).all()
        assert (np.count_nonzero(weights > 1e-12, axis=1) <= 8).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
        assert np.array_equal(weights[np.arange(cell.size), cell], weights.max(axis=1))
        assert (abs(level.gathered - level.spread_out.T)).max() == 0.0
        places = directions / np.radians(spacing)
        numbers = np.linalg.lstsq(weights, places.T, rcond=None)[0]
        np.testing.assert_allclose(weights @ numbers, places.T, atol=1e-9)


def drawn(shape: SkyShape, sigma: float, pixel: float, seed: int) -> Floats:
    """A layer, numbers of the finest level and single pixels, drawn."""
    rng = np.random.default_rng(seed)
    finest = shape.levels[-1]
    numbers = sigma * rng.standard_normal(finest.n_blocks)
    return np.asarray(0.7 * shape.scale + finest.sky(numbers) + pixel * shape.scale * rng.standard_normal(
        shape.scale.size))  # fmt: skip


def test_spreads_are_those_of_a_drawn_sky() -> None:
    """The finest level, the spectrum's law between levels, single pixels; a source in 50 changes little."""
    shape = shape_of(64, 20.0)
    usable = np.ones(shape.scale.size, bool)
    sky = drawn(shape, 0.3, 0.02, 1)
    prior = sky_prior(sky, usable, shape)
    assert prior.levels[0] is shape.layer
    sigmas = [level.sigma for level in prior.levels[1:]]
    assert sigmas[-1] == pytest.approx(0.3, rel=0.25)
    # C_l ~ l^-3: between levels the spread grows with the root of the distance of the nodes.
    np.testing.assert_allclose(sigmas, sigmas[-1] * np.sqrt(np.array([90.0, 30.0, 10.0, 3.3]) / 3.3))
    bright = sky + np.where(np.arange(sky.size) % 50 == 0, 1e6, 0.0)
    other = sky_prior(bright, usable, shape)
    assert other.levels[-1].sigma == pytest.approx(sigmas[-1], rel=0.5)
    # Pixels that take no part say nothing.
    left_out = sky_prior(bright, np.arange(sky.size) % 50 != 0, shape)
    assert left_out.levels[-1].sigma == pytest.approx(sigmas[-1], rel=0.03)


def test_single_pixels_of_a_sky_without_cirrus() -> None:
    shape = shape_of(64, 20.0)
    usable = np.ones(shape.scale.size, bool)
    pixel = sky_prior(drawn(shape, 0.0, 0.02, 2), usable, shape).pixel_sigma
    np.testing.assert_allclose(pixel, pixel[0] / shape.scale[0] * shape.scale)
    assert pixel[0] / shape.scale[0] == pytest.approx(0.02, rel=0.05)
    even = sky_prior(0.7 * shape.scale, usable, shape)
    np.testing.assert_allclose(even.pixel_sigma, 1e-6 * shape.scale)
    assert even.levels[-1].sigma == 1e-6


def test_maps_too_coarse_for_nodes() -> None:
    """One level, whose means have nothing coarser to be compared with, and none."""
    shape = shape_of(4)
    sky = drawn(shape, 0.5, 1e-3, 4)
    prior = sky_prior(sky, np.ones(192, bool), shape)
    cell = shape.cells[0]
    counts = np.bincount(cell)
    means = (np.bincount(cell, sky / shape.scale) / np.maximum(counts, 1))[cell][counts[cell] >= 5]
    spread = 1.4826 * np.median(np.abs(means - np.median(means)))
    # Means of cells scatter less than nodes: 0.5938^2 along, 2/3 across.
    assert prior.levels[1].sigma == pytest.approx(spread / np.sqrt(0.59375**2 * 2.0 / 3.0), rel=1e-9)
    shape = shape_of(1)
    sky = 0.7 + np.random.default_rng(3).standard_normal(12)
    prior = sky_prior(sky, np.ones(12, bool), shape)
    assert prior.levels == (shape.layer,)
    relative = sky / shape.scale
    spread = 1.4826 * np.median(np.abs(relative - np.median(relative)))
    np.testing.assert_allclose(prior.pixel_sigma, spread * shape.scale)


def test_means_of_cells() -> None:
    """Usable pixels of a cell; fewer than five tell nothing."""
    cell = np.repeat([0, 2, 3, 4], [6, 5, 4, 7])
    values = np.arange(22.0)
    usable = cell < 4
    usable[0] = False
    found = jointsky._cell_means(values, usable, cell)
    np.testing.assert_allclose(found, np.repeat([3.0, 8.0, np.nan, np.nan], [6, 5, 4, 7]))


def test_robust_spread() -> None:
    assert jointsky._spread(np.array([np.nan, np.inf])) == 0.0
    assert jointsky._spread(np.array([1.0, 2.0, 4.0, 100.0, np.nan])) == pytest.approx(1.4826 * 1.5)
