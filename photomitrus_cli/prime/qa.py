"""How good a stack is, in numbers that programs can read: gates, residuals, stars, light, every frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.io.atomic import write_json
from photomitrus_cli.prime.framematch import catalogue_pairs_of
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.qaareas import scatter
from photomitrus_cli.prime.qaevidence import Evidence
from photomitrus_cli.prime.stackcards import verdict
from photomitrus_cli.prime.stackphot import zero_point

Float = NDArray[np.float64]

FORMAT, VERSION = "astromap prime stack qa", 1
# Digits of numbers that fill tables.
_DIGITS = 4


def write_qa(evidence: Evidence) -> None:
    """Write the numbers as ``coadd.<label>.qa.json``.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    write_json(evidence.plan.names.qa, _strict(qa_numbers(evidence)))


def qa_numbers(evidence: Evidence) -> dict[str, Any]:
    """Give all numbers of a stack.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    dict
        Keys as documented in docs/formats.md, with units in their names; NaN for what is not known.
    """
    plan, judged = evidence.plan, evidence.judged
    frames = plan.chip.frames
    return {
        "format": FORMAT,
        "version": VERSION,
        "instrument": plan.instrument.name,
        "chip": plan.chip.chip,
        "band": plan.chip.band,
        "filters": list(plan.chip.filters),
        "first": frames[0].serial,
        "last": frames[-1].serial,
        "frames_used": len(judged.scales),
        "frames_left_out": sum(record.status != "used" for record in evidence.records),
        "gates": [asdict(gate) for gate in judged.gates],
        "astrometry": _astrometry(evidence),
        "stack": _stack(evidence),
        "areas": {"residuals": _residual_areas(evidence), "stars": _shape_areas(evidence)},
        "frames": _frames(evidence),
    }


def _astrometry(evidence: Evidence) -> dict[str, Any]:
    judged, residuals = evidence.judged, evidence.residuals
    solution, shifts = judged.solution, residuals.shifts
    return {
        "status": verdict(judged.gates, relative=judged.catalogue.relative),
        "reference": judged.catalogue.origin,
        "method": solution.method,
        "degree": int(solution.fit.terms.degree),
        "degree_scores": {str(degree): score for degree, score in solution.fit.scores.items()},
        "rms_catalogue_arcsec": solution.rms_catalogue,
        "rms_frames_arcsec": solution.rms_frames,
        "matched": solution.matched,
        "matched_areas": solution.matched_grid,
        "corner_residual_arcsec": solution.corner_residual,
        "corner_residual_error_arcsec": solution.corner_residual_error,
        "corner_error_arcsec": solution.corner_error,
        "pairs": residuals.x.size,
        "shifts_arcsec": [shifts.min(), shifts.max()] if shifts.size else None,
        "scatter_before_arcsec": scatter(residuals.before, residuals.weight),
        "scatter_after_arcsec": scatter(residuals.after, residuals.weight),
    }


def _stack(evidence: Evidence) -> dict[str, Any]:
    grid, found = evidence.judged.grid, evidence.measured
    return {
        "shape": grid.shape,
        "pixel_arcsec": grid.scale,
        "ra_deg": grid.ra,
        "dec_deg": grid.dec,
        "unit": evidence.plan.instrument.detector.unit,
        "fwhm_arcsec": found.fwhm,
        "aperture_factor": found.aperture_factor,
        "zero_point": None if found.zero_point is None else asdict(found.zero_point),
        "correlation_factor": found.correlation,
        "empty_apertures": found.empty,
        "depth_mag": found.depth,
        "rms_catalogue_arcsec": found.rms,
        "offset_arcsec": found.offset,
        "stars": found.stars,
        "matched": found.matched,
    }


def _residual_areas(evidence: Evidence) -> dict[str, Any]:
    areas, found = evidence.residual_areas, evidence.residuals
    columns = {
        f"{when}_{axis}_arcsec": _rounded(areas.medians(values, found.weight))
        for when, both in (("before", found.before), ("after", found.after))
        for axis, values in zip("xy", both, strict=True)
    }
    spread = _rounded(areas.scatters(found.after, found.weight))
    return {"pairs": areas.counts, **columns, "scatter_after_arcsec": spread}


def _shape_areas(evidence: Evidence) -> dict[str, Any]:
    areas, found = evidence.shape_areas, evidence.shapes
    return {
        "stars": areas.counts,
        "fwhm_arcsec": _rounded(areas.medians(found.fwhm)),
        "ellipticity": _rounded(areas.medians(found.ellipticity)),
    }


def _rounded(values: Float) -> Any:
    return [[float(f"{value:.{_DIGITS}g}") for value in row] for row in values.tolist()]


def _frames(evidence: Evidence) -> list[dict[str, Any]]:
    """Give what is known of every frame, unreadable ones first as they come."""
    places = {str(evidence.plan.chip.frames[index].path): k for k, index in enumerate(evidence.indices)}
    out = []
    for record in evidence.records:
        row: dict[str, Any] = {"file": record.name, "status": record.status, "reason": record.reason}
        place = places.get(record.name)
        out.append(row | record.values | ({} if place is None else _frame(evidence, place)))
    return out


def _frame(evidence: Evidence, place: int) -> dict[str, Any]:
    """Give what the table of frames has no column for."""
    judged, stars = evidence.judged, evidence.sources[place]
    quality, wcs = judged.solution.frames[place], judged.solution.wcs[place]
    found = None
    if wcs is not None:
        catalogue = judged.catalogue
        rows, refs = catalogue_pairs_of(wcs, stars, directions_of(catalogue.ra, catalogue.dec))
        found = zero_point(
            stars.flux[rows], stars.flux_err[rows], catalogue.mag[refs], catalogue.mag_err[refs]
        )
    return {
        "fwhm_arcsec": math.nan if wcs is None else stars.seeing * pixel_arcsec(wcs),
        "pairs": quality.n_matched,
        "match_sigma": quality.sigma,
        "match_chance": quality.chance,
        "turn_deg": quality.turn,
        "flipped": quality.flipped,
        "zero_point": None if found is None else asdict(found),
    }


def _strict(value: Any) -> Any:
    """Turn arrays and NaN into what JSON knows."""
    if isinstance(value, np.ndarray | np.generic):
        return _strict(value.tolist())
    if isinstance(value, dict):
        return {key: _strict(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_strict(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
