"""Names of master flats: how they are made, and the flat of the night chosen by them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.headertimes import utc_date

# The evening and the morning of a night are nearer to each other than this, two evenings are not; d.
_NIGHT = 20.0 / 24.0


def flat_name(frames: Sequence[Frame], band: str, chip: int) -> str:
    """Name a master flat, as `choose_flat` knows it.

    Parameters
    ----------
    frames : sequence of Frame
        In the order of time.
    band : str
    chip : int

    Returns
    -------
    str
        ``mflat.J.20241017.C1.fits`` by the date (UTC) of the first frame, or of several nights
        ``sflat.J.20241001-20241031.C1.fits``.
    """
    first, last = utc_date(frames[0].mjd), utc_date(frames[-1].mjd)
    if frames[-1].mjd - frames[0].mjd > _NIGHT:
        return f"sflat.{band}.{first:%Y%m%d}-{last:%Y%m%d}.C{chip}.fits"
    return f"mflat.{band}.{first:%Y%m%d}.C{chip}.fits"


def choose_flat(folder: Path, band: str, chip: int, day: date) -> Path:
    """Choose the master flat for a band, a chip and a date.

    Names are ``mflat.<band>.<yyyymmdd>.C<chip>.fits``, or ``sflat.<band>.<yyyymmdd>-<yyyymmdd>.C<chip>.fits``
    for flats of many nights, which go before the others; any may end in ``.gz`` or ``.fz``.

    Parameters
    ----------
    folder : Path
    band : str
    chip : int
    day : date
        UTC, when the frames were taken.

    Returns
    -------
    Path
        Nearest in date, the earlier one of two equally near; a flat of many nights counts as of the nearest
        day between its dates.

    Raises
    ------
    InputError
        When the folder or such a flat is missing.
    """
    pattern = re.compile(
        rf"(?P<kind>[ms])flat\.{re.escape(band)}\.(?P<first>\d{{8}})(?:-(?P<last>\d{{8}}))?[^.]*\.C{chip}\.fits(?:\.gz|\.fz)?"
    )
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    found = []
    for name in names:
        match = pattern.fullmatch(name)
        days = _days(match) if match else None
        if match and days:
            away = max((days[0] - day).days, (day - days[1]).days, 0)
            found.append((match["kind"] != "s", away, days[0], name))
    if not found:
        what = f"no flat mflat.{band}.<yyyymmdd>.C{chip}.fits" if folder.is_dir() else "no such folder"
        raise InputError(
            f"{folder}: {what}", hint="make one with 'prime flat', name its folder, or go without: -no_FF"
        )
    return folder / min(found)[-1]


def _days(match: re.Match[str]) -> tuple[date, date] | None:
    """Give first and last day of a flat's name; None if there are no such days."""
    try:
        first = date.fromisoformat(match["first"])
        last = date.fromisoformat(match["last"]) if match["last"] else first
    except ValueError:
        return None
    return first, max(first, last)
