"""What does not change the sums over map pixels, and what is refused."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from photomitrus_cli.imaging import healbin
from photomitrus_cli.imaging.healbin import FrameSums, bin_frame
from photomitrus_cli.imaging.healnodes import frame_nodes
from photomitrus_cli.imaging.sinsip import SinSip

SHAPE = (70, 90)


def nodes() -> np.ndarray:
    scale = 7.6e-4
    sin = SinSip.at((80.0, 50.0), [[-scale, 0.0], [0.0, scale]], (45.0, 35.0), SHAPE, np.zeros((2, 3, 3)))
    return frame_nodes(sin.directions, SHAPE, np.eye(3))


def planes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    sci = rng.normal(100.0, 5.0, SHAPE).astype(np.float32)
    return sci, rng.uniform(4.0, 6.0, SHAPE).astype(np.float32), (rng.random(SHAPE) < 0.05).astype(np.uint8)


def assert_equal(one: FrameSums, other: FrameSums) -> None:
    for item in fields(FrameSums):
        assert np.array_equal(getattr(one, item.name), getattr(other, item.name), equal_nan=True), item.name


def test_nodes_are_the_corners_of_cells() -> None:
    seen = []

    def directions(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        seen.append((x, y))
        return np.stack([np.ones_like(x), x, y])

    turn = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    found = frame_nodes(directions, (16, 33), turn)
    assert found.shape == (3, 2, 4)
    assert found[0, 0].tolist() == [-0.5, 15.5, 31.5, 47.5]
    assert found[1, :, 0].tolist() == [-0.5, 15.5]
    assert (found[2] == 1.0).all()


@pytest.mark.parametrize("per_pixel", [False, True])
def test_the_form_of_the_arrays_does_not_matter(per_pixel: bool) -> None:
    corners, (sci, unc, state) = nodes(), planes()
    expected = bin_frame(corners, sci, unc, state, 1024, level=90.0, per_pixel=per_pixel)
    locked = sci.copy()
    locked.setflags(write=False)
    for form in (locked, sci.astype(">f4"), np.asfortranarray(sci), np.repeat(sci, 2, axis=1)[:, ::2]):
        assert_equal(bin_frame(corners, form, unc, state, 1024, level=90.0, per_pixel=per_pixel), expected)
    assert np.array_equal(sci, planes()[0])


def test_types_of_the_columns() -> None:
    sums = bin_frame(nodes(), *planes(), 512, level=100.0, per_pixel=False)
    kinds = {item.name: np.asarray(getattr(sums, item.name)).dtype.name for item in fields(FrameSums)}
    assert kinds == {
        "pixels": "int64", "hits": "int64", "sum_w": "float64", "sum_wx": "float64", "sum_wxx": "float64",
        "sum_wwvv": "float64", "low": "float32", "high": "float32", "bits": "int32",
        "sum_x": "int64", "sum_y": "int64", "level": "float64",
    }  # fmt: skip
    assert (np.diff(sums.pixels) > 0).all()
    assert sums.hits.sum() == (planes()[2] == 0).sum()


def test_a_level_keeps_the_digits_of_squares() -> None:
    sci, unc, state = planes()
    state[:] = 0
    sci = (sci - 100.0 + 16000.0).astype(np.float32)
    sums = bin_frame(nodes(), sci, unc, state, 1, level=16000.0, per_pixel=False)
    mean, square = sums.sum_wx / sums.hits, sums.sum_wxx / sums.hits
    assert square - mean**2 == pytest.approx(np.var(sci.astype(float)), rel=1e-13)


def test_pixels_with_rejected_values_only_are_there() -> None:
    sci, unc, state = planes()
    sci[:], unc[:], state[:] = np.nan, 0.0, 4
    sums = bin_frame(nodes(), sci, unc, state, 4096, level=0.0, per_pixel=True)
    assert sums.pixels.size > 10
    assert not sums.hits.any()
    assert (sums.bits == 4).all()
    assert np.isnan(sums.low).all()
    assert np.isnan(sums.high).all()
    assert not np.concatenate([sums.sum_w, sums.sum_wx, sums.sum_wxx, sums.sum_wwvv]).any()
    assert not np.concatenate([sums.sum_x, sums.sum_y]).any()


def test_too_little_room_is_enlarged(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = bin_frame(nodes(), *planes(), 4096, level=1.0, per_pixel=False)
    monkeypatch.setattr(healbin, "_expected", lambda _nodes, _nside: 1)
    assert_equal(bin_frame(nodes(), *planes(), 4096, level=1.0, per_pixel=False), expected)


def test_many_positions_are_worked_on_in_blocks() -> None:
    sin = SinSip.at((80.0, 50.0), [[-8e-4, 1e-5], [0.0, 8e-4]], (45.0, 35.0), SHAPE, np.full((2, 3, 3), 1e-6))
    x, y = np.random.default_rng(2).uniform(0.0, 60.0, (2, 1000))
    together = sin.directions(x, y)
    alone = [sin.directions(*one) for one in zip(x, y, strict=True)]
    assert np.array_equal(together, np.stack(alone, axis=1))


def test_what_does_not_fit_is_refused() -> None:
    corners, (sci, unc, state) = nodes(), planes()
    for wrong in (
        (corners[:, 1:], sci, unc, state),
        (corners, sci[1:], unc, state),
        (corners, sci, unc, state[1:]),
    ):
        with pytest.raises(ValueError, match="shapes do not fit"):
            bin_frame(*wrong, 256, level=0.0, per_pixel=False)
    with pytest.raises(ValueError, match="power of two"):
        bin_frame(corners, sci, unc, state, 300, level=0.0, per_pixel=False)
