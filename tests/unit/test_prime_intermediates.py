"""What is kept of frames: geometries as cards of two conventions, lists of stars, names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.imaging.plateterms import corrected
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.prime.geometry import template_geometry
from photomitrus_cli.prime.geometrycards import head_text, sip_cards, tpv_cards
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.ldac import write_ldac
from photomitrus_cli.prime.names import FrameNames
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.tpv import sip_from_tpv, tpv_from_sip

X, Y = (grid.ravel() for grid in np.meshgrid(np.linspace(-0.5, 1021.5, 8), np.linspace(-0.5, 1021.5, 8)))


def geometry() -> TanSip:
    """A chip's template with all terms up to the fifth degree."""
    camera = load_instrument("prime")
    template = camera.chip(3).template
    assert template is not None
    start = template_geometry(template, (123.4, 67.8), 30.0, camera.detector.window((1024, 1024)))
    rng = np.random.default_rng(2)
    return corrected(start, rng.normal(0.0, 0.3, (2, 21)))


def off(ra: np.ndarray, dec: np.ndarray, wcs: TanSip) -> float:
    """The largest distance from where a geometry has the pixels, arcsec."""
    own = wcs.sky(X, Y)
    east = (ra - own[0]) * np.cos(np.radians(dec))
    return float(3600.0 * np.hypot(east, dec - own[1]).max())


def test_both_conventions_say_the_same_to_astropy() -> None:
    wcs = geometry()
    linear = TanSip(wcs.axes, wcs.cd, wcs.crpix, wcs.shape)
    for one, cards in ((wcs, sip_cards(wcs)), (wcs, tpv_cards(wcs)), (linear, sip_cards(linear))):
        header = fits.Header.fromstring("".join(card_image(*card) for card in cards))
        header["NAXIS"], header["NAXIS1"], header["NAXIS2"] = 2, 1022, 1022
        ra, dec = WCS(header).all_pix2world(X, Y, 0)
        assert off(ra, dec, one) < 1e-6
    # The distortion matters: this is no test of the linear part alone.
    assert off(*linear.sky(X, Y), wcs) > 5.0


def test_sip_cards_come_back_as_they_went() -> None:
    wcs = geometry()
    cards = [*sip_cards(wcs), ("NAXIS1", 1022, ""), ("NAXIS2", 1022, "")]
    back = celestial_wcs(Cards(Path("a"), "".join([*(card_image(*card) for card in cards), "END".ljust(80)])))
    assert isinstance(back, TanSip)
    assert off(*back.sky(X, Y), wcs) < 1e-8


def test_tpv_is_sip_turned_round() -> None:
    wcs = geometry()
    cd, sip = sip_from_tpv(wcs.cd, *tpv_from_sip(wcs.cd, wcs.sip))
    # What is behind the matrix is the same; SIP has terms above linear only, here as there.
    np.testing.assert_allclose(cd, wcs.cd, rtol=1e-9)
    scale = 511.0 ** np.add.outer(np.arange(6), np.arange(6))
    np.testing.assert_allclose(sip * scale, wcs.sip * scale, atol=1e-7)
    much = np.zeros((2, 9, 9))
    much[0, 8, 0] = 1e-9
    with pytest.raises(KeyError):
        tpv_from_sip(wcs.cd, much)


def test_the_list_of_stars_is_ldac(tmp_path: Path) -> None:
    wcs, values = geometry(), np.array([10.0, 20.0, 30.0])
    sources = Sources(
        values, values + 1.0, values * 0.01, values * 0.02, values, values, values, values * 0.01,
        np.array([0, 1, 2]), values,
    )  # fmt: skip
    write_ldac(tmp_path / "a.cat", sources, [("OBJNAME", "x", ""), *sip_cards(wcs)], wcs)
    with fits.open(tmp_path / "a.cat") as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["LDAC_IMHEAD", "LDAC_OBJECTS"]
        header = fits.Header.fromstring("".join(card.ljust(80) for card in hdus[1].data[0][0]))
        assert header["CTYPE1"] == "RA---TAN-SIP"
        assert header["OBJNAME"] == "x"
        table = hdus[2].data
        np.testing.assert_array_equal(table["XWIN_IMAGE"], values + 1.0)
        np.testing.assert_array_equal(table["YWIN_IMAGE"], values + 2.0)
        np.testing.assert_array_equal(table["ERRAWIN_IMAGE"], values * 0.02)
        np.testing.assert_array_equal(table["ERRTHETAWIN_IMAGE"], 90.0)
        ra, dec = wcs.sky(sources.x, sources.y)
        np.testing.assert_allclose(table["ALPHAWIN_J2000"], ra)
        np.testing.assert_allclose(table["DELTAWIN_J2000"], dec)
        np.testing.assert_array_equal(table["FLAGS"], [0, 1, 2])


def test_names_are_those_of_the_pipeline(tmp_path: Path) -> None:
    names = FrameNames(tmp_path, 2, "01599131")
    assert names.initial == tmp_path / "C2_astrom/01599131C2.ramp.new"
    assert names.flat == tmp_path / "C2_FF/01599131C2.flat.fits"
    assert names.subtracted == tmp_path / "C2_sub/01599131C2.sky.flat.fits"
    # SWarp looks for the head of a frame under the frame's name.
    assert names.head == names.subtracted.with_suffix(".head")
    assert names.catalogue == names.subtracted.with_suffix(".cat")
    text = head_text(tpv_cards(geometry()))
    assert text.startswith("CTYPE1  = 'RA---TPV'\n")
    assert text.endswith("\nEND\n")
