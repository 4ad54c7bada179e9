"""The quick construction of a WCS against astropy's own reading of the same header."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from truthkit.wcsmaker import make_header

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs


def cards_of(header: fits.Header) -> Cards:
    full = header.copy()
    full["NAXIS"], full["NAXIS1"], full["NAXIS2"] = 2, 256, 256
    return Cards(Path("frame.fits"), full.tostring(endcard=False, padding=False))


def assert_same(ours: WCS, theirs: WCS) -> None:
    y, x = (axis.ravel() for axis in np.mgrid[-2:258:20, -2:258:20].astype(float))
    a, b = ours.all_pix2world(x, y, 0), theirs.all_pix2world(x, y, 0)
    np.testing.assert_allclose(a, b, rtol=0, atol=1e-13 * 3600)
    c, d = ours.wcs_world2pix(*a, 0), theirs.wcs_world2pix(*a, 0)
    np.testing.assert_allclose(c, d, rtol=0, atol=1e-8)
    assert ours.wcs.radesys == theirs.wcs.radesys
    np.testing.assert_equal(ours.wcs.equinox, theirs.wcs.equinox)
    assert (ours.sip is None) == (theirs.sip is None)


@pytest.mark.parametrize("distortion", ["", "sip", "tpv"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 175.0}, {"RADESYS": "FK5", "EQUINOX": 2000.0}])
def test_generated_headers(distortion: str, mirrored: bool, extra: dict[str, object]) -> None:
    header = make_header(123.4, -45.6, angle=33.0, mirrored=mirrored, distortion=distortion)
    header.update(extra)
    assert_same(celestial_wcs(cards_of(header)), WCS(header))


def changed(header: fits.Header, *absent: str, **cards: object) -> fits.Header:
    for key in absent:
        del header[key]
    header.update(cards)
    return header


SIP_HEADER = make_header(10.0, 20.0, angle=33.0, distortion="sip")
PLAIN_HEADER = make_header(10.0, 20.0, angle=33.0)
UNUSUAL = {
    "SIP cards without the suffix": changed(SIP_HEADER.copy(), CTYPE1="RA---TAN", CTYPE2="DEC--TAN"),
    "suffix without SIP cards": changed(PLAIN_HEADER.copy(), CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP"),
    "SIP of order 1": changed(SIP_HEADER.copy(), A_ORDER=1, B_ORDER=1, A_1_0=1e-3, B_0_1=-2e-3),
    "SIP of order 0": changed(SIP_HEADER.copy(), A_ORDER=0, B_ORDER=0, A_0_0=0.5),
    "EPOCH 1950": changed(PLAIN_HEADER.copy(), "RADESYS", EPOCH=1950.0),
    "EPOCH 2000": changed(PLAIN_HEADER.copy(), "RADESYS", EPOCH=2000.0),
    "EPOCH and EQUINOX": changed(PLAIN_HEADER.copy(), "RADESYS", EPOCH=1950.0, EQUINOX=2000.0),
    "EQUINOX 1950": changed(PLAIN_HEADER.copy(), "RADESYS", EQUINOX=1950.0),
    "no system": changed(PLAIN_HEADER.copy(), "RADESYS"),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_headers_mean_what_they_mean_to_astropy(case: str) -> None:
    assert_same(celestial_wcs(cards_of(UNUSUAL[case])), WCS(UNUSUAL[case]))


@pytest.mark.parametrize("cards", [{"A_ORDER": None}, {"B_ORDER": None}, {"A_ORDER": 1}])
def test_half_a_distortion_is_refused(cards: dict[str, int | None]) -> None:
    header = make_header(10.0, 20.0, distortion="sip")
    for key, order in cards.items():
        del header[key]
        if order is not None:
            header[key] = order
    with pytest.raises(InputError, match=r"frame\.fits: .*[AB]_ORDER"):
        celestial_wcs(cards_of(header))


@pytest.mark.parametrize("order", [-1, 10])
def test_an_absurd_order_is_refused(order: int) -> None:
    header = make_header(10.0, 20.0, distortion="sip")
    header["A_ORDER"] = order
    with pytest.raises(InputError, match="A_ORDER"):
        celestial_wcs(cards_of(header))


@pytest.mark.real
def test_real_headers(real_data: Path) -> None:
    paths = sorted((real_data / "irac-dither").rglob("SPITZER*.fits"))
    paths += sorted((real_data / "irac-bcd").rglob("*_cbcd.fits"))
    paths += sorted((real_data / "wise-l1b").rglob("*-int-1b.fits"))
    assert len(paths) >= 15
    for path in paths:
        ours = celestial_wcs(read_cards(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FITSFixedWarning)
            theirs = WCS(fits.getheader(path))
        assert_same(ours, theirs)
