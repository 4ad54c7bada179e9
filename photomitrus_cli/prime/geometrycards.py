"""The geometry of a frame as header cards: TAN-SIP, and TPV for the programs that do not know SIP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.cardvalue import Card, card_image
from photomitrus_cli.prime.tpv import tpv_from_sip


def sip_cards(wcs: TanSip) -> list[Card]:
    """Give the cards of a geometry as TAN-SIP (Shupe et al. 2005).

    Parameters
    ----------
    wcs : TanSip

    Returns
    -------
    list of (keyword, value, comment)
    """
    if not wcs.sip.any():
        return _linear(wcs, "TAN")
    cards = _linear(wcs, "TAN-SIP")
    order = wcs.sip.shape[1] - 1
    for name, table in zip("AB", wcs.sip, strict=True):
        cards.append((f"{name}_ORDER", order, "degree of the distortion"))
        cards += [(f"{name}_{p}_{q}", float(value), "") for (p, q), value in np.ndenumerate(table) if value]
    return cards


def tpv_cards(wcs: TanSip) -> list[Card]:
    """Give the cards of a geometry as TPV, which is exact.

    Parameters
    ----------
    wcs : TanSip

    Returns
    -------
    list of (keyword, value, comment)
    """
    cards = _linear(wcs, "TPV")
    for axis, terms in enumerate(tpv_from_sip(wcs.header_cd, wcs.sip), start=1):
        cards += [(f"PV{axis}_{term}", terms[term], "") for term in sorted(terms)]
    return cards


def head_text(cards: Sequence[Card]) -> str:
    """Give cards as the text of a ``.head`` file, which SWarp reads instead of a header.

    Parameters
    ----------
    cards : sequence of (keyword, value, comment)
    """
    return "\n".join([*(card_image(*card).rstrip() for card in cards), "END"]) + "\n"


def _linear(wcs: TanSip, projection: str) -> list[Card]:
    ra, dec = wcs.crval
    cd = wcs.header_cd
    return [
        ("CTYPE1", f"RA---{projection}", ""),
        ("CTYPE2", f"DEC--{projection}", ""),
        ("CUNIT1", "deg", ""),
        ("CUNIT2", "deg", ""),
        ("CRVAL1", ra, "[deg] tangent point"),
        ("CRVAL2", dec, "[deg]"),
        ("CRPIX1", float(wcs.crpix[0]) + 1.0, ""),
        ("CRPIX2", float(wcs.crpix[1]) + 1.0, ""),
        *((f"CD{i + 1}_{j + 1}", float(cd[i, j]), "") for i in (0, 1) for j in (0, 1)),
        ("RADESYS", "ICRS", ""),
    ]
