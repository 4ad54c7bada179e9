"""One flux for each AOR: rows of its frames grouped, judged and combined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.irac.aorflux import AorFlux, combine_fluxes
from photomitrus_cli.irac.measure import Flag
from photomitrus_cli.irac.photflux import Fluxes
from photomitrus_cli.irac.photsettings import PhotSettings

Columns = Mapping[str, NDArray[Any]]

# What makes a flux none of the target's; saturation is judged apart.
_FATAL = (
    Flag.OFF_FIELD
    | Flag.NO_POSITION
    | Flag.CENTROID_FAILED
    | Flag.FAR_FROM_TARGET
    | Flag.OFF_EDGE
    | Flag.BAD_IN_CORE
    | Flag.FEW_BACKGROUND
)


_BAD_CORE = "bad in core"


@dataclass(frozen=True, eq=False)
class AorGroup:
    """The frames of one AOR with one target, frame time and aperture.

    Attributes
    ----------
    rows : ndarray of int
        Indices of its rows.
    flux : AorFlux or None
        None when no frame is left.
    n_workable : int
        Frames with a flux that can be used, saturated ones not among them.
    n_saturated : int
    """

    rows: NDArray[np.intp]
    flux: AorFlux | None
    n_workable: int
    n_saturated: int


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of every row.

    Attributes
    ----------
    groups : list of AorGroup
        By target, AOR, channel, read mode, frame time and aperture.
    reasons : list of str
        Of each row why it is not part of the flux of its AOR; empty where it is.
    """

    groups: list[AorGroup]
    reasons: list[str]


def saturated(columns: Columns, fluxes: Fluxes) -> NDArray[np.bool_]:
    """Tell which rows are saturated: by the mask where there is one, else by the limit of the frame time."""
    by_mask = (columns["flags"] & int(Flag.SATURATED)) != 0
    unmasked = (columns["flags"] & int(Flag.NO_MASK)) != 0
    return np.asarray(by_mask | (unmasked & fluxes.above_limit))


def combine_aors(columns: Columns, fluxes: Fluxes, settings: PhotSettings) -> Judged:
    """Combine the frames of every AOR; frames of other frame times, targets and apertures stay apart.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Of `photomitrus_cli.irac.photrows.columns_of`.
    fluxes : Fluxes
        Of the same rows.
    settings : PhotSettings

    Returns
    -------
    Judged
    """
    full = saturated(columns, fluxes)
    reasons = [_reason(int(flags)) for flags in columns["flags"]]
    for row in np.flatnonzero(full):
        # A core of saturated pixels is bad because it is saturated.
        if settings.saturated == "exclude" and reasons[row] in ("", _BAD_CORE):
            reasons[row] = "saturated"
    for row in np.flatnonzero(~np.isfinite(fluxes.flux)):
        reasons[row] = reasons[row] or "no flux"
    groups = []
    for rows in _grouped(columns):
        usable = np.array([row for row in rows if not reasons[row]], dtype=np.intp)
        found = None
        if usable.size:
            found = combine_fluxes(
                fluxes.flux[usable], fluxes.err[usable], settings.reject, sigma=settings.clip_sigma
            )
            for row, kept, reason in zip(usable, found.kept, found.reasons, strict=True):
                if not kept:
                    reasons[row] = reason
        groups.append(AorGroup(rows, found, int(usable.size), int(full[rows].sum())))
    return Judged(groups, reasons)


def _reason(flags: int) -> str:
    fatal = Flag(flags) & _FATAL
    return ", ".join(str(flag.name).lower().replace("_", " ") for flag in Flag if flag in fatal)


def _grouped(columns: Columns) -> list[NDArray[np.intp]]:
    """Give the rows of each group, in the order of target, AOR, channel, read mode, frame time, aperture."""
    names = ("target", "aorkey", "channel", "readmode", "framtime_s", "aperture")
    keys = list(zip(*(columns[name].tolist() for name in names), strict=True))
    groups: dict[tuple[Any, ...], list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    return [np.array(groups[key], dtype=np.intp) for key in sorted(groups)]
