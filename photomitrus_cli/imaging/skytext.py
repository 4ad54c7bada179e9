"""Sky positions and sizes as people write them."""

from __future__ import annotations

import re

from photomitrus_cli.errors import ConfigError

_PLAIN = re.compile(r"\d+\.?\d*|\.\d+")
_PLAIN_PAIR = re.compile(r"^\s*([-+]?\d+(?:\.\d*)?)[\s,]+([-+]?\d+(?:\.\d*)?)\s*$")
_DEGREES_FIRST = re.compile(r"^\s*([-+]?\d+(?:\.\d*)?)\s*(?:d|°)")
_LEAST_RA, _MOST_RA = -180.0, 360.0


def parse_position(text: str) -> tuple[float, float]:
    """Read a sky position.

    Parameters
    ----------
    text : str
        Two plain numbers (degrees), or anything astropy reads: ``"02 23 10 -04 59 00"`` and
        ``"02:23:10 -04:59:00"`` (hours and degrees), ``"35.79d -4.98d"``, ``"2h23m10s -4d59m"``.

    Returns
    -------
    ra, dec : float
        Degrees, ICRS.

    Raises
    ------
    ConfigError
        When the text is no position, or its right ascension is not within -180 and 360 degrees.
    """
    pair = _PLAIN_PAIR.match(text)
    # astropy, too, would take whole turns off, and with them the slip of a finger.
    degrees = pair or _DEGREES_FIRST.match(text)
    if degrees and not _LEAST_RA <= float(degrees[1]) <= _MOST_RA:
        raise ConfigError(
            f"'{text}' is not a sky position: its right ascension is not within -180 and 360 degrees"
        )
    try:
        if pair:
            return _checked(float(pair[1]), float(pair[2]))
        return _read_position(text)
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not a sky position", hint="for example '02 23 10 -04 59 00' or '35.79 -4.98'"
        ) from error


def _checked(ra: float, dec: float) -> tuple[float, float]:
    if abs(dec) > 90.0:
        raise ValueError("declination")
    return ra % 360.0, dec


def _read_position(text: str) -> tuple[float, float]:
    # astropy's coordinates take longer to import than a small mosaic takes to make.
    from astropy.coordinates import SkyCoord
    from astropy.units import UnitsError

    try:
        position = SkyCoord(text, unit=("hourangle", "deg"), frame="icrs")
    except (UnitsError, TypeError) as error:
        raise ValueError(text) from error
    return float(position.ra.deg), float(position.dec.deg)


def parse_size(text: str) -> tuple[float, float]:
    """Read a width and a height.

    Parameters
    ----------
    text : str
        One or two angles separated by blanks, a comma or ``x``; plain numbers are arcmin.

    Returns
    -------
    width, height : float
        Arcsec.

    Raises
    ------
    ConfigError
        When the text is no size.
    """
    words = re.split(r"[\s,]+|(?<=[\d.a-z'\"])x(?=[\d.])", text.strip())
    try:
        sides = [60.0 * float(word) if _PLAIN.fullmatch(word) else _read_angle(word) for word in words]
    except ValueError as error:
        raise ConfigError(
            f"'{text}' is not a size", hint="for example '12 10' (arcmin) or '600arcsec'"
        ) from error
    if len(sides) > 2 or not all(side > 0 for side in sides):
        raise ConfigError(f"'{text}' is not a width and a height")
    return sides[0], sides[-1]


def _read_angle(text: str) -> float:
    """Read one angle with its unit, arcsec."""
    from astropy.coordinates import Angle
    from astropy.units import UnitsError

    try:
        return float(Angle(text).arcsec)
    except (UnitsError, TypeError) as error:
        raise ValueError(text) from error
