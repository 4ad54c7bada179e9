"""What headers, tables and manifests say of a calibration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.run.provenance import RunRecord
from photomitrus_cli.wise.calibrun import CalibrateRun
from photomitrus_cli.wise.calibsettings import COSECANT, CalibrateSettings
from photomitrus_cli.wise.calibstart import AMPLITUDES, BASELINE_DEG, PRIOR, ZERO_SHIFT
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.runcards import run_cards
from photomitrus_cli.wise.zodicards import zodi_cards

_UNKNOWN = -1.0
_COMMON = ("gain_common_sigma", "offset_common_sigma", "zero_level_sigma")
_TOLD = (ZERO_SHIFT, AMPLITUDES, PRIOR, "n_accepted", "n_refused", *_COMMON)


def calibration_cards(run: CalibrateRun, record: RunRecord, facts: Mapping[str, Any]) -> list[Card]:
    """Give the cards of the primary header of every map.

    Parameters
    ----------
    run : CalibrateRun
    record : RunRecord
    facts : mapping
        As `calibration_facts` gives them.

    Returns
    -------
    list of Card
    """
    settings, prior = run.settings, facts[PRIOR]
    common, level = facts["gain_common_sigma"], facts["zero_level_sigma"]
    return [
        *run_cards(record, settings.band),
        ("WAVELEN", WAVELENGTH_UM[settings.band], "[um] isophotal wavelength"),
        ("TIMESYS", "UTC", "time system"),
        ("MJD-BEG", facts["mjd_first"], "[d] middle of the first frame"),
        ("MJD-END", facts["mjd_last"], "[d] middle of the last frame"),
        ("NSCANS", facts["n_accepted"], "scans in the map"),
        ("NREFUSED", facts["n_refused"], "scans refused"),
        ("NFAILED", facts["n_failed"], "scans that could not be read"),
        ("METHOD", settings.method, "joint: all scans at once; seed: scan by scan"),
        ("ZEROLVL", zero_text(settings), "what decides the level of SKY"),
        ("ZEROADD", facts[ZERO_SHIFT], "[MJy/sr] added to SKY as the solution has it"),
        ("GAINMED", facts["gain_median"], "[DN sr/MJy] median gain of the scans"),
        ("GAINSIG", _UNKNOWN if common is None else common, "common relative error of gains; -1: unknown"),
        ("ZEROSIG", _UNKNOWN if level is None else level, "[MJy/sr] error of level of SKY; -1: unknown"),
        *_prior_cards(run, prior),
        *_mode_cards(facts),
        ("SYSERR", settings.zodi_error, "stated relative error of the template"),
        ("NDRAWS", settings.draws, "random draws for the errors"),
        ("DRAWSEED", settings.draw_seed, "their seed"),
        *zodi_cards(run.zodi),
    ]


def _prior_cards(run: CalibrateRun, prior: Mapping[str, Any]) -> list[Card]:
    settings = run.settings

    def known(name: str) -> float:
        """Give a strength; a header cannot hold what is not known."""
        value = prior[name]
        return _UNKNOWN if value is None else float(value)

    return [
        ("BASEDEG", settings.baseline_deg, "[deg] distance of offsets along a scan"),
        ("BASELEN", settings.baseline_length_deg, "[deg] over which they are correlated"),
        ("BASEDN", known("baseline_dn"), "[DN] their rms; -1 for none"),
        ("GAINWALK", known("walk"), "rms relative change of the gain in a day"),
        ("GAINJIT", known("jitter"), "rms relative scatter scan to scan beyond it"),
    ]


def _mode_cards(facts: Mapping[str, Any]) -> list[Card]:
    cards: list[Card] = []
    for number, (name, entry) in enumerate(facts[AMPLITUDES].items(), 1):
        cards += [
            (f"MODE{number}", name, "way in which the template may be wrong"),
            (f"AMPL{number}", entry["value"], "its fitted relative amplitude"),
            (f"AMPSIG{number}", entry["sigma"], "1-sigma error of that"),
        ]
    return cards


def calibration_meta(run: CalibrateRun, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give what the tables say of all scans together.

    Parameters
    ----------
    run : CalibrateRun
    facts : mapping

    Returns
    -------
    dict
        Of plain values.
    """
    zodi = {name: list(value) if isinstance(value, tuple) else value for name, value in run.zodi}
    return {
        "band": run.settings.band,
        "method": run.settings.method,
        "zero": zero_text(run.settings),
        BASELINE_DEG: run.settings.baseline_deg,
        "zodi": zodi | {"components": list(run.components)},
        **{name: facts[name] for name in _TOLD},
    }


def plain(value: float) -> float | None:
    """Give a number as JSON knows it: None for what is not finite."""
    return float(value) if np.isfinite(value) else None


def zero_text(settings: CalibrateSettings) -> str:
    """Say what decides the level of the sky.

    Parameters
    ----------
    settings : CalibrateSettings

    Returns
    -------
    str
    """
    zero = settings.zero
    if zero == COSECANT and settings.method == "seed":
        return "lines of the scans"
    return zero.name if isinstance(zero, Path) else str(zero)
