"""Simulated subarray exposures: cubes, headers, WCS, noise, masks and motion agree with the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from pydantic import ValidationError

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.irac import IracSimulation, plan_field, simulate_field
from photomitrus_cli.simulate.iracfacts import CALIBRATIONS, Mission, readout
from photomitrus_cli.simulate.iracframe import Frame, simulate_frame
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.iracresponse import array_location, pixel_phase
from photomitrus_cli.simulate.iracscene import field_model
from photomitrus_cli.simulate.iracsky import make_sky
from photomitrus_cli.simulate.iractimes import frame_time
from photomitrus_cli.simulate.sipdata import SIP_TABLES
from photomitrus_cli.simulate.siplocal import array_geometry
from photomitrus_cli.simulate.sipprojection import cd_matrix, evaluate
from photomitrus_cli.simulate.sipwcs import SipWcs

QUIET: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("simulate_irac_quiet.yaml").read_text())
SUB: dict[str, Any] = {
    "readmode": "sub",
    "channel": 2,
    "star_layout": "single",
    "flux_min_ujy": 1e-4,
    "flux_max_ujy": 20_000.0,
    "frame_times_s": [2.0],
    "dither_rms_arcsec": 1.5,
}
SHAPE = (64, 32, 32)


def config(**changes: Any) -> IracSimulation:
    return IracSimulation(**{**QUIET, **SUB, **changes})


def render(settings: IracSimulation, number: int = 0) -> tuple[Frame, FramePlan]:
    plan = plan_field(settings)[number]
    return simulate_frame(field_model(settings, make_sky(settings)), plan), plan


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = config(
        noise=True,
        pointing_rms_arcsec=0.3,
        plane_jitter_px=0.05,
        plane_drift_px_hr=(0.0, 5.0),
        cosmic_ray_rate=20.0,
        rmask_completeness=0.5,
        bad_pixels_nan=9,
        bad_pixels_hot=4,
    )
    output = tmp_path_factory.mktemp("subarray") / "out"
    made = simulate_field(settings, output)
    assert sorted(made.truth) == ["cosmic_rays", "detections", "frames", "planes", "sources"]
    assert [path.name for path in made.frames] == [
        f"SPITZER_I2_40000000_000{i}_0000_2_bcd.fits" for i in (0, 1)
    ]
    return output


def test_files_and_headers_are_the_archive_s(field: Path) -> None:
    folder = field / "r40000000/ch2/bcd"
    stems = [f"SPITZER_I2_40000000_000{number}_0000_2" for number in (0, 1)]
    names = sorted(f"{stem}_{kind}.fits" for stem in stems for kind in ("bcd", "bunc", "bimsk"))
    assert sorted(path.name for path in folder.iterdir()) == names
    for kind, dtype in (("bcd", ">f4"), ("bunc", ">f4"), ("bimsk", ">i2")):
        with fits.open(folder / f"{stems[0]}_{kind}.fits") as hdus:
            hdus.verify("exception")
            assert (hdus[0].data.dtype, hdus[0].data.shape) == (np.dtype(dtype), SHAPE)
    header = fits.getheader(folder / f"{stems[0]}_bcd.fits")
    stated = {"READMODE": "SUB", "AREADMOD": 1, "SAMPTIME": 0.01, "FRAMTIME": 2.0, "EXPTIME": 1.92}
    stated |= {"CRPIX1": 16.5, "CRPIX2": 16.5, "AFOWLNUM": 8, "AWAITPER": 184, "RONOISE": 9.4, "FOVID": 77}
    assert {key: header[key] for key in stated} == stated
    assert len(header.cards) >= 700
    later = fits.getheader(folder / f"{stems[1]}_bcd.fits")
    assert (later["MJD_OBS"] - header["MJD_OBS"]) * 86400.0 == pytest.approx(130.0, abs=0.02)
    assert header["ATIMEEND"] - header["AINTBEG"] == pytest.approx(128.0, abs=0.02)


@pytest.mark.real
def test_headers_have_what_real_ones_have(real_data: Path, field: Path) -> None:
    real = fits.getheader(real_data / "irac-subarray-xo3/SPITZER_I2_46466816_0000_0000_2_bcd.fits")
    ours = fits.getheader(field / "r40000000/ch2/bcd/SPITZER_I2_40000000_0000_0000_2_bcd.fits")
    first = list(real).index("ASHTCON")
    # Science cards; telemetry and dark drift follow in real headers.
    wanted = {key for key in list(real)[:first] if key and key not in ("COMMENT", "HISTORY")}
    # The observer's own: pointing statistics, orbit, cluster target, peak-up, largest distortion.
    absent = wanted - set(ours)
    own = "SPTZR_ SIG RMS_J CSDRA UNCRTPA BPHF FOVV ABARREL APEDSIG CLUST PKUP ISPU A_DMAX B_DMAX"
    assert {key for key in absent if not key.startswith(tuple(own.split()))} == set()
    same = """READMODE AREADMOD SAMPTIME FRAMTIME EXPTIME AFOWLNUM AWAITPER NAXIS3 FOVID FOVNAME RECONFOV
        CRPIX1 CRPIX2 GAIN FLUXCONV RONOISE CREATOR BUNIT BITPIX CTYPE1 CTYPE2 RADESYS
        A_ORDER B_ORDER AP_ORDER BP_ORDER"""
    assert {key: ours[key] for key in same.split()} == {key: real[key] for key in same.split()}
    # The expansion of the whole array's polynomial is the header's own, nearly.
    x, y = np.meshgrid(np.arange(32.0), np.arange(32.0))
    center = (real["CRVAL1"], real["CRVAL2"])
    scale, sip = array_geometry("warm", "warm", 2, "sub")
    cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, real["PA"], scale.skew_deg)
    our_x, our_y = SipWcs(center, (16.5, 16.5), cd, sip).sky_to_pixel(
        *WCS(real, naxis=2).all_pix2world(x, y, 0)
    )
    assert np.hypot(our_x - x, our_y - y).max() < 0.03
    assert np.abs(np.array(sip.a[0]) - [real["A_2_0"], real["A_1_1"], real["A_0_2"]]).max() < 5e-7
    assert np.abs(np.array(sip.b[0]) - [real["B_2_0"], real["B_1_1"], real["B_0_2"]]).max() < 5e-7


@pytest.mark.parametrize(("mission", "channel"), sorted(CALIBRATIONS))
def test_local_distortion_is_that_of_the_whole_array(mission: Mission, channel: int) -> None:
    full_scale, full = array_geometry(mission, mission, channel, "full")
    assert full is SIP_TABLES[mission, channel]
    whole = SipWcs(
        (10.0, 20.0),
        (128.0, 128.0),
        cd_matrix(full_scale.x_arcsec, full_scale.y_arcsec, 0.0, full_scale.skew_deg),
        full,
    )
    x0, y0 = readout("sub", channel).corner
    ra, dec = whole.pixel_to_sky(x0 + 15.5, y0 + 15.5)
    scale, sip = array_geometry(mission, mission, channel, "sub")
    x, y = (item.ravel() for item in np.meshgrid(np.arange(0.0, 32.0, 3.1), np.arange(0.0, 32.0, 3.1)))
    there = whole.pixel_to_sky(x + x0, y + y0)
    # North at the subarray is turned by the convergence of the meridians.
    turn = np.degrees(np.radians(float(ra) - 10.0) * np.sin(np.radians(20.0)))
    local = SipWcs(
        (float(ra), float(dec)),
        (16.5, 16.5),
        cd_matrix(scale.x_arcsec, scale.y_arcsec, scale_pa(whole, x0, y0) + turn, scale.skew_deg),
        sip,
    )
    back_x, back_y = local.sky_to_pixel(*there)
    assert np.hypot(back_x - x, back_y - y).max() < 1e-3
    far_u, far_v = (
        x - 15.5 + evaluate(sip.a, 2, x - 15.5, y - 15.5),
        y - 15.5 + evaluate(sip.b, 2, x - 15.5, y - 15.5),
    )
    assert np.abs(far_u + evaluate(sip.ap, 1, far_u, far_v) - (x - 15.5)).max() < 2e-5
    assert np.abs(far_v + evaluate(sip.bp, 1, far_u, far_v) - (y - 15.5)).max() < 2e-5


def scale_pa(whole: SipWcs, x0: int, y0: int) -> float:
    """Position angle of the second axis at the middle of a subarray, in the whole tangent plane."""
    u = x0 + 16.5 - 128.0
    v = np.array([y0 + 16.5 - 128.0 - 1e-3, y0 + 16.5 - 128.0 + 1e-3])
    assert whole.sip is not None
    f, g = u + evaluate(whole.sip.a, 2, np.full(2, u), v), v + evaluate(whole.sip.b, 2, np.full(2, u), v)
    east, north = whole.cd @ np.array([np.diff(f)[0], np.diff(g)[0]])
    return float(np.degrees(np.arctan2(east, north)))


def test_header_wcs_finds_the_star_where_the_truth_has_it(field: Path) -> None:
    frames, detections = (Table.read(field / f"truth/truth_{name}.ecsv") for name in ("frames", "detections"))
    source = Table.read(field / "truth/truth_sources.ecsv")[0]
    assert (source["ra"], source["dec"]) == pytest.approx((150.1, 2.2), abs=1e-12)
    assert source["flux"] == pytest.approx(20_000.0)
    for frame, row in zip(frames, detections, strict=True):
        wcs = WCS(fits.getheader(field / frame["file"]), naxis=2)
        ra, dec = wcs.all_pix2world(row["x"], row["y"], 0)
        east = (ra - source["ra"]) * np.cos(np.radians(2.2)) * 3600.0
        assert east == pytest.approx(frame["dra_cosdec"], abs=1e-4)
        assert (dec - source["dec"]) * 3600.0 == pytest.approx(frame["ddec"], abs=1e-4)
        back = wcs.all_world2pix(ra, dec, 0, tolerance=1e-9)
        assert (float(back[0]), float(back[1])) == pytest.approx((row["x"], row["y"]), abs=1e-6)
        assert np.hypot(row["x"] - 15.5, row["y"] - 15.5) < 8.0
        assert frame["readmode"] == "sub"


def test_the_star_has_the_response_of_its_place_on_the_whole_array() -> None:
    frame, plan = render(config(plane_jitter_px=0.2))
    found = frame.detections
    offsets = np.array(plan.plane_offsets_px)
    assert offsets.mean(axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    x, y = found.x[0] + offsets[:, 0] + 8.0, found.y[0] + offsets[:, 1] + 216.0
    r_al, r_pp = array_location("warm", 2, x, y), pixel_phase("warm", 2, x, y)
    assert found.r_al[0] == pytest.approx(r_al.mean(), rel=1e-12)
    assert found.r_pp[0] == pytest.approx(r_pp.mean(), rel=1e-12)
    light = (frame.sci.astype(float) - 0.07).sum(axis=(1, 2))
    # Part of the wings is off the array; moving the star changes that part only a little.
    assert light / light.mean() == pytest.approx(r_al * r_pp / (r_al * r_pp).mean(), rel=2e-3)
    columns = np.arange(32.0)
    seen = (np.clip(frame.model - 0.07, 0, None).sum(axis=1) * columns).sum(axis=1) / light
    assert np.corrcoef(seen, offsets[:, 0])[0, 1] > 0.99
    other, _ = render(config(channel=4, mission="cryo", sip="cryo"))
    place = other.detections.x + 8.0, other.detections.y + 8.0
    assert other.detections.r_al == pytest.approx(array_location("cryo", 4, *place), rel=1e-12)


def test_jitter_and_drift_are_as_wide_as_asked() -> None:
    plans = plan_field(config(dithers_per_aor=20, dither_rms_arcsec=0.0, plane_jitter_px=0.03))
    offsets = np.concatenate([plan.plane_offsets_px for plan in plans])
    assert offsets.std(axis=0) == pytest.approx([0.03, 0.03], rel=0.08)
    drifting = config(dithers_per_aor=3, dither_rms_arcsec=0.0, plane_drift_px_hr=(0.3, -2.0))
    plans, sky = plan_field(drifting), make_sky(drifting)
    places = np.array([plan.wcs.sky_to_pixel(sky.ra_deg, sky.dec_deg) for plan in plans])[:, :, 0]
    hours = np.array([(plan.mjd - plans[0].mjd) * 24.0 for plan in plans])
    assert places - places[0] == pytest.approx(hours[:, None] * [0.3, -2.0], abs=1e-5)
    within = np.array(plans[0].plane_offsets_px)
    assert within[-1] - within[0] == pytest.approx(np.array([0.3, -2.0]) * 63 * 2.0 / 3600.0, rel=1e-6)


@pytest.mark.parametrize("time", [0.02, 2.0])
def test_planes_scatter_as_the_uncertainty_says(time: float) -> None:
    quiet, _ = render(config(frame_times_s=[time]))
    noisy, _ = render(config(frame_times_s=[time], noise=True))
    pull = (noisy.sci.astype(float) - quiet.sci) / noisy.unc
    assert pull.std() == pytest.approx(1.0, abs=0.01)
    scatter = noisy.sci.std(axis=0, ddof=1).mean()
    assert scatter == pytest.approx(noisy.unc.mean(), rel=0.03)
    planes = np.corrcoef(pull[:-1].ravel(), pull[1:].ravel())[0, 1]
    assert abs(planes) < 0.015
    exposure = frame_time(2, time, "sub").exptime_s
    electrons_per = 3.71 * exposure / 0.1447
    sky = np.sqrt(0.12 * electrons_per + 9.4**2) / electrons_per
    assert noisy.unc.min() == pytest.approx(sky, rel=0.02)


def test_masks_flag_what_was_done(field: Path) -> None:
    stem = field / "r40000000/ch2/bcd/SPITZER_I2_40000000_0000_0000_2"
    sci, unc, mask = (np.asarray(fits.getdata(f"{stem}_{kind}.fits")) for kind in ("bcd", "bunc", "bimsk"))
    dead = np.isnan(sci)
    assert np.array_equal(dead, np.isnan(unc))
    assert np.count_nonzero(dead[0]) == 9
    assert np.array_equal(dead.all(axis=0), dead.any(axis=0))
    bits = mask & ~np.int16(1 << 9)
    assert np.all(bits[dead] == 1 << 11)
    both = (1 << 11) | (1 << 14)
    assert set(np.unique(bits[~dead])) == {0, both}
    assert np.count_nonzero((bits == both)[5]) == 2
    hits = Table.read(field / "truth/truth_cosmic_rays.fits")
    mine = hits[hits["expid"] == 0]
    assert len(set(mine["plane"])) > 20
    flagged = np.zeros(SHAPE, dtype=bool)
    flagged[mine["plane"], mine["y"], mine["x"]] = mine["flagged"]
    assert np.array_equal(flagged, (mask & (1 << 9)) != 0)
    assert 0.25 < np.mean(mine["flagged"]) < 0.75
    strong = mine[(mine["significance"] > 8.0) & ~dead[mine["plane"], mine["y"], mine["x"]]]
    away = strong[np.hypot(strong["x"] - 15.5, strong["y"] - 15.5) > 10.0]
    assert len(away) > 10
    values = sci[away["plane"], away["y"], away["x"]]
    assert values - away["signal"] == pytest.approx(np.full(len(away), 0.07), abs=1.5)


def test_hits_are_as_frequent_as_the_area_and_the_time_ask() -> None:
    many = config(cosmic_ray_rate=100.0, cosmic_ray_max_length_px=1.0, dithers_per_aor=1)
    frame, _ = render(many)
    expected = 100.0 * 2.0 * 64 * 32**2 / 256**2
    assert frame.rays.length_px.size == pytest.approx(expected, abs=4.0 * np.sqrt(expected))
    owner = frame.rays.owner
    assert set(np.unique(owner[owner >= 0])) <= set(range(frame.rays.length_px.size))
    first = np.array([plane[plane >= 0].min() for plane in owner if np.any(plane >= 0)])
    assert np.all(np.diff(first) > 0)


def test_a_star_saturates_by_the_frame_time() -> None:
    bright = {"flux_max_ujy": 3e6, "saturate": True, "plane_jitter_px": 0.3}
    frame, _ = render(config(**bright))
    level = 140_000.0 * 0.1447 / (3.71 * 2.0)
    full = (frame.imask & (1 << 13)) != 0
    assert full.any(axis=(1, 2)).all()
    assert frame.sci.max() == pytest.approx(level, rel=1e-6)
    assert np.array_equal(frame.model - 0.07 + 0.12 >= level, full)
    assert frame.detections.saturated.tolist() == [True]
    short, _ = render(config(**bright, frame_times_s=[0.1]))
    assert not short.imask.any()
    assert short.detections.saturated.tolist() == [False]


def test_the_first_plane_is_lower() -> None:
    effect = {"first_frame_offset_mjy_sr": -0.2, "first_frame_ramp_mjy_sr": 0.04, "first_frame_decay": 1.0}
    for number in (0, 1):
        frame, _ = render(config(**effect, flux_max_ujy=1e-3), number)
        levels = frame.sci.mean(axis=(1, 2))
        assert levels == pytest.approx(0.07 - 0.2 * np.exp(-np.arange(64)), abs=1e-6)
        ramp = frame.sci[:, -1].mean(axis=1) - frame.sci[:, 0].mean(axis=1)
        assert ramp == pytest.approx(0.04 * np.exp(-np.arange(64)), abs=1e-6)
        assert frame.background.first_frame_offset == pytest.approx(-0.2)


def test_galaxies_move_with_the_stars() -> None:
    frame, plan = render(
        config(n_galaxies=30, flux_max_ujy=1e-3, galaxy_flux_ujy=(9e3, 9e3), plane_jitter_px=0.5)
    )
    offsets = np.array(plan.plane_offsets_px)
    high, low = frame.model[offsets[:, 1].argmax()], frame.model[offsets[:, 1].argmin()]
    slope = np.gradient(frame.model.mean(axis=0), axis=0)
    change = offsets[:, 1].max() - offsets[:, 1].min()
    assert np.abs(slope).max() > 1.0
    assert np.sum((low - high) * slope) / np.sum(slope**2) == pytest.approx(change, rel=0.3)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValidationError, match="pairs of frame times"):
        config(hdr_frame_time_s=0.6)
    with pytest.raises(ConfigError, match="no subarray frame time of 30 s") as caught:
        plan_field(config(frame_times_s=[30.0]))
    assert "0.02, 0.1, 0.4, 2 s" in str(caught.value.hint)
    assert [frame_time(2, t, "sub").framtime_s for t in (0.02, 0.1, 0.4, 2.0)] == [0.02, 0.1, 0.4, 2.0]
    assert [frame_time(2, t, "sub").exptime_s for t in (0.02, 0.1, 0.4, 2.0)] == [0.01, 0.08, 0.36, 1.92]


def test_a_single_star_stands_in_the_middle_of_frames_too() -> None:
    frame, plan = render(config(readmode="full", frame_times_s=[12.0], dither_rms_arcsec=0.0))
    assert frame.sci.shape == (256, 256)
    assert (frame.detections.x[0], frame.detections.y[0]) == pytest.approx((127.0, 127.0), abs=1e-9)
    assert plan.plane_offsets_px == ((0.0, 0.0),)
