"""The frames of one scan judged, and what their table tells of the judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from photomitrus_cli.run.summary import finite
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.judging import judge_scan
from photomitrus_cli.wise.oneframe import FrameResult
from photomitrus_cli.wise.verdicts import FrameFacts, JudgeRules, Verdict

_NAN = float("nan")
# What the verdict on a frame adds to its numbers.
VERDICT_NUMBERS = (
    "overlap_dn", "level_dn", "overlap_sigma", "gradient_excess", "gradient_sigma", "gradient_support",
    "moon_sigma", "moon_dn", "moon_contrast",
)  # fmt: skip


def judge(results: Sequence[FrameResult], settings: CoaddSettings) -> list[FrameResult]:
    """Refuse frames that do not fit their scan, and note the numbers of the tests.

    Parameters
    ----------
    results : sequence of FrameResult
        In the order of time; of one scan or several.
    settings : CoaddSettings

    Returns
    -------
    list of FrameResult
        In the same order; refused ones have the status ``skipped`` and a reason.
    """
    rules = JudgeRules(
        min_used=settings.min_used,
        level_sigma=settings.level_sigma,
        gradient_sigma=settings.gradient_sigma,
        moon_sigma=settings.moon_sigma,
        moon_contrast=settings.moon_contrast,
        moon_light=settings.moon_light,
        moon_near_deg=settings.moon_near_deg,
    )
    judged = list(results)
    scans: dict[str, list[int]] = {}
    for place, one in enumerate(results):
        if one.status == "used":
            scans.setdefault(one.ref.scan_id, []).append(place)
    for places in scans.values():
        verdicts = judge_scan([_facts(results[place]) for place in places], rules)
        for place, verdict in zip(places, verdicts, strict=True):
            judged[place] = _judged(results[place], verdict, settings)
    return judged


def _facts(one: FrameResult) -> FrameFacts:
    assert one.cells is not None  # noqa: S101 - every used frame has them
    numbers: dict[str, float] = {
        name: _NAN if value is None else value for name, value in one.numbers.items() if name != "scan_id"
    }
    return FrameFacts(
        one.ref.name,
        one.ref.mjd,
        level=numbers["level"],
        sigma=numbers["sigma"],
        grad_x=numbers["grad_x"],
        grad_y=numbers["grad_y"],
        plane_rms=numbers["plane_rms"],
        med16=numbers["med16"],
        moon_sep=one.ref.moon_sep,
        saa_sep=one.ref.saa_sep,
        used_share=numbers["n_used"] / numbers["n_pixels"],
        cells=one.cells,
        elon=numbers["elon"],
        elat=numbers["elat"],
    )


def _judged(one: FrameResult, verdict: Verdict, settings: CoaddSettings) -> FrameResult:
    told = {name: finite(getattr(verdict, name)) for name in VERDICT_NUMBERS}
    refused = settings.judge and not verdict.used
    return replace(
        one,
        status="skipped" if refused else "used",
        reason=f"refused: {verdict.reason}" if refused else verdict.note,
        numbers=one.numbers | told,
    )
