"""From header cards to a frame geometry, without the cost of a whole archive header."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, first_line
from photomitrus_cli.imaging.skywcs import SkyWcs, sky_wcs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.cards import Cards, wcs_header

# Keywords beyond CTYPE, CRVAL, CRPIX, CD and SIP that change a TAN projection; with any of them astropy reads
# the cards itself. Asking for each is quicker than looking through all cards.
_SPECIAL = (
    *(f"PC{i}_{j}" for i in (1, 2) for j in (1, 2)),
    *(f"PV{axis}_{m}" for axis in (1, 2) for m in range(40)),
    *(f"{name}{axis}" for axis in (1, 2) for name in ("CROTA", "CPDIS", "DPDIS", "D2IMDIS", "D2IMERR")),
    *("LONPOLE", "LATPOLE", "RADECSYS", "CTYPE3", "EPOCH", "D2IMARR", "D2IMEXT"),
)
_ORDERS = tuple(f"{name}_ORDER" for name in ("A", "B", "AP", "BP"))
_NEEDED = ("CD1_1", "CD1_2", "CD2_1", "CD2_2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "NAXIS1", "NAXIS2")
_TAN = (("RA---TAN", "DEC--TAN"), ("RA---TAN-SIP", "DEC--TAN-SIP"))
# Precession is a polynomial in time: it means nothing far from here.
_EQUINOXES = 1800.0, 2200.0


def celestial_wcs(cards: Cards) -> SkyWcs:
    """Build the celestial WCS of axes 1 and 2.

    A gnomonic projection in ICRS with a CD matrix and SIP polynomials, which is what the archive of Spitzer
    delivers, is put together from its numbers in a tenth of a millisecond; everything else goes through
    astropy's header parser (5 ms from the WCS cards alone, after half a second for its import).

    Parameters
    ----------
    cards : Cards
        The header of an image or a cube.

    Returns
    -------
    SkyWcs
        Checked as by `sky_wcs`.

    Raises
    ------
    InputError
        When the cards cannot be read as a WCS, or it cannot place a frame on the sky.
    """
    if "CTYPE1" not in cards or "CTYPE2" not in cards:
        raise InputError(f"{cards.path}: the header has no celestial WCS", hint="CTYPE1 or CTYPE2 is missing")
    if _is_simple(cards):
        return sky_wcs(_simple_wcs(cards), cards.path)
    equinox = cards.number("EQUINOX", _EQUINOXES[1])
    if not _EQUINOXES[0] <= equinox <= _EQUINOXES[1]:
        raise InputError(f"{cards.path}: EQUINOX is {equinox:g}, no year of a catalogue")
    return _general_wcs(cards)


def _is_simple(cards: Cards) -> bool:
    types = tuple(cards.get(f"CTYPE{axis}") for axis in (1, 2))
    if types == _TAN[1]:
        # astropy ignores polynomials below the second order and refuses one without the other.
        distorted = all((cards.integer(f"{name}_ORDER", 0) or 0) >= 2 for name in ("A", "B"))
    else:
        distorted = not cards.any_of(_ORDERS)
    degrees = all(cards.get(f"CUNIT{axis}", "deg") == "deg" for axis in (1, 2))
    plain = not cards.any_of(_SPECIAL)
    return (
        types in _TAN
        and distorted
        and degrees
        and plain
        and _is_icrs(cards)
        and all(key in cards for key in _NEEDED)
        # The default of LONPOLE is another one at the pole itself.
        and abs(cards.number("CRVAL2")) < 90.0
    )


def _is_icrs(cards: Cards) -> bool:
    """Whether the system is ICRS, named or by default (FITS 4.0, table 27)."""
    system = cards.get("RADESYS", "")
    return system == "ICRS" or (system == "" and "EQUINOX" not in cards)


def _simple_wcs(cards: Cards) -> TanSip:
    sip = {}
    if cards.text("CTYPE1").endswith("-SIP"):
        sip["sip"] = _sip_matrices(cards)
    return TanSip.at(
        (cards.number("CRVAL1"), cards.number("CRVAL2")),
        [[cards.number(f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)],
        [cards.number("CRPIX1") - 1.0, cards.number("CRPIX2") - 1.0],
        _shape(cards),
        **sip,
    )


def _shape(cards: Cards) -> tuple[int, int]:
    return cards.integer("NAXIS2"), cards.integer("NAXIS1")


def _sip_matrices(cards: Cards) -> NDArray[np.float64]:
    """Read both SIP polynomials, coefficients [A or B, power of u, power of v]."""
    orders = [cards.integer(f"{name}_ORDER") for name in ("A", "B")]
    for name, order in zip(("A", "B"), orders, strict=True):
        if order > 9:
            raise InputError(f"{cards.path}: {name}_ORDER is {order}, not a number from 0 to 9")
    size = max(orders) + 1
    matrices = np.zeros((2, size, size))
    for matrix, name, order in zip(matrices, ("A", "B"), orders, strict=True):
        for i in range(order + 1):
            for j in range(order + 1 - i):
                matrix[i, j] = cards.number(f"{name}_{i}_{j}", 0.0)
    return matrices


def _general_wcs(cards: Cards) -> SkyWcs:
    from astropy.wcs import WcsError

    from photomitrus_cli.imaging.generalwcs import read_wcs

    try:
        header = wcs_header(cards).tostring(endcard=False, padding=False)
        wcs = read_wcs(header)
    except (ValueError, KeyError, MemoryError, WcsError) as error:
        raise InputError(f"{cards.path}: the WCS cannot be read: {first_line(error)}") from error
    shape = _shape(cards) if "NAXIS1" in cards and "NAXIS2" in cards else None
    return sky_wcs(wcs, cards.path, shape, header=header)
