"""TAN-SIP geometry from its numbers against astropy, and its inverse against the forward transform."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.polynomial import polyval2d
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.generalwcs import GeneralWcs
from photomitrus_cli.imaging.sip import ROWS, distort, sip_table
from photomitrus_cli.imaging.sipinverse import undistort
from photomitrus_cli.imaging.skywcs import sky_wcs
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.simulate.sipdata import SIP_TABLES

SHAPE = (256, 250)
CD = np.array([[-2.1e-4, 2.6e-4], [2.6e-4, 2.1e-4]])
# 1e-9 degrees, in radians.
CLOSE = 1.7e-11


def coefficients(model: Any) -> Any:
    """Both forward polynomials of the simulator's tables, [axis, power of u, power of v]."""
    sip = np.zeros((2, model.order + 1, model.order + 1))
    for matrix, table in zip(sip, (model.a, model.b), strict=True):
        for degree, row in enumerate(table, start=2):
            for power, value in enumerate(row):
                matrix[degree - power, power] = value
    return sip


def random_sip(rng: np.random.Generator, degree: int, size: float) -> Any:
    """Terms of every degree that each shift the corner of a frame by about ``size`` pixels."""
    total = np.add.outer(np.arange(degree + 1), np.arange(degree + 1))
    sip = rng.normal(size=(2, degree + 1, degree + 1)) * size / 128.0**total / total.size
    sip[:, total > degree] = 0.0
    return sip


def astropy_wcs(ra: float, dec: float, cd: Any, sip: Any = None) -> WCS:
    from astropy.wcs import Sip

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"] if sip is None else ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.crval, wcs.wcs.crpix, wcs.wcs.cd = [ra, dec], [128.5, 121.0], cd
    wcs.wcs.lonpole, wcs.wcs.radesys = 180.0, "ICRS"
    if sip is not None:
        wcs.sip = Sip(sip[0], sip[1], None, None, wcs.wcs.crpix)
    wcs.wcs.set()
    return wcs


def ours(ra: float, dec: float, cd: Any, sip: Any = None) -> TanSip:
    extra = {} if sip is None else {"sip": sip}
    return TanSip.at((ra, dec), cd, [127.5, 120.0], SHAPE, **extra)


