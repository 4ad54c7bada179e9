"""Outlier rejection on frames of known stars and hits: undersampled, dithered, rotated, badly pointed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import maximum_filter
from scipy.special import erf
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.blot import blot, local_contrast
from photomitrus_cli.imaging.clip import clipped_mean
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.pixelmap import PixelMap
from photomitrus_cli.imaging.prepared import prepare_frame
from photomitrus_cli.imaging.reference import reference_map
from photomitrus_cli.imaging.reject import Rejection, find_outliers
from photomitrus_cli.imaging.resample import resample_frame

SIDE, N_FRAMES, N_STARS = 80, 12, 60
RA, DEC, NATIVE, FINE = 150.0, 2.0, 1.2233, 0.6
# Core of FWHM 1.66 arcsec and wings, shares of the light and Gaussian sigmas in frame pixels.
PSF = ((0.85, 0.576), (0.15, 1.9))
POINTING_ARCSEC, RESPONSE = 0.12, 0.04
# Variance a unit of signal; the sky has variance 1.
POISSON = 0.02


@dataclass
class Scene:
    """Frames with the same noise without and with hits, and where they lie."""

    clean: np.ndarray
    hits: np.ndarray
    variance: np.ndarray
    maps: list[PixelMap]
    positions: list[tuple[np.ndarray, np.ndarray]]
    grid: Grid
    stars: np.ndarray


def render(x: np.ndarray, y: np.ndarray, flux: np.ndarray) -> np.ndarray:
    """Integrate stars over the pixels; what is seen depends on the place within the pixel."""
    image = np.zeros((SIDE, SIDE))
    edges = np.arange(SIDE + 1) - 0.5
    for a, b, total in zip(x, y, flux, strict=True):
        phase = 1.0 + RESPONSE * (np.cos(2 * np.pi * (a - round(a))) + np.cos(2 * np.pi * (b - round(b)))) / 2
        for share, sigma in PSF:
            across, along = (np.diff(0.5 * erf((edges - at) / sigma / np.sqrt(2.0))) for at in (a, b))
            image += total * phase * share * np.outer(along, across)
    return image


def tracks(rng: np.random.Generator) -> np.ndarray:
    """Straight tracks one pixel wide, of 5 to 500 sigma a pixel, on 1 % of the pixels."""
    image = np.zeros((SIDE, SIDE))
    while np.count_nonzero(image) < 0.01 * image.size:
        x, y = rng.uniform(0, SIDE - 1, 2)
        angle, length = rng.uniform(0.0, np.pi), rng.integers(1, 9)
        places = np.arange(length)
        i = np.clip(np.round(x + np.cos(angle) * places).astype(int), 0, SIDE - 1)
        j = np.clip(np.round(y + np.sin(angle) * places).astype(int), 0, SIDE - 1)
        image[j, i] = 10.0 ** rng.uniform(np.log10(5.0), np.log10(500.0))
    return image


@pytest.fixture(scope="module")
def scene() -> Scene:
    rng = np.random.default_rng(5)
    side_deg = SIDE * NATIVE / 3600.0
    ra = RA + rng.uniform(-0.5, 0.5, N_STARS) * side_deg
    dec = DEC + rng.uniform(-0.5, 0.5, N_STARS) * side_deg
    flux = 10.0 ** rng.uniform(1.3, 4.3, N_STARS)
    clean, hits, shown, true = [], [], [], []
    for n in range(N_FRAMES):
        at = RA + rng.normal(0, 6) * NATIVE / 3600, DEC + rng.normal(0, 6) * NATIVE / 3600
        error = rng.normal(0.0, POINTING_ARCSEC, 2) / 3600.0
        options: dict[str, Any] = {
            "angle": 88.0 + 5.0 * (n % 3),
            "crpix": (SIDE / 2.0, SIDE / 2.0),
            "distortion": "sip",
        }
        true.append(make_wcs(*at, **options))
        shown.append(make_wcs(at[0] + error[0], at[1] + error[1], **options))
        x_true, y_true = true[-1].all_world2pix(ra, dec, 0)
        image = render(x_true, y_true, flux)
        noise = rng.normal(0.0, np.sqrt(1.0 + POISSON * image))
        clean.append(image + noise + rng.normal(0.0, 2.0))
        hits.append(tracks(rng))
    shape = (SIDE, SIDE)
    edges = [footprint(wcs, shape) for wcs in shown]
    edge_ra, edge_dec = (np.stack(axis) for axis in zip(*edges, strict=True))
    grid = grid_for_footprints(edge_ra, edge_dec, FINE)
    y, x = np.mgrid[:SIDE, :SIDE]
    sky = [wcs.all_pix2world(x.astype(float), y.astype(float), 0) for wcs in shown]
    frames = np.array(clean, dtype=np.float32)
    frames -= np.median(frames, axis=(1, 2), keepdims=True)
    variance = (1.0 + POISSON * np.clip(frames, 0.0, None)).astype(np.float32)
    return Scene(
        frames, np.array(hits, dtype=np.float32), variance, [map_frame(wcs, shape, grid) for wcs in shown],
        [grid.world_to_pixel(*one) for one in sky], grid, np.array([*grid.world_to_pixel(ra, dec), flux]),
    )  # fmt: skip


Cube = tuple[np.ndarray, np.ndarray, np.ndarray]
Without = tuple[Cube, tuple[np.ndarray, np.ndarray, np.ndarray]]


def cube(scene: Scene, frames: np.ndarray, bad: np.ndarray) -> Cube:
    ny, nx = scene.grid.shape
    parts = [
        resample_frame(prepare_frame(sci, var, mask), pixel_map, (0, ny, 0, nx))
        for sci, var, mask, pixel_map in zip(frames, scene.variance, bad, scene.maps, strict=True)
    ]
    return tuple(np.stack([getattr(p, name) for p in parts]) for name in ("value", "variance", "valid"))  # type: ignore[return-value]


def mean(parts: Cube) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plain mean, its sigma and the number of values."""
    values, variances, valid = parts
    count = valid.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.where(valid, values, 0.0).sum(axis=0) / count
        return value, np.sqrt(np.where(valid, variances, 0.0).sum(axis=0)) / count, count


