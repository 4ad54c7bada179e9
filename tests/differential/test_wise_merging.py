"""Merged maps against sums over raw values, one map pixel at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from photomitrus_cli.imaging.healbin import FrameSums
from photomitrus_cli.wise.mapmerging import merge_maps
from photomitrus_cli.wise.mapsums import Contribution, ScanSums
from photomitrus_cli.wise.merging import merge


@dataclass
class Raw:
    """Detector pixels of a frame: where they fall and what they hold."""

    pixels: np.ndarray
    values: np.ndarray
    unc: np.ndarray
    place: np.ndarray
    state: np.ndarray
    weight: float
    scale: float
    mjd: float
    used: bool
    bits: int

    def sums(self, level: float, per_pixel: bool) -> FrameSums:
        reached = np.unique(self.pixels)
        rows = []
        for pixel in reached:
            here = self.pixels == pixel
            good = here & (self.state == 0)
            x, unc = self.values[good].astype(float) - level, self.unc[good].astype(float)
            w = 1.0 / unc**2 if per_pixel else np.ones(x.size)
            bits = int(np.bitwise_or.reduce(self.state[here]))
            limits = (self.values[good].min(), self.values[good].max()) if x.size else (np.nan, np.nan)
            rows.append(
                (x.size, w.sum(), (w * x).sum(), (w * x * x).sum(), ((w * unc) ** 2).sum(), *limits, bits)
            )
        hits, w, wx, wxx, wwvv, low, high, bits_ = zip(*rows, strict=True)
        sum_w, sum_wx, sum_wxx, sum_wwvv = (np.array(one, np.float64) for one in (w, wx, wxx, wwvv))
        return FrameSums(
            reached, np.array(hits, np.int64), sum_w, sum_wx, sum_wxx, sum_wwvv,
            np.array(low, np.float32), np.array(high, np.float32), np.array(bits_, np.int32),
            np.zeros_like(reached), np.zeros_like(reached), level,
        )  # fmt: skip

    def offsets(self) -> np.ndarray:
        """Mean place of what is used in each map pixel, NaN where that is nothing."""
        found = np.full((2, np.unique(self.pixels).size), np.nan, np.float32)
        for k, pixel in enumerate(np.unique(self.pixels)):
            good = (self.pixels == pixel) & (self.state == 0)
            if good.any():
                found[:, k] = self.place[:, good].mean(axis=1)
        return found


def _raw(rng: np.random.Generator, n: int = 400) -> Raw:
    state = np.where(rng.random(n) < 0.1, rng.choice([1, 2, 4], n), 0).astype(np.uint8)
    return Raw(
        np.sort(rng.choice(10**9 + np.arange(0, 60, 3), 12))[rng.integers(0, 12, n)],
        rng.normal(2700.0, 27.0, n).astype(np.float32),
        rng.uniform(20.0, 35.0, n).astype(np.float32),
        rng.normal(100.0, 50.0, (2, 1)) + rng.normal(0.0, 300.0, (2, n)),
        state,
        float(rng.uniform(0.5, 2.0)) / 27.0**2,
        float(rng.uniform(0.98, 1.02)),
        55238.0 + float(rng.random()),
        bool(rng.random() < 0.8),
        int(rng.choice([0, 64])),
    )


def _slow(frames: list[Raw], per_pixel: bool) -> dict[int, dict[str, float]]:
    """Take the definition of every column, from the raw values."""
    result = {}
    for pixel in np.unique(np.concatenate([frame.pixels for frame in frames])):
        values: list[float] = []
        weights: list[float] = []
        unc: list[float] = []
        times: list[float] = []
        places: list[np.ndarray] = []
        n_frames, mask = 0, 0
        for frame in frames:
            here = frame.pixels == pixel
            if not here.any():
                continue
            if not frame.used:
                mask |= 16
                continue
            good = here & (frame.state == 0)
            mask |= int(np.bitwise_or.reduce(frame.state[here])) | (frame.bits if good.any() else 0)
            n_frames += bool(good.any())
            own = frame.unc[good].astype(float)
            weights.extend(frame.weight * (1.0 / own**2 if per_pixel else np.ones(own.size)))
            values.extend(frame.values[good].astype(float) * frame.scale)
            unc.extend(own * frame.scale)
            times.extend([frame.mjd] * own.size)
            if own.size:
                # Weights of each pixel hold for the mean place of the frame in the map pixel.
                places.extend([frame.place[:, good].mean(axis=1)] * own.size)
        w, v, u, t = (np.array(one) for one in (weights, values, unc, times))
        empty = not v.size
        result[int(pixel)] = {
            "value": np.nan if empty else (w * v).sum() / w.sum(),
            "sigma": np.nan if empty else np.sqrt((w**2 * u**2).sum()) / w.sum(),
            "hits": v.size,
            "frames": n_frames,
            "mjd": np.nan if empty else (w * t).sum() / w.sum(),
            "low": np.nan if empty else v.min(),
            "high": np.nan if empty else v.max(),
            "weight": w.sum(),
            "east": np.nan if empty else w @ np.array(places)[:, 0] / w.sum(),
            "north": np.nan if empty else w @ np.array(places)[:, 1] / w.sum(),
            "mask": mask | (128 if n_frames < 3 else 0),
        }
    return result


def _contributions(frames: list[Raw], per_pixel: bool) -> list[Contribution]:
    return [
        Contribution(
            raw.sums(2690.0 + k, per_pixel), raw.weight, raw.scale, raw.scale * (2690.0 + k), raw.mjd,
            raw.offsets(), raw.bits, raw.used,
        )
        for k, raw in enumerate(frames)
    ]  # fmt: skip


def _check(merged: ScanSums, expected: dict[int, dict[str, float]]) -> None:
    assert merged.pixels.tolist() == sorted(expected)
    tolerance = {"value": 1e-13, "sigma": 1e-12, "mjd": 1e-15, "low": 1e-7, "high": 1e-7, "weight": 1e-13}
    tolerance |= {"east": 1e-5, "north": 1e-5}
    for name in next(iter(expected.values())):
        wanted = [expected[pixel][name] for pixel in sorted(expected)]
        np.testing.assert_allclose(getattr(merged, name), wanted, rtol=tolerance.get(name, 0.0), err_msg=name)


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("n", [1, 2, 9])
def test_map_is_that_of_the_raw_values(n: int, per_pixel: bool) -> None:
    rng = np.random.default_rng(10 * n + per_pixel)
    frames = [_raw(rng) for _ in range(n)]
    _check(merge(_contributions(frames, per_pixel)), _slow(frames, per_pixel))


def test_maps_of_scans_add_up_to_the_map_of_all_frames() -> None:
    rng = np.random.default_rng(5)
    frames = [_raw(rng, 150) for _ in range(12)]
    given = _contributions(frames, False)
    maps = [merge(given[start : start + 3]) for start in range(0, 12, 3)]
    _check(merge_maps(iter(maps)), _slow(frames, False))
