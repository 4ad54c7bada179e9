"""The sky of a set of dithers: what stars lose, and what is found when the sky changes."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from numpy.typing import NDArray
from truthkit.skytwin import mask_objects, sky_residuals

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.flatfield import NO_SKY, OBJECT
from photomitrus_cli.imaging.framemap import FrameMap
from photomitrus_cli.imaging.skyobjects import grow_objects
from photomitrus_cli.io.fitsread import read_image
from photomitrus_cli.prime.calibrate import calibrate, find_bad, make_calibration
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.rawframes import read_bad, read_plane
from photomitrus_cli.prime.skychannels import channel_offsets
from photomitrus_cli.prime.skymasks import mask_on_frame
from photomitrus_cli.prime.skyrules import SkyRules, sky_windows
from photomitrus_cli.prime.skyscale import first_scale, fit_scale

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
SIDE, N, SIGMA, SKY = 240, 9, 4.0, 500.0
PLAIN = SkyRules(mesh_px=0, shrink=False)
MJD = [60000.0 + k / 1440.0 for k in range(N)]


def star(x: float, y: float, flux: float) -> NDArray[np.float64]:
    """A Moffat profile of exponent 2.8 and 3 px full width."""
    v, u = np.mgrid[:SIDE, :SIDE]
    alpha2 = 2.25 / (2.0 ** (1.0 / 2.8) - 1.0)
    profile = (1.0 + ((u - x) ** 2 + (v - y) ** 2) / alpha2) ** -2.8
    return np.asarray(flux * 1.8 / np.pi / alpha2 * profile)


def sky_pattern() -> NDArray[np.float64]:
    v, u = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    pattern = 1.0 + 0.08 * (u**2 + v**2) + 0.01 * np.sin(9.0 * u)
    return np.asarray(pattern / np.median(pattern))


def dithers(fluxes: list[float], seed: int) -> tuple[list[tuple[Float32, Mask]], list[Float32]]:
    """Frames of one field, and what they would be without a sky."""
    rng = np.random.default_rng(seed)
    v, u = np.mgrid[:SIDE, :SIDE] * 2.0 / (SIDE - 1) - 1.0
    frames, clean = [], []
    for k in range(N):
        x, y = rng.uniform(40.0, SIDE - 80.0, 2)
        light = sum((star(x + 40.0 * j, y, flux) for j, flux in enumerate(fluxes)), np.zeros((SIDE, SIDE)))
        clean.append((light + rng.normal(0.0, SIGMA, (SIDE, SIDE))).astype(np.float32))
        sky = SKY * (1.0 + 0.01 * k) * sky_pattern() + 2.0 * np.cos(k) * u + 2.0 * np.sin(k) * v
        frames.append(((sky + clean[-1]).astype(np.float32), np.zeros((SIDE, SIDE), np.uint8)))
    return frames, clean


def lost(residuals: list[Float32], clean: list[Float32]) -> float:
    """Light lost within 4.5 px of the brightest pixel, per pixel, averaged over the frames."""
    v, u = np.mgrid[:SIDE, :SIDE]
    total = []
    for found, true in zip(residuals, clean, strict=True):
        y, x = np.unravel_index(np.argmax(true), true.shape)
        near = (u - x) ** 2 + (v - y) ** 2 <= 4.5**2
        total.append((true - found)[near].mean() - np.median(true - found))
    return float(np.mean(total))


def test_stars_lose_nothing_in_the_second_pass() -> None:
    flux, one, two = 20000.0, [], []
    # As the seed does it: the median of all, objects in it.
    median = SkyRules(kappa=1e6, leave_out=False, mesh_px=0)
    for seed in range(6):
        frames, clean = dithers([flux], seed)
        rough = [first_scale(*frame) for frame in frames]
        one.append(lost([r.values for r, _ in sky_residuals(frames, rough, MJD, median)], clean))
        scales = mask_objects(frames, PLAIN)
        assert 0.0 < np.mean([(mask == OBJECT).mean() for _, mask in frames]) < 0.02
        two.append(lost([r.values for r, _ in sky_residuals(frames, scales, MJD, PLAIN)], clean))
    expected = SIGMA * NormalDist().inv_cdf(0.5 + 0.5 / (N - 1))
    assert np.mean(one) == pytest.approx(expected, rel=0.25)
    assert abs(np.mean(two)) < 0.15 * expected


def test_objects_are_found_in_blocks_of_pixels() -> None:
    frames, clean = dithers([4000.0], 2)
    rules = SkyRules(mesh_px=0, binning=2)
    scales = mask_objects(frames, rules)
    marked = [(mask & OBJECT) != 0 for _, mask in frames]
    v, u = np.mgrid[:SIDE, :SIDE]
    for mask, true in zip(marked, clean, strict=True):
        y, x = np.unravel_index(np.argmax(true), true.shape)
        assert mask[(u - x) ** 2 + (v - y) ** 2 <= 4.5**2].all()
        assert mask.mean() < 0.02
    found = [residual.values for residual, _ in sky_residuals(frames, scales, MJD, rules)]
    assert abs(lost(found, clean)) < 0.1 * SIGMA


def test_faint_light_is_not_lost_when_own_values_are_left_out() -> None:
    # A tenth of the noise, everywhere in one frame's quarter: nothing finds it.
    for leave_out, share in ((True, 1.0), (False, 1.0 - 1.0 / N)):
        frames, _ = dithers([], 3)
        rng = np.random.default_rng(0)
        chosen = rng.random((SIDE, SIDE)) < 0.05
        frames[4][0][chosen] += np.float32(2.0)
        rules = SkyRules(leave_out=leave_out, mesh_px=0, kappa=8.0)
        scales = mask_objects(frames, rules)
        values = next(r.values for r, _ in sky_residuals(frames, scales, MJD, rules) if r.index == 4)
        assert values[chosen].mean() - values[~chosen].mean() == pytest.approx(2.0 * share, abs=0.15)


def test_noise_and_gaps() -> None:
    frames, _ = dithers([2000.0, 500.0], 4)
    # Never seen, and seen in one frame too few.
    for k, (_, mask) in enumerate(frames):
        mask[100:110, 50:60] = 1
        mask[7, 7] = k > 1
    scales = mask_objects(frames, PLAIN)
    found = list(sky_residuals(frames, scales, MJD, PLAIN))
    for one, sky in found:
        # Own noise, and that of the mean of eight others.
        assert one.rms == pytest.approx(SIGMA * np.sqrt(1.0 + 1.0 / (N - 1)), rel=0.03)
        assert (one.mask[100:110, 50:60] & NO_SKY).all()
        assert not (one.mask & OBJECT).any()
        assert bool(one.mask[7, 7] & NO_SKY) == (one.index < 2)
        assert sky is not None
        error = sky.planes.value / sky_pattern() - 1.0
        assert np.abs(error[100:110, 50:60]).max() < 0.01


def test_level_and_plane_are_found() -> None:
    frames, _ = dithers([3000.0], 5)
    pattern = sky_pattern().astype(np.float32)
    for k in (0, 3, 8):
        first = first_scale(*frames[k])
        scale = fit_scale(*frames[k], pattern, first)
        # The constant and the level are told apart by the pattern only; what counts is their sum.
        total = scale.level + scale.constant
        assert total == pytest.approx(SKY * (1.0 + 0.01 * k), abs=0.2)
        assert scale.along == pytest.approx(2.0 * np.cos(k), abs=0.15)
        assert scale.down == pytest.approx(2.0 * np.sin(k), abs=0.15)
        row = scale.rows(100, (SIDE, SIDE))
        v = 2.0 * 100 / (SIDE - 1) - 1.0
        assert row.offset == pytest.approx(scale.constant - scale.along + scale.down * v)
    with pytest.raises(InputError, match=r"frame 3: the level of the sky is .*, not above 0"):
        first_scale(frames[0][0] - np.float32(1000.0), frames[0][1], "frame 3")


def test_frames_near_in_time() -> None:
    assert sky_windows(MJD) == [(tuple(range(N)), tuple(range(N)))]
    hour = [60000.0 + k * 2.0 / 1440.0 for k in range(30)]
    windows = sky_windows(hour)
    assert sorted(k for _, targets in windows for k in targets) == list(range(30))
    for members, targets in windows:
        assert len(members) == 13
        assert set(targets) <= set(members)
    # A pattern that appears in the middle of the set disturbs nobody who looks at near frames only.
    frames, _ = dithers([], 6)
    stripes = np.where(np.arange(SIDE) % 7 < 3, 1.0, -1.0).astype(np.float32)
    for values, _ in frames[5:]:
        np.add(values, np.float32(3.0) * stripes, out=values)
    times = [60000.0 + (k + 60 * (k >= 5)) / 1440.0 for k in range(N)]
    left = {}
    for nearest in (0, 4):
        rules = SkyRules(nearest=nearest, mesh_px=0)
        found = sky_residuals(frames, mask_objects(frames, rules), times, rules)
        left[nearest] = max(abs(float((residual.values * stripes).mean())) for residual, _ in found)
    assert left[0] > 1.0
    assert left[4] < 0.1


def test_channels_are_told_from_a_smooth_background() -> None:
    steps = np.repeat([3.0, -2.0, 5.0, 0.0, 1.0, -4.0], 50)[4:]
    x = np.linspace(-1.0, 1.0, steps.size)
    values = (steps + 7.0 * x - 5.0 * x**2 + np.zeros((20, steps.size))).astype(np.float32)
    out = np.zeros(values.shape, np.bool_)
    out[:, 60:70] = True
    offsets = channel_offsets(values, out, 50, 4)
    np.testing.assert_allclose(offsets - offsets[0], steps - steps[0], atol=0.3)
    assert abs(offsets.mean()) < 1e-6
    out[:, 96:100] = out[:, 140:150] = True
    assert np.isfinite(channel_offsets(values, out, 50, 4)).all()


def test_mesh_only() -> None:
    frames, _ = dithers([4000.0], 7)
    rules = SkyRules(mesh_only=True, mesh_px=50)
    found = list(sky_residuals(frames, mask_objects(frames, rules), MJD, rules))
    assert [residual.index for residual, _ in found] == list(range(N))
    assert all(sky is None for _, sky in found)
    assert all(abs(np.median(residual.values)) < 1.5 for residual, _ in found)
    assert all(residual.rms < 1.5 * SIGMA for residual, _ in found)


def test_objects_grow_with_their_size() -> None:
    found = np.zeros((120, 140), np.bool_)
    v, u = np.mgrid[:120, :140]
    found[(v - 60) ** 2 + (u - 60) ** 2 <= 20**2] = True
    found[5:7, 5:7] = True
    found[100, 130] = True
    grown = grow_objects(found, fewest=3, factor=0.5, least=1.0)
    assert not grown[90:, 120:].any()
    assert grown[5:7, 4].all()
    assert not grown[5, 2]
    n = np.count_nonzero(grown[30:, :110])
    assert np.sqrt(n / np.pi) == pytest.approx(20.5 + 1.0 + 0.5 * 20.5, abs=1.0)
    np.testing.assert_array_equal(grow_objects(found, fewest=1, factor=0.0, least=0.0), found)


def test_a_mask_of_the_stack_on_a_frame() -> None:
    stack = np.zeros((50, 60), np.bool_)
    stack[20, 30] = True
    nodes = np.mgrid[0:49:16, 0:49:16].astype(np.float64)
    place = FrameMap(16, nodes[1] + 10.3, nodes[0] + 5.4, (40, 40), 0.0)
    expected = np.zeros((40, 40), np.bool_)
    expected[15, 20] = True
    np.testing.assert_array_equal(mask_on_frame(stack, place), expected)


@pytest.mark.real
def test_real_dithers(real_data: Path) -> None:
    folder = real_data / "nir" / "nirc2-ks-cosmos01"
    window = load_instrument("nirc2").detector.window((1024, 1024))
    flat, dark = (
        read_plane(folder / f"{name}_11apr.fits.gz", window) for name in ("flat_Ks_W", "drk_80_1_16")
    )
    bad = read_bad(folder / "badpix_12oct.fits.gz", window, good=0)
    with pytest.raises(InputError, match="of the pixels are bad"):
        read_bad(folder / "badpix_12oct.fits.gz", window)
    images = [read_image(path) for path in sorted(folder.glob("n00*.fits.gz"))]
    mjd = [image.cards.number("MJD-OBS") for image in images]
    kind = make_calibration(window.shape, flat=flat, bad=bad, dark=dark, saturation=18000.0)
    frames = [calibrate(image.data, kind) for image in images]
    scales = mask_objects(frames, SkyRules())
    residuals = [residual for residual, _ in sky_residuals(frames, scales, mjd, SkyRules())]
    noise = [residual.rms for residual in residuals]
    assert np.median(noise) <= 38.0
    assert max(noise) <= 40.0
    assert all(abs(np.median(r.values[frames[r.index][1] == 0])) < 1.0 for r in residuals)
    # What the set itself says is bad is little, and bad more often than chance would have it.
    blind = make_calibration(window.shape, flat=flat, dark=dark)
    found = find_bad([calibrate(image.data, blind) for image in images])
    assert 0.0 < found.mean() < 0.002
    assert bad[found].mean() > 0.2
