"""The quick construction of a WCS against astropy's own reading of the same header."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from truthkit.wcsmaker import make_header

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.generalwcs import GeneralWcs, rotation_to_icrs
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs


def cards_of(header: fits.Header) -> Cards:
    full = header.copy()
    full["NAXIS"], full["NAXIS1"], full["NAXIS2"] = 2, 256, 250
    return Cards(Path("frame.fits"), full.tostring(endcard=False, padding=False))


def assert_same(ours: SkyWcs, theirs: WCS) -> None:
    y, x = np.mgrid[-2:258:20, -2:258:20].astype(float)
    expected = GeneralWcs(theirs, (250, 256), rotation_to_icrs(theirs, "frame")).directions(x, y)
    # 1e-9 degrees are 1.7e-11.
    np.testing.assert_allclose(ours.directions(x, y), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("distortion", ["", "sip", "tpv"])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("extra", [{}, {"LONPOLE": 175.0}, {"RADESYS": "FK5", "EQUINOX": 2000.0}])
def test_generated_headers(distortion: str, mirrored: bool, extra: dict[str, object]) -> None:
    header = make_header(123.4, -45.6, angle=33.0, mirrored=mirrored, distortion=distortion)
    header.update(extra)
    ours = celestial_wcs(cards_of(header))
    assert_same(ours, WCS(header))
    assert isinstance(ours, TanSip) == (distortion != "tpv" and not extra)
    assert ours.shape == (250, 256)
    assert_same(pickle.loads(pickle.dumps(ours)), WCS(header))  # noqa: S301


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
    "SIP of two orders": changed(SIP_HEADER.copy(), A_ORDER=5, A_4_1=1e-11, A_0_5=2e-11, B_ORDER=2),
    "SIP with low terms": changed(SIP_HEADER.copy(), A_0_0=0.3, A_1_0=1e-3, A_0_1=-2e-3, B_0_1=-2e-3),
    "terms above the order": changed(SIP_HEADER.copy(), A_2_2=1e-3, B_3_1=1e-3),
    "EPOCH 2000": changed(PLAIN_HEADER.copy(), "RADESYS", EPOCH=2000.0),
    "EQUINOX 2000": changed(PLAIN_HEADER.copy(), "RADESYS", EQUINOX=2000.0),
    "no system": changed(PLAIN_HEADER.copy(), "RADESYS"),
    "ICRS with an equinox": changed(PLAIN_HEADER.copy(), EQUINOX=2000.0),
    "at the pole": changed(PLAIN_HEADER.copy(), CRVAL2=90.0),
    "SCAMP terms": changed(PLAIN_HEADER.copy(), PV1_1=1.0, PV2_1=1.0, PV1_7=0.05, PV2_9=0.03),
    "PC and CDELT": changed(
        PLAIN_HEADER.copy(), "CD*", PC1_1=0.8, PC1_2=0.6, PC2_1=-0.6, PC2_2=0.8, CDELT1=-3e-4, CDELT2=3e-4
    ),
    "CROTA2": changed(PLAIN_HEADER.copy(), "CD*", CDELT1=-3e-4, CDELT2=3e-4, CROTA2=20.0),
    "other axes": changed(
        PLAIN_HEADER.copy(), CTYPE1="DEC--TAN", CTYPE2="RA---TAN", CRVAL1=20.0, CRVAL2=10.0
    ),
}


@pytest.mark.parametrize("case", UNUSUAL)
def test_unusual_headers_mean_what_they_mean_to_astropy(case: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        theirs = WCS(UNUSUAL[case])
    assert_same(celestial_wcs(cards_of(UNUSUAL[case])), theirs)


@pytest.mark.parametrize(
    "cards", [{"EPOCH": 1950.0}, {"EQUINOX": 1950.0}, {"EPOCH": 1950.0, "EQUINOX": 1950.0}]
)
def test_old_systems_are_refused(cards: dict[str, float]) -> None:
    header = changed(PLAIN_HEADER.copy(), "RADESYS", **cards)
    with pytest.raises(InputError, match=r"frame\.fits: celestial system fk4 is not supported"):
        celestial_wcs(cards_of(header))


@pytest.mark.parametrize("cards", [{"A_ORDER": None}, {"B_ORDER": None}, {"A_ORDER": 1}])
def test_half_a_distortion_is_refused(cards: dict[str, int | None]) -> None:
    header = make_header(10.0, 20.0, distortion="sip")
    for key, order in cards.items():
        del header[key]
        if order is not None:
            header[key] = order
    with pytest.raises(InputError, match=r"frame\.fits: .*[AB]_ORDER"):
        celestial_wcs(cards_of(header))


def test_an_error_of_a_library_that_says_nothing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: str) -> None:
        raise MemoryError

    monkeypatch.setattr("photomitrus_cli.imaging.generalwcs.read_wcs", no_room)
    header = changed(PLAIN_HEADER.copy(), EQUINOX=2000.0, LONPOLE=170.0)
    with pytest.raises(InputError, match=r"frame\.fits: the WCS cannot be read: MemoryError"):
        celestial_wcs(cards_of(header))


@pytest.mark.parametrize("order", [-1, 10])
def test_an_absurd_order_is_refused(order: int) -> None:
    header = make_header(10.0, 20.0, distortion="sip")
    header["A_ORDER"] = order
    with pytest.raises(InputError, match="A_ORDER"):
        celestial_wcs(cards_of(header))


@pytest.mark.parametrize("equinox", [-1e308, 1111e70, 0.0])
def test_an_equinox_that_is_no_year_is_refused(equinox: float) -> None:
    header = changed(make_header(30.0, 12.0), RADESYS="FK5", EQUINOX=equinox)
    with pytest.raises(InputError, match=r"frame\.fits: EQUINOX is .*, no year"):
        celestial_wcs(cards_of(header))


@pytest.mark.parametrize(
    "cards",
    [
        {"CD1_1": 0.0, "CD2_1": 0.0},
        {"CD1_1": 1.0},
        {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
        {"CRPIX2": 1e70},
    ],
)
def test_headers_that_place_nothing_are_refused(cards: dict[str, object]) -> None:
    header = changed(PLAIN_HEADER.copy(), **cards)
    with pytest.raises(InputError, match=r"frame\.fits: "):
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
        assert isinstance(ours, TanSip) == path.name.startswith("SPITZER")
