"""What is rejected within a frame: hits go, stars stay."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit.wisestars import GAIN, SIGMA, StarFrame, star_frame

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.bitmasks import BAD, FATAL_PRESETS, SPIKE, estimate_unc, first_state
from photomitrus_cli.imaging.localmodel import local_model
from photomitrus_cli.imaging.spikes import flag_spikes
from photomitrus_cli.imaging.starpixels import flag_stars

N = 508


def flagged(frame: StarFrame, state: np.ndarray | None = None) -> np.ndarray:
    state = np.zeros(frame.sci.shape, np.uint8) if state is None else state
    flag_spikes(frame.sci, frame.unc, state, local_model(frame.sci, state))
    return (state & SPIKE) > 0


def test_named_bit_sets() -> None:
    assert FATAL_PRESETS["unwise"] == 472383231
    assert FATAL_PRESETS["seed"] == 2**32 - 1
    assert FATAL_PRESETS["catwise"] == 472383231 - (1 << 7) - (1 << 26)
    assert FATAL_PRESETS["wssa"] == 0xFF + (1 << 28) + (0x1FF << 10)


@pytest.mark.parametrize("fwhm", [2.2, 2.36])
@pytest.mark.parametrize("heights", [(5.0, 12.0), (12.0, 100.0), (100.0, 5000.0)])
def test_stars_stay(fwhm: float, heights: tuple[float, float]) -> None:
    frame = star_frame(np.random.default_rng(1), N, fwhm, heights, step=20)
    hit = flagged(frame)
    touched = [hit[y - 4 : y + 5, x - 4 : x + 5].any() for y, x in zip(frame.y, frame.x, strict=True)]
    assert len(touched) > 500
    assert np.mean(touched) < 0.01
    assert frame.light[hit].sum() < 1e-3 * frame.light.sum()


def test_hits_on_the_sky_go() -> None:
    frame = star_frame(np.random.default_rng(2), N, heights=None, step=16)
    assert flagged(frame).sum() == 0
    for height, share in ((10.0, 0.98), (30.0, 1.0)):
        struck = StarFrame(frame.sci.copy(), frame.unc, frame.light, frame.y, frame.x, frame.peak)
        struck.sci[frame.y, frame.x] += np.float32(height * SIGMA)
        hit = flagged(struck)
        assert hit[frame.y, frame.x].mean() >= share
        assert hit.sum() < 1.03 * frame.y.size


@pytest.mark.parametrize("height", [30.0, 300.0])
def test_hits_on_stars_go(height: float) -> None:
    rng = np.random.default_rng(3)
    frame = star_frame(rng, N, heights=(height, 1.0001 * height), step=20)
    near = np.argwhere(np.hypot(*np.mgrid[-3:4, -3:4]) <= 3.0) - 3
    y, x = np.stack([frame.y, frame.x]) + near[rng.integers(0, len(near), frame.y.size)].T
    frame.sci[y, x] += np.float32(height * SIGMA)
    hit = flagged(frame)
    assert hit[y, x].mean() > 0.95
    hit[y, x] = False
    # Of a star that is hit some of the wing beside the hit may go, too.
    assert frame.light[hit].sum() < 0.02 * frame.light.sum()


@pytest.mark.parametrize("height", [30.0, 100.0])
def test_tracks_go(height: float) -> None:
    rng = np.random.default_rng(4)
    frame = star_frame(rng, N, heights=None)
    track = np.zeros((N, N))
    for y, x in zip(frame.y, frame.x, strict=True):
        angle, t = rng.uniform(0.0, np.pi), np.arange(0.0, rng.uniform(1.0, 8.0), 0.025)
        at = np.rint(y + t * np.sin(angle)).astype(int), np.rint(x + t * np.cos(angle)).astype(int)
        np.add.at(track, at, 0.025 * height * SIGMA)
    frame.sci[:] += track.astype(np.float32)
    hit = flagged(frame)
    assert hit[track > 8.0 * SIGMA].mean() > 0.9
    assert track[hit].sum() > 0.92 * track.sum()
    assert (hit & (track == 0.0)).sum() < 0.03 * (track > 0.0).sum()


def test_no_rings_about_saturated_stars() -> None:
    rng = np.random.default_rng(5)
    frame = star_frame(rng, N, heights=(3000.0, 5000.0), step=40)
    state = np.zeros((N, N), np.uint8)
    state[frame.light > 500.0 * SIGMA] = 3
    frame.sci[state > 0] = 0.0
    assert (state > 0).sum() > 1000
    assert flagged(frame, state).sum() == 0


@pytest.mark.parametrize("depth", [10.0, 50.0])
def test_low_pixels_go_and_wide_dark_places_stay(depth: float) -> None:
    rng = np.random.default_rng(6)
    low = star_frame(rng, 200, heights=None)
    low.sci[50:150:20, 50:150:20] -= np.float32(depth * SIGMA)
    hit = flagged(low)
    assert hit[50:150:20, 50:150:20].mean() >= 0.96
    assert hit.sum() < 1.1 * 25
    # Dark as stars are bright.
    dark = star_frame(rng, N, heights=(depth, 10.0 * depth), step=20)
    dark.sci[:] -= np.float32(2.0) * dark.light.astype(np.float32)
    assert (dark.light > 5.0 * SIGMA).sum() > 3000
    assert flagged(dark).sum() < 0.01 * len(dark.y)


def test_both_tails_of_the_noise_go_alike() -> None:
    frame = star_frame(np.random.default_rng(16), 2 * N, heights=None)
    state = np.zeros(frame.sci.shape, np.uint8)
    model = local_model(frame.sci, state)
    flag_spikes(frame.sci, frame.unc, state, model, sigma=2.5, sharpness=0.5)
    height = frame.sci[state == SPIKE] - np.median(frame.sci)
    assert height.size > 2000
    assert abs((height > 0.0).sum() - (height < 0.0).sum()) < 3.0 * np.sqrt(height.size)


def test_a_hit_at_the_edge_and_beside_bad_pixels() -> None:
    frame = star_frame(np.random.default_rng(7), 100, heights=None)
    state = np.zeros((100, 100), np.uint8)
    for at in ((0, 50), (50, 99), (40, 40), (0, 0), (20, 20)):
        frame.sci[at] += np.float32(40.0 * SIGMA)
    state[41, 40] = state[20, 19] = state[21, 20] = 1
    hit = flagged(frame, state)
    # In a corner, or with a bad pixel on both axes, there is no pair to judge by.
    assert {tuple(map(int, at)) for at in np.argwhere(hit)} == {(0, 50), (50, 99), (40, 40)}


def test_star_pixels_hold_the_light() -> None:
    frame = star_frame(np.random.default_rng(8), N, heights=(20.0, 500.0), step=48)
    state = np.zeros((N, N), np.uint8)
    flag_stars(frame.sci, frame.unc, state, local_model(frame.sci, state), sigma=5.0, grow=2)
    assert frame.light[state == 8].sum() > 0.999 * frame.light.sum()
    assert (state == 8).mean() < 0.06


@pytest.mark.parametrize("seed", [1, 2])
def test_accuracy_of_estimated_noise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = star_frame(rng, N, heights=(5.0, 1000.0))
    state = np.zeros((N, N), np.uint8)
    ratio = estimate_unc(frame.sci, state, local_model(frame.sci, state), gain=GAIN) / frame.unc
    sky, star = frame.light < 0.1 * SIGMA, frame.light > 20.0 * SIGMA
    assert star.sum() > 1000
    # Light between the crowded stars counts as noise of the sky: 3 % too much.
    for part, bias, scatter in ((sky, 0.05, 0.05), (star, 0.05, 0.05)):
        assert abs(np.median(ratio[part]) - 1.0) < bias
        assert np.std(ratio[part]) < scatter


def test_a_frame_without_a_used_pixel() -> None:
    sci, unc = np.ones((2, 40, 40), np.float32)
    state = np.ones((40, 40), np.uint8)
    model = local_model(sci, state)
    assert flag_spikes(sci, unc, state, model) == 0
    assert flag_stars(sci, unc, state, model) == 0
    assert (state == 1).all()


def test_what_cannot_be() -> None:
    sci, unc = np.ones((2, 40, 40), np.float32)
    state = np.zeros((40, 40), np.uint8)
    model = local_model(sci, state)
    with pytest.raises(InputError, match="must agree"):
        first_state(sci, unc[:20], None, 0)
    with pytest.raises(InputError, match="must agree"):
        first_state(sci, unc, np.zeros((3, 3), np.int32), 0)
    with pytest.raises(InputError, match="gain"):
        estimate_unc(sci, state, model, gain=0.0)
    with pytest.raises(InputError, match="sharpness"):
        flag_spikes(sci, unc, state, model, sharpness=1.0)
    with pytest.raises(InputError, match="sigma"):
        flag_spikes(sci, unc, state, model, sigma=0.0)
    with pytest.raises(InputError, match="growth"):
        flag_stars(sci, unc, state, model, grow=-1)
    with pytest.raises(InputError, match="of 0 sigma grown by 2"):
        flag_stars(sci, unc, state, model, sigma=0)


@pytest.mark.parametrize("place", [(0, 0), (0, 8), (6, 0), (6, 8), (3, 4), (3, 0)])
def test_a_spike_of_the_archive_spoils_its_neighbours_and_no_pixel_across(place: tuple[int, int]) -> None:
    sci, msk = np.ones((7, 9), np.float32), np.zeros((7, 9), np.int32)
    msk[place] = 1 << 28
    state = first_state(sci, sci, msk, 1 << 28, grow28=True)
    y, x = np.mgrid[:7, :9]
    near = (np.abs(y - place[0]) <= 1) & (np.abs(x - place[1]) <= 1)
    np.testing.assert_array_equal(state, np.where(near, BAD, 0))
