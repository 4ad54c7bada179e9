"""The geometry of Level-1b frames from their headers."""

from __future__ import annotations

import pickle
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import FK5, BarycentricMeanEcliptic, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.wise.framewcs import ecliptic_place, frame_geometry

TERMS = {
    "A_0_0": 0.72, "A_0_1": -6.5e-4, "A_0_2": -8.3e-6, "A_0_3": -1.8e-10, "A_0_4": 2.2e-13, "A_1_0": -4.5e-4,
    "A_1_1": 7.8e-7, "A_2_0": -1.4e-6, "A_3_0": 3.1e-9, "A_1_3": -4.4e-13, "B_0_0": -0.071, "B_0_1": 5.8e-4,
    "B_1_0": -6.8e-4, "B_1_1": -3.5e-6, "B_2_0": 3.8e-7, "B_0_3": -3.8e-9, "B_3_1": 1.4e-12,
}  # fmt: skip


def header(**changes: object) -> fits.Header:
    """A header like those of Level-1b frames; None takes a keyword out."""
    cards: dict[str, object] = {
        "SIMPLE": True, "BITPIX": -32, "NAXIS": 2, "NAXIS1": 1016, "NAXIS2": 1016, "EQUINOX": 2000.0,
        "RADECSYS": "FK5", "CTYPE1": "RA---SIN-SIP", "CTYPE2": "DEC--SIN-SIP", "CRPIX1": 508.5,
        "CRPIX2": 508.5, "CRVAL1": 211.02, "CRVAL2": 29.41, "CD1_1": -6.87e-4, "CD1_2": 3.39e-4,
        "CD2_1": 3.395e-4, "CD2_2": 6.858e-4, "A_ORDER": 4, "B_ORDER": 4, **TERMS,
    }  # fmt: skip
    cards.update(changes)
    return fits.Header([(key, value) for key, value in cards.items() if value is not None])


def cards_of(**changes: object) -> Cards:
    return Cards(Path("00805b089-w3-int-1b.fits"), header(**changes).tostring())


def astropy_wcs(**changes: object) -> WCS:
    head = header(**changes)
    if "RADECSYS" in head:
        head.rename_keyword("RADECSYS", "RADESYS")
    return WCS(head)


@pytest.mark.parametrize("crval", [(211.02, 29.41), (0.001, -89.95), (359.999, 89.7), (120.0, 0.0)])
@pytest.mark.parametrize("orders", [(4, 4), (2, 3)])
def test_positions_are_those_of_astropy(crval: tuple[float, float], orders: tuple[int, int]) -> None:
    changes = dict(zip(("CRVAL1", "CRVAL2", "A_ORDER", "B_ORDER"), (*crval, *orders), strict=True))
    geometry = frame_geometry(cards_of(**changes))
    y, x = np.mgrid[-0.5:1016:97, -20.0:1016:97]
    ra, dec = astropy_wcs(**changes).all_pix2world(x, y, 0)
    a, d = np.radians(ra), np.radians(dec)
    expected = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    assert np.abs(geometry.directions(x, y) - expected).max() < 5e-13  # 1e-7 arcsec
    assert geometry.shape == (1016, 1016)
    assert geometry.crval == pytest.approx(crval, abs=1e-9)


def test_constant_and_linear_terms_count() -> None:
    plain = frame_geometry(cards_of(**{key: None for key in TERMS if key in ("A_0_0", "A_1_0", "B_0_1")}))
    moved = frame_geometry(cards_of()).directions(508.5, 507.5) - plain.directions(508.5, 507.5)
    assert np.linalg.norm(moved) == pytest.approx(0.72 * np.radians(7.66e-4), rel=0.02)


@pytest.mark.parametrize(
    "names", [{"RADESYS": "ICRS", "RADECSYS": None}, {"RADECSYS": None, "EQUINOX": None}]
)
def test_a_header_in_icrs_is_turned_to_fk5(names: dict[str, object]) -> None:
    geometry = frame_geometry(cards_of(**names))
    ra, dec = astropy_wcs(**names).all_pix2world(10.0, 900.0, 0)
    expected = SkyCoord(ra * u.deg, dec * u.deg, frame="icrs").transform_to(FK5(equinox="J2000"))
    assert np.abs(geometry.directions(10.0, 900.0) - expected.cartesian.xyz.value).max() < 5e-13
    as_fk5 = frame_geometry(cards_of()).directions(10.0, 900.0)
    assert np.linalg.norm(geometry.directions(10.0, 900.0) - as_fk5) > 2e-8


def test_fk5_may_go_without_a_name() -> None:
    here = frame_geometry(cards_of(RADECSYS=None)).directions(3.0, 4.0)
    assert np.array_equal(here, frame_geometry(cards_of()).directions(3.0, 4.0))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"}, "RA---TAN, DEC--TAN"),
        ({"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP"}, "RA---TAN-SIP"),
        ({"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"}, "RA---SIN"),
        ({"CTYPE2": None}, "nothing"),
        ({"RADECSYS": "FK4", "EQUINOX": 1950.0}, "FK4, equinox 1950"),
        ({"EQUINOX": 1975.0}, "equinox 1975"),
        ({"RADECSYS": None, "RADESYS": "GALACTIC"}, "GALACTIC"),
        ({"CD1_2": None}, "CD1_2 is missing"),
        ({"CD1_1": 0.0, "CD1_2": 0.0}, "CD matrix"),
        ({"CRVAL2": 90.0}, "CRVAL2 is 90"),
        ({"CRVAL1": "here"}, "CRVAL1"),
        ({"LONPOLE": 0.0}, "LONPOLE is 0"),
        ({"PV2_1": 0.1}, "PV2_1"),
        ({"PC1_1": 1.0}, "PC1_1"),
        ({"CUNIT1": "arcsec"}, "CUNIT1"),
        ({"A_ORDER": 1}, "A_ORDER is 1"),
        ({"B_ORDER": 10}, "B_ORDER is 10"),
        ({"B_ORDER": None}, "B_ORDER is missing"),
        ({"NAXIS1": 0}, "NAXIS1 is 0"),
    ],
)
def test_anything_else_is_one_clear_line(changes: dict[str, object], said: str) -> None:
    with pytest.raises(InputError) as caught:
        frame_geometry(cards_of(**changes))
    text = str(caught.value)
    assert said in text
    assert "00805b089-w3-int-1b.fits" in text
    assert "\n" not in text


def test_a_geometry_can_be_sent_to_a_worker() -> None:
    geometry = frame_geometry(cards_of())
    copy = pickle.loads(pickle.dumps(geometry))  # noqa: S301 - our own
    assert np.array_equal(copy.directions(5.0, 6.0), geometry.directions(5.0, 6.0))


@pytest.mark.parametrize("system", ["FK5", "ICRS"])
def test_the_ecliptic_place_is_that_of_astropy(system: str) -> None:
    place = ecliptic_place(frame_geometry(cards_of(RADECSYS=system)))
    mean = BarycentricMeanEcliptic(equinox="J2000")
    expected = SkyCoord(211.02 * u.deg, 29.41 * u.deg, frame=system.lower()).transform_to(mean)
    assert place["elon"] == pytest.approx(expected.lon.deg, abs=1e-6)
    assert place["elat"] == pytest.approx(expected.lat.deg, abs=1e-6)