def assert_same(one: Any, other: Any) -> None:
    y, x = np.mgrid[-5:261:19, -5:255:17].astype(float)
    np.testing.assert_allclose(one.directions(x, y), other.directions(x, y), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("model", SIP_TABLES)
def test_real_distortions(model: Any) -> None:
    sip = coefficients(SIP_TABLES[model])
    assert_same(ours(266.0, -29.0, CD, sip), GeneralWcs(astropy_wcs(266.0, -29.0, CD, sip), SHAPE))


@settings(max_examples=60, deadline=None)
@given(
    ra=st.floats(0.0, 360.0),
    dec=st.floats(-90.0, 90.0) | st.sampled_from([90.0, -90.0, 89.999999, -89.9999]),
    degree=st.integers(0, 9),
    seed=st.integers(0, 10**6),
)
def test_any_place_and_order(ra: float, dec: float, degree: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cd = rng.normal(size=(2, 2)) * 3e-4
    sip = random_sip(rng, degree, 20.0)
    one, other = ours(ra, dec, cd, sip), GeneralWcs(astropy_wcs(ra, dec, cd, sip), SHAPE)
    assert_same(one, other)
    lon, lat = one.sky([0.0, 100.0], [7.0, 200.0])
    assert ((lon >= 0.0) & (lon < 360.0)).all()
    np.testing.assert_allclose(
        directions_of(lon, lat), one.directions([0.0, 100.0], [7.0, 200.0]), atol=1e-15
    )


@pytest.mark.parametrize("dec", [0.0, 41.0, 89.9995, -90.0])
def test_moved_frames_are_turned_exactly(dec: float) -> None:
    rng = np.random.default_rng(5)
    sip = random_sip(rng, 3, 2.0)
    wcs = ours(359.9999, dec, CD, sip)
    for angle in (1e-6, 1e-3, 1.0):
        rotation = _rotation(rng.normal(size=3), angle)
        moved = wcs.moved(rotation)
        x, y = rng.uniform(0, 250, (2, 50))
        expected = rotation @ wcs.directions(x, y)
        np.testing.assert_allclose(moved.directions(x, y), expected, rtol=0, atol=1e-15)
        # As a header would say it: another CRVAL and another CD matrix.
        same = astropy_wcs(*moved.crval, moved.header_cd, sip)
        assert_same(moved, GeneralWcs(same, SHAPE))
        general = GeneralWcs(astropy_wcs(359.9999, dec, CD, sip), SHAPE)
        assert_same(general.moved(rotation), moved)
        assert_same(general.moved(rotation).moved(rotation.T), wcs)


def _rotation(axis: Any, angle: float) -> Any:
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()


def test_pickles_lose_nothing() -> None:
    wcs = ours(10.0, 20.0, CD, random_sip(np.random.default_rng(1), 4, 2.0)).moved(_rotation(np.ones(3), 0.1))
    wcs.directions([1.0], [2.0])
    again = pickle.loads(pickle.dumps(wcs))  # noqa: S301
    np.testing.assert_array_equal(again.directions([3.0], [4.0]), wcs.directions([3.0], [4.0]))
    assert again.shape == wcs.shape
    assert len(pickle.dumps(wcs)) < 2000


def test_shapes_of_positions() -> None:
    wcs = ours(10.0, 20.0, CD)
    assert wcs.directions(1.0, 2.0).shape == (3,)
    ra, dec = wcs.sky(np.zeros((4, 1)), np.zeros(5))
    assert ra.shape == dec.shape == (4, 5)
    general = GeneralWcs(astropy_wcs(10.0, 20.0, CD), SHAPE)
    assert general.sky(np.zeros((4, 1)), np.zeros(5))[0].shape == (4, 5)
    assert general.directions(1.0, 2.0).shape == (3,)


@pytest.mark.parametrize("degree", range(10))
def test_polynomials_and_their_slopes(degree: int) -> None:
    sip = random_sip(np.random.default_rng(degree), degree, 3.0)
    u, v = np.random.default_rng(2).uniform(-130, 130, (2, 77))
    out = np.empty((ROWS, u.size))
    distort(u, v, sip_table(sip), out)
    np.testing.assert_allclose(out[:2], [polyval2d(u, v, c) for c in sip], rtol=0, atol=1e-12)
    h = 1e-3
    for slopes, du, dv in ((out[2:4], h, 0.0), (out[4:6], 0.0, h)):
        ahead, behind = ([polyval2d(u + s * du, v + s * dv, c) for c in sip] for s in (1, -1))
        np.testing.assert_allclose(slopes, (np.array(ahead) - behind) / (2 * h), rtol=0, atol=1e-8)


@pytest.mark.parametrize("degree", [0, 1, 3, 5, 9])
def test_distortion_is_taken_off(degree: int) -> None:
    sip = random_sip(np.random.default_rng(degree), degree, 5.0)
    u, v = np.random.default_rng(2).uniform(-130, 130, (2, 77))
    target = np.array([u, v]) + [polyval2d(u, v, c) for c in sip]
    found = np.empty((2, u.size))
    assert undistort(target[0], target[1], sip_table(sip), found[0], found[1], np.empty((ROWS, u.size)))
    np.testing.assert_allclose(found, [u, v], rtol=0, atol=1e-9)


def test_a_folded_distortion_has_no_inverse() -> None:
    sip = np.zeros((2, 3, 3))
    sip[0, 2, 0] = 1.0
    # u + u^2 is never below -1/4.
    target_u, target_v, u, v = np.array([[-5.0], [0.0], [0.0], [0.0]])
    assert not undistort(target_u, target_v, sip_table(sip), u, v, np.empty((ROWS, 1)))


@pytest.mark.parametrize(
    ("cd", "message"),
    [
        (CD * 1e-5, "pixels of"),
        (CD * 1e3, "pixels of"),
        (np.array([[1e-4, 1e-4], [1e-4, 1.0001e-4]]), "axes of the WCS coincide"),
        (CD * np.nan, "not finite"),
    ],
)
def test_frames_that_are_nowhere_are_refused(cd: Any, message: str) -> None:
    with pytest.raises(InputError, match=rf"frame\.fits: .*{message}"):
        sky_wcs(ours(10.0, 20.0, cd), "frame.fits")


def test_a_wcs_of_astropy_is_taken_too() -> None:
    wcs = make_wcs(10.0, 20.0, distortion="sip")
    assert isinstance(sky_wcs(wcs, shape=SHAPE), GeneralWcs)
    assert sky_wcs(wcs, shape=SHAPE).shape == SHAPE


def test_nothing_of_astropy_is_imported_for_a_gnomonic_frame() -> None:
    program = """
import sys
import numpy as np
from photomitrus_cli.imaging.geometry import footprint, mean_pixel_area
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.gridlike import grid_like
from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.tansip import TanSip
wcs = TanSip.at((10.0, 20.0), [[-3e-4, 0.0], [0.0, 3e-4]], [31.5, 31.5], (64, 64))
grid = grid_for_footprints(*footprint(wcs, wcs.shape), 0.6)
map_frame(wcs, wcs.shape, grid), frame_map(wcs, wcs.shape, grid), mean_pixel_area(wcs, wcs.shape)
grid_like(dict([card[:2] for card in grid.cards()], NAXIS1=9, NAXIS2=9))
heavy = {name for name in sys.modules if name.split(".")[0] in ("astropy", "matplotlib")}
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", program], check=True)
