"""When a frame was taken, by its header; dates and Modified Julian Dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from photomitrus_cli.io.cards import Cards
from photomitrus_cli.prime.headerpointing import SEXAGESIMAL, read_angle
from photomitrus_cli.prime.headers import missing_keyword
from photomitrus_cli.prime.instrument import Instrument

_MJD_EPOCH = datetime(1858, 11, 17, tzinfo=UTC)

_DAY_S = 86400.0
# Of years in which infrared arrays were on telescopes; anything else is no date of a frame.
_MJD_RANGE = (44000.0, 80000.0)


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
    raise missing_keyword(cards, (*keys.mjd, *keys.date), "start of the exposure", "date")


def utc_date(mjd: float) -> date:
    """Give the day of a Modified Julian Date, UTC."""
    return (_MJD_EPOCH + timedelta(days=mjd)).date()


def utc_text(mjd: float) -> str:
    """Give a Modified Julian Date, UTC, in ISO 8601 as FITS headers have it."""
    return (_MJD_EPOCH + timedelta(days=mjd)).replace(tzinfo=None).isoformat(timespec="microseconds")


def _is_time(text: str) -> bool:
    return SEXAGESIMAL.fullmatch(text) is not None


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
