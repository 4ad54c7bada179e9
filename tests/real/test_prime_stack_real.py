"""Real near-infrared frames of other cameras: stacked by their own few stars, and solved against Gaia."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import hashes, run_here
from truthkit.skytwin import mask_objects, sky_residuals

from photomitrus_cli.imaging.flatfield import BAD_PIXEL, INVALID, SATURATED
from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.prime.astrogates import astrometry_gates
from photomitrus_cli.prime.astrometry import solve_astrometry
from photomitrus_cli.prime.calibrate import calibrate, make_calibration
from photomitrus_cli.prime.detect import detect_sources
from photomitrus_cli.prime.framestars import FrameStars
from photomitrus_cli.prime.gates import failed
from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.plan import plan_chip
from photomitrus_cli.prime.rawframes import read_raw
from photomitrus_cli.prime.refcatalogue import RefCatalogue, read_catalogue
from photomitrus_cli.prime.skyfield import Field
from photomitrus_cli.prime.skyrules import SkyRules

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

# Counts a frame of 80 s; what a careful reduction of these frames reaches.
MOST_NOISE = 38.0


@pytest.fixture(scope="module")
def nirc2(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> fits.HDUList:
    """Nine dithers of a field without catalogue stars, stacked from raw frames."""
    source = real_data / "nir" / "nirc2-ks-cosmos01"
    out = tmp_path_factory.mktemp("nirc2")
    before = hashes(source)
    options = {
        "--instrument": "nirc2",
        "--refcat": "self",
        "--dark": source / "drk_80_1_16_11apr.fits.gz",
        "--flats": source / "flat_Ks_W_11apr.fits.gz",
        "--bad-pixels": source / "badpix_12oct.fits.gz",
        "--bad-pixels-good": 0,
    }
    words = [word for pair in options.items() for word in pair]
    done = run_here("prime", "stack", "-parent", source, "-chip", 1, "-o", out, "-j", 1, *words)
    assert done.code == 0, done.stderr
    assert hashes(source) == before
    with fits.open(out / "stack" / "coadd.Ks-clear.0031-0039.C1.fits", memmap=False) as stack:
        return fits.HDUList([hdu.copy() for hdu in stack])


def test_few_stars_align_nine_dithers(nirc2: fits.HDUList) -> None:
    header, inputs = nirc2[0].header, nirc2["INPUTS"].data
    assert (header["NCOMBINE"], header["ASTRSTAT"]) == (9, "relative")
    assert header["REFCAT"].startswith("the field itself")
    # A third of a pixel; sources are 0.4 to 1.3 arcsec wide.
    assert inputs["rms_frames"].max() < 0.013
    # Frames of one clear night; a few objects are not to tell otherwise.
    assert np.ptp(inputs["scale"]) < 0.05
    assert np.ptp(inputs["weight"]) < 0.1 * np.mean(inputs["weight"])


def test_noise_falls_with_the_number_of_frames(nirc2: fits.HDUList) -> None:
    assert np.median(nirc2["INPUTS"].data["rms"]) < MOST_NOISE
    sci, noise, count = (nirc2[name].data for name in ("PRIMARY", "NOISE", "COV"))
    for frames in (1, 3, 6, 9):
        own = (count == frames) & np.isfinite(sci)
        values = sci[own]
        assert values.size > 10000
        scatter = 1.4826 * np.median(np.abs(values - np.median(values)))
        assert scatter * np.sqrt(frames) < MOST_NOISE
        assert scatter / np.median(noise[own]) == pytest.approx(1.0, abs=0.1)


def test_small_sources_stay_round(nirc2: fits.HDUList) -> None:
    """Frames that were placed wrongly would smear the three that are too faint to align single frames."""
    sci, count = nirc2[0].data, nirc2["COV"].data
    bad = ~np.isfinite(sci) | (count < 5)
    found = detect_sources(np.nan_to_num(sci), nirc2["NOISE"].data, bad, widths=(3.0, 60.0))
    round_ = (found.ellipticity < 0.15) & (found.fwhm < 20.0) & (found.snr > 25.0)
    assert np.count_nonzero(round_) >= 3


def test_wircam_frame_against_gaia(real_data: Path) -> None:
    camera = load_instrument("wircam")
    folder = real_data / "nir" / "wircam-h2-lhs3473"
    plan = plan_chip(folder, 4, camera, least=1)
    (frame,) = plan.frames
    start = initial_geometry(frame, camera)
    columns = {"ra": "gra", "dec": "gde"}
    stars = read_catalogue(
        folder / "gaia_matched_lhs3473.csv", Field(*start.crval, 0.3), 2015.5, None, columns
    )
    detector = camera.detector
    calibration = make_calibration(plan.window.shape, saturation=detector.limit(1), invalid=detector.invalid)
    frames = [calibrate(read_raw(frame.source, plan.window)[0], calibration)]
    rules = SkyRules(mesh_only=True)
    ((rest, _),) = sky_residuals(frames, mask_objects(frames, rules), [frame.mjd_middle], rules)
    bad = (rest.mask & np.uint8(BAD_PIXEL | SATURATED | INVALID)) != 0
    found = detect_sources(rest.values, rest.rms, bad, gain=detector.gain)
    # Every eighth star is put aside: the others fit, it tells how true the fit is.
    aside = np.arange(stars.size) % 8 == 0
    solution = solve_astrometry([FrameStars("wircam", found, (start,))], stars.where(~aside))
    (wcs,) = solution.wcs
    assert wcs is not None
    assert [gate.name for gate in failed(astrometry_gates(solution))] == ["frames"]
    away = residuals(stars.where(aside), *wcs.sky(found.x, found.y))
    assert away.shape[1] > 40
    assert np.sqrt(np.median(np.square(away), axis=1) / 0.455).max() < 0.06
    assert np.sqrt(np.mean(np.square(away))) < 0.1


def residuals(stars: RefCatalogue, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Offsets east and north (arcsec) of pairs within half an arcsec, shape (2, n)."""
    cosine = np.cos(np.radians(dec.mean()))
    places = [(3600.0 * cosine * a, 3600.0 * d) for a, d in ((ra, dec), (stars.ra, stars.dec))]
    middle = [np.mean(v) for v in places[0]]
    (x, y), (u, v) = (tuple(p - m for p, m in zip(place, middle, strict=True)) for place in places)
    i, j = mutual_pairs(x, y, u, v, 0.5)
    return np.array([x[i] - u[j], y[i] - v[j]])
