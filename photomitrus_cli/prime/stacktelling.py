"""What a run of ``prime stack`` tells: of every frame, of each stack, and of all together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.framequality import FrameQuality
from photomitrus_cli.prime.qafigures import figures
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackastrom import Judged
from photomitrus_cli.prime.stackmeasure import Measured
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.prime.stackproducts import column_units
from photomitrus_cli.prime.stacktiles import Member
from photomitrus_cli.run.summary import RunStatus, Summary, UnitRecord, finite


@dataclass(frozen=True)
class Outcome:
    """One stack that is there now.

    Attributes
    ----------
    facts : dict
        What its manifest says: lines about it under ``summary``, and ``warnings``.
    units : list of UnitRecord
        Its frames.
    is_new : bool
        Whether this run has made it.
    """

    facts: dict[str, Any]
    units: list[UnitRecord]
    is_new: bool


def frame_values(
    frame: Frame, numbers: dict[str, Any], sources: Sources, quality: FrameQuality
) -> dict[str, Any]:
    """Give a frame's row of the table INPUTS.

    Parameters
    ----------
    frame : Frame
    numbers : dict
        Of its sky.
    sources : Sources
    quality : FrameQuality
    """
    values = {
        "serial": frame.serial,
        "mjd": frame.mjd,
        "exptime": frame.exptime,
        "sky": numbers["level"],
        "rms": numbers["rms"],
        "fwhm": sources.seeing,
        "ellipticity": sources.elongation,
        "stars": int(sources.x.size),
        "matched": quality.matched,
        "rms_catalogue": quality.rms_catalogue,
        "rms_frames": quality.rms_frames,
        "offset_east": quality.offset[0],
        "offset_north": quality.offset[1],
    }
    return {key: finite(value) if isinstance(value, float) else value for key, value in values.items()}


def facts_of(judged: Judged, measured: Measured, members: Sequence[Member]) -> dict[str, Any]:
    """Give the numbers of a stack, and the lines that tell them.

    Parameters
    ----------
    judged : Judged
    measured : Measured
    members : sequence of Member
    """
    solution, grid, zero = judged.solution, judged.grid, measured.zero_point
    corner = max((float(one) for one in solution.corner_residual if math.isfinite(one)), default=math.nan)
    lines = {
        "stack": f"{grid.shape[1]} x {grid.shape[0]} pixels of {grid.scale:g} arcsec, "
        f"centre {grid.ra:.5f} {grid.dec:+.5f} deg",
        "frames": f"{len(members)} used, {len(judged.reasons)} skipped",
        "astrometry": f"{solution.method}; scatter against the catalogue "
        f"{solution.rms_catalogue[0]:.3f} x {solution.rms_catalogue[1]:.3f} arcsec, between frames "
        f"{solution.rms_frames[0]:.4f} x {solution.rms_frames[1]:.4f} arcsec, "
        f"{solution.matched:.0%} of the catalogue matched",
        "stars": f"{measured.stars} found, {measured.matched} of them in the catalogue, "
        f"FWHM {measured.fwhm:.2f} arcsec",
    }
    passed = sum(gate.passed for gate in judged.gates)
    lines["gates"] = f"{passed} of {len(judged.gates)} passed"
    if zero is not None:
        lines["zero point"] = (
            f"{zero.value:.3f} +- {zero.error:.3f} mag ({zero.stars} stars, scatter {zero.scatter:.3f})"
        )
        lines["depth"] = f"{measured.depth:.2f} mag (5 sigma)"
    return {
        "summary": lines,
        "n_used": len(members),
        "matched": solution.matched,
        "relative": judged.catalogue.relative,
        "corner_residual": finite(corner),
        "degree": int(solution.fit.terms.degree),
    }


def warnings_of(judged: Judged, measured: Measured, trouble: Sequence[str]) -> list[str]:
    """Tell what a user of a stack must know.

    Parameters
    ----------
    judged : Judged
    measured : Measured
    trouble : sequence of str
        Of each picture: why it was not drawn, empty when it was.
    """
    lines = [f"not to be trusted: {gate.line}" for gate in judged.gates if not gate.passed]
    if judged.catalogue.relative:
        lines.append("positions are relative to one of the frames, and as true as its header")
    if measured.zero_point is None:
        lines.append("no zero point: fewer than three stars have a magnitude in the catalogue")
    return lines + [line for line in trouble if line]


def summarise(
    plans: Sequence[StackPlan],
    outcomes: Sequence[Outcome],
    status: RunStatus,
    references: Sequence[str] = (),
) -> Summary:
    """Tell of all stacks of a run.

    Parameters
    ----------
    plans : sequence of StackPlan
    outcomes : sequence of Outcome
        Of each of them; none for a plan.
    status : str
    references : sequence of str
        For a plan: what the catalogue of each stack would be.
    """
    several = len(plans) > 1
    facts: dict[str, str] = {}
    for k, plan in enumerate(plans):
        lines = outcomes[k].facts["summary"] if outcomes else _planned(plan, references[k])
        before = f"chip {plan.chip.chip} " if several else ""
        facts |= {f"{before}{name}": line for name, line in lines.items()}
    chips = ", ".join(str(plan.chip.chip) for plan in plans)
    bands = ", ".join(sorted({plan.chip.band for plan in plans}))
    units = [unit for outcome in outcomes for unit in outcome.units]
    pictures = [figure for plan in plans for figure in figures(plan)] if outcomes else []
    if not outcomes:
        units = [UnitRecord(str(frame.path), "used") for plan in plans for frame in plan.chip.frames]
    return Summary(
        f"{plans[0].instrument.name} stack, {bands}, chip {chips}",
        status,
        facts,
        [path for plan in plans for path in plan.products] + [figure.path for figure in pictures],
        units,
        warnings=[
            f"chip {plan.chip.chip}: {line}"
            for plan, outcome in zip(plans, outcomes, strict=False)
            for line in outcome.facts["warnings"]
        ],
        figures=pictures,
        value_units=column_units(),
        stem=plans[0].product.stem,
    )


def _planned(plan: StackPlan, reference: str) -> dict[str, str]:
    frames = plan.chip.frames
    return {
        "frames": f"{len(frames)} of {frames[0].shape[1]} x {frames[0].shape[0]} pixels, "
        f"{frames[0].serial} to {frames[-1].serial}",
        "catalogue": reference,
        "flat": str(plan.flat) if plan.flat else "none",
        "bad pixels": str(plan.settings.bad_pixels or "found in the frames"),
    }
