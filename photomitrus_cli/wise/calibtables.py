"""Tables of a calibration: what was fitted to each scan, and what is left over across the sky."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.tables import write_ecsv

if TYPE_CHECKING:
    from astropy.table import Table


Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

# Column: type, unit, description.
COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "scan": ("str", None, "scan"),
    "mjd": ("f8", "d", "middle of the scan, UTC"),
    "side": ("i8", None, "1 ahead of the Earth on its orbit, -1 behind it"),
    "ascending": ("bool", None, "ecliptic latitude grows with time"),
    "n_samples": ("i8", None, "map pixels of the scan"),
    "n_used": ("i8", None, "map pixels in the fit"),
    "gain": ("f8", "DN sr / MJy", "gain"),
    "gain_sigma": (
        "f8",
        "DN sr / MJy",
        "1-sigma error of gain without what all scans have in common, see gain_common_sigma (relative)",
    ),
    "offset": ("f8", "DN", "mean offset"),
    "offset_sigma": (
        "f8",
        "DN",
        "1-sigma error of offset without what all scans have in common, see offset_common_sigma",
    ),
    "drift_rms": ("f8", "DN", "rms of the baselines along the scan about their mean"),
    "baseline": ("f8", "DN", "offsets at places along the scan, baseline_deg apart, from its first sample"),
    "residual_rms": ("f8", "MJy / sr", "rms of scan less model, map pixels in the fit"),
    "chi2": ("f8", None, "chi^2 per map pixel in the fit"),
    "correlation": ("f8", None, "r^2 of calibrated brightness with the zodiacal template"),
    "accepted": ("bool", None, "scan is in the maps"),
    "reason": ("str", None, "why the scan was refused"),
}
_RESIDUAL_COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "against": ("str", None, "latitude: ecliptic latitude; elongation: angle from the Sun"),
    "side": ("i8", None, "1 ahead of the Earth on its orbit, -1 behind it"),
    "low": ("f8", "deg", "lower end of the bin"),
    "high": ("f8", "deg", "upper end of the bin"),
    "n": ("i8", None, "samples"),
    "mean": ("f8", "MJy / sr", "mean residual, scan less map"),
    "rms": ("f8", "MJy / sr", "rms of the residuals about their mean"),
}


@dataclass(frozen=True, slots=True, eq=False)
class ScanTable:
    """What was fitted to each scan; arrays of shape (S,), see `COLUMNS` for what they are.

    Offsets between the places of `baseline` are interpolated linearly.

    Attributes
    ----------
    scan, reason : ndarray of str
    mjd, gain, gain_sigma, offset, offset_sigma, drift_rms : ndarray of float64
    baseline : ndarray of float64, shape (S, K)
    residual_rms, chi2, correlation : ndarray of float64
    side, n_samples, n_used : ndarray of int64
    ascending, accepted : ndarray of bool
    """

    scan: NDArray[np.str_]
    mjd: Float
    side: Int
    ascending: Bool
    n_samples: Int
    n_used: Int
    gain: Float
    gain_sigma: Float
    offset: Float
    offset_sigma: Float
    drift_rms: Float
    baseline: Float
    residual_rms: Float
    chi2: Float
    correlation: Float
    accepted: Bool
    reason: NDArray[np.str_]


@dataclass(frozen=True, slots=True, eq=False)
class ResidualTable:
    """Residuals in bins; arrays of shape (m,), only bins that have any.

    Attributes
    ----------
    against : ndarray of str
        ``latitude`` (ecliptic) or ``elongation``.
    side : ndarray of int64
    low, high : ndarray of float64
        Of the bin, deg.
    n : ndarray of int64
    mean, rms : ndarray of float64
        MJy/sr; rms about the mean.
    """

    against: NDArray[np.str_]
    side: Int
    low: Float
    high: Float
    n: Int
    mean: Float
    rms: Float


def write_calibration(final: str | Path, table: ScanTable, meta: Mapping[str, Any]) -> None:
    """Write the table of scans.

    Parameters
    ----------
    final : str or Path
        Such as ``w3_calibration.ecsv``.
    table : ScanTable
    meta : mapping
        What belongs to all scans: amplitudes of the model with errors, what fixes the zero level, settings;
        text, numbers, lists and mappings.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    write_ecsv(final, _table(table, COLUMNS, meta))


def write_residuals(final: str | Path, table: ResidualTable, meta: Mapping[str, Any]) -> None:
    """Write the table of residuals.

    Parameters
    ----------
    final : str or Path
        Such as ``w3_residuals.ecsv``.
    table : ResidualTable
    meta : mapping

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    write_ecsv(final, _table(table, _RESIDUAL_COLUMNS, meta))


def _table(table: ScanTable | ResidualTable, layout: Mapping[str, Any], meta: Mapping[str, Any]) -> Table:
    from astropy.table import Column, Table

    made = Table(meta=dict(meta))
    for field in fields(table):
        kind, unit, description = layout[field.name]
        values = np.asarray(getattr(table, field.name), dtype=None if kind == "str" else kind)
        made[field.name] = Column(values, unit=unit, description=description)
    return made
