"""The frames of one map: scans judged, compared with each other, and merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.run.summary import UnitRecord, finite
from photomitrus_cli.wise.coaddproducts import map_of
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.leaveout import leave_out, without
from photomitrus_cli.wise.leaveoutrules import LeaveOutRules
from photomitrus_cli.wise.mapsums import Contribution
from photomitrus_cli.wise.merging import ESTIMATED, merge
from photomitrus_cli.wise.oneframe import FrameResult
from photomitrus_cli.wise.scanjudging import judge


class UnusableError(NoDataError):
    """No frame of a map can be used.

    Parameters
    ----------
    message : str
    units : list of UnitRecord
        One per frame, with the reasons.
    """

    def __init__(self, message: str, units: list[UnitRecord]) -> None:
        super().__init__(message)
        self.units = units


@dataclass(frozen=True)
class Combined:
    """A map and what became of its frames.

    Attributes
    ----------
    map : PartialMap
    units : list of UnitRecord
        One per frame, in the order given.
    facts : dict
        ``n_used``, ``n_refused``, ``n_failed``; ``mjd_first``, ``mjd_last`` of the frames used;
        ``n_map_pixels``.
    """

    map: PartialMap
    units: list[UnitRecord]
    facts: dict[str, Any]


def combine_group(results: Sequence[FrameResult], settings: CoaddSettings) -> Combined:
    """Combine frames into one map.

    Parameters
    ----------
    results : sequence of FrameResult
        In the order of time.
    settings : CoaddSettings

    Returns
    -------
    Combined

    Raises
    ------
    UnusableError
        When no frame can be used.
    """
    judged = judge(results, settings)
    parts = [contribution(one) for one in judged if one.sums is not None]
    if settings.group != "scan":
        judged, parts = compare_scans(judged, parts, settings)
    used = [one for one in judged if one.status == "used"]
    units = [UnitRecord(one.ref.name, one.status, one.reason, one.numbers) for one in judged]
    if not used:
        raise UnusableError(f"no frame can be used: {_reasons(judged)}", units)
    sums = merge(parts)
    times = [one.ref.mjd for one in used]
    facts = {
        "n_used": len(used),
        "n_refused": sum(one.status == "skipped" for one in judged),
        "n_failed": sum(one.status == "failed" for one in judged),
        "mjd_first": min(times),
        "mjd_last": max(times),
        "n_map_pixels": int((sums.hits > 0).sum()),
    }
    return Combined(map_of(sums, settings), units, facts)


def contribution(one: FrameResult) -> Contribution:
    """Say what a frame gives to the map.

    Parameters
    ----------
    one : FrameResult
        With sums.

    Returns
    -------
    Contribution
    """
    assert one.sums is not None  # noqa: S101 - the caller's choice
    assert one.offsets is not None  # noqa: S101 - these come with sums
    numbers = one.numbers
    scale = float(numbers["scale"])
    bits = ESTIMATED if numbers["estimated"] else 0
    used = one.status == "used"
    return Contribution(
        one.sums,
        float(numbers["weight"]),
        scale,
        scale * one.sums.level,
        one.ref.mjd,
        one.offsets,
        bits,
        used,
    )


def compare_scans(
    results: Sequence[FrameResult], parts: Sequence[Contribution], settings: CoaddSettings
) -> tuple[list[FrameResult], list[Contribution]]:
    """Leave out what a scan shows in a map pixel and the other scans do not.

    Parameters
    ----------
    results : sequence of FrameResult
    parts : sequence of Contribution
        Of those with sums, in the same order.
    settings : CoaddSettings

    Returns
    -------
    results : list of FrameResult
        With the numbers of the test, refused where too much was left out.
    parts : list of Contribution
        Without what was left out.
    """
    places = [place for place, one in enumerate(results) if one.sums is not None]
    scans = [results[place].ref.scan_id for place in places]
    found = leave_out(parts, scans, LeaveOutRules(sigma=settings.leave_out_sigma))
    compared, kept = list(results), []
    for k, (place, part) in enumerate(zip(places, parts, strict=True)):
        one = results[place]
        told = {
            "n_compared": found.tested[k],
            "n_left_out": int(found.left[k].sum()),
            "worst_sigma": finite(found.worst[k]),
            "scan_offset_dn": finite(found.offsets[k]),
        }
        refused = part.used and found.refused[k]
        compared[place] = replace(
            one,
            status="skipped" if refused else one.status,
            reason="refused: the other scans contradict it" if refused else one.reason,
            numbers=one.numbers | told,
        )
        kept.append(replace(part, used=False) if refused else without(part, found.left[k]))
    return compared, kept


def _reasons(results: Sequence[FrameResult]) -> str:
    counts: dict[str, int] = {}
    for one in results:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    return "; ".join(f"{count} frames: {reason}" for reason, count in list(counts.items())[:3])
