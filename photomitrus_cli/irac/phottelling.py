"""What a photometry run tells: summary and warnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.irac.apcorr import calibration_factor
from photomitrus_cli.irac.photplan import PhotPlan
from photomitrus_cli.irac.phottables import Measurements
from photomitrus_cli.run.provenance import recorded_facts, recorded_units
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord

_CAPTIONS = (
    "Flux of every image against time; hollow: not part of the flux of its AOR.",
    "Flux of every AOR with its error of the mean.",
)
_MOST_NAMED = 5


def summarise(
    plan: PhotPlan,
    units: list[UnitRecord],
    status: RunStatus,
    measured: Measurements | None = None,
    problems: Sequence[int] = (),
) -> Summary:
    """Tell of the frames and, once measured, of the fluxes.

    Parameters
    ----------
    plan : PhotPlan
    units : list of UnitRecord
    status : {'done', 'up to date', 'planned', 'partial'}
    measured : Measurements, optional
    problems : sequence of int, optional
        Keys of AORs without a flux.

    Returns
    -------
    Summary
    """
    kinds = ("used", "skipped", "failed", "done")
    counts = [sum(unit.status == kind for unit in units) for kind in kinds]
    frames = plan.selection.frames
    facts = {
        "frames": f"{counts[0]} used, {counts[1]} skipped, {counts[2]} failed",
        "frames without a target": f"{counts[3]}",
        "AORs": f"{len({frame.key.aorkey for frame in frames})}",
        "targets": f"{len(plan.wanted.targets)}",
        "without uncertainty": f"{sum(frame.unc is None for frame in frames)}",
        "without mask": f"{sum(frame.imask is None for frame in frames)}",
    }
    warnings = _warnings(plan)
    if measured is not None:
        facts |= flux_facts(measured, problems)
        warnings += _flux_warnings(measured, problems)
    paths = plan.product.paths
    title = f"IRAC photometry, {plan.settings.stem}"
    summary = Summary(title, status, facts, [*paths, plan.product.manifest], units, warnings)
    summary.stem = plan.settings.stem
    if measured is not None:
        summary.figures = _figures(plan)
    return summary


def up_to_date(plan: PhotPlan) -> Summary:
    """Tell of a finished run what was told when it was made."""
    told = recorded_facts(plan.product)
    summary = summarise(plan, recorded_units(plan.product), "up to date")
    return replace(summary, facts=told["summary"], warnings=list(told["warnings"]), figures=_figures(plan))


def _figures(plan: PhotPlan) -> list[Figure]:
    return [Figure(path, caption) for path, caption in zip(plan.product.paths[5:], _CAPTIONS, strict=True)]


def flux_facts(one: Measurements, problems: Sequence[int]) -> dict[str, str]:
    """Tell the fluxes of the first targets, apertures and channels, and how many images they are made of.

    Parameters
    ----------
    one : Measurements
    problems : sequence of int
        Keys of AORs without a flux.

    Returns
    -------
    dict of str to str
        A line for each, then how many more there are; entries of a target table with one name are told as
        one target. Fluxes that are not used are counted by their reasons.
    """
    numbers = {target.name: n for n, target in reversed(list(enumerate(one.targets)))}
    found: dict[tuple[int, int, int], list[float]] = {}
    for group in one.judged.groups:
        if group.flux is not None:
            number, aperture, channel = (
                int(one.columns[name][group.rows[0]]) for name in ("target", "aperture", "channel")
            )
            key = (numbers[one.targets[number].name], aperture, channel)
            found.setdefault(key, []).append(group.flux.flux)
    several = len({channel for *_, channel in found}) > 1
    facts = {
        f"{one.targets[number].name}{f' in channel {channel}' if several else ''} at {one.radii(aperture)}": (
            _in_words(np.array(values))
        )
        for (number, aperture, channel), values in sorted(found.items())[:_MOST_NAMED]
    }
    stem = one.settings.stem
    if len(found) > _MOST_NAMED:
        several = several or len(one.settings.apertures) > 1
        what = "targets, apertures and channels" if several else "targets"
        facts["not shown here"] = f"{len(found) - _MOST_NAMED} more {what}: in {stem}_aor_data.csv"
    why = Counter(reason for reason in one.judged.reasons if reason)
    facts["fluxes"] = f"{len(one.judged.reasons) - why.total()} of {len(one.judged.reasons)} used"
    if why:
        counts = _some([f"{n} {reason}" for reason, n in why.most_common()], "reasons")
        facts["fluxes not used"] = f"{counts}; column Reason of {stem}_img_data.csv"
    facts["problem AORs"] = _some(problems) if problems else "none"
    return facts


def _in_words(fluxes: NDArray[np.float64]) -> str:
    told = f"median {np.median(fluxes):.6g} mJy of {fluxes.size} AOR fluxes"
    if fluxes.size < 2:
        return told
    return f"{told}, scatter {100 * fluxes.std(ddof=1) / abs(fluxes.mean()):.2g} %"


def _some(values: Sequence[object], of: str = "") -> str:
    """List the first few."""
    more = f" and {len(values) - _MOST_NAMED} more {of}".rstrip() if len(values) > _MOST_NAMED else ""
    return ", ".join(map(str, values[:_MOST_NAMED])) + more


def _warnings(plan: PhotPlan) -> list[str]:
    frames = plan.selection.frames
    warnings = [f"no frame to measure in {_some(plan.empty)}"] if plan.empty else []
    for channel in sorted({frame.key.channel for frame in frames}):
        own = [frame for frame in frames if frame.key.channel == channel]
        versions = sorted({frame.creator for frame in own})
        calibrations = sorted({(frame.gain, frame.fluxconv) for frame in own})
        if len(versions) > 1 or len(calibrations) > 1:
            listed = ", ".join(f"{gain:g}/{fluxconv:g}" for gain, fluxconv in calibrations)
            warnings.append(
                f"channel {channel}: frames of several calibrations: "
                f"pipeline {', '.join(versions)}, GAIN/FLUXCONV {listed}"
            )
        wrong = [version for version in versions if calibration_factor(version, channel) != 1.0]
        if wrong:
            factor = calibration_factor(wrong[0], channel)
            warnings.append(
                f"channel {channel}: frames of pipeline {', '.join(wrong)} have a wrong FLUXCONV; "
                f"their fluxes are multiplied by {factor:g}"
            )
    return warnings


def _flux_warnings(one: Measurements, problems: Sequence[int]) -> list[str]:
    warnings = []
    if problems:
        warnings.append(f"{len(problems)} AORs have a target without any usable frame: {_some(problems)}")
    saturated = sum("saturated" in reason for reason in one.judged.reasons)
    if saturated:
        warnings.append(f"{saturated} images of a target are saturated and not used for the AOR fluxes")
    late = int(np.sum((one.columns["channel"] > 2) & (one.fluxes.mission == "warm")))
    if late:
        warnings.append("channels 3 and 4 of the warm mission: no corrections exist, fluxes are uncorrected")
    return warnings
