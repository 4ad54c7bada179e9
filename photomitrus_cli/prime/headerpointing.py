"""Where a frame looks by its header: angles, the pointing of the telescope, the rotator."""

from __future__ import annotations

import math
import re

from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import Value
from photomitrus_cli.prime.headers import missing_keyword
from photomitrus_cli.prime.instrument import Instrument

SEXAGESIMAL = re.compile(r"([-+]?)(\d{1,3})[:\s]+(\d{1,2})(?:[:\s]+(\d{1,2}(?:\.\d*)?))?")
# Rotator angles above a full turn are arcseconds.
_TURN = 360.0


def read_angle(value: Value | None, *, hours: bool = False) -> float | None:
    """Read an angle.

    Parameters
    ----------
    value : bool, int, float, str or None
        A number or its text, degrees; or sexagesimal text.
    hours : bool
        Whether sexagesimal text is hours and not degrees.

    Returns
    -------
    float or None
        Degrees; None for what is no angle.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        match = SEXAGESIMAL.fullmatch(value.strip())
        if match:
            sign, whole, minutes, seconds = match.groups()
            size = int(whole) + int(minutes) / 60.0 + float(seconds or 0.0) / 3600.0
            return (-size if sign == "-" else size) * (15.0 if hours else 1.0)
        try:
            value = float(value)
        except ValueError:
            return None
    return float(value) if math.isfinite(value) else None


def pointing_of(cards: Cards, instrument: Instrument) -> tuple[float, float]:
    """Read where the telescope points.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    ra, dec : float
        Degrees. FK5 is taken for ICRS: they differ by 0.03 arcsec.

    Raises
    ------
    InputError
        When no keyword holds a position.
    """
    keys = instrument.keywords
    ra = next((a for a in _angles(cards, keys.ra, hours=True) if -_TURN <= a <= _TURN), None)
    dec = next((a for a in _angles(cards, keys.dec, hours=False) if abs(a) <= 90.0), None)
    if ra is None:
        raise missing_keyword(cards, keys.ra, "right ascension of the pointing", "ra")
    if dec is None:
        raise missing_keyword(cards, keys.dec, "declination of the pointing", "dec")
    return ra % _TURN, dec


def rotation_of(cards: Cards, instrument: Instrument, given: float | None = None) -> tuple[float, str]:
    """Find the rotator angle.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument
    given : float, optional
        Takes the place of the header's, degrees.

    Returns
    -------
    rotation : float
        Degrees.
    source : str
        ``option``, the keyword, or ``default`` where the header holds no number.
    """
    if given is not None:
        return given, "option"
    keys = instrument.keywords
    zero = next(iter(_angles(cards, keys.rotation_zero, hours=False)), 0.0)
    for key in keys.rotation:
        angle = read_angle(cards.get(key))
        if angle is not None:
            return (angle / 3600.0 if abs(angle) > _TURN else angle) - zero, key
    return instrument.rotation, "default"


def _angles(cards: Cards, keys: tuple[str, ...], *, hours: bool) -> list[float]:
    """Read the keywords that hold angles, degrees."""
    angles = (read_angle(cards.get(key), hours=hours) for key in keys)
    return [angle for angle in angles if angle is not None]
