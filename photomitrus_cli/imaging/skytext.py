"""Sky positions and sizes as people write them."""

from __future__ import annotations

import re

import astropy.units as u
from astropy.coordinates import Angle, SkyCoord

from photomitrus_cli.errors import ConfigError

_PLAIN_PAIR = re.compile(r"^\s*([-+]?\d+(?:\.\d*)?)[\s,]+([-+]?\d+(?:\.\d*)?)\s*$")


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
        When the text is no position.
    """
    pair = _PLAIN_PAIR.match(text)
    try:
        if pair:
            position = SkyCoord(float(pair[1]), float(pair[2]), unit="deg", frame="icrs")
        else:
            position = SkyCoord(text, unit=(u.hourangle, u.deg), frame="icrs")
    except (ValueError, u.UnitsError, TypeError) as error:
        raise ConfigError(
            f"'{text}' is not a sky position", hint="for example '02 23 10 -04 59 00' or '35.79 -4.98'"
        ) from error
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
        sides = [float(Angle(word if re.search(r"[^\d.]", word) else f"{word}m").arcsec) for word in words]
    except (ValueError, u.UnitsError, TypeError) as error:
        raise ConfigError(
            f"'{text}' is not a size", hint="for example '12 10' (arcmin) or '600arcsec'"
        ) from error
    if len(sides) > 2 or not all(side > 0 for side in sides):
        raise ConfigError(f"'{text}' is not a width and a height")
    return sides[0], sides[-1]
