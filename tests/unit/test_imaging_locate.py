"""Where sky positions fall in a frame, against astropy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.wcsmaker import make_header

from photomitrus_cli.imaging.generalwcs import GeneralWcs
from photomitrus_cli.imaging.locate import MARGIN_PX, locate
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.wcs import celestial_wcs

SHAPE = (256, 256)
# Of every kind that there is: exact and by astropy, mirrored, near a pole, across 0 h, in another system.
HEADERS: dict[str, dict[str, Any]] = {
    "plain": {"ra": 150.0, "dec": 2.0},
    "sip": {"ra": 150.0, "dec": 2.0, "distortion": "sip", "angle": 31.0},
    "mirrored": {"ra": 0.001, "dec": -60.0, "distortion": "sip", "mirrored": True},
    "pole": {"ra": 12.0, "dec": 89.99, "distortion": "sip"},
    "general": {"ra": 359.999, "dec": 40.0, "distortion": "tpv", "angle": -70.0},
}


def wcs_of(header: fits.Header, shape: tuple[int, int] = SHAPE) -> SkyWcs:
    whole = fits.PrimaryHDU(np.zeros(shape, "f4")).header
    whole.update(header)
    return celestial_wcs(Cards(Path("frame.fits"), whole.tostring(endcard=False)))


@pytest.mark.parametrize("name", HEADERS)
def test_positions_on_and_near_the_frame(name: str) -> None:
    header = make_header(**HEADERS[name])
    theirs, ours = WCS(header), wcs_of(header)
    assert isinstance(ours, GeneralWcs if name == "general" else TanSip)
    rng = np.random.default_rng(3)
    wanted = rng.uniform(-40.0, 296.0, (2, 25))
    ra, dec = theirs.all_pix2world(*wanted, 0)
    xy, solved = locate(ours, ra, dec, SHAPE)
    assert solved.all()
    np.testing.assert_allclose(xy, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["sip", "general"])
def test_x_is_the_second_axis_of_a_frame_that_is_not_square(name: str) -> None:
    header = make_header(150.0, 2.0, distortion="sip" if name == "sip" else "tpv")
    shape = (60, 300)
    wanted = np.array([[290.0, 10.0], [20.0, 250.0]])
    ra, dec = WCS(header).all_pix2world(*wanted, 0)
    xy, solved = locate(wcs_of(header, shape), ra, dec, shape)
    np.testing.assert_allclose(xy[:, 0], wanted[:, 0], rtol=0, atol=1e-6)
    # 250 rows up is far above a frame of 60 rows.
    assert np.isnan(xy[:, 1]).all()
    assert solved.all()


@pytest.mark.parametrize("name", HEADERS)
def test_what_is_far_away_has_no_position_and_that_is_no_failure(name: str) -> None:
    header = make_header(**HEADERS[name])
    ra, dec = HEADERS[name]["ra"], HEADERS[name]["dec"]
    side = min(dec + 1.0, 90.0) if dec < 89.0 else 88.0
    # A degree away, on the other side of the sky (where the projection has an image too), and at 90 degrees.
    far = np.array([[ra, ra + 180.0, ra + 90.0], [side, -dec, 0.0]])
    xy, solved = locate(wcs_of(header), far[0] % 360.0, far[1], SHAPE)
    assert np.isnan(xy).all()
    if name != "general":
        assert solved.all()


def test_the_antipode_of_the_frame_is_not_on_it() -> None:
    """Every direction and its opposite have the same gnomonic image."""
    for name in HEADERS:
        header = make_header(**HEADERS[name])
        ra, dec = WCS(header).all_pix2world([100.0, 127.0], [50.0, 127.0], 0)
        xy, _ = locate(wcs_of(header), (ra + 180.0) % 360.0, -dec, SHAPE)
        assert np.isnan(xy).all(), name


def test_the_margin() -> None:
    header = make_header(150.0, 2.0, distortion="sip")
    inside, outside = MARGIN_PX - 5.0, MARGIN_PX + 5.0
    wanted = np.array(
        [[-inside, 255 + inside, 100, 100, -outside, 100], [9, 9, -inside, 255 + inside, 9, -outside]]
    )
    ra, dec = WCS(header).all_pix2world(*wanted, 0)
    xy, solved = locate(wcs_of(header), ra, dec, SHAPE)
    assert np.isfinite(xy).all(axis=0).tolist() == [True] * 4 + [False] * 2
    assert solved.all()


def test_one_bad_position_harms_no_other() -> None:
    header = make_header(150.0, 2.0, distortion="sip")
    ra, dec = WCS(header).all_pix2world([10.0, 200.0], [20.0, 30.0], 0)
    xy, _ = locate(wcs_of(header), np.insert(ra, 1, 330.0), np.insert(dec, 1, -2.0), SHAPE)
    np.testing.assert_allclose(xy[:, [0, 2]], [[10.0, 200.0], [20.0, 30.0]], rtol=0, atol=1e-6)
    assert np.isnan(xy[:, 1]).all()


def test_a_distortion_without_an_inverse_is_told_from_a_position_far_away() -> None:
    """The second-order term folds the frame back onto itself at half its width."""
    header = make_header(150.0, 2.0, distortion="sip")
    for key, value in {"A_2_0": -6e-3, "A_1_1": 0.0, "A_3_0": 0.0, "B_1_1": 0.0, "B_0_2": 0.0}.items():
        header[key] = value
    plain = WCS(make_header(150.0, 2.0))
    # Beyond the fold there is no pixel with these positions, though without distortion there would be.
    ra, dec = plain.all_pix2world([127.0, 220.0], [127.0, 127.0], 0)
    xy, solved = locate(wcs_of(header), ra, dec, SHAPE)
    assert np.isnan(xy[:, 1]).all()
    assert not solved[1]


def test_no_positions() -> None:
    xy, solved = locate(wcs_of(make_header(150.0, 2.0)), np.empty(0), np.empty(0), SHAPE)
    assert xy.shape == (2, 0)
    assert solved.shape == (0,)
