"""Subarray cubes to one image."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.irac.subarray import CubeRules, combine_cube, planes


def exposure(seed: int = 1, shape: tuple[int, int, int] = (64, 5, 6)) -> np.ndarray:
    """Noise about a gradient, with holes and hits."""
    rng = np.random.default_rng(seed)
    cube = rng.normal(0.0, 0.3, shape) + np.arange(shape[2])
    cube[rng.random(shape) < 0.05] = np.nan
    cube[rng.random(shape) < 0.05] += 40.0
    cube[:, 0, 0] = np.nan
    cube[1:, 0, 1] = np.nan
    cube[2:, 0, 2] = np.nan
    cube[5:, 0, 3] = np.nan
    return cube.astype(np.float32)


def clipped(values: np.ndarray, sigma: float = 3.0, least: int = 6) -> np.ndarray:
    """What is left of the values of a pixel, one pass after the other."""
    values, first = values[np.isfinite(values)].astype(np.float64), True
    while values.size and (first or values.size >= least):
        apart = np.abs(values - np.median(values))
        left = values[apart <= sigma * 1.4826 * np.median(apart)]
        if left.size == values.size:
            break
        values, first = left, False
    return values


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sigma", [1.5, 3.0])
def test_pixel_by_pixel_twin(seed: int, sigma: float) -> None:
    cube = exposure(seed)
    result = combine_cube(cube, rules=CubeRules(sigma=sigma))
    for y, x in np.ndindex(cube.shape[1:]):
        left = clipped(cube[:, y, x], sigma)
        good = np.count_nonzero(np.isfinite(cube[:, y, x]))
        assert result.n_rejected[y, x] == good - left.size
        if left.size < 2:
            assert result.coverage[y, x] == 0
            assert result.mask[y, x] == 1 << 14
            assert np.isnan(result.sci[y, x])
            assert np.isnan(result.unc[y, x])
            continue
        assert result.coverage[y, x] == left.size
        assert result.sci[y, x] == pytest.approx(left.mean(), rel=1e-12)
        assert result.unc[y, x] == pytest.approx(left.std(ddof=1) / np.sqrt(left.size), rel=1e-9)
    assert result.n_rejected.sum() > 50


def test_the_seed_takes_the_median_of_the_last_fifty_planes() -> None:
    cube = exposure()
    result = combine_cube(cube, rules=CubeRules(rule="seed"))
    expected = np.nanmedian(cube[14:, 1:].astype(np.float64), axis=0)
    np.testing.assert_allclose(result.sci[1:], expected, rtol=1e-12)
    assert result.n_rejected.max() == 0
    assert result.coverage.max() == 50
    assert np.nanmedian(result.unc / combine_cube(cube[14:]).unc) > 1.2


def test_left_out_planes_do_not_matter() -> None:
    cube = exposure()
    result = combine_cube(cube, rules=CubeRules(first=1))
    changed = cube.copy()
    changed[0] = 1e6
    np.testing.assert_array_equal(combine_cube(changed, rules=CubeRules(first=1)).sci, result.sci)
    np.testing.assert_array_equal(combine_cube(cube[1:]).sci, result.sci)


def test_errors_and_masks_are_those_of_the_planes_used() -> None:
    cube = np.array([1.0, 1.1, 0.9, 1.0, 50.0, 1.05]).reshape(6, 1, 1)
    unc = np.array([3.0, 4.0, np.nan, 0.0, 7.0, 12.0]).reshape(6, 1, 1)
    unc[2] = 84.0
    mask = np.array([1, 2, 4, 0, 512, 8], np.int16).reshape(6, 1, 1)
    result = combine_cube(cube, unc, mask)
    assert result.coverage.item() == 5
    assert result.mask.item() == 15
    assert result.propagated.item() == pytest.approx(np.sqrt(9 + 16 + 84**2 + 144) / 5)
    fatal = combine_cube(cube, unc, mask, CubeRules(fatal_bits=4))
    assert fatal.mask.item() == 11
    assert fatal.propagated.item() == pytest.approx(13.0 / 4)
    assert fatal.n_rejected.item() == 1


def test_infinite_values_and_empty_pixels_are_quiet() -> None:
    cube = np.full((4, 2, 2), np.inf)
    cube[:, 0, 0] = [1.0, 2.0, -np.inf, 3.0]
    result = combine_cube(cube, np.ones_like(cube))
    assert result.sci[0, 0] == 2.0
    assert np.isnan(result.propagated[1, 1])
    assert result.coverage.tolist() == [[3, 0], [0, 0]]


def test_big_endian_cubes_are_read() -> None:
    cube = exposure()
    result = combine_cube(cube.astype(">f4"), cube.astype(">f4") ** 2, np.ones(cube.shape, ">i2"))
    np.testing.assert_array_equal(result.sci, combine_cube(cube).sci)
    assert result.mask.dtype == np.int16


def test_planes_are_views() -> None:
    cube, mask = exposure(), np.zeros((64, 5, 6), np.int16)
    found = list(planes(cube, None, mask))
    assert [plane.number for plane in found] == list(range(64))
    assert all(np.shares_memory(plane.sci, cube) for plane in found)
    assert found[3].unc is None
    assert found[3].mask is not None
    assert np.shares_memory(found[3].mask, mask)


def test_wrong_shapes_are_refused() -> None:
    cube = exposure()
    with pytest.raises(InputError, match="no cube"):
        combine_cube(cube[0])
    with pytest.raises(InputError, match="uncertainty"):
        combine_cube(cube, cube[1:])
    with pytest.raises(InputError, match="mask"):
        list(planes(cube, None, np.zeros((1, 5, 6), np.int16)))
    with pytest.raises(InputError, match="leaves out 14"):
        combine_cube(cube[:14], rules=CubeRules(rule="seed"))


def test_wrong_rules_are_refused() -> None:
    with pytest.raises(ConfigError, match="no rule"):
        CubeRules(rule="mean")  # type: ignore[arg-type]
    for wrong in ({"sigma": 0.0}, {"sigma": np.nan}, {"least": 1}, {"first": -1}):
        with pytest.raises(ConfigError, match="subarray"):
            CubeRules(**wrong)
