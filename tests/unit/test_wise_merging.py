"""Merging of frames: digits, order, refused frames, what is missing."""

from __future__ import annotations

import pickle
from dataclasses import fields, replace

import numpy as np
import pytest

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.healbin import FrameSums
from photomitrus_cli.wise import mapmerging
from photomitrus_cli.wise.mapmerging import merge_maps
from photomitrus_cli.wise.mapsums import Contribution, ScanSums
from photomitrus_cli.wise.merging import ESTIMATED, FEW, LEFT_OUT, REFUSED, merge


def sums_of(
    pixels: object, mean: object, *, hits: object = 100, level: float = 2700.0, unc: float = 27.0
) -> FrameSums:
    """Sums of equal values in each pixel, with weights of 1."""
    pixels = np.array(pixels, np.int64)
    n = np.broadcast_to(np.array(hits, np.int64), pixels.shape).copy()
    x = np.broadcast_to(np.array(mean, np.float64) - level, pixels.shape)
    limit = np.where(n > 0, x + level, np.nan).astype(np.float32)
    bits = np.where(n > 0, 0, 1).astype(np.int32)
    w, wx, wxx, wwvv = (np.asarray(one, np.float64) for one in (n, n * x, n * x * x, n * unc**2))
    return FrameSums(pixels, n, w, wx, wxx, wwvv, limit, limit.copy(), bits, n, n, level)


def frame(sums: FrameSums, mjd: float = 55238.0, **options: object) -> Contribution:
    offsets = options.pop("offsets", np.zeros((2, sums.pixels.size), np.float32))
    return Contribution(sums, 1.0 / 27.0**2, 1.0, sums.level, mjd, offsets, **options)  # type: ignore[arg-type]


def same(one: ScanSums, other: ScanSums) -> bool:
    return all(getattr(one, f.name).tobytes() == getattr(other, f.name).tobytes() for f in fields(ScanSums))


def test_bits_are_those_of_the_formats() -> None:
    assert (REFUSED, LEFT_OUT, ESTIMATED, FEW) == (16, 32, 64, 128)


def test_equal_values_stay_exactly_equal() -> None:
    frames = [frame(sums_of([5, 9], 2701.1 + 0.3, level=2701.1), 55238.15739468) for _ in range(250)]
    merged = merge(frames)
    assert np.ptp(merged.value) == 0.0
    assert merged.value[0] == pytest.approx(2701.4, abs=1e-12)
    assert merged.mjd.tolist() == [55238.15739468] * 2
    assert merged.sigma[0] == pytest.approx(27.0 / np.sqrt(25000), rel=1e-12)


def test_digits_survive_levels_that_differ() -> None:
    rng = np.random.default_rng(1)
    means, levels = rng.normal(2700.0, 20.0, 250), rng.normal(2700.0, 20.0, 250)
    merged = merge([frame(sums_of([7], m, level=v)) for m, v in zip(means, levels, strict=True)])
    assert merged.value[0] == pytest.approx(np.mean(means), abs=2e-12)


def test_refused_frames_leave_one_bit_and_nothing_else() -> None:
    good = frame(sums_of([3, 4], 2700.0))
    refused = frame(sums_of([4, 8], 9999.0), used=False, bits=64)
    merged = merge([good, refused, good])
    assert merged.pixels.tolist() == [3, 4, 8]
    assert merged.value[:2].tolist() == [2700.0, 2700.0]
    assert np.isnan(
        [getattr(merged, name)[2] for name in ("value", "sigma", "mjd", "low", "high", "east")]
    ).all()
    assert merged.frames.tolist() == [2, 2, 0]
    assert merged.weight[2] == 0.0
    assert merged.mask.tolist() == [128, 128 | 16, 128 | 16]


def test_bits_of_a_frame_are_set_where_its_values_are_used() -> None:
    merged = merge([frame(sums_of([1, 2], 2700.0, hits=[5, 0]), bits=64)] * 3)
    assert merged.mask.tolist() == [64, 1 | 128]
    assert merged.hits.tolist() == [15, 0]


def test_scale_and_shift_apply_to_mean_and_limits() -> None:
    sums = sums_of([1], 2710.0)
    merged = merge([replace(frame(sums), scale=1.01, level=1.01 * 2700.0 - 5.0)])
    assert merged.value[0] == pytest.approx(1.01 * 2710.0 - 5.0, abs=1e-11)
    assert merged.low[0] == merged.high[0] == np.float32(1.01 * 2710.0 - 5.0)
    assert merged.sigma[0] == pytest.approx(1.01 * 27.0 / 10.0, rel=1e-12)


def test_same_order_gives_the_same_bits_after_pickling() -> None:
    rng = np.random.default_rng(2)
    frames = [
        frame(sums_of(np.unique(rng.integers(0, 99, 40)), rng.normal(2700, 9)), rng.random())
        for _ in range(30)
    ]
    assert same(merge(frames), merge(pickle.loads(pickle.dumps(frames))))  # noqa: S301 - our own bytes


def test_no_pixels_at_all_is_an_error() -> None:
    with pytest.raises(NoDataError, match="no frame reaches"):
        merge([frame(sums_of([], []))])
    with pytest.raises(NoDataError):
        merge_maps([])


def test_one_map_is_merged_into_itself() -> None:
    rng = np.random.default_rng(3)
    one = merge([frame(sums_of([2, 5, 6], rng.normal(2700.0, 1.0, 3), hits=[9, 0, 4])) for _ in range(4)])
    again = merge_maps([one])
    np.testing.assert_allclose(again.value, one.value, rtol=1e-15)
    np.testing.assert_allclose(again.sigma, one.sigma, rtol=1e-15)
    assert again.mask.tolist() == one.mask.tolist()
    assert again.low.tobytes() == one.low.tobytes()


def test_many_maps_in_parts_are_the_same_as_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    maps = [
        merge([frame(sums_of(np.unique(rng.integers(0, 300, 50)), rng.normal(2700, 5)), rng.random())])
        for _ in range(40)
    ]
    whole = merge_maps(maps)
    monkeypatch.setattr(mapmerging, "_PART", 100)
    parts = merge_maps(iter(maps))
    for name in ("value", "sigma", "mjd", "weight"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-13)
    for name in ("pixels", "hits", "frames", "low", "high", "mask"):
        assert getattr(parts, name).tobytes() == getattr(whole, name).tobytes()
    # Three maps of one frame each make a pixel of three frames.
    assert ((whole.mask & 128 != 0) == (whole.frames < 3)).all()
