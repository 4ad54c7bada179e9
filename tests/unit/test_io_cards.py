"""Header cards: what is parsed, what is refused, what a WCS gets."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards, wcs_header
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.io.fitsread import read_cards

FILE = Path("frame.fits")


def cards_of(*lines: str) -> Cards:
    return Cards(FILE, "".join(line.ljust(80) for line in [*lines, "END"]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("                   42", 42),
        ("42", 42),
        ("-007 / seven", -7),
        ("+ 3", 3),
        ("30.", 30.0),
        (".5", 0.5),
        ("1.D5", 1e5),
        ("1.5d-3", 1.5e-3),
        ("-1.25E+02 / comment", -125.0),
        ("                    T / true", True),
        ("F", False),
        ("'text    '  / comment", "text"),
        ("'it''s'", "it's"),
        ("'a / b' / c", "a / b"),
        ("'a'' / b' / c", "a' / b"),
        ("''", ""),
        ("'   '", ""),
        ("'O'Hara'", "O'Hara"),
    ],
)
def test_values(field: str, value: object) -> None:
    got = cards_of(f"KEY     = {field}")["KEY"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("field", ["NaN", "two", "(1.0, 2.0)", "'open", "1.2.3", "0x10", "12 monkeys", "T2"])
def test_unreadable_value_names_file_and_keyword(field: str) -> None:
    cards = cards_of(f"KEY     = {field}")
    with pytest.raises(InputError, match=r"frame\.fits: the value of KEY cannot be read"):
        cards["KEY"]


def test_cards_without_values_are_absent() -> None:
    cards = cards_of(
        "NOTHING =", "REMARK  =     / only a comment", "COMMENT = 3", "HISTORY x = 4", "", "  = 1"
    )
    assert list(cards) == []
    assert len(cards) == 0
    assert "NOTHING" not in cards
    assert cards.number("NOTHING", None) is None
    with pytest.raises(KeyError):
        cards["REMARK"]


def test_first_of_a_repeated_keyword_counts_as_in_astropy() -> None:
    text = "".join(line.ljust(80) for line in ["ET_OBS  = 1.0", "OTHER   = 2", "ET_OBS  = 3.0"])
    assert Cards(FILE, text)["ET_OBS"] == 1.0 == fits.Header.fromstring(text)["ET_OBS"]
    assert list(Cards(FILE, text)) == ["ET_OBS", "OTHER"]


def test_long_strings_and_long_keywords() -> None:
    header = fits.Header()
    header["LONGSTR"] = "x" * 100 + "'" + "y" * 50
    header["HIERARCH ESO DET GAIN"] = 2.5
    header["AFTER"] = 1
    cards = Cards(FILE, header.tostring())
    assert cards["LONGSTR"] == header["LONGSTR"]
    assert cards["eso det gain"] == 2.5
    assert cards["AFTER"] == 1


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["HIERARCH AB = 1", "AB      = 2"], {"AB": 1}),
        (["AB      = 2", "HIERARCH AB = 1", "HIERARCH LONG KEY WORD = 3"], {"AB": 2, "LONG KEY WORD": 3}),
        (["HIERARCH= 5"], {"HIERARCH": 5}),
        (["AB  text, and no value", "AB      = 2"], {"AB": 2}),
        (["ab      = 2", "AB      = 3"], {"AB": 2}),
        (["COMMENT = 1", "HISTORY = 1", "CONTINUE= 'x'", "END     = 1", "        = 1"], {}),
    ],
)
def test_which_card_stands_for_a_keyword(lines: list[str], expected: dict[str, int]) -> None:
    assert dict(cards_of(*lines)) == expected


def test_a_last_card_that_is_cut_off() -> None:
    assert dict(Cards(FILE, "A       = 1".ljust(80) + "B       = 2")) == {"A": 1, "B": 2}
    assert dict(Cards(FILE, "")) == {}


def test_get_is_case_blind_and_has_a_default() -> None:
    cards = cards_of("A       = 0", "B       =", "C       = 'x'")
    assert (cards.get("a"), cards.get("B", 3), cards.get("c"), cards.get("D")) == (0, 3, "x", None)


def test_any_of_is_asking_for_each() -> None:
    cards = cards_of("ONE     = 1", "NOTHING =", "HIERARCH A LONG ONE = 2")
    assert cards.any_of(("TWO", "ONE"))
    assert cards.any_of(("A LONG ONE",))
    assert not cards.any_of(("TWO", "NOTHING", "COMMENT"))
    assert not cards.any_of(())


def test_ampersand_without_continuation_stays() -> None:
    assert cards_of("KEY     = 'R&D &'", "NEXT    = 1")["KEY"] == "R&D &"


def test_number_is_finite_and_a_number() -> None:
    cards = cards_of("A       = 2", "B       = T", "C       = '2'", "D       = 1E999")
    assert cards.number("a") == 2.0
    assert isinstance(cards.number("A"), float)
    for key in "BCD":
        with pytest.raises(InputError, match=f"{key} is .*, not a number"):
            cards.number(key, 0.0)


def test_integer() -> None:
    cards = cards_of("A       = 2.0", "B       = 2.5", "CHNLNUM = 'two'", "D       = 1E999", "E       = F")
    assert cards.integer("A") == 2
    for key in ("B", "D", "E"):
        with pytest.raises(InputError, match="not a whole number"):
            cards.integer(key)
    with pytest.raises(InputError, match="CHNLNUM is 'two', not a whole number"):
        cards.integer("CHNLNUM")


def test_missing_keyword_and_default() -> None:
    cards = cards_of("OBJECT  = 'M31'")
    with pytest.raises(InputError, match=r"frame\.fits: EXPTIME is missing"):
        cards.number("EXPTIME")
    assert cards.integer("CHNLNUM", 7) == 7
    assert cards.text("OBJECT") == "M31"
    assert cards.text("TARGET", "?") == "?"
    with pytest.raises(InputError, match="not text"):
        cards_of("OBJECT  = 3").text("OBJECT")


def test_cards_cross_process_boundaries() -> None:
    cards = pickle.loads(pickle.dumps(cards_of("A       = 1", "B       = 'x'")))  # noqa: S301
    assert dict(cards) == {"A": 1, "B": "x"}
    assert cards.path == FILE


def test_header_of_a_subset_keeps_values_comments_and_order() -> None:
    cards = cards_of("B       = -1.2345678901234567E-10 / bee", "JUNK    = ???", "A       = 'x'", "HISTORY h")
    header = cards.header(["a", "b", "absent"])
    assert list(header) == ["B", "A"]
    assert header["B"] == -1.2345678901234567e-10
    assert header.comments["B"] == "bee"
    assert cards.header(lambda key: key == "A").tostring().startswith("A       = 'x       '")


@pytest.mark.parametrize(
    "value", [0.1 + 0.2, -1.2345678901234567e-100, 5e-324, 2**63, True, "it's", np.float64(1e22)]
)
def test_card_image_keeps_every_digit(value: bool | float | str) -> None:
    image = card_image("KEY", value, "a comment " * 10)
    assert len(image) == 80
    assert Cards(FILE, image)["KEY"] == value
    fits.Card.fromstring(image).verify("exception")


def test_card_image_refuses_what_a_header_cannot_hold() -> None:
    with pytest.raises(ValueError, match="SKY is nan"):
        card_image("SKY", float("nan"))


def test_wcs_header_gives_the_same_sky_as_the_whole_header() -> None:
    header = sip_header()
    cards = Cards(FILE, header.tostring())
    small = wcs_header(cards)
    assert "DATE-OBS" not in small
    assert "WCDELT1" not in small
    del header["DATE-OBS"]  # astropy warns that it sets MJD-OBS from it
    pixels = np.random.default_rng(1).uniform(0, 255, (50, 2))
    assert np.array_equal(WCS(small).all_pix2world(pixels, 0), WCS(header).all_pix2world(pixels, 0))


def test_wcs_header_of_a_cube_is_celestial() -> None:
    header = sip_header()
    header.set("NAXIS", 3)
    header.set("NAXIS3", 64, after="NAXIS2")
    assert WCS(wcs_header(Cards(FILE, header.tostring()))).naxis == 2


def test_wcs_header_takes_the_old_name_of_radesys_without_a_warning() -> None:
    header = sip_header()
    header.rename_keyword("RADESYS", "RADECSYS")
    assert WCS(wcs_header(Cards(FILE, header.tostring()))).wcs.radesys == "FK5"


def test_wcs_header_keeps_tpv_and_refuses_junk() -> None:
    cards = cards_of("CTYPE1  = 'RA---TPV'", "PV1_0   = 1.5D-3", "PV2_10  = 2.0", "CRVAL1  = 'here'")
    with pytest.raises(InputError, match="CRVAL1 is 'here', not a number"):
        wcs_header(cards)
    cards = cards_of("CTYPE1  = 'RA---TPV'", "PV1_0   = 1.5D-3", "PV2_10  = 2.0", "PV3_1   = 1")
    assert dict(wcs_header(cards)) == {"NAXIS": 2, "CTYPE1": "RA---TPV", "PV1_0": 1.5e-3, "PV2_10": 2.0}


def sip_header() -> fits.Header:
    header = fits.Header({"NAXIS": 2, "NAXIS1": 256, "NAXIS2": 256})
    header.update(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP", CRVAL1=63.8, CRVAL2=-9.6, CRPIX1=128.0)
    header.update(CRPIX2=128.0, CD1_1=9e-5, CD1_2=-3.277e-4, CD2_1=-3.276e-4, CD2_2=-8.99e-5)
    header.update(RADESYS="FK5", EQUINOX=2000.0, A_ORDER=2, B_ORDER=2, A_2_0=-2.4e-5, A_1_1=2.2e-5)
    header.update(B_0_2=2.3e-5, B_1_1=-2.4e-5, WCDELT1=1.0)
    header["DATE-OBS"] = "2010-01-10T00:00:00"
    return header


@pytest.mark.real
@pytest.mark.filterwarnings("ignore::astropy.wcs.FITSFixedWarning")
@pytest.mark.skipif("ASTROMAP_TEST_DATA" not in os.environ, reason="ASTROMAP_TEST_DATA is not set")
@pytest.mark.parametrize(
    "pattern", ["irac-dither/r*/*.fits", "irac-bcd/*/*.fits", "wise-l1b/*/*.fits", "nir/2mass*/*j.fits"]
)
def test_wcs_of_real_frames_is_that_of_the_whole_header(pattern: str) -> None:
    path = min(Path(os.environ["ASTROMAP_TEST_DATA"]).glob(pattern))
    full = WCS(fits.getheader(path))
    pixels = np.random.default_rng(1).uniform(0, 255, (50, 2))
    small = WCS(wcs_header(read_cards(path)))
    np.testing.assert_array_equal(small.all_pix2world(pixels, 0), full.all_pix2world(pixels, 0))
    assert small.wcs.radesys == full.wcs.radesys
