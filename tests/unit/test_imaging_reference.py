"""The robust stack: low coverage, gaps, errors."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.classmedian import median_efficiency
from photomitrus_cli.imaging.reference import RUN, reference_map, sort_columns


def one_pixel(*values: float, variance: float = 1.0) -> tuple[float, float, int]:
    """Stack one pixel."""
    cube = np.array(values, dtype=np.float32)[:, None, None]
    out = reference_map(cube, np.full_like(cube, variance), np.ones(cube.shape, dtype=bool))
    return tuple(plane.item() for plane in out)  # type: ignore[return-value]


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 33])
def test_columns_are_sorted(n: int) -> None:
    held = np.random.default_rng(n).normal(size=(n + 2, RUN)).astype(np.float32)
    expected = np.concatenate([np.sort(held[:n], axis=0), held[n:]])
    sort_columns(held, n)
    np.testing.assert_array_equal(held, expected)


def test_one_value_knows_nothing_of_itself() -> None:
    assert one_pixel(7.0) == (7.0, np.inf, 1)


@pytest.mark.parametrize(
    ("values", "expected", "variance"),
    [
        ((1.0, 2.0), 1.5, 0.5),  # as noise has it
        ((50.0, 0.5), 0.5, 1.0),  # one hit of two
        ((100.0, 130.0), 115.0, 0.5),  # an undersampled star
        ((100.0, 900.0), 100.0, 1.0),  # a star and a hit
        ((-40.0, 0.5), 0.5, 1.0),  # ringing beside a hit of another frame
        ((1.0, 2.0, 80.0), 2.0, 1.0 / 3.0 / median_efficiency(3)),  # one hit of three: the median will do
        ((1.0, 60.0, 80.0), 1.0, 1.0),  # two of three
        ((1.0, 2.0, 60.0, 80.0), 2.0, 1.0),  # two of four
        ((1.0, 2.0, 3.0, 80.0), 2.5, 0.25 / median_efficiency(4)),
        ((1.0, 2.0, 3.0, 60.0, 80.0), 3.0, 0.2 / median_efficiency(5)),
    ],
)
def test_few_values(values: tuple[float, ...], expected: float, variance: float) -> None:
    value, spread, count = one_pixel(*values)
    assert value == expected
    assert spread == pytest.approx(variance, rel=1e-6)
    assert count == len(values)


def test_noise_decides_what_is_apart() -> None:
    assert one_pixel(0.0, 8.0, variance=1.0)[0] == 0.0
    assert one_pixel(0.0, 8.0, variance=4.0)[0] == 4.0


def test_no_value_and_garbage_where_not_valid() -> None:
    values = np.full((3, 2, 2), np.nan, dtype=np.float32)
    values[0, 0, 0] = 5.0
    values[1, 0, 0] = 1e30
    valid = np.zeros(values.shape, dtype=bool)
    valid[0, 0, 0] = True
    ref, ref_var, count = reference_map(values, np.full_like(values, np.nan), valid)
    assert ref[0, 0] == 5.0
    assert np.isnan(ref.ravel()[1:]).all()
    assert np.isnan(ref_var.ravel()[1:]).all()
    np.testing.assert_array_equal(count, [[1, 0], [0, 0]])


def test_no_frames() -> None:
    none = np.empty((0, 2, 3), dtype=np.float32)
    ref, _, count = reference_map(none, none, none.astype(bool))
    assert np.isnan(ref).all()
    assert not count.any()


def test_shapes_are_checked() -> None:
    cube = np.zeros((2, 3, 4), dtype=np.float32)
    with pytest.raises(InputError, match="no cube"):
        reference_map(cube, cube[:, :2], cube.astype(bool))
    with pytest.raises(InputError, match="no cube"):
        reference_map(cube[0], cube[0], cube[0].astype(bool))
