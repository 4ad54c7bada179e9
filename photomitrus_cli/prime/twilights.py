"""Twilights: frames parted by the times between them, and the names of flats."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.headertimes import utc_date

_HOUR = 1.0 / 24.0
# Longer than a twilight lasts, shorter than a night.
_BREAK = 3.0 * _HOUR
# The evening and the morning of a night are nearer to each other, two evenings are not.
_NIGHT = 20.0 * _HOUR


def twilights(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Part frames by the times between them.

    Parameters
    ----------
    frames : sequence of Frame
        In the order of time.

    Returns
    -------
    list of list of Frame
        Parted where nothing was taken for 3 hours.
    """
    parts = [[frames[0]]]
    for before, frame in pairwise(frames):
        if frame.mjd - before.mjd > _BREAK:
            parts.append([])
        parts[-1].append(frame)
    return parts


def flat_name(frames: Sequence[Frame], band: str, chip: int) -> str:
    """Name a master flat, as `photomitrus_cli.prime.flatchoice.choose_flat` knows it.

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
