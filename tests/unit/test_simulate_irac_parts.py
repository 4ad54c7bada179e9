"""The pieces of the IRAC simulator: its WCS, point-response function, response, tracks, cards."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.cardtext import card, history, primary_bytes, title
from photomitrus_cli.simulate.cosmicrays import cosmic_rays
from photomitrus_cli.simulate.iracartefacts import bad_pixels, full_well_mjy_sr
from photomitrus_cli.simulate.iracfacts import CALIBRATIONS, SCALES
from photomitrus_cli.simulate.iracpsf import Blobs, irac_psf, paint
from photomitrus_cli.simulate.iracpsfmeasures import aperture_fraction, fwhm_px
from photomitrus_cli.simulate.iracresponse import array_location, pixel_phase
from photomitrus_cli.simulate.iractimes import frame_time
from photomitrus_cli.simulate.sipdata import SIP_TABLES, SipModel
from photomitrus_cli.simulate.sipprojection import cd_matrix, evaluate, tan_deproject, tan_project
from photomitrus_cli.simulate.sipwcs import SipWcs

REAL_FRAMES = {
    "irac-dither/r17577216-ch1/SPITZER_I1_17577216_0011_0000_6_clean.fits": ("cryo", 1),
    "irac-bcd/wise1828-ch1-r47157760/SPITZER_I1_47157760_0233_0000_2_cbcd.fits": ("warm", 1),
    "irac-bcd/wise1828-ch2-r46987776/SPITZER_I2_46987776_0136_0000_2_cbcd.fits": ("warm", 2),
}


def star(x: float, y: float, channel: int = 1) -> Blobs:
    psf = irac_psf(channel)
    one = np.ones(1)
    return Blobs(x * one, y * one, one, psf.sigma_x[None], psf.sigma_y[None], psf.weight[None])


@pytest.mark.parametrize("key", sorted(SIP_TABLES))
def test_archive_inverse_polynomial_undoes_the_forward_one(key: tuple[SipModel, int]) -> None:
    sip = SIP_TABLES[key]
    u, v = np.meshgrid(np.linspace(-127.0, 128.0, 9), np.linspace(-127.0, 128.0, 9))
    far_u, far_v = u + evaluate(sip.a, 2, u, v), v + evaluate(sip.b, 2, u, v)
    assert 1.2 < np.hypot(far_u - u, far_v - v).max() < 3.0
    back_u = far_u + evaluate(sip.ap, 1, far_u, far_v)
    back_v = far_v + evaluate(sip.bp, 1, far_u, far_v)
    assert np.hypot(back_u - u, back_v - v).max() < 0.06


def test_newton_inverts_the_mapping_near_a_pole_and_across_ra_zero() -> None:
    x, y = np.meshgrid(np.linspace(-20.0, 275.0, 12), np.linspace(-20.0, 275.0, 12))
    for center in ((0.001, 89.95), (359.999, -60.0)):
        wcs = SipWcs(center, (128.0, 128.0), cd_matrix(-1.22, 1.22, 211.0, 0.1), SIP_TABLES["cryo", 4])
        back_x, back_y = wcs.sky_to_pixel(*wcs.pixel_to_sky(x, y))
        assert np.abs(back_x - x).max() < 1e-8
        assert np.abs(back_y - y).max() < 1e-8


def test_points_beyond_the_horizon_are_nan() -> None:
    xi, eta = tan_project(np.array([10.0, 190.0]), np.array([20.0, -20.0]), 10.0, 20.0)
    assert xi[0] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(xi[1])
    assert np.isnan(eta[1])
    assert tan_deproject(0.0, 0.0, 10.0, 20.0) == pytest.approx((10.0, 20.0))


def test_pixel_area_is_the_area_of_the_sky_polygon() -> None:
    scale = SCALES["warm", 1]
    cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, 88.4, scale.skew_deg)
    wcs = SipWcs((277.09, 26.88), (128.0, 128.0), cd, SIP_TABLES["warm", 1])
    for x, y in ((127.0, 127.0), (0.0, 0.0), (255.0, 3.0)):
        corner_x = x + np.array([-0.5, 0.5, 0.5, -0.5])
        corner_y = y + np.array([-0.5, -0.5, 0.5, 0.5])
        ra, dec = wcs.pixel_to_sky(corner_x, corner_y)
        east = (ra - ra.mean()) * np.cos(np.radians(dec.mean())) * 3600.0
        north = (dec - dec.mean()) * 3600.0
        area = 0.5 * abs(np.sum(east * np.roll(north, -1) - np.roll(east, -1) * north))
        assert float(wcs.pixel_area(x, y)) == pytest.approx(area, rel=1e-5)
    assert float(wcs.pixel_area(127.0, 127.0)) == pytest.approx(1.4965, abs=2e-4)


@pytest.mark.real
@pytest.mark.parametrize("name", sorted(REAL_FRAMES))
def test_distortion_and_scales_are_those_of_real_headers(real_data: Path, name: str) -> None:
    header = fits.getheader(real_data / name)
    mission, channel = REAL_FRAMES[name]
    table = SIP_TABLES[mission, channel]  # type: ignore[index]
    scale = SCALES[mission, channel]  # type: ignore[index]
    cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, header["PA"], scale.skew_deg)
    assert cd == pytest.approx(
        np.array([[header["CD1_1"], header["CD1_2"]], [header["CD2_1"], header["CD2_2"]]]), rel=1e-5, abs=2e-9
    )
    ours = SipWcs((header["CRVAL1"], header["CRVAL2"]), (128.0, 128.0), cd, table)
    x, y = np.meshgrid(np.linspace(0.0, 255.0, 6), np.linspace(0.0, 255.0, 6))
    ra, dec = WCS(header).all_pix2world(x, y, 0)
    our_x, our_y = ours.sky_to_pixel(ra, dec)
    assert np.hypot(our_x - x, our_y - y).max() < 1e-3
    facts = CALIBRATIONS[mission, channel]  # type: ignore[index]
    stated = (header["GAIN"], header["FLUXCONV"], header["RONOISE"], header["CREATOR"])
    assert stated == (facts.gain, facts.fluxconv, facts.ronoise, facts.creator)


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
@pytest.mark.parametrize(("x", "y"), [(60.0, 60.0), (60.37, 59.81), (60.5, 60.5)])
def test_a_star_keeps_all_its_light(channel: int, x: float, y: float) -> None:
    image = np.zeros((121, 121))
    paint(image, star(x, y, channel))
    assert image.sum() == pytest.approx(1.0, abs=2e-5)
    rows, columns = np.indices(image.shape)
    # The undersampled core shifts the first moment by a few thousandths of a pixel.
    assert (image * columns).sum() == pytest.approx(x, abs=5e-3)
    assert (image * rows).sum() == pytest.approx(y, abs=5e-3)


def test_pixel_integration_agrees_with_fine_sampling() -> None:
    psf = irac_psf(1)
    image = np.zeros((41, 41))
    paint(image, star(20.3, 19.8))
    fine = (np.arange(200) + 0.5) / 200.0 - 0.5
    for px, py in ((20, 20), (22, 19), (25, 25)):
        dx, dy = px + fine - 20.3, py + fine - 19.8
        total = 0.0
        for sx, sy, weight in zip(psf.sigma_x, psf.sigma_y, psf.weight, strict=True):
            along_x = np.exp(-0.5 * (dx / sx) ** 2).mean() / (sx * np.sqrt(2 * np.pi))
            along_y = np.exp(-0.5 * (dy / sy) ** 2).mean() / (sy * np.sqrt(2 * np.pi))
            total += weight * along_x * along_y
        assert image[py, px] == pytest.approx(total, rel=1e-4)


def test_a_star_off_the_edge_sheds_the_same_light_on_the_array() -> None:
    wide, image = np.zeros((101, 101)), np.zeros((61, 61))
    paint(wide, star(18.0, 50.2))
    paint(image, star(-2.0, 30.2))
    assert image == pytest.approx(wide[20:81, 20:81], abs=1e-12)


@pytest.mark.parametrize(
    ("channel", "fwhm", "small", "medium"),
    [(1, 1.42, 0.775, 0.844), (2, 1.44, 0.760, 0.839), (3, 1.55, 0.70, 0.82), (4, 1.63, 0.61, 0.75)],
)
def test_width_and_aperture_ratios(channel: int, fwhm: float, small: float, medium: float) -> None:
    assert fwhm_px(channel) == pytest.approx(fwhm, abs=0.02)
    assert aperture_fraction(channel, 2.0, 2.0, 6.0) == pytest.approx(small, abs=0.012)
    assert aperture_fraction(channel, 3.0, 3.0, 7.0) == pytest.approx(medium, abs=0.012)


# Aperture corrections to the 10 px aperture, Instrument Handbook: (radius, inner, outer), factor.
HANDBOOK = {
    1: {(3, 3, 7): 1.125, (3, 12, 20): 1.112, (5, 12, 20): 1.047, (2, 2, 6): 1.215},
    2: {(3, 3, 7): 1.120, (3, 12, 20): 1.112, (5, 12, 20): 1.048, (2, 2, 6): 1.233},
}


@pytest.mark.parametrize("channel", [1, 2])
def test_handbook_aperture_corrections_hold(channel: int) -> None:
    reference = aperture_fraction(channel, 10.0, 12.0, 20.0)
    for (radius, inner, outer), factor in HANDBOOK[channel].items():
        assert reference / aperture_fraction(channel, radius, inner, outer) == pytest.approx(
            factor, rel=0.012
        )


@pytest.mark.real
def test_response_reproduces_the_original_programme(real_data: Path) -> None:
    with (real_data / "irac-tables/aphot_corr_grid.csv").open(newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["subarray"] == "0"]
    compared = 0
    for mission, channel in CALIBRATIONS:
        chosen = [row for row in rows if row["mode"] == mission and row["channel"] == str(channel)]
        x, y, flux, corrected = (
            np.array([float(row[name]) for row in chosen]) for name in ("x", "y", "flux", "corrected")
        )
        response = array_location(mission, channel, x, y) * pixel_phase(mission, channel, x, y)
        assert flux / response == pytest.approx(corrected, rel=1e-7)
        compared += len(chosen)
    assert compared > 100


def test_pixel_phase_averages_to_one_over_a_pixel() -> None:
    step = (np.arange(200) + 0.5) / 200.0 - 0.5
    x, y = np.meshgrid(100.0 + step, 50.0 + step)
    for channel in (1, 2):
        response = pixel_phase("warm", channel, x, y)
        assert response.mean() == pytest.approx(1.0, abs=1e-5)
        assert np.ptp(response) > 0.02
    assert np.all(pixel_phase("cryo", 3, x, y) == 1.0)


def rays(completeness: float = 0.7, seed: int = 3, rate: float = 400.0) -> tuple[np.ndarray, ...]:
    made = cosmic_rays(
        np.random.default_rng(seed),
        (256, 256),
        rate,
        energy_e=1000.0,
        spread_dex=0.3,
        max_length_px=30.0,
        completeness=completeness,
    )
    return made.deposit, made.flagged_deposit, made.owner, made.length_px, made.found, made.angle_deg


def test_tracks_have_the_stated_lengths_and_extents() -> None:
    deposit, _, owner, length, _, angle = rays()
    assert length.min() >= 1.0
    assert length.max() <= 30.0
    assert length.max() > 15.0
    # Median of a density L**-1.5 between 1 and 30.
    assert np.median(length) == pytest.approx((1.0 - 0.5 * (1.0 - 30.0**-0.5)) ** -2, rel=0.15)
    assert np.all(owner[deposit > 0] >= 0)
    lonely = [hit for hit in np.argsort(length)[-40:] if np.count_nonzero(owner == hit) > 5]
    for hit in lonely[-5:]:
        rows, columns = np.nonzero(owner == hit)
        extent = np.hypot(np.ptp(rows), np.ptp(columns))
        assert extent < length[hit] + 3.0
        turned = np.radians(angle[hit])
        across = -np.sin(turned) * columns + np.cos(turned) * rows
        assert np.ptp(across) < 3.5


def test_tracks_keep_their_charge_and_flags() -> None:
    deposit, flagged, _, length, found, _ = rays(seed=5)
    assert found.mean() == pytest.approx(0.7, abs=0.08)
    assert np.all(flagged <= deposit + 1e-9)
    mean_energy = 1000.0 * np.exp(0.5 * (0.3 * np.log(10.0)) ** 2)
    assert deposit.sum() == pytest.approx(mean_energy * length.sum(), rel=0.1)
    nothing = rays(rate=0.0)[0]
    assert nothing.sum() == 0.0


def test_bad_pixels_are_distinct_and_flagged_as_asked() -> None:
    bad = bad_pixels(np.random.default_rng(1), (64, 64), 20, 30, 0.5)
    assert (bad.dead.sum(), bad.hot.sum()) == (20, 30)
    assert not np.any(bad.dead & bad.hot)
    assert np.all(bad.flagged[bad.dead])
    assert np.count_nonzero(bad.flagged & bad.hot) == 15


def test_frame_times_are_those_of_the_archive() -> None:
    pairs = {
        (1, 0.6): 0.4,
        (1, 2.0): 1.2,
        (2, 12.0): 10.4,
        (1, 30.0): 26.8,
        (1, 100.0): 93.6,
        (2, 100.0): 96.8,
    }
    for (channel, framtime), exptime in pairs.items():
        time = frame_time(channel, framtime)
        assert (time.framtime_s, time.exptime_s) == (framtime, exptime)
    long = frame_time(4, 100.0)
    assert (long.framtime_s, long.exptime_s, long.repeats) == (50.0, 46.8, 2)
    with pytest.raises(ConfigError, match="no frame time of 31 s"):
        frame_time(1, 31.0)
    assert full_well_mjy_sr(145_000.0, 3.3, 0.1069, 30.0) == pytest.approx(156.6, abs=0.1)


def test_cards_and_images_are_read_back_as_written() -> None:
    cards = [
        title("A SECTION"),
        card("FLOATING", 0.1069, "comment"),
        card("WHOLE", 30.0),
        card("TINY", -8.561e-09, "small"),
        card("LONG", -0.000327701397517064, "does not fit in twenty columns"),
        card("NAME", "it's here"),
        card("YES", True),
        card("COUNT", 17577216, "x" * 100),
        history("a line " * 30),
    ]
    data = np.arange(12, dtype=np.float32).reshape(3, 4)
    with fits.HDUList.fromstring(primary_bytes(cards, data)) as hdus:
        hdus.verify("exception")
        header = hdus[0].header
        assert np.array_equal(hdus[0].data, data)
        values = [header[key] for key in ("FLOATING", "WHOLE", "TINY", "LONG", "NAME", "YES", "COUNT")]
    assert values == [0.1069, 30.0, -8.561e-09, -0.000327701397517064, "it's here", True, 17577216]
    with pytest.raises(ValueError, match="not finite"):
        card("BROKEN", float("nan"))
    with pytest.raises(ValueError, match="does not fit"):
        card("TOOLONGKEY", 1)
