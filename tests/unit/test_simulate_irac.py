"""One simulated IRAC frame: flux, noise, background, masks and saturation agree with the truth."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from photomitrus_cli.simulate.irac import IracSimulation, plan_field
from photomitrus_cli.simulate.iracframe import Frame, simulate_frame
from photomitrus_cli.simulate.iracpsf import irac_psf
from photomitrus_cli.simulate.iracpsfmeasures import aperture_fraction
from photomitrus_cli.simulate.iracscene import field_model, flux_to_brightness
from photomitrus_cli.simulate.iracsky import Sky, make_sky

QUIET: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("simulate_irac_quiet.yaml").read_text())


def config(**changes: Any) -> IracSimulation:
    return IracSimulation(**{**QUIET, **changes})


def render(settings: IracSimulation, number: int = 0) -> tuple[Frame, Sky]:
    sky = make_sky(settings)
    return simulate_frame(field_model(settings, sky), plan_field(settings)[number]), sky


def test_a_lone_star_has_the_flux_of_the_formula() -> None:
    frame, sky = render(config(grid_spacing_arcsec=1000.0))
    assert frame.detections.source.tolist() == [0]
    found = frame.detections
    total = (frame.sci.astype(float) - 0.07).sum()
    steradian = 1.221**2 * (np.pi / 648000.0) ** 2
    expected = sky.flux_ujy[0] * 1e-12 * found.r_al[0] * found.r_pp[0] / steradian
    assert total == pytest.approx(expected, rel=2e-4)
    assert (found.r_al[0] - 1.0, found.r_pp[0] - 1.0) != (0.0, 0.0)
    aperture, _ = render(config(grid_spacing_arcsec=1000.0, flux_convention="aperture"))
    share = aperture_fraction(1, 10.0, 12.0, 20.0)
    assert (aperture.sci.astype(float) - 0.07).sum() == pytest.approx(expected / share, rel=2e-4)


def test_response_off_leaves_the_flux_alone() -> None:
    frame, sky = render(config(grid_spacing_arcsec=1000.0, response=False))
    total = (frame.sci.astype(float) - 0.07).sum()
    assert total == pytest.approx(sky.flux_ujy[0] * flux_to_brightness(1), rel=2e-4)


def test_a_galaxy_keeps_its_flux_and_ignores_the_response() -> None:
    settings = config(star_layout="random", star_density_arcmin2=0.0, n_galaxies=1)
    frame, sky = render(settings)
    found = frame.detections
    assert (found.r_al[0], found.r_pp[0]) == (1.0, 1.0)
    solid = found.area[0] * (np.pi / 648000.0) ** 2
    total = (frame.sci.astype(float) - 0.07).sum() * solid * 1e12
    assert total == pytest.approx(sky.flux_ujy[0], rel=1e-3)


def test_a_galaxy_is_as_wide_as_its_components_and_the_response() -> None:
    settings = config(
        star_layout="random", star_density_arcmin2=0.0, n_galaxies=1, galaxy_sigma_arcsec=(3.0, 3.0), seed=3
    )
    frame, sky = render(settings)
    image, found = frame.sci.astype(float) - 0.07, frame.detections
    rows, columns = np.indices(image.shape)
    around = (rows - found.y[0]) ** 2 + (columns - found.x[0]) ** 2
    psf = irac_psf(1)
    seen = np.sum(psf.weight * (psf.sigma_x**2 + psf.sigma_y**2)) + 2.0 / 12.0
    spread = 2.0 * sky.galaxy_sigma[0] ** 2 + sky.galaxy_xi[0] ** 2 + sky.galaxy_eta[0] ** 2
    own = np.sum(sky.galaxy_weight[0] * spread) / found.area[0]
    # The stamp cuts the faintest wings of the response.
    assert (image * around).sum() / image.sum() == pytest.approx(own + seen, rel=0.01)


def test_noise_is_what_the_uncertainty_says() -> None:
    quiet, _ = render(config())
    noisy, _ = render(config(noise=True))
    pull = (noisy.sci.astype(float) - quiet.sci) / noisy.unc
    assert pull.mean() == pytest.approx(0.0, abs=0.02)
    assert pull.std() == pytest.approx(1.0, abs=0.012)
    bright = quiet.model > 5.0
    assert pull[bright].std() == pytest.approx(1.0, abs=0.2)
    electrons_per = 3.7 * 26.8 / 0.1257
    sky_sigma = np.sqrt(0.12 * electrons_per + 21.0**2) / electrons_per
    assert np.median(noisy.unc) == pytest.approx(sky_sigma, rel=0.01)
    wrong, _ = render(config(noise=True, unc_scale=0.5))
    assert wrong.unc == pytest.approx(0.5 * noisy.unc, rel=1e-6)


def test_background_follows_its_truth() -> None:
    settings = config(
        star_density_arcmin2=0.0,
        star_layout="random",
        offset_rms_mjy_sr=0.02,
        first_frame_offset_mjy_sr=-0.1,
        first_frame_ramp_mjy_sr=0.04,
        dithers_per_aor=3,
    )
    for number in range(3):
        frame, _ = render(settings, number)
        sky, fade = frame.background, np.exp(-number)
        assert sky.first_frame_offset == pytest.approx(-0.1 * fade)
        assert frame.sci.mean() == pytest.approx(0.07 + sky.offset - 0.1 * fade, abs=1e-5)
        assert frame.sci[-1].mean() - frame.sci[0].mean() == pytest.approx(0.04 * fade, abs=1e-6)
    sloped, _ = render(config(star_density_arcmin2=0.0, star_layout="random", gradient_mjy_sr_deg=(0.5, 0.0)))
    plan = plan_field(config())[0]
    ra, _ = plan.wcs.pixel_to_sky(np.array([10.0, 10.0]), np.array([10.0, 240.0]))
    slope = (sloped.sci[240, 10] - sloped.sci[10, 10]) / ((ra[1] - ra[0]) * np.cos(np.radians(2.2)))
    assert slope == pytest.approx(0.5, rel=1e-3)


def test_masks_flag_what_was_done() -> None:
    clean, _ = render(config(noise=True))
    settings = config(
        noise=True, cosmic_ray_rate=5.0, rmask_completeness=0.6, bad_pixels_nan=25, bad_pixels_hot=40
    )
    frame, sky = render(settings)
    hot = field_model(settings, sky).bad.hot
    dead = np.isnan(frame.sci)
    assert np.count_nonzero(dead) == 25
    assert np.all(frame.imask[dead] & (1 << 14))
    assert np.array_equal(np.isnan(frame.unc), dead)
    assert np.count_nonzero(frame.imask & (1 << 14)) == 25 + 20
    change = frame.sci.astype(float) - clean.sci
    touched = frame.hit & ~dead
    assert np.all(change[touched] > 0.99 * frame.unc[touched])
    assert np.count_nonzero(hot) == 40
    assert np.array_equal((np.abs(change) > frame.unc) & ~frame.hit, hot & ~frame.hit)
    assert change[hot] == pytest.approx(2.0 + frame.ray_signal[hot], rel=1e-5)
    found = frame.rmask != 0
    assert np.array_equal(found, (frame.imask & (1 << 9)) != 0)
    assert not np.any(found & ~frame.hit)
    assert np.count_nonzero(found) / np.count_nonzero(frame.hit) == pytest.approx(0.6, abs=0.1)
    assert set(np.unique(frame.rmask)) == {0, 6}
    everything, _ = render(config(cosmic_ray_rate=5.0))
    assert np.array_equal(everything.rmask != 0, everything.hit)


def test_saturated_stars_are_clipped_and_flagged() -> None:
    bright = {"n_bright_stars": 3, "noise": True, "field_size_arcmin": 2.0}
    frame, sky = render(config(**bright, saturate=True))
    level = 145_000.0 * 0.1257 / (3.7 * 30.0)
    full = (frame.imask & (1 << 13)) != 0
    assert full.sum() >= 3
    assert frame.sci.max() == pytest.approx(level, rel=1e-6)
    assert np.array_equal(frame.model - frame.background.image + 0.12 >= level, full)
    flagged = frame.detections.source[frame.detections.saturated]
    assert np.all(sky.flux_ujy[flagged] == 200_000.0)
    assert np.array_equal(flagged, frame.detections.source[sky.flux_ujy[frame.detections.source] > 1e5])
    mended, _ = render(config(**bright, saturate=True, saturation_corrected=True))
    assert mended.sci.max() > 1.5 * level
    assert np.array_equal((mended.imask & (1 << 4)) != 0, full)
    assert not np.any(mended.imask & (1 << 13))


def test_a_frame_does_not_depend_on_the_others() -> None:
    everything = {"noise": True, "cosmic_ray_rate": 4.0, "bad_pixels_nan": 5, "offset_rms_mjy_sr": 0.01}
    few, _ = render(config(**everything), 1)
    many, _ = render(config(**everything, n_aors=3), 1)
    other, _ = render(config(**everything, n_aors=3), 3)
    for name in ("sci", "unc", "imask", "rmask"):
        assert getattr(few, name).tobytes() == getattr(many, name).tobytes()
    assert few.sci.tobytes() != other.sci.tobytes()
    changed, _ = render(config(**{**everything, "cosmic_ray_rate": 0.0}), 1)
    untouched = ~few.hit & (few.rays.deposit == 0.0) & ~np.isnan(few.sci)
    assert np.array_equal(changed.sci[untouched], few.sci[untouched])


def test_minimum_separation_and_limits_of_the_counts() -> None:
    settings = config(star_layout="random", star_density_arcmin2=20.0, min_separation_arcsec=8.0)
    sky = make_sky(settings)
    x = (sky.ra_deg - 150.1) * np.cos(np.radians(2.2)) * 3600.0
    y = (sky.dec_deg - 2.2) * 3600.0
    apart = np.hypot(x[:, None] - x, y[:, None] - y) + 1e6 * np.eye(x.size)
    assert apart.min() > 7.99
    assert 300.0 <= sky.flux_ujy.min() < 310.0
    assert 900.0 < sky.flux_ujy.max() <= 1000.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert render(config(star_layout="random", star_density_arcmin2=0.0))[0].detections.x.size == 0
