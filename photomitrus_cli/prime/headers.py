"""What the header of a frame says, by the keywords of its instrument's description."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, timedelta

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import Value
from photomitrus_cli.prime.instrument import Instrument

_SEXAGESIMAL = re.compile(r"([-+]?)(\d{1,3})[:\s]+(\d{1,2})(?:[:\s]+(\d{1,2}(?:\.\d*)?))?")
_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)
_DAY_S = 86400.0
# Rotator angles above a full turn are arcseconds.
_TURN = 360.0
# Of years in which infrared arrays were on telescopes; anything else is no date of a frame.
_MJD_RANGE = (44000.0, 80000.0)


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
        match = _SEXAGESIMAL.fullmatch(value.strip())
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
        raise _missing(cards, keys.ra, "right ascension of the pointing", "ra")
    if dec is None:
        raise _missing(cards, keys.dec, "declination of the pointing", "dec")
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


def mjd_of(cards: Cards, instrument: Instrument) -> float:
    """Read when the exposure began.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    float
        Modified Julian Date, UTC.

    Raises
    ------
    InputError
        When no keyword holds a time.
    """
    keys = instrument.keywords
    for key in keys.mjd:
        value = cards.get(key)
        if isinstance(value, int | float) and _MJD_RANGE[0] < value < _MJD_RANGE[1]:
            return float(value)
    for key in keys.date:
        day = str(cards.get(key, "")).strip()
        times = [str(cards.get(time, "")).strip() for time in keys.time] if "T" not in day else []
        for text in (day, *(f"{day}T{time}" for time in times if time)):
            mjd = _mjd(text)
            # A date alone is used only when no time stands beside it.
            if mjd is not None and ("T" in text or not any(map(_is_time, times))):
                return mjd
    raise _missing(cards, (*keys.mjd, *keys.date), "start of the exposure", "date")


def utc_date(mjd: float) -> date:
    """Give the day of a Modified Julian Date, UTC."""
    return (_MJD_EPOCH + timedelta(days=mjd)).date()


def utc_text(mjd: float) -> str:
    """Give a Modified Julian Date, UTC, in ISO 8601 as FITS headers have it."""
    return (_MJD_EPOCH + timedelta(days=mjd)).replace(tzinfo=None).isoformat(timespec="microseconds")


def _is_time(text: str) -> bool:
    return _SEXAGESIMAL.fullmatch(text) is not None


def _mjd(text: str) -> float | None:
    """Read a date in ISO 8601, with hours of one or two digits."""
    day, _, clock = text.removesuffix("Z").partition("T")
    try:
        start = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    mjd = (start - _MJD_EPOCH).days
    hours = read_angle(clock) if _is_time(clock) else None
    if clock and hours is None:
        return None
    return mjd + (hours or 0.0) * 3600.0 / _DAY_S if _MJD_RANGE[0] < mjd < _MJD_RANGE[1] else None


def exposure_of(cards: Cards, instrument: Instrument) -> tuple[float, int, int]:
    """Read how long a frame was exposed.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    exptime : float
        Seconds, all coadded exposures together.
    n_frames : int
        Reads of the ramp, 1 where the header does not tell.
    coadds : int
        Exposures that were added up, 1 where the header does not tell.

    Raises
    ------
    InputError
        When there is no positive time, or a count is not a whole number above 0.
    """
    keys = instrument.keywords
    times = (cards.get(key) for key in keys.exptime)
    exptime = next((float(t) for t in times if isinstance(t, int | float) and 0 < t < math.inf), None)
    if exptime is None:
        raise _missing(cards, keys.exptime, "exposure time in seconds", "exptime")
    coadds = _count(cards, keys.coadds)
    return exptime * coadds, _count(cards, keys.n_frames), coadds


def _count(cards: Cards, keys: tuple[str, ...]) -> int:
    for key in keys:
        count = cards.integer(key, 1)
        if count < 1:
            raise InputError(f"{cards.path}: {key} is {count}, not a number of 1 or more")
        if key in cards:
            return count
    return 1


def filters_of(cards: Cards, instrument: Instrument) -> tuple[str, ...]:
    """Read what is in each filter wheel.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    tuple of str

    Raises
    ------
    InputError
        When a keyword is missing or empty.
    """
    names = []
    for key in instrument.keywords.filters:
        name = str(cards.get(key, "")).strip()
        if not name or name.lower() == "unknown":
            raise _missing(cards, (key,), "name of the filter", "filters")
        names.append(name)
    return tuple(names)


def chip_of(cards: Cards, instrument: Instrument) -> int | None:
    """Read which chip took a frame.

    Parameters
    ----------
    cards : Cards
    instrument : Instrument

    Returns
    -------
    int or None
        None where the header does not tell.

    Raises
    ------
    InputError
        When the header names a chip that the camera does not have.
    """
    for key in instrument.keywords.chip:
        value = str(cards.get(key, "")).strip()
        if not value:
            continue
        for number, chip in instrument.chips.items():
            if value == (chip.label or str(number)):
                return number
        raise InputError(f"{cards.path}: {key} is '{value}', which is no chip of {instrument.name}")
    return next(iter(instrument.chips)) if len(instrument.chips) == 1 else None


def _angles(cards: Cards, keys: tuple[str, ...], *, hours: bool) -> list[float]:
    """Read the keywords that hold angles, degrees."""
    angles = (read_angle(cards.get(key), hours=hours) for key in keys)
    return [angle for angle in angles if angle is not None]


def _missing(cards: Cards, keys: tuple[str, ...], what: str, key: str) -> InputError:
    named = ", ".join(keys) or "(none is named)"
    found = [f"{name} is {cards[name]!r}" for name in keys if name in cards]
    problem = f"; {', '.join(found)}" if found else ""
    return InputError(
        f"{cards.path}: no usable {what} in the header: {named}{problem}",
        hint=f"repair the header, or name its keyword under keywords.{key} of an instrument description",
    )
