"""Times in headers of simulated WISE frames: UTC, day of the year, clocks of the spacecraft."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from photomitrus_cli.simulate.cardtext import Rows, cards_of
from photomitrus_cli.simulate.earthorbit import earth_position
from photomitrus_cli.simulate.sphere import unit_vectors
from photomitrus_cli.simulate.wisescanframes import DAY_S, FramePlan

_UNIX_EPOCH_MJD = 40587.0
_J2000_NOON_MJD = 51544.5
_TDT_S = 66.184
_LIGHT_MINUTE = 499.004784  # light time for one AU, s


def utc_text(mjd: float, separator: str = "T") -> str:
    """Return a time as ``2010-01-10T04:34:51.290``."""
    return _moment(mjd).strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f")[:-3]


def day_of_year(mjd: float) -> str:
    """Write a time by the day of the year, as the clocks of the spacecraft are quoted.

    Parameters
    ----------
    mjd : float
        UTC, d.

    Returns
    -------
    str
        ``2010-007T12:34:56.789``.
    """
    return _moment(mjd).strftime("%Y-%jT%H:%M:%S.%f")[:-3]


def _moment(mjd: float) -> datetime:
    # To the nearest millisecond, which the texts then cut to.
    milliseconds = round(mjd * DAY_S * 1000.0)
    return datetime(1858, 11, 17, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def clock_cards(plan: FramePlan) -> list[str]:
    """Give the times of a frame.

    Parameters
    ----------
    plan : FramePlan

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    mjd = plan.mjd
    direction = unit_vectors(plan.lon_deg, plan.lat_deg)
    light_days = _LIGHT_MINUTE / DAY_S * float(earth_position(mjd) @ direction)
    since_noon = (mjd - _J2000_NOON_MJD) * DAY_S
    anneal = mjd - plan.dtanneal / DAY_S
    rows: Rows = [
        ("FRMTOFF", -4.853, "[sec] Offset applied to packet VTC"),
        ("VTC", round(since_noon - 22.422, 6), "Observation midpoint vehicle time code"),
        ("UNIXT", round((mjd - _UNIX_EPOCH_MJD) * DAY_S, 5), "[sec] Observation midpoint UNIX time"),
        ("EPHEMT", round(since_noon + _TDT_S, 6), "[sec] Observation midpoint TDT secs from J2000"),
        ("UTC", day_of_year(mjd), "Observation midpoint UTC date/time"),
        ("DATIME", utc_text(mjd), "Observation midpoint calendar date/time"),
        ("MJD_OBS", round(mjd, 8), "[days] Obs. midpoint Modified Julian Day"),
        ("JD_OBS", round(mjd + 2400000.5, 8), "[days] Observation midpoint Julian Day"),
        ("HJD_OBS", round(mjd + 2400000.5 + light_days, 8), "[days] Obs. midpoint Heliocentric Julian Day"),
        ("DTANNEAL", round(plan.dtanneal, 6), "[sec] Time since last anneal"),
        ("UTANNEAL", day_of_year(anneal), "UTC of last anneal"),
        ("INEVENTS", "SCAN   DESC" if plan.scan.side < 0 else "ASCE   SCAN", "Active orbit events"),
        ("EVSCAN", round(plan.seconds, 6), "[sec] Time since orbit event start"),
    ]
    return cards_of(rows)
