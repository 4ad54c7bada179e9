"""The robust stack against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.classmedian import median_efficiency
from photomitrus_cli.imaging.reference import RUN, SPLIT_SHARE, SPLIT_SIGMA, reference_map


def stack_pixel(values: np.ndarray, variances: np.ndarray) -> tuple[float, float]:
    """Stack one pixel as the docstring says."""
    k = values.size
    if k == 0:
        return np.nan, np.nan
    values = np.sort(values.astype(float))
    single = float(np.mean(variances, dtype=float))
    low, high = (values[0], values[1]) if k == 3 else (values[(k - 1) // 2], values[k // 2])
    if high - low > SPLIT_SIGMA * np.sqrt(2.0 * single) + SPLIT_SHARE * max(low, 0.0):
        return (low if low > -SPLIT_SIGMA * np.sqrt(single) else high), single
    spread = single / k / median_efficiency(k) if k > 1 else np.inf
    return float(np.median(values)), spread


@pytest.mark.parametrize(
    ("n", "width"), [(1, 5), (3, RUN), (4, 2 * RUN + 3), (6, 1), (17, 40), (40, RUN + 1)]
)
def test_every_pixel(n: int, width: int) -> None:
    rng = np.random.default_rng(n)
    shape = (n, 4, width)
    values = rng.normal(0.0, 1.5, shape).astype(np.float32)
    values += np.where(rng.random(shape) < 0.15, rng.uniform(-20.0, 100.0, shape), 0.0).astype(np.float32)
    variances = rng.uniform(0.5, 2.0, shape).astype(np.float32)
    valid = rng.random(shape) < rng.uniform(0.0, 1.2, shape[1:])
    valid[:, 1, : width // 2] = False
    ref, ref_var, count = reference_map(values, variances, valid)
    np.testing.assert_array_equal(count, valid.sum(axis=0))
    expected = np.array(
        [
            [stack_pixel(values[use, y, x], variances[use, y, x]) for x, use in enumerate(valid[:, y].T)]
            for y in range(shape[1])
        ]
    )
    np.testing.assert_allclose(ref, expected[..., 0], rtol=1e-6, equal_nan=True)
    np.testing.assert_allclose(ref_var, expected[..., 1], rtol=1e-5, equal_nan=True)