def flat_sky(without: Without, contrast: float) -> np.ndarray:
    """Tell where several frames are and no steep star is near."""
    ref, _, _ = reference_map(*without[0])
    flat: np.ndarray = (without[1][2] >= 6) & (
        maximum_filter(local_contrast(ref, np.zeros_like(ref)), 5) < contrast
    )
    return flat


def compare(scene: Scene, frames: np.ndarray) -> tuple[list[Rejection], Cube]:
    """Stack frames and find the outliers of each."""
    good = np.zeros(frames.shape, dtype=bool)
    stack = reference_map(*cube(scene, frames, good))
    found = [
        find_outliers(sci, var, mask, *stack[:2], *at)
        for sci, var, mask, at in zip(frames, scene.variance, good, scene.positions, strict=True)
    ]
    return found, cube(scene, frames, np.array([one.mask for one in found]))


def fluxes(scene: Scene, image: np.ndarray) -> np.ndarray:
    """Sums in 3.6 arcsec around the stars."""
    y, x = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([image[np.hypot(x - a, y - b) < 6.0].sum() for a, b, _ in scene.stars.T])


@pytest.fixture(scope="module")
def without(scene: Scene) -> Without:
    parts = cube(scene, scene.clean, np.zeros(scene.clean.shape, dtype=bool))
    return parts, mean(parts)


@pytest.fixture(scope="module")
def good_stars(scene: Scene, without: Without) -> np.ndarray:
    """Stars of 10 sigma with some coverage all over."""
    count = without[1][2]
    sigma = np.sqrt(np.pi) * 3.0 / np.sqrt(np.median(count[count > 0]))
    y, x = np.round(scene.stars[1]).astype(int), np.round(scene.stars[0]).astype(int)
    covered = [
        count[max(j - 6, 0) : j + 7, max(i - 6, 0) : i + 7].min() >= 5 for j, i in zip(y, x, strict=True)
    ]
    bright: np.ndarray = np.array(covered) & (scene.stars[2] > 10.0 * sigma)
    return bright


def test_clean_frames_keep_their_stars_and_sky(
    scene: Scene, without: Without, good_stars: np.ndarray
) -> None:
    found, parts = compare(scene, scene.clean)
    assert sum(int(one.mask.sum()) for one in found) <= 2  # of 77000 pixels
    assert good_stars.sum() > 30
    before, after = fluxes(scene, without[1][0])[good_stars], fluxes(scene, mean(parts)[0])[good_stars]
    assert np.abs(after / before - 1.0).max() < 0.002
    # The pointing errors are found relative to those of the stack.
    shifts = np.array([one.shift for one in found]) * NATIVE
    assert np.hypot(*shifts.std(axis=0)) == pytest.approx(np.sqrt(2.0) * POINTING_ARCSEC, rel=0.4)


def test_hits_leave_no_trace(scene: Scene, without: Without) -> None:
    found, parts = compare(scene, scene.clean + scene.hits)
    value, sigma, count = without[1]
    ref, _, _ = reference_map(*without[0])
    missed = judged = 0
    for one, hit, var, at in zip(found, scene.hits, scene.variance, scene.positions, strict=True):
        seen, steep = blot(ref, *at)
        deep = blot(count.astype(np.float32), *at)[0] >= 5
        noise = np.sqrt(var)
        # Where no star is so steep that a pointing error could make as much.
        steep = np.maximum(steep, 0.2 * maximum_filter(np.nan_to_num(steep), 3))
        tell = deep & np.isfinite(seen) & (hit > 10.0 * noise + 0.5 * steep)
        judged, missed = judged + int(tell.sum()), missed + int((tell & ~one.mask).sum())
        assert one.mask.mean() == pytest.approx(0.01, abs=0.006)
    assert judged > 300
    assert missed == 0
    left = (mean(parts)[0] - value) / sigma
    flat = flat_sky(without, 20.0)
    assert flat.mean() > 0.3
    assert np.abs(left[flat]).max() < 3.0
    # What is below the limits is all that remains: 2 % of a sigma on average.
    assert abs(left[flat].mean()) < 0.02


def test_clipped_mean_agrees(scene: Scene, without: Without, good_stars: np.ndarray) -> None:
    one = np.ones(N_FRAMES)
    value, sigma, _ = without[1]
    clean = clipped_mean(*without[0], one, one, one)
    change = fluxes(scene, clean.sci)[good_stars] / fluxes(scene, value)[good_stars] - 1.0
    assert np.abs(change).max() < 0.002
    hit = cube(scene, scene.clean + scene.hits, np.zeros(scene.clean.shape, dtype=bool))
    left = (clipped_mean(*hit, one, one, one).sci - value) / sigma
    flat = flat_sky(without, 20.0)
    raw = (mean(hit)[0] - value) / sigma
    assert (np.abs(raw[flat]) > 3.0).mean() > 0.1
    assert (np.abs(left[flat]) > 3.0).mean() < 0.003
