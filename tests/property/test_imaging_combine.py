"""Properties of combiners, masks and filling for any input."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from photomitrus_cli.imaging.classmedian import ClassMedian
from photomitrus_cli.imaging.combine import WeightedMean
from photomitrus_cli.imaging.masks import bit_pattern, fatal_bits
from photomitrus_cli.imaging.prepared import prepare_frame

SHAPE = (5, 3, 4)
VALUES = arrays(np.float32, SHAPE, elements=st.floats(-1e6, 1e6, width=32))
VALID = arrays(np.bool_, SHAPE)


@settings(max_examples=60, deadline=None)
@given(values=VALUES, valid=VALID, order=st.permutations(range(SHAPE[0])))
def test_combination_is_between_its_values_in_any_order(
    values: np.ndarray, valid: np.ndarray, order: list[int]
) -> None:
    ones = np.ones(SHAPE[1:], np.float32)
    mean, median = WeightedMean(SHAPE[1:]), ClassMedian(SHAPE[1:])
    for n in order:
        mean.add(values[n], ones, valid[n], 1.0 + n, 1.0)
    rows = list(order)
    median.add(values[rows], np.ones(SHAPE, np.float32), valid[rows], 1.0 + np.array(rows), 1.0)
    low = np.where(valid, values, np.inf).min(axis=0)
    high = np.where(valid, values, -np.inf).max(axis=0)
    some = valid.any(axis=0)
    for out in (mean.result(), median.result()):
        slack = 1e-6 * np.maximum(np.abs(low), np.abs(high))[some]
        assert (out.sci[some] >= low[some] - slack).all()
        assert (out.sci[some] <= high[some] + slack).all()
        assert np.isnan(out.sci[~some]).all()
        np.testing.assert_array_equal(out.coverage, valid.sum(axis=0))
        assert (out.unc[some] <= 1.0 + 1e-6).all()
    expected = [np.median(values[valid[:, y, x], y, x]) for y, x in zip(*np.nonzero(some), strict=True)]
    np.testing.assert_allclose(median.result().sci[some], expected, rtol=2e-7, atol=1e-30)


@given(arrays(np.int16, 20), st.lists(st.integers(0, 15)))
def test_fatal_bits_is_bit_by_bit(mask: np.ndarray, bits: list[int]) -> None:
    expected = [any((int(value) >> bit) & 1 for bit in bits) for value in mask]
    np.testing.assert_array_equal(fatal_bits(mask, bit_pattern(bits)), expected)
    np.testing.assert_array_equal(fatal_bits(mask.astype(">i2"), bit_pattern(bits)), expected)


@settings(max_examples=60, deadline=None)
@given(
    sci=arrays(np.float32, (9, 8), elements=st.floats(-1e3, 1e3, width=32)),
    bad=arrays(np.bool_, (9, 8)),
)
def test_filling_stays_within_the_good_values(sci: np.ndarray, bad: np.ndarray) -> None:
    frame = prepare_frame(np.where(bad, np.float32(np.nan), sci), np.where(bad, np.float32(np.nan), 2.0), bad)
    assert np.isfinite(frame.pixels).all()
    np.testing.assert_array_equal(frame.sci[3:-3, 3:-5][~bad], sci[~bad])
    if not bad.all():
        assert frame.sci.min() >= sci[~bad].min() - 1e-3
        assert frame.sci.max() <= sci[~bad].max() + 1e-3
        np.testing.assert_allclose(frame.var, 2.0, rtol=1e-6)
    else:
        assert not frame.pixels.any()
