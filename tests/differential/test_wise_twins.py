"""The yardsticks of the WISE coadd against sums and positions taken one pixel at a time."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from truthkit import wisescan
from truthkit.twinmaps import ScanMap, three_files
from truthkit.wiseseed import seed_pixels, seed_scan
from truthkit.wisetemplate import Template, made_template, real_template
from truthkit.wisevector import vector_pixels, vector_scan

SIDE = 48
NSIDE = 64
Yardstick = Callable[[list[Path], int], ScanMap]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("scan")
    return wisescan.frame_paths(wisescan.make_scan(folder, made_template(SIDE), 3))


def planes(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, fits.Header]:
    sci, unc, msk = (fits.getdata(one) for one in three_files(path))
    return sci, unc, msk, fits.getheader(path)


def sky_pixels(header: fits.Header, side: int, nside: int) -> np.ndarray:
    """Place every pixel by astropy's own coordinates and healpy's degrees."""
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    ra, dec = WCS(renamed(header)).all_pix2world(x, y, 0)
    place = SkyCoord(ra * u.deg, dec * u.deg, frame=FK5(equinox="J2000")).galactic
    found: np.ndarray = healpy.ang2pix(nside, place.l.deg, place.b.deg, lonlat=True)
    return found


def one_by_one(paths: list[Path], *, per_pixel: bool) -> dict[int, dict[str, float]]:
    """Sum a scan by definition; without the distortion when `per_pixel` (then the weights are 1/s^2)."""
    cells: dict[int, dict[str, float]] = {}
    for path in paths:
        sci, unc, msk, header = planes(path)
        if per_pixel:
            header = without_distortion(header)
        place = sky_pixels(header, SIDE, NSIDE)
        good = (msk == 0) & np.isfinite(sci) & np.isfinite(unc) & (np.nan_to_num(sci) >= 0)
        for pixel in set(place[good].tolist()):
            here = good & (place == pixel)
            x, s = sci[here].astype(float), unc[here].astype(float)
            w = 1.0 / s**2 if per_pixel else np.full(x.size, 1.0 / float(np.median(unc[good])) ** 2)
            cell = cells.setdefault(pixel, dict.fromkeys(("wx", "w", "wwvv", "n", "wt", "d"), 0.0))
            cell["wx"] += float(np.sum(w * x))
            cell["w"] += float(np.sum(w))
            cell["wwvv"] += float(np.sum(w**2 * s**2))
            cell["n"] += x.size
            share = x.size * w.sum() if per_pixel else w.sum()
            cell["wt"] += float(share * header["MJD_OBS"])
            cell["d"] += float(share)
    return cells


def without_distortion(header: fits.Header) -> fits.Header:
    plain = header.copy()
    for name in [name for name in plain if name.startswith(("A_", "B_", "AP_", "BP_"))]:
        del plain[name]
    plain["CTYPE1"], plain["CTYPE2"] = "RA---SIN", "DEC--SIN"
    return plain


@pytest.mark.parametrize(("yardstick", "per_pixel"), [(seed_scan, True), (vector_scan, False)])
def test_maps_are_the_sums_over_pixels(scan: list[Path], yardstick: Yardstick, per_pixel: bool) -> None:
    found = yardstick(scan, NSIDE)
    cells = one_by_one(scan, per_pixel=per_pixel)
    assert found.pixels.tolist() == sorted(cells)
    assert found.pixels.size > 4
    of = {
        name: np.array([cells[pixel][name] for pixel in sorted(cells)]) for name in next(iter(cells.values()))
    }
    np.testing.assert_allclose(found.value, of["wx"] / of["w"], rtol=1e-6)
    np.testing.assert_allclose(found.sigma, np.sqrt(of["wwvv"]) / of["w"], rtol=1e-6)
    np.testing.assert_array_equal(found.hits, of["n"])
    np.testing.assert_allclose(found.mjd, of["wt"] / of["d"], rtol=0, atol=1e-9)
    # Neighbours share pixels, and so times between those of the frames.
    assert np.unique(np.round(found.mjd, 8)).size > 3


@pytest.mark.parametrize("yardstick", [seed_scan, vector_scan])
def test_an_even_sky_gives_its_level_and_the_error_of_the_mean(tmp_path: Path, yardstick: Yardstick) -> None:
    path = three_planes(tmp_path, np.full((SIDE, SIDE), 7.0), np.full((SIDE, SIDE), 2.0))
    found = yardstick([path], NSIDE)
    np.testing.assert_allclose(found.value, 7.0, rtol=1e-12)
    np.testing.assert_allclose(found.sigma, 2.0 / np.sqrt(found.hits), rtol=1e-12)
    assert found.hits.sum() == SIDE**2


@pytest.mark.parametrize("yardstick", [seed_scan, vector_scan])
def test_any_bit_nan_and_negative_values_are_left_out(tmp_path: Path, yardstick: Yardstick) -> None:
    sci, unc = np.full((SIDE, SIDE), 7.0), np.full((SIDE, SIDE), 2.0)
    msk = np.zeros((SIDE, SIDE), np.int32)
    for bit in range(31):
        msk[0, bit], sci[0, bit] = 1 << bit, 1e9
    msk[1, 0], sci[1, 0] = np.iinfo(np.int32).min, 1e9
    sci[2, :3], unc[3, :4], sci[4, :5] = np.nan, np.nan, -1.0
    # Zero is a value.
    sci[5, 0] = 0.0
    found = yardstick([three_planes(tmp_path, sci, unc, msk)], NSIDE)
    assert found.hits.sum() == SIDE**2 - 31 - 1 - 3 - 4 - 5
    np.testing.assert_allclose(np.sum(found.hits * found.value), 7.0 * (found.hits.sum() - 1), rtol=1e-12)


def three_planes(folder: Path, sci: np.ndarray, unc: np.ndarray, msk: np.ndarray | None = None) -> Path:
    path = folder / "00805b001-w3-int-1b.fits"
    header = made_template(SIDE).header
    masks = np.zeros(sci.shape, np.int32) if msk is None else msk
    for kind, data in (("int", sci.astype(np.float32)), ("unc", unc.astype(np.float32)), ("msk", masks)):
        fits.PrimaryHDU(data, header).writeto(folder / path.name.replace("-int-", f"-{kind}-"))
    return path


@pytest.mark.parametrize("nside", [64, 1024, 8192])
@pytest.mark.parametrize(("ra", "dec"), [(228.5, -18.6), (0.02, 5.0), (266.4, -28.9), (10.0, 89.8)])
def test_positions_of_spline_and_astropy(nside: int, ra: float, dec: float) -> None:
    header = made_template(SIDE, ra=ra, dec=dec).header
    exact = vector_pixels(header.copy(), (SIDE, SIDE), nside, exact=True)
    np.testing.assert_array_equal(exact, sky_pixels(header, SIDE, nside))
    np.testing.assert_array_equal(vector_pixels(header.copy(), (SIDE, SIDE), nside), exact)


def test_the_seed_ignores_the_distortion() -> None:
    header = made_template(SIDE).header
    plain = seed_pixels(renamed(header), (SIDE, SIDE), 1024).reshape(SIDE, SIDE)
    np.testing.assert_array_equal(plain, sky_pixels(without_distortion(header), SIDE, 1024))
    wrong = np.mean(plain != sky_pixels(header, SIDE, 1024))
    assert 0.002 < wrong < 0.03


def renamed(header: fits.Header) -> fits.Header:
    new = header.copy()
    if "RADECSYS" in new:
        new.rename_keyword("RADECSYS", "RADESYS")
    return new


def test_frames_follow_each_other_along_y() -> None:
    first = without_distortion(made_template(SIDE, ra=359.5, dec=80.0).header)
    headers = [renamed(one) for one in wisescan.headers_of_scan(first, 20, "00805b")]
    pixel_arcmin = 60.0 * np.hypot(first["CD1_2"], first["CD2_2"])
    centre = (SIDE - 1) / 2
    for one, after in itertools.pairwise(headers):
        # An orthographic projection shortens by the sine.
        step = np.degrees(np.sin(np.radians(wisescan.STEP_ARCMIN / 60.0))) * 60.0 / pixel_arcmin
        ahead = WCS(one).all_world2pix(after["CRVAL1"], after["CRVAL2"], 0)
        behind = WCS(after).all_world2pix(one["CRVAL1"], one["CRVAL2"], 0)
        np.testing.assert_allclose(ahead, [centre, centre + step], atol=1e-6)
        np.testing.assert_allclose(behind, [centre, centre - step], atol=1e-6)
        assert 86400.0 * (after["MJD_OBS"] - one["MJD_OBS"]) == pytest.approx(wisescan.CADENCE_S, abs=1e-4)


def test_frames_are_what_their_masks_and_uncertainties_say(tmp_path: Path) -> None:
    template = made_template(200)
    paths = wisescan.frame_paths(wisescan.make_scan(tmp_path / "a", template, 2, seed=3))
    again = wisescan.frame_paths(wisescan.make_scan(tmp_path / "b", template, 2, seed=3))
    (sci, unc, msk, _), (other, _, others, _) = (planes(path) for path in paths)
    for mine, yours in zip(three_files(paths[1]), three_files(again[1]), strict=True):
        assert mine.read_bytes() == yours.read_bytes()
    assert (sci.dtype.itemsize, unc.dtype.itemsize, msk.dtype) == (4, 4, np.dtype(">i4"))
    np.testing.assert_array_equal(np.isnan(sci), (msk & wisescan.DEAD) != 0)
    np.testing.assert_array_equal(msk & ~(wisescan.SPIKE | wisescan.SATURATED), others & 0xFF)
    spikes = (msk & wisescan.SPIKE) != 0
    assert 0.5e-3 < spikes.mean() < 2e-3
    assert np.nanmedian(sci[spikes]) > np.nanmedian(sci) + 20 * template.sigma
    good = (msk == 0) & (others == 0)
    spread = 1.4826 * np.median(np.abs(sci[good] - np.median(sci[good])))
    assert np.median(unc[good]) == pytest.approx(spread, rel=0.1)
    # Each frame has noise of its own.
    assert np.std(sci[good] - other[good]) == pytest.approx(np.sqrt(0.5) * template.sigma, rel=0.05)


def test_the_table_keeps_zeros_and_names_the_frames(tmp_path: Path) -> None:
    table = wisescan.make_scan(tmp_path, made_template(SIDE), 2)
    lines = table.read_text().splitlines()
    assert lines[0] == ",".join(wisescan.COLUMNS)
    assert lines[1].startswith("00805b,001,3,55238.15739468,59.94,8.73,10,10,47827.6,")
    int_path, unc_path, msk_path = three_files(wisescan.frame_paths(table)[1])
    assert int_path == (tmp_path / "5b/00805b/002/00805b002-w3-int-1b.fits").resolve()
    assert (unc_path.suffix, msk_path.suffix) == (".gz", ".gz")
    unc_path.with_suffix("").touch()
    assert three_files(int_path)[1] == unc_path.with_suffix("")


@pytest.mark.parametrize(
    ("weights", "yardstick", "flatten"), [("frame", vector_scan, False), ("pixel", seed_scan, True)]
)
def test_the_coadd_without_its_own_rejection_is_the_yardstick(
    astromap: Run, tmp_path: Path, weights: str, yardstick: Yardstick, flatten: bool
) -> None:
    template = made_template(SIDE)
    if flatten:
        # The coadd asks for a distortion, the seed ignores it: one that is zero.
        for name in [name for name in template.header if name[:2] in ("A_", "B_") and name[2:] != "ORDER"]:
            template.header[name] = 0.0
    table = wisescan.make_scan(tmp_path / "frames", template, 3)
    words = f"--band 3 --nside {NSIDE} --masks seed --weights {weights} -j 1 --no-pictures"
    plain = "--no-magzp --no-spikes --keep-stars --no-judge"
    out = tmp_path / "out"
    done = astromap("wise", "coadd", *words.split(), *plain.split(), "--frames", table, "-o", out)
    assert done.returncode == 0, done.stderr
    made = fits.getdata(out / "w3_00805b.fits")
    made = made[made["HITS"] > 0]
    expected = yardstick(wisescan.frame_paths(table), NSIDE)
    np.testing.assert_array_equal(made["PIXEL"], expected.pixels)
    np.testing.assert_array_equal(made["HITS"], expected.hits)
    # Frames weigh by the median variance, which is not quite the square of the median uncertainty.
    np.testing.assert_allclose(made["VALUE"], expected.value, rtol=5e-6)
    np.testing.assert_allclose(made["SIGMA"], expected.sigma, rtol=1e-4)
    if weights == "frame":
        # The seed weights times by the number of pixels once more.
        np.testing.assert_allclose(made["MJD"], expected.mjd, rtol=0, atol=1e-7)


@pytest.mark.parametrize("which", ["reading", "vector"])
def test_each_runs_as_a_process(tmp_path: Path, which: str) -> None:
    table = wisescan.make_scan(tmp_path, made_template(SIDE), 2)
    words = [
        "-m",
        "truthkit.wisetwins",
        which,
        str(table),
        "--nside",
        "64",
        "--save",
        str(tmp_path / "map.npz"),
    ]
    benchmarks = Path(wisescan.__file__).parent.parent
    subprocess.run([sys.executable, *words], cwd=benchmarks, check=True, capture_output=True, timeout=120)
    if which == "vector":
        expected = vector_scan(wisescan.frame_paths(table), 64)
        with np.load(tmp_path / "map.npz") as saved:
            for name, values in vars(expected).items():
                np.testing.assert_array_equal(saved[name], values)


@pytest.mark.real
def test_real_positions(real_data: Path) -> None:
    header = template_of(real_data).header
    # Its lower part; the seed's way takes seconds for all of it.
    shape = (250, 1016)
    exact = {nside: vector_pixels(header, shape, nside, exact=True) for nside in (256, 4096)}
    for nside, pixels in exact.items():
        np.testing.assert_array_equal(vector_pixels(header, shape, nside), pixels)
    wrong = np.mean(seed_pixels(header, shape, 256) != exact[256].ravel())
    assert 0.001 < wrong < 0.005


def template_of(real_data: Path) -> Template:
    paths = sorted((real_data / "wise-l1b" / "allsky4band").glob("*-w3-int-1b.fits"))
    return real_template(paths[0])
