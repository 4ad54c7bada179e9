"""Sums over map pixels against astropy, healpy and plain NumPy."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.imaging.healbin import FrameSums, bin_frame
from photomitrus_cli.imaging.healnodes import cell_pixels, frame_nodes
from photomitrus_cli.imaging.healoffsets import places_at
from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.imaging.sinsip import SinSip
from photomitrus_cli.wise.oneframe import mean_places

# Order of magnitude of the distortion of WISE.
TERMS = {
    "A_0_0": 0.72, "A_1_0": -4.5e-4, "A_0_1": -6.5e-4, "A_2_0": -1.4e-6, "A_1_1": 7.8e-7, "A_0_2": -1.7e-5,
    "A_3_0": 3.1e-9, "A_1_3": -4.4e-13, "B_0_0": -0.07, "B_1_0": -6.8e-4, "B_0_1": 5.8e-4, "B_2_0": 3.8e-7,
    "B_1_1": -8.0e-6, "B_0_3": -3.8e-9, "B_2_2": -1.9e-12,
}  # fmt: skip
# Places where charts of HEALPix end: (ra, dec) with FK5 read as the system of the map.
PLACES = {
    "belt": (40.0, 20.0),
    "longitude 0": (0.01, -3.0),
    "|z| = 2/3": (33.0, -41.8),
    "quarter": (90.0, 63.0),
    "cap": (200.0, -75.0),
    "near a pole": (10.0, 88.9),
    "pole": (123.0, 89.97),
    "other pole": (301.0, -89.9),
}


def geometry(crval: tuple[float, float], shape: tuple[int, int]) -> tuple[SinSip, WCS]:
    """A frame with 5.5 arcsec pixels, both ways."""
    cd = np.array([[-1.38e-3, 6.7e-4], [6.7e-4, 1.386e-3]])
    crpix = np.array([shape[1] / 2, shape[0] / 2])
    sip = np.zeros((2, 5, 5))
    for key, value in TERMS.items():
        sip["AB".index(key[0]), int(key[2]), int(key[4])] = value
    header = fits.Header(
        {
            "NAXIS": 2, "NAXIS1": shape[1], "NAXIS2": shape[0], "RADESYS": "FK5", "EQUINOX": 2000.0,
            "CTYPE1": "RA---SIN-SIP", "CTYPE2": "DEC--SIN-SIP", "CRVAL1": crval[0], "CRVAL2": crval[1],
            "CRPIX1": crpix[0] + 1, "CRPIX2": crpix[1] + 1, "CD1_1": cd[0, 0], "CD1_2": cd[0, 1],
            "CD2_1": cd[1, 0], "CD2_2": cd[1, 1], "A_ORDER": 4, "B_ORDER": 4, **TERMS,
        }
    )  # fmt: skip
    return SinSip.at(crval, cd, crpix, shape, sip), WCS(header)


def true_pixels(wcs: WCS, shape: tuple[int, int], nside: int, rotation: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]]
    lon, lat = np.radians(wcs.all_pix2world(x.ravel(), y.ravel(), 0))
    vectors = rotation @ np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    return np.asarray(healpy.vec2pix(nside, *vectors))


def frame(shape: tuple[int, int], seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, errors and states; NaN and zero errors where not used, one block wholly rejected."""
    rng = np.random.default_rng(seed)
    sci = rng.normal(2750.0, 30.0, shape).astype(np.float32)
    unc = rng.uniform(20.0, 40.0, shape).astype(np.float32)
    state = np.where(rng.random(shape) < 0.02, rng.choice([1, 2, 4, 8, 5], shape), 0).astype(np.uint8)
    state[:40, :50] = 3
    sci[state == 1], unc[state == 2], unc[state == 3] = np.nan, 0.0, np.nan
    return sci, unc, state


def twin(
    pixels: np.ndarray, frame: tuple[np.ndarray, ...], level: float, per_pixel: bool
) -> dict[str, np.ndarray]:
    """What `bin_frame` is to give, and the sums of the absolute values of what it sums."""
    sci, unc, state = (plane.ravel() for plane in frame)
    found, place = np.unique(pixels, return_inverse=True)
    used = state == 0
    x, v = sci[used].astype(float) - level, unc[used].astype(float) ** 2
    w = 1.0 / v if per_pixel else np.ones_like(x)

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(place[used], values, found.size)

    bits, low, high = np.zeros(found.size, int), np.full(found.size, np.inf), np.full(found.size, -np.inf)
    np.bitwise_or.at(bits, place, state.astype(int))
    np.minimum.at(low, place[used], sci[used])
    np.maximum.at(high, place[used], sci[used])
    hits = np.bincount(place[used], minlength=found.size)
    low[hits == 0] = high[hits == 0] = np.nan
    y, x_at = np.indices(frame[0].shape).reshape(2, -1)
    return {
        "pixels": found, "hits": hits, "bits": bits, "low": low, "high": high, "sum_w": total(w),
        "sum_wx": total(w * x), "sum_wxx": total(w * x * x), "sum_wwvv": total(w * w * v),
        "size": total(w * np.abs(x)), "sum_x": total(x_at[used]), "sum_y": total(y[used]),
    }  # fmt: skip


