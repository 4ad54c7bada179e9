"""Header cards of a stack: what it is made of, and what it was found to be."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from photomitrus_cli import __version__
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.prime.gates import Gate
from photomitrus_cli.prime.headertimes import utc_text
from photomitrus_cli.prime.stackmeasure import Measured
from photomitrus_cli.prime.stackplan import StackPlan


def frame_cards(plan: StackPlan) -> list[Card]:
    """Tell of the frames: what they have in common, and which they are."""
    frames = plan.chip.frames
    cards: list[Card] = [
        ("INSTRUME", plan.instrument.name, "camera"),
        ("CHIP", plan.chip.chip, "detector"),
        ("BAND", plan.chip.band, "band"),
    ]
    keys = plan.instrument.keywords.filters
    cards += [(key, name, "filter wheel") for key, name in zip(keys, plan.chip.filters, strict=True)]
    cards += [
        ("FIRSTRMP", frames[0].serial, "first frame"),
        ("LASTRAMP", frames[-1].serial, "last frame"),
        *_times("BEG", min(one.mjd for one in frames), "start of the first exposure, UTC"),
        *_times(
            "END", max(one.mjd + one.exptime / 86400.0 for one in frames), "end of the last exposure, UTC"
        ),
        *_times("AVG", plan.chip.mjd, "mean middle of the exposures, UTC"),
        ("TIMESYS", "UTC", "time scale"),
        ("FLAT", plan.flat.name if plan.flat else "none", "master flat"),
        ("CREATOR", f"astromap {__version__}", "program"),
        ("RUNKEY", plan.record.key[:16], "hash of inputs and configuration"),
    ]
    return cards


def _times(key: str, mjd: float, comment: str) -> list[Card]:
    """Tell a time in both ways: astropy warns where it has to turn one into the other itself."""
    return [(f"MJD-{key}", mjd, comment), (f"DATE-{key}", utc_text(mjd), comment)]


def result_cards(measured: Measured, gates: Sequence[Gate], origin: str, facts: dict[str, Any]) -> list[Card]:
    """Tell of the result: astrometry with its verdict, photometry, depth."""
    zero = measured.zero_point
    cards: list[Card] = [
        ("NCOMBINE", facts["n_used"], "frames in the stack"),
        ("REFCAT", origin, "reference catalogue"),
        ("ASTRSTAT", verdict(gates, relative=facts["relative"]), "by the quality gates"),
        *_numbers("ASTRMS1", measured.rms[0], "[arcsec] scatter against the catalogue, east"),
        *_numbers("ASTRMS2", measured.rms[1], "[arcsec] scatter against the catalogue, north"),
        *_numbers("ASTFRAC", facts["matched"], "part of the catalogue stars that match"),
        *_numbers("ASTCORN", facts["corner_residual"], "[arcsec] residual at the worst corner"),
        ("ASTDEG", facts["degree"], "degree of the distortion polynomial"),
        *_numbers("SEEING", measured.fwhm, "[arcsec] full width at half maximum"),
        *_numbers("APFACTOR", measured.aperture_factor, "all light over that within 1.5 FWHM"),
        *_numbers("CORRFAC", measured.correlation, "aperture sigma = CORRFAC sqrt(sum NOISE^2)"),
        *_numbers("APSCAT", measured.empty, "scatter of empty apertures over that"),
        *_numbers("MAGLIM5", measured.depth, "[mag] 5 sigma within 1.5 FWHM, all light"),
    ]
    if zero is not None:
        cards += [
            ("MAGZP", zero.value, "[mag] of 1 BUNIT, all light of a star"),
            ("MAGZPERR", zero.error, "[mag] its standard error"),
            ("MAGZPRMS", zero.scatter, "[mag] scatter of a star"),
            ("MAGZPN", zero.stars, "stars"),
        ]
    return cards


def verdict(gates: Sequence[Gate], *, relative: bool) -> str:
    """Say in a word what the positions of a stack are worth: ``good``, ``relative`` or ``poor``."""
    if not all(gate.passed for gate in gates):
        return "poor"
    return "relative" if relative else "good"


def _numbers(key: str, value: float | None, comment: str) -> list[Card]:
    """Give a card for a number that there is."""
    return [] if value is None or not math.isfinite(value) else [(key, float(value), comment)]
