"""Which frames are coadded together: those of a scan, a day or a week."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from photomitrus_cli.wise.framefiles import FrameRef

Grouping = Literal["scan", "day", "week"]

DAYS_PER_WEEK = 7


def day_of(mjd: float) -> int:
    """Give the day of a time: the MJD whose midnight is nearest, so that a day runs from noon to noon UTC.

    Parameters
    ----------
    mjd : float
        MJD, d.

    Returns
    -------
    int
        d of d - 0.5 <= mjd < d + 0.5. WISEmapper rounds likewise, but halves to the even number.
    """
    return math.floor(mjd + 0.5)


def week_of(mjd: float) -> int:
    """Give the first day of the week of a time.

    Parameters
    ----------
    mjd : float
        MJD, d.

    Returns
    -------
    int
        The largest multiple of 7 that is not after `day_of`: weeks lie on a grid of their own, whatever
        frames there are. 55202, 6 January 2010, is one.
    """
    return day_of(mjd) // DAYS_PER_WEEK * DAYS_PER_WEEK


def group_name(grouping: Grouping, scan_id: str, mjd: float) -> str:
    """Name the group of a scan.

    Parameters
    ----------
    grouping : {'scan', 'day', 'week'}
    scan_id : str
    mjd : float
        Middle of the scan, d.

    Returns
    -------
    str
        ``01772a``, ``mjd55238`` or ``week55237``. Names never depend on which other frames there are.
    """
    if grouping == "scan":
        return scan_id
    return f"mjd{day_of(mjd)}" if grouping == "day" else f"week{week_of(mjd)}"


def group_frames(frames: Iterable[FrameRef], grouping: Grouping) -> dict[str, list[FrameRef]]:
    """Sort frames into groups.

    A scan is never split: it belongs to the day or week in which the middle between its first and last frame
    is. Scans are what leave-one-scan-out compares, and half of one would be a scan of its own.

    Parameters
    ----------
    frames : iterable of FrameRef
    grouping : {'scan', 'day', 'week'}

    Returns
    -------
    dict of str to list of FrameRef
        By name, ascending; frames in the order of time, then name.
    """
    scans: dict[str, list[FrameRef]] = {}
    for frame in frames:
        scans.setdefault(frame.scan_id, []).append(frame)
    groups: dict[str, list[FrameRef]] = {}
    for scan_id, members in scans.items():
        times = [frame.mjd for frame in members]
        name = group_name(grouping, scan_id, 0.5 * (min(times) + max(times)))
        groups.setdefault(name, []).extend(members)
    return {name: sorted(groups[name], key=_by_time) for name in sorted(groups)}


def _by_time(frame: FrameRef) -> tuple[float, str]:
    return (frame.mjd, frame.name)
