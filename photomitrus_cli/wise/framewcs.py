"""From the header of a WISE Level-1b frame to its geometry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.imaging.sinsip import SinSip
from photomitrus_cli.imaging.tangent import positions_of
from photomitrus_cli.io.cards import Cards

_TYPES = ("RA---SIN-SIP", "DEC--SIN-SIP")
# Keywords that would change the projection, which Level-1b frames do not have.
_FOREIGN = (
    *(f"{name}{axis}" for name in ("CPDIS", "DPDIS", "D2IMDIS", "D2IMERR") for axis in (1, 2)),
    *(f"PC{i}_{j}" for i in (1, 2) for j in (1, 2)),
    *(f"PV{axis}_{m}" for axis in (1, 2) for m in range(4)),
    *("CTYPE3", "EPOCH", "D2IMARR", "D2IMEXT"),
)


def frame_geometry(cards: Cards) -> SinSip:
    """Build the geometry of a Level-1b frame from the cards of its header.

    Parameters
    ----------
    cards : Cards
        With CTYPE, CRVAL, CRPIX, CD, NAXIS1, NAXIS2, RADESYS (or RADECSYS) or EQUINOX, and SIP
        polynomials A and B.

    Returns
    -------
    SinSip
        In FK5 (J2000); a header in ICRS is turned.

    Raises
    ------
    InputError
        When the projection is not RA---SIN-SIP, DEC--SIN-SIP, the system is neither FK5 (J2000) nor ICRS,
        or a keyword is missing or has an unusable value.
    """
    types = tuple(cards.get(f"CTYPE{axis}") for axis in (1, 2))
    if types != _TYPES:
        found = ", ".join("nothing" if name is None else str(name) for name in types)
        raise InputError(f"{cards.path}: the projection (CTYPE) is {found}, not {', '.join(_TYPES)}")
    _check_plain(cards)
    geometry = SinSip.at(
        (cards.number("CRVAL1"), _declination(cards)),
        _matrix(cards),
        [cards.number("CRPIX1") - 1.0, cards.number("CRPIX2") - 1.0],
        (_size(cards, 2), _size(cards, 1)),
        _polynomials(cards),
    )
    if not _is_fk5(cards):
        # Rows are directions, so that the rotation from FK5 stands to the right to be undone.
        axes = geometry.axes @ rotation_from_fk5("equatorial")
        return SinSip(axes, geometry.cd, geometry.crpix, geometry.shape, geometry.sip)
    return geometry


def ecliptic_place(geometry: SinSip) -> dict[str, float]:
    """Say where the reference pixel of a frame points.

    Parameters
    ----------
    geometry : SinSip
        In FK5 (J2000).

    Returns
    -------
    dict of str to float
        ``elon`` and ``elat``: ecliptic coordinates (mean, J2000), deg.
    """
    elon, elat = positions_of(rotation_from_fk5("ecliptic") @ geometry.axes[2])
    return {"elon": float(elon), "elat": float(elat)}


def _check_plain(cards: Cards) -> None:
    for key in _FOREIGN if cards.any_of(_FOREIGN) else ():
        if key in cards:
            raise InputError(f"{cards.path}: {key} does not belong in the WCS of a WISE Level-1b frame")
    if cards.number("LONPOLE", 180.0) != 180.0:
        raise InputError(f"{cards.path}: LONPOLE is {cards.number('LONPOLE'):g}, not 180")
    for key in ("CUNIT1", "CUNIT2"):
        if cards.get(key, "deg") != "deg":
            raise InputError(f"{cards.path}: {key} is {cards.get(key)!r}, not 'deg'")


def _is_fk5(cards: Cards) -> bool:
    """Tell FK5 (J2000) from ICRS, by name or by default (FITS 4.0, table 27); anything else is an error."""
    system = cards.text("RADESYS", "") or cards.text("RADECSYS", "")
    equinox = cards.number("EQUINOX", None)
    if system == "ICRS" or (not system and equinox is None):
        return False
    if system not in ("", "FK5") or equinox not in (None, 2000.0):
        at = "" if equinox is None else f", equinox {equinox:g}"
        raise InputError(
            f"{cards.path}: the sky system is {system or 'not named'}{at}, not FK5 (J2000) or ICRS"
        )
    return True


def _declination(cards: Cards) -> float:
    declination = cards.number("CRVAL2")
    # At the pole itself LONPOLE would have another default.
    if abs(declination) >= 90.0:
        raise InputError(f"{cards.path}: CRVAL2 is {declination:g}, not between -90 and 90 degrees")
    return declination


def _matrix(cards: Cards) -> list[list[float]]:
    matrix = [[cards.number(f"CD{i}_{j}") for j in (1, 2)] for i in (1, 2)]
    if matrix[0][0] * matrix[1][1] == matrix[0][1] * matrix[1][0]:
        raise InputError(f"{cards.path}: the CD matrix cannot be inverted")
    return matrix


def _size(cards: Cards, axis: int) -> int:
    size = cards.integer(f"NAXIS{axis}")
    if size < 1:
        raise InputError(f"{cards.path}: NAXIS{axis} is {size}: there is no image")
    return size


def _polynomials(cards: Cards) -> NDArray[np.float64]:
    """Read both SIP polynomials, coefficients [A or B, power of u, power of v]."""
    orders = [cards.integer(f"{name}_ORDER") for name in ("A", "B")]
    for name, order in zip(("A", "B"), orders, strict=True):
        # Below the second order astropy would ignore the polynomials.
        if not 2 <= order <= 9:
            raise InputError(f"{cards.path}: {name}_ORDER is {order}, not a number from 2 to 9")
    terms = np.zeros((2, max(orders) + 1, max(orders) + 1))
    for matrix, name, order in zip(terms, ("A", "B"), orders, strict=True):
        for i in range(order + 1):
            for j in range(order + 1 - i):
                matrix[i, j] = cards.number(f"{name}_{i}_{j}", 0.0)
    return terms
