"""Leave-one-scan-out: moving objects go; stars, structure, noise and drifting levels stay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from photomitrus_cli.imaging.healbin import FrameSums
from photomitrus_cli.wise.leaveout import leave_out, without
from photomitrus_cli.wise.leaveoutrules import LeaveOutRules, LeftOut
from photomitrus_cli.wise.mapsums import Contribution
from photomitrus_cli.wise.merging import merge

NOISE = 27.0
LEVEL = 2700.0
RULES = LeaveOutRules()


def _sums(pixels: np.ndarray, values: np.ndarray) -> FrameSums:
    """Sum values, all used, over the map pixels that they fall into."""
    reached, index = np.unique(pixels, return_inverse=True)
    x = values - LEVEL
    hits = np.bincount(index)
    return _frame_sums(reached, hits, np.bincount(index, x), np.bincount(index, x * x))


def _frame_sums(pixels: np.ndarray, hits: np.ndarray, wx: np.ndarray, wxx: np.ndarray) -> FrameSums:
    """Put sums with weights of 1 together; nobody looks at limits and bits."""
    low, high = np.zeros((2, pixels.size), np.float32)
    return FrameSums(
        pixels=np.asarray(pixels, np.int64),
        hits=np.asarray(hits, np.int64),
        sum_w=np.asarray(hits, np.float64),
        sum_wx=np.asarray(wx, np.float64),
        sum_wxx=np.asarray(wxx, np.float64),
        sum_wwvv=np.asarray(hits * NOISE**2, np.float64),
        low=low,
        high=high,
        bits=np.zeros(pixels.size, np.int32),
        sum_x=np.zeros(pixels.size, np.int64),
        sum_y=np.zeros(pixels.size, np.int64),
        level=LEVEL,
    )


def _contribution(sums: FrameSums, k: int) -> Contribution:
    offsets = np.full((2, sums.pixels.size), 10.0 * k, np.float32)
    return Contribution(sums, NOISE**-2, 1.0, LEVEL, 55238.0 + 0.001 * k, offsets)


def _gaussian_group(
    rng: np.random.Generator, n_scans: int, n_frames: int, side: int, full: int
) -> tuple[list[Contribution], list[str]]:
    """Scans of square frames of ``side`` map pixels on a smooth sky, each with its own drifting level."""
    frames: list[Contribution] = []
    names: list[str] = []
    for scan in range(n_scans):
        level, drift = rng.normal(0.0, 15.0), rng.normal(0.0, 3.0)
        for k in range(n_frames):
            y, x = (
                np.mgrid[0:side, 0:side]
                + np.array([int(0.88 * side) * k + scan % 5, scan % side])[:, None, None]
            )
            pixels = (y * 1000 + x).ravel().astype(np.int64)
            # The pixels at the edge of a frame are seen in part.
            hits = np.where(rng.random(pixels.size) < 0.2, rng.integers(1, full, pixels.size), full)
            sky = 40.0 * np.sin(y.ravel() / 60.0) + level + drift * k / n_frames
            mean = sky + rng.normal(0.0, NOISE, pixels.size) / np.sqrt(hits)
            wxx = hits * (
                NOISE**2 * (1.0 + rng.normal(0.0, 1.0, pixels.size) * np.sqrt(2.0 / hits)) + mean**2
            )
            order = np.argsort(pixels)
            sums = _frame_sums(pixels[order], hits[order], (hits * mean)[order], wxx[order])
            frames.append(_contribution(sums, len(frames)))
            names.append(f"{scan:05d}a")
    return frames, names


@pytest.mark.parametrize(("side", "full"), [(5, 90_000), (16, 5_600)])
def test_gaussian_noise_and_drifting_levels_are_kept(side: int, full: int) -> None:
    frames, names = _gaussian_group(np.random.default_rng(side), 12, 2000 // side**2 + 8, side, full)
    found = leave_out(frames, names, RULES)
    tested = sum(found.tested)
    assert tested > 20_000
    assert sum(int(out.sum()) for out in found.left) < 1e-4 * tested
    assert not any(found.refused)
    # Differences are in units of their true standard deviation.
    assert 3.5 < np.nanmax(found.worst) < 5.5
    assert max(found.scan_scatter.values()) < 5.0 * NOISE / np.sqrt(full)


@dataclass
class Sky:
    """Stars and a steep cloud, in detector pixels."""

    stars: np.ndarray
    cloud: float

    def image(self, y0: float, x0: float, n: int, extra: np.ndarray | None = None) -> np.ndarray:
        y, x = np.arange(n) + y0, np.arange(n) + x0
        image = np.zeros((n, n)) + self.cloud * np.exp(-0.5 * ((y[:, None] - 500.0) / 150.0) ** 2)
        for yy, xx, peak in self.stars if extra is None else np.vstack([self.stars, extra]):
            # Six standard deviations of the PSF hold all of it.
            rows, cols = (slice(max(int(p) - 6, 0), max(int(p) + 8, 0)) for p in (yy - y0, xx - x0))
            image[rows, cols] += (
                peak * np.exp(-0.5 * (y[rows, None] - yy) ** 2) * np.exp(-0.5 * (x[None, cols] - xx) ** 2)
            )
        return np.asarray(image)


def _observe(
    sky: Sky,
    cell: int,
    rng: np.random.Generator,
    moving: dict[int, np.ndarray],
    n: int = 508,
    n_scans: int = 5,
) -> tuple[list[Contribution], list[str]]:
    """Look at the sky with frames that shift from scan to scan, by parts of pixels too."""
    frames: list[Contribution] = []
    names: list[str] = []
    for scan in range(n_scans):
        offset = rng.normal(0.0, 15.0)
        for k in range(2):
            y0, x0 = 0.88 * n * k + rng.uniform(0, 60), 30.0 * scan + rng.uniform(0, 30)
            image = sky.image(y0, x0, n, moving.get(scan)) + rng.normal(LEVEL + offset, NOISE, (n, n))
            rows, cols = np.floor((np.arange(n) + y0) / cell), np.floor((np.arange(n) + x0) / cell)
            pixels = (rows[:, None] * 1000 + cols[None, :]).astype(np.int64)
            frames.append(_contribution(_sums(pixels.ravel(), image.ravel()), len(frames)))
            names.append(f"{scan:05d}a")
    return frames, names


def _stars(rng: np.random.Generator, n: int, brightest: float = 300.0) -> np.ndarray:
    """Stars with peaks from 3 to ``brightest`` sigmas, log N - log S of slope -1."""
    peak = np.minimum(3.0 / rng.random(n), brightest) * NOISE
    return np.column_stack([rng.uniform(0, 1000, n), rng.uniform(0, 700, n), peak])


def _left(found: LeftOut, names: list[str], scan: str) -> int:
    return sum(int(out.sum()) for out, name in zip(found.left, names, strict=True) if name == scan)


@pytest.mark.parametrize("cell", [300, 75, 19])
def test_stars_and_steep_structure_are_kept(cell: int) -> None:
    rng = np.random.default_rng(cell)
    frames, names = _observe(Sky(_stars(rng, 300), 400.0), cell, rng, {})
    found = leave_out(frames, names, RULES)
    n_left, tested = sum(int(out.sum()) for out in found.left), sum(found.tested)
    assert tested >= (20 if cell == 300 else 200)
    assert n_left <= 1e-4 * tested
    assert not any(found.refused)


@pytest.mark.parametrize("cell", [300, 75, 19])
def test_an_asteroid_in_one_scan_goes_and_all_else_stays(cell: int) -> None:
    rng = np.random.default_rng(100 + cell)
    # In the middle of a map pixel that all scans see.
    place = (np.floor(np.array([330.0, 330.0]) / cell) + 0.5) * cell
    asteroid = np.array([[*place, 500.0 * NOISE]])
    stars = _stars(rng, 100, 30.0)
    frames, names = _observe(Sky(stars, 0.0), cell, rng, {2: asteroid})
    if cell == 300:
        # 0.9 DN in the mean of 90 000 pixels.
        frames, names = _observe(Sky(stars[:0], 0.0), cell, rng, {2: asteroid}, n=700)
    found = leave_out(frames, names, RULES)
    key = int(np.floor(place[0] / cell)) * 1000 + int(np.floor(place[1] / cell))
    for frame, name, out in zip(frames, names, found.left, strict=True):
        where = frame.sums.pixels.tolist().index(key) if key in frame.sums.pixels else None
        if name == "00002a" and where is not None:
            assert out[where]
    others = sum(_left(found, names, name) for name in set(names) - {"00002a"})
    assert others == 0
    assert not any(found.refused)


def test_an_asteroid_as_bright_as_the_brightest_star_goes() -> None:
    rng = np.random.default_rng(31)
    star = np.array([337.5, 337.5])
    stars = np.vstack([_stars(rng, 300), [*star, 300.0 * NOISE]])
    frames, names = _observe(Sky(stars, 0.0), 75, rng, {2: np.array([[*(star + 12.0), 360.0 * NOISE]])})
    found = leave_out(frames, names, RULES)
    gone = {
        (name, int(pixel))
        for frame, name, out in zip(frames, names, found.left, strict=True)
        for pixel in frame.sums.pixels[out]
    }
    assert gone == {("00002a", 4004)}
    assert not any(found.refused)


def test_a_spoilt_frame_is_refused_and_its_neighbours_are_not() -> None:
    rng = np.random.default_rng(8)
    frames, names = _gaussian_group(rng, 6, 5, 10, 5_600)
    k = names.index("00003a") + 2
    sums = frames[k].sums
    ripple = 5.0 * np.where(rng.random(sums.pixels.size) < 0.3, 1.0, 0.0)
    frames[k] = replace(frames[k], sums=replace(sums, sum_wx=sums.sum_wx + sums.sum_w * ripple))
    found = leave_out(frames, names, RULES)
    assert [j for j, refused in enumerate(found.refused) if refused] == [k]
    assert sum(int(out.sum()) for j, out in enumerate(found.left) if j != k) == 0


def test_offsets_of_scans_are_found_and_stated() -> None:
    rng = np.random.default_rng(9)
    frames, names = _gaussian_group(rng, 6, 4, 10, 5_600)
    before = leave_out(frames, names, RULES)
    moved = [
        replace(f, level=f.level + 40.0) if n == "00001a" else f for f, n in zip(frames, names, strict=True)
    ]
    after = leave_out(moved, names, RULES)
    shift = {name: after.scan_offsets[name] - before.scan_offsets[name] for name in before.scan_offsets}
    rest = np.mean([value for name, value in shift.items() if name != "00001a"])
    assert shift["00001a"] - rest == pytest.approx(40.0, abs=0.1)
    assert [out.tolist() for out in after.left] == [out.tolist() for out in before.left]


def test_two_scans_decide_nothing() -> None:
    frames, names = _gaussian_group(np.random.default_rng(10), 2, 3, 6, 5_600)
    frames[0] = replace(frames[0], level=frames[0].level + 500.0)
    found = leave_out(frames, names, RULES)
    assert not any(out.any() for out in found.left)
    assert found.tested == [0] * 6
    assert np.isnan(found.worst).all()
    assert found.scan_offsets == {}


def test_refused_frames_and_empty_groups_are_passed_over() -> None:
    frames, names = _gaussian_group(np.random.default_rng(11), 4, 2, 6, 5_600)
    found = leave_out([replace(frames[0], used=False), *frames[1:]], names, RULES)
    assert found.tested[0] == 0
    assert sum(found.tested) > 0
    nothing = leave_out([replace(frame, used=False) for frame in frames], names, RULES)
    assert sum(nothing.tested) == 0
    assert leave_out([], [], RULES).left == []


def test_what_is_left_out_leaves_a_bit_and_no_values() -> None:
    frames, _ = _gaussian_group(np.random.default_rng(12), 1, 1, 3, 5_600)
    left = np.arange(9) == 4
    merged = merge([without(frames[0], left)])
    assert merged.mask.tolist() == [128 | (32 if k == 4 else 0) for k in range(9)]
    assert np.isnan(merged.value).tolist() == left.tolist()
    assert np.isnan(merged.east).tolist() == left.tolist()
    # The frame that stays says where the map pixel was seen.
    other = replace(frames[0], offsets=frames[0].offsets + 80.0)
    merged = merge([without(frames[0], left), other])
    np.testing.assert_allclose(merged.north, np.where(left, 80.0, 40.0))
    assert without(frames[0], np.zeros(9, bool)) is frames[0]


@pytest.mark.parametrize("per_pixel", [False, True])
def test_weights_of_each_pixel_measure_the_same_sky(per_pixel: bool) -> None:
    rng = np.random.default_rng(13)
    frames, names = _observe(Sky(_stars(rng, 50, 30.0), 50.0), 75, rng, {})
    if per_pixel:
        frames = [
            replace(
                f,
                weight=1.0,
                sums=replace(
                    f.sums,
                    **{name: getattr(f.sums, name) / NOISE**2 for name in ("sum_w", "sum_wx", "sum_wxx")},
                    sum_wwvv=f.sums.sum_w / NOISE**2,
                ),
            )
            for f in frames
        ]
    found = leave_out(frames, names, RULES)
    assert found.worst[0] == pytest.approx(_reference_worst(), rel=1e-6)


def _reference_worst() -> float:
    rng = np.random.default_rng(13)
    frames, names = _observe(Sky(_stars(rng, 50, 30.0), 50.0), 75, rng, {})
    return leave_out(frames, names, RULES).worst[0]
