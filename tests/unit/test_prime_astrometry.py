"""Detections of dithered, distorted frames against a catalogue: true errors, refused frames, wrong fields."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from truthkit.nirstars import AXIS, Camera, Detections, Family, Recipe, Scene, project, simulate

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.starmatch import Search
from photomitrus_cli.imaging.tangent import tangent_axes
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.astrogates import astrometry_gates
from photomitrus_cli.prime.astrometry import solve_astrometry
from photomitrus_cli.prime.detect import centroid_error, detect_sources
from photomitrus_cli.prime.framelight import steadied
from photomitrus_cli.prime.framemeasures import worst_share
from photomitrus_cli.prime.framestars import AstrometrySettings, FrameStars
from photomitrus_cli.prime.gates import GateLimits, at_most, failed
from photomitrus_cli.prime.solution import Solution
from photomitrus_cli.prime.sources import Sources

CORNERS = [0, 16, 17 * 16, 17 * 17 - 1]


@dataclass(frozen=True)
class Stars:
    """A catalogue."""

    ra: np.ndarray
    dec: np.ndarray
    err: np.ndarray
    brightness: np.ndarray


def linear(camera: Camera, pointing: tuple[float, float]) -> TanSip:
    """A frame without distortion at its planned place."""
    middle = np.full(2, 0.5 * (camera.size - 1))
    return TanSip(tangent_axes(*camera.centre(pointing)), camera.cd, middle, (camera.size, camera.size))


def sources(frame: Detections, ellipticity: float = 0.05) -> Sources:
    """The brightest detections."""
    x, y, error, flux = (v[:1500] for v in (frame.x, frame.y, frame.error, frame.flux))
    one = np.ones(x.size)
    flags = np.zeros(x.size, np.int64)
    return Sources(x, y, error, error, flux, one, 2.0 * one, ellipticity * one, flags, flux)


def frames(scene: Scene, trailed: int | None = None, turn: float = 0.0) -> list[FrameStars]:
    """All frames of a scene; `turn` (degrees) is wrong in their headers."""
    out = []
    for k, frame in enumerate(scene.frames):
        nominal = scene.nominal
        turned = [replace(nominal, rotation=nominal.rotation + a + turn) for a in (0.0, 90.0, 180.0, 270.0)]
        starts = tuple(linear(camera, frame.planned) for camera in turned)
        out.append(FrameStars(f"{k:08d}", sources(frame, 0.5 if k == trailed else 0.05), starts))
    return out


def catalogue(scene: Scene) -> Stars:
    """The catalogue of a scene."""
    return Stars(scene.ra, scene.dec, np.full(scene.ra.size, 0.05), scene.mag)


def true_errors(scene: Scene, solution: Solution) -> np.ndarray:
    """Found less true positions on a grid over every frame that was kept, arcsec, shape (f, 2, 17^2)."""
    edge = np.linspace(0.0, scene.truth.size - 1.0, 17)
    x, y = (v.ravel() for v in np.meshgrid(edge, edge))
    kept = [(k, wcs) for k, wcs in enumerate(solution.wcs) if wcs is not None]
    return np.array([scene.errors(k, *wcs.sky(x, y), x, y) for k, wcs in kept])


@pytest.mark.parametrize("family", ["tpv", "radial"])
def test_true_errors_and_refused_frames(family: Family) -> None:
    recipe = Recipe(Camera(family), rotator_error=0.4, mispointed=4)
    scene = simulate(recipe, 11)
    solution = solve_astrometry(frames(scene, trailed=2), catalogue(scene))
    errors = true_errors(scene, solution)
    assert errors.shape[0] == 7
    assert np.sqrt(np.square(errors).mean()) < 0.02
    assert np.hypot(*errors[:, :, CORNERS].swapaxes(0, 1)).max() < 0.08
    assert np.sqrt(np.square(errors - errors.mean(axis=0)).mean()) < 0.004
    assert "trailed" in solution.frames[2].refused
    assert "points 61" in solution.frames[4].refused
    # What is predicted is what happens.
    corners = np.sqrt(np.square(errors[:, :, CORNERS]).mean(axis=(0, 1)))
    assert 0.3 < np.sqrt(np.square(corners / solution.corner_error).mean()) < 2.0
    assert solution.matched > 0.85
    assert np.nanmin(solution.matched_grid) > 0.7
    assert not failed(astrometry_gates(solution))


def test_a_rotator_turned_by_90_degrees_is_found_about_the_axis() -> None:
    scene = simulate(Recipe(Camera(binning=4), n_frames=3), 5)
    solution = solve_astrometry(frames(scene, turn=90.0), catalogue(scene))
    assert np.sqrt(np.square(true_errors(scene, solution)).mean()) < 0.04
    assert np.hypot(*solution.frames[0].offset) > 1000.0


def test_wrong_field_and_wrong_chip_are_refused() -> None:
    scene = simulate(Recipe(Camera(binning=8), n_frames=1, n_stars=300, n_catalogue=150), 6)
    settings = AstrometrySettings(search=Search(turns=(0.0,), small=(0.0, 0.7), flips=False))
    elsewhere = (AXIS[0] + 3.0, AXIS[1])
    moved = replace(scene, frames=[replace(f, planned=elsewhere) for f in scene.frames])
    # Upside down: the same density of stars, none at its place.
    mirrored = replace(catalogue(scene), ra=scene.ra + 3.0, dec=2.0 * AXIS[1] - scene.dec)
    next_chip = replace(scene.nominal, rotation=scene.nominal.rotation - 90.0)
    pointing = scene.frames[0].planned
    chip = FrameStars("c", sources(scene.frames[0]), (linear(next_chip, pointing),))
    for group, stars in ((frames(moved), mirrored), ([chip], catalogue(scene))):
        with pytest.raises(NoDataError, match="none of 1 frames matches"):
            solve_astrometry(group, stars, settings)


def test_a_handful_of_stars_gives_shifts_only() -> None:
    scene = simulate(
        Recipe(
            Camera(binning=4),
            n_frames=4,
            n_stars=5,
            n_catalogue=5,
            false_entries=0,
            missing=0,
            false_detections=0,
            pointing_error=5.0,
        ),
        3,
    )
    near = [replace(item, starts=item.starts[:1]) for item in frames(scene)]
    exact = [
        replace(item, starts=(replace(item.starts[0], sip=_tpv(scene, k)),)) for k, item in enumerate(near)
    ]
    solution = solve_astrometry(exact, catalogue(scene))
    assert solution.fit.terms.frame == "shift"
    assert "a shift for every frame, the distortion of the first geometry" in solution.method
    errors = true_errors(scene, solution)
    assert np.abs(errors - errors.mean(axis=0)).max() < 0.5


def _tpv(scene: Scene, frame: int) -> np.ndarray:
    """SIP polynomials through the distortion of a frame."""
    pointing = scene.frames[frame].planned
    wcs = linear(scene.nominal, pointing)
    u, v = np.random.default_rng(0).uniform(-500.0, 500.0, (2, 400))
    sky = scene.nominal.sky(u + wcs.crpix[0], v + wcs.crpix[1], pointing)
    bent = np.linalg.solve(wcs.cd, project(*sky, scene.nominal.centre(pointing))) - np.stack([u, v])
    pairs = [(p, q) for p in range(5) for q in range(5 - p)]
    design = np.stack([(u / 500) ** p * (v / 500) ** q for p, q in pairs], axis=1)
    sip = np.zeros((2, 5, 5))
    for (p, q), values in zip(pairs, np.linalg.lstsq(design, bent.T, rcond=None)[0], strict=True):
        sip[:, p, q] = values / 500.0 ** (p + q)
    return sip


def test_gates_say_what_fails() -> None:
    gate = at_most("rms", "scatter", float("nan"), 0.3, '"')
    assert not gate.passed
    assert gate.line == 'scatter: not measured (at most 0.3")'
    scene = simulate(Recipe(Camera(binning=4), n_frames=2), 8)
    solution = solve_astrometry(frames(scene), catalogue(scene))
    assert [g.name for g in failed(astrometry_gates(solution))] == ["frames"]
    strict = astrometry_gates(solution, GateLimits(rms_catalogue=0.001, matched_area=0.999, frames=1))
    assert {g.name for g in failed(strict)} == {"rms_catalogue", "matched_area"}


def test_small_numbers_do_not_condemn_an_area() -> None:
    full = np.full((4, 4), 0.9)

    def worst(stars: float, *areas: tuple[int, int]) -> float:
        share = full.copy()
        share[tuple(np.transpose(areas))] = 0.0
        return worst_share(share, np.full((4, 4), stars), 0.2, 1e-4)

    # Two of two that do not match are an accident, eight are not; nor are twice three side by side.
    assert worst(2.0, (0, 0)) == pytest.approx(0.9 * 3 / 4)
    assert worst(8.0, (0, 0)) == 0.0
    assert worst(3.0, (0, 0), (3, 3)) == pytest.approx(0.9 * 3 / 4)
    assert worst(3.0, (0, 0), (0, 1), (1, 0), (1, 1)) == 0.0
    # Areas without stars say nothing, nor does a frame without any.
    gap = np.full((4, 4), 8.0)
    gap[0] = 0.0
    assert worst_share(np.where(gap > 0.0, 0.7, np.nan), gap, 0.2, 1e-4) == pytest.approx(0.7)
    assert np.isnan(worst_share(np.full((4, 4), np.nan), np.zeros((4, 4)), 0.2, 1e-4))


def test_scales_of_few_stars_are_drawn_together() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(0.0, 0.05, 400)
    # Nothing but noise: next to nothing is left; real differences stay.
    assert np.std(steadied(noise, np.full(400, 0.05))) < 0.02
    real = np.array([0.0, 0.02, -0.7, 0.01, np.nan])
    found = steadied(real, np.full(5, 0.03))
    assert np.isnan(found[4])
    np.testing.assert_allclose(found[:4], real[:4], atol=0.01)
    np.testing.assert_array_equal(steadied(np.zeros(3), np.zeros(3)), 0.0)


def _image(rng: np.random.Generator, trail: float) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian stars of 2.5 px FWHM on noise of 1; positions, the brightest first."""
    place = np.stack(np.meshgrid(np.arange(15, 290, 25.0), np.arange(15, 290, 25.0))).reshape(2, -1)
    place = place + rng.uniform(-5.0, 5.0, place.shape)
    flux = np.geomspace(2000.0, 60.0, place.shape[1])
    axis = np.arange(300.0)
    image = rng.normal(0.0, 1.0, (300, 300))
    sigma = 2.5 / 2.3548
    for (cx, cy), f in zip(place.T, flux, strict=True):
        for step in np.linspace(-trail, trail, 7 if trail else 1):
            across = np.exp(-0.5 * np.square((axis - cx - step) / sigma))
            along = np.exp(-0.5 * np.square((axis - cy) / sigma)) / (2.0 * np.pi * sigma**2)
            image += np.outer(along, f / (7 if trail else 1) * across)
    return image.astype(np.float32), place