def assert_same(sums: FrameSums, expected: dict[str, np.ndarray]) -> None:
    for name in ("pixels", "hits", "bits", "sum_x", "sum_y"):
        assert np.array_equal(getattr(sums, name), expected[name]), name
    for name in ("low", "high"):
        assert np.array_equal(getattr(sums, name), expected[name].astype(np.float32), equal_nan=True), name
    for name in ("sum_w", "sum_wxx", "sum_wwvv"):
        np.testing.assert_allclose(getattr(sums, name), expected[name], rtol=1e-12, err_msg=name)
    assert (np.abs(sums.sum_wx - expected["sum_wx"]) <= 1e-12 * expected["size"]).all()


@pytest.mark.parametrize("system", ["galactic", "equatorial"])
def test_the_mean_place_is_that_of_the_directions_of_used_pixels(system: str) -> None:
    """A frame that ends inside map pixels, with a hole: each map pixel is seen somewhere else."""
    shape, nside = (203, 165), 256
    sin, wcs = geometry((266.0, -29.0), shape)
    sin = SinSip(sin.axes, sin.cd, sin.crpix, shape, np.zeros((2, 2, 2)))
    y, x = np.indices(shape)
    lon, lat = np.radians(wcs.wcs_pix2world(x.ravel(), y.ravel(), 0))
    seen = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    rotation = rotation_from_fk5(system)
    sci, unc, state = frame(shape)
    sums = bin_frame(
        frame_nodes(sin.directions, shape, rotation), sci, unc, state, nside, level=0.0, per_pixel=False
    )
    offsets = mean_places(sums, sin, nside, system)
    assert offsets.dtype == np.float32
    found = places_at(sums.pixels, nside, offsets)
    pixels = healpy.vec2pix(nside, *(rotation @ seen))
    furthest = 0.0
    for k, pixel in enumerate(sums.pixels):
        used = (pixels == pixel) & (state.ravel() == 0)
        assert used.any() == np.isfinite(offsets[:, k]).all()
        if used.any():
            mean = rotation @ seen[:, used].mean(axis=1)
            apart = np.linalg.norm(mean / np.linalg.norm(mean) - found[:, k])
            assert np.degrees(apart) * 3600.0 < 0.01
            furthest = max(furthest, float(np.hypot(*offsets[:, k])))
    assert 200.0 < furthest < 600.0


@pytest.mark.parametrize("per_pixel", [False, True])
@pytest.mark.parametrize("nside", [1, 64, 256, 1024, 8192])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_sums_are_those_of_the_twin(place: tuple[float, float], nside: int, per_pixel: bool) -> None:
    shape = (203, 165)
    sin, wcs = geometry(place, shape)
    # Unturned, so that the places lie on the edges of charts.
    nodes = frame_nodes(sin.directions, shape, np.eye(3))
    planes = frame(shape)
    pixels = true_pixels(wcs, shape, nside, np.eye(3))
    assert_same(
        bin_frame(nodes, *planes, nside, level=2700.5, per_pixel=per_pixel),
        twin(pixels, planes, 2700.5, per_pixel),
    )


@pytest.mark.parametrize("shape", [(1, 1), (16, 16), (17, 15), (33, 48), (5, 100)])
def test_small_and_odd_frames(shape: tuple[int, int]) -> None:
    sin, wcs = geometry((211.0, 29.4), shape)
    rotation = rotation_from_fk5("galactic")
    nodes = frame_nodes(sin.directions, shape, rotation)
    sci, unc, state = frame(shape)
    state[:] = state == 9
    planes = (np.full_like(sci, 7.0), np.ones_like(unc), state)
    expected = twin(true_pixels(wcs, shape, 2048, rotation), planes, 1.0, False)
    assert_same(bin_frame(nodes, *planes, 2048, level=1.0, per_pixel=False), expected)


@pytest.mark.parametrize("system", ["galactic", "ecliptic", "equatorial"])
def test_pixels_of_cells(system: str) -> None:
    shape = (96, 128)
    sin, wcs = geometry((211.0, 29.4), shape)
    rotation = rotation_from_fk5(system)
    y, x = np.mgrid[7.5:96:16, 7.5:128:16]
    lon, lat = np.radians(wcs.all_pix2world(x, y, 0))
    vectors = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    expected = healpy.vec2pix(512, *(rotation @ vectors.reshape(3, -1))).reshape(6, 8)
    assert np.array_equal(cell_pixels(frame_nodes(sin.directions, shape, rotation), 512), expected)


def test_large_detector_pixels() -> None:
    # 44 arcsec: cells of 12 arc minutes, many map pixels each.
    shape = (64, 64)
    sin, wcs = geometry((30.0, 55.0), shape)
    large = SinSip(sin.axes, sin.cd * 8.0, sin.crpix, shape, sin.sip)
    wcs.wcs.cd = wcs.wcs.cd * 8.0
    nodes = frame_nodes(large.directions, shape, np.eye(3))
    planes = frame(shape)
    for nside in (64, 512, 8192):
        expected = twin(true_pixels(wcs, shape, nside, np.eye(3)), planes, 2750.0, True)
        assert_same(bin_frame(nodes, *planes, nside, level=2750.0, per_pixel=True), expected)
