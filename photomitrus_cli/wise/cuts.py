"""Cuts on frames: who passes, who fails, and who fails for want of a value."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.wise.filtersettings import CutRule, FilterSettings

Bool = NDArray[np.bool_]
Float = NDArray[np.float64]

# Flags with one character for each band, from W1 on.
PER_BAND = frozenset({"moon_masked", "cc_flags"})
POSITION = ("crval1", "crval2")
# Of the ecliptic at J2000.0, degrees (IAU 1976), which is as exact as cuts and pictures need.
_OBLIQUITY = np.radians(23.4392911)
_COMPARE: Mapping[str, Callable[[Any, Any], Bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "in": lambda values, wanted: np.isin(values, list(wanted)),
}


@dataclass(frozen=True, slots=True)
class CutCount:
    """What a cut does to the frames of a band.

    Attributes
    ----------
    cut : CutRule
    alone : int
        Frames that fail it, whatever the other cuts say.
    missing : int
        Those of them that have no value.
    in_order : int
        Frames that fail it and passed all cuts before.
    left : int
        Frames that have passed so far.
    """

    cut: CutRule
    alone: int
    missing: int
    in_order: int
    left: int

    def __str__(self) -> str:
        """Say it in words."""
        missing = f" ({self.missing} without a value)" if self.missing else ""
        return f"fail {self.alone}{missing}, in order {self.in_order}, left {self.left}"


def chosen_cuts(settings: FilterSettings) -> tuple[CutRule, ...]:
    """Give the cuts of a run: those of the preset that are not left out, and the further ones.

    Parameters
    ----------
    settings : FilterSettings

    Returns
    -------
    tuple of CutRule

    Raises
    ------
    ConfigError
        When a cut to be left out is not in the preset.
    """
    preset = settings.presets[settings.preset]
    left_out = {name.lower() for name in settings.without}
    unknown = left_out - {cut.column for cut in preset}
    if unknown:
        columns = ", ".join(dict.fromkeys(cut.column for cut in preset)) or "none"
        raise ConfigError(
            f"--without {min(unknown)}: the preset '{settings.preset}' has no cut on it",
            hint=f"it has cuts on: {columns}",
        )
    return (*(cut for cut in preset if cut.column not in left_out), *settings.cuts)


def columns_of(cuts: Sequence[CutRule]) -> list[str]:
    """Give the columns that cuts need, each once.

    Parameters
    ----------
    cuts : sequence of CutRule

    Returns
    -------
    list of str
    """
    names = [cut.column for cut in cuts]
    return list(dict.fromkeys([*names, *(POSITION if any(cut.beyond_elat_deg for cut in cuts) else ())]))


def judge(cut: CutRule, values: NDArray[Any], band: int) -> tuple[Bool, Bool]:
    """Apply one cut.

    Parameters
    ----------
    cut : CutRule
    values : ndarray, shape (n,)
        Of its column: numbers, NaN where missing, or text, empty where missing.
    band : int

    Returns
    -------
    passes, missing : ndarray of bool, shape (n,)
        A missing value never passes.
    """
    if values.dtype.kind in "US":
        if cut.column in PER_BAND and values.dtype.itemsize:
            padded = values.astype(f"U{max(4, values.dtype.itemsize // 4)}")
            values = padded.view("U1").reshape(len(values), -1)[:, band - 1]
        missing = values == ""
    else:
        missing = np.isnan(values)
    if cut.op == "finite":
        return ~missing & (
            np.ones_like(missing) if values.dtype.kind == "U" else np.isfinite(values)
        ), missing
    return _COMPARE[cut.op](values, cut.value) & ~missing, missing


def apply_cuts(
    cuts: Sequence[CutRule], columns: Mapping[str, NDArray[Any]], rows: Bool, band: int
) -> tuple[Bool, list[CutCount]]:
    """Apply the cuts of a band in their order.

    Parameters
    ----------
    cuts : sequence of CutRule
    columns : mapping of str to ndarray, shape (n,)
        Those of `columns_of`.
    rows : ndarray of bool, shape (n,)
        The band's frames.
    band : int

    Returns
    -------
    passed : ndarray of bool, shape (n,)
    counts : list of CutCount
        Of the cuts that are meant for the band.
    """
    passed, counts = rows.copy(), []
    polar = any(cut.beyond_elat_deg for cut in cuts)
    latitude = np.abs(ecliptic(*(columns[name] for name in POSITION))[1]) if polar else None
    for cut in cuts:
        if band not in cut.bands:
            continue
        passes, missing = judge(cut, columns[cut.column], band)
        if latitude is not None and cut.beyond_elat_deg:
            passes = passes | (latitude <= cut.beyond_elat_deg)
        failed = rows & ~passes
        before = int(passed.sum())
        passed &= passes
        left = int(passed.sum())
        counts.append(CutCount(cut, int(failed.sum()), int((failed & missing).sum()), before - left, left))
    return passed, counts


def ecliptic(ra: Float, dec: Float) -> tuple[Float, Float]:
    """Turn equatorial positions (J2000.0) to ecliptic ones, for cuts and pictures.

    Parameters
    ----------
    ra, dec : ndarray of float64
        Degrees.

    Returns
    -------
    longitude, latitude : ndarray of float64
        Degrees, longitude from 0 to 360.
    """
    a, d = np.radians(ra), np.radians(dec)
    x, y, z = np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)
    c, s = np.cos(_OBLIQUITY), np.sin(_OBLIQUITY)
    longitude = np.degrees(np.arctan2(c * y + s * z, x)) % 360.0
    return longitude, np.degrees(np.arcsin(np.clip(c * z - s * y, -1.0, 1.0)))