def test_detected_positions_have_the_errors_that_they_say() -> None:
    pulls = []
    for seed in range(4):
        image, place = _image(np.random.default_rng(seed), 0.0)
        bad = np.zeros(image.shape, np.bool_)
        cx, cy = np.rint(place[:, 3]).astype(int)
        bad[cy, cx] = True
        image[cy, cx] = 60000.0
        found = detect_sources(image.astype(">f4"), 1.0, bad)
        assert np.all(np.diff(found.flux) <= 0.0)
        distance = np.hypot(found.x[:, None] - place[0], found.y[:, None] - place[1])
        nearest = distance.argmin(axis=1)
        real = distance.min(axis=1) < 1.0
        assert real.mean() > 0.97
        assert 3 not in nearest[real]
        assert np.count_nonzero(real) > 80
        pulls.append((found.x - place[0][nearest])[real] / found.x_err[real])
        assert found.seeing == pytest.approx(2.6, abs=0.3)
        assert found.elongation < 0.15
    assert 0.8 < np.std(np.concatenate(pulls)) < 1.25


def test_trails_show_and_nothing_gives_nothing() -> None:
    image, _ = _image(np.random.default_rng(1), 4.0)
    bad = np.zeros(image.shape, np.bool_)
    assert detect_sources(image, 1.0, bad).elongation > 0.35
    empty = detect_sources(np.zeros((60, 60), np.float32), 1.0, np.zeros((60, 60), np.bool_))
    assert empty.x.size == 0
    assert np.isnan(empty.seeing)
    assert detect_sources(image, np.full_like(image, np.nan), bad).x.size == 0


def test_centroid_error_limits() -> None:
    error = centroid_error(np.array([1000.0, 0.0]), np.array([1.0, 1.0]), 2.3548, gain=2.0)
    assert error[0] == pytest.approx(np.sqrt(8.0 * np.pi * 1e-6 + 16.0 / 9.0 / 2000.0), rel=1e-4)
    assert np.isinf(error[1])
