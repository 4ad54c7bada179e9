"""The object mask against loops over pixels."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.objects import object_mask


@pytest.mark.parametrize(
    ("shape", "grow"), [((31, 27), 2), ((9, 40), 0), ((1, 12), 1), ((12, 1), 3), ((3, 900), 0), ((2, 700), 0)]
)
def test_object_mask(shape: tuple[int, int], grow: int) -> None:
    rng = np.random.default_rng(shape[0])
    sci = rng.normal(10.0, 2.0, shape) + np.where(rng.random(shape) < 0.05, rng.exponential(15.0, shape), 0.0)
    bad = rng.random(shape) < 0.2
    sci[rng.random(shape) < 0.05] = np.nan
    sci[0, 0] = np.inf
    sci[-1, -1], bad[-1, -1] = 60.0, False
    good = ~bad & np.isfinite(sci)
    tent = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0])
    expected = np.zeros(shape, dtype=bool)
    y, x = np.mgrid[: shape[0], : shape[1]]
    for j, i in np.ndindex(shape):
        near = good & (abs(y - j) <= 1) & (abs(x - i) <= 1)
        weight = tent[(y - j)[near] + 1, (x - i)[near] + 1]
        if weight.sum() > 0.0:
            mean = np.sum(weight * (sci[near] - 10.0)) / weight.sum()
            if mean > 3.0 * 2.0 * np.sqrt(np.sum(weight**2)) / weight.sum():
                expected |= (y - j) ** 2 + (x - i) ** 2 <= grow * (grow + 1)
    found = object_mask(sci.astype(np.float32), bad, 10.0, 2.0, kappa=3.0, grow=grow)
    np.testing.assert_array_equal(found, expected)
    assert 0 < expected.sum() < expected.size
