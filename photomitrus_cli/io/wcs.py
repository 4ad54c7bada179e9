"""From header cards to a celestial WCS, without the cost of a whole archive header."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from astropy.wcs import WCS, FITSFixedWarning, Sip, WcsError
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards, wcs_header

# Keywords beyond CTYPE, CRVAL, CRPIX, CD and SIP that change a TAN projection; with any of them astropy reads
# the cards itself.
_SPECIAL = re.compile(r"PC\d_\d|PV\d_\d+|CROTA\d|LONPOLE|LATPOLE|RADECSYS|CTYPE3|EPOCH|D2IM\w+|[CD]PDIS\d")
_ORDER = re.compile(r"[AB]P?_ORDER")
_TAN = (("RA---TAN", "DEC--TAN"), ("RA---TAN-SIP", "DEC--TAN-SIP"))


def celestial_wcs(cards: Cards) -> WCS:
    """Build the celestial WCS of axes 1 and 2.

    A gnomonic projection with a CD matrix and SIP polynomials, which is what the archives of Spitzer and WISE
    deliver, is put together from its numbers in about a millisecond; everything else goes through
    astropy's header parser (5 ms from the WCS cards alone).

    Parameters
    ----------
    cards : Cards
        The header of an image or a cube.

    Returns
    -------
    astropy.wcs.WCS

    Raises
    ------
    InputError
        When the cards cannot be read as a WCS.
    """
    if "CTYPE1" not in cards or "CTYPE2" not in cards:
        raise InputError(f"{cards.path}: the header has no celestial WCS", hint="CTYPE1 or CTYPE2 is missing")
    try:
        if _is_simple(cards):
            return _simple_wcs(cards)
        with warnings.catch_warnings():
            # Archive headers carry obsolete spellings that astropy corrects and reports one by one.
            warnings.simplefilter("ignore", FITSFixedWarning)
            return WCS(wcs_header(cards))
    except (ValueError, KeyError, MemoryError, WcsError) as error:
        raise InputError(f"{cards.path}: the WCS cannot be read: {str(error).splitlines()[0]}") from error


def _is_simple(cards: Cards) -> bool:
    types = tuple(cards.get(f"CTYPE{axis}") for axis in (1, 2))
    needed = ("CD1_1", "CD1_2", "CD2_1", "CD2_2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2")
    if types == _TAN[1]:
        # astropy ignores polynomials below the second order and refuses one without the other.
        distorted = all((cards.integer(f"{name}_ORDER", 0) or 0) >= 2 for name in ("A", "B"))
    else:
        distorted = next(cards.matching(_ORDER), None) is None
    degrees = all(cards.get(f"CUNIT{axis}", "deg") == "deg" for axis in (1, 2))
    plain = next(cards.matching(_SPECIAL), None) is None
    return types in _TAN and distorted and degrees and plain and all(key in cards for key in needed)


def _simple_wcs(cards: Cards) -> WCS:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [cards.text("CTYPE1"), cards.text("CTYPE2")]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [cards.number("CRVAL1"), cards.number("CRVAL2")]
    wcs.wcs.crpix = [cards.number("CRPIX1"), cards.number("CRPIX2")]
    wcs.wcs.cd = [[cards.number(f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)]
    if "RADESYS" in cards:
        wcs.wcs.radesys = cards.text("RADESYS")
    if "EQUINOX" in cards:
        wcs.wcs.equinox = cards.number("EQUINOX")
    if cards.text("CTYPE1").endswith("-SIP"):
        terms = {name: _sip_matrix(cards, name) for name in ("A", "B", "AP", "BP")}
        if terms["A"] is not None and terms["B"] is not None:
            wcs.sip = Sip(terms["A"], terms["B"], terms["AP"], terms["BP"], wcs.wcs.crpix)
    wcs.pixel_shape = (cards.integer("NAXIS1"), cards.integer("NAXIS2"))
    wcs.wcs.set()
    return wcs


def _sip_matrix(cards: Cards, name: str) -> NDArray[np.float64] | None:
    """Read one SIP polynomial, coefficients [power of u, power of v], or None when its order is absent."""
    order: Any = cards.integer(f"{name}_ORDER", None)
    if order is None:
        return None
    if not 0 <= order <= 9:
        raise InputError(f"{cards.path}: {name}_ORDER is {order}, not a number from 0 to 9")
    matrix = np.zeros((order + 1, order + 1))
    for i in range(order + 1):
        for j in range(order + 1 - i):
            matrix[i, j] = cards.number(f"{name}_{i}_{j}", 0.0)
    return matrix
