"""The table of AORs of a photometry run: one row per AOR, target, frame time and aperture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from photomitrus_cli.irac.photaors import AorGroup

if TYPE_CHECKING:
    from astropy.table import Table
from photomitrus_cli.irac.phottables import Measurements


@dataclass(frozen=True)
class _AorColumn:
    name: str
    unit: str
    description: str
    value: Callable[[Measurements, AorGroup], Any]


def _first(field: str) -> Callable[[Measurements, AorGroup], Any]:
    return lambda one, group: one.columns[field][group.rows[0]]


def _result(field: str) -> Callable[[Measurements, AorGroup], Any]:
    return lambda _, group: float("nan") if group.flux is None else getattr(group.flux, field)


def _of_target(field: str) -> Callable[[Measurements, AorGroup], Any]:
    return lambda one, group: getattr(one.targets[int(one.columns["target"][group.rows[0]])], field)


def _spread(_: Measurements, group: AorGroup) -> float:
    if group.flux is None:
        return float("nan")
    return float(100.0 * group.flux.std_population / group.flux.flux) if group.flux.flux else float("nan")


def _middle(field: str) -> Callable[[Measurements, AorGroup], Any]:
    return lambda one, group: float(np.mean(one.columns[field][group.rows]))


def _note(one: Measurements, group: AorGroup) -> str:
    notes = []
    if group.n_saturated:
        notes.append(f"{group.n_saturated} saturated frames")
    if group.flux is None:
        found = sorted({one.judged.reasons[row] for row in group.rows if one.judged.reasons[row]})
        notes.append("no usable frame: " + "; ".join(found))
    versions = sorted({str(one.columns["creator"][row]) for row in group.rows})
    if len(versions) > 1:
        notes.append("pipeline versions " + ", ".join(versions))
    return "; ".join(notes)


_AOR = (
    _AorColumn("AORKEY", "", "key of the observation", _first("aorkey")),
    _AorColumn("Target RA", "deg", "right ascension of the target, ICRS", _of_target("ra")),
    _AorColumn("Target Dec", "deg", "declination of the target, ICRS", _of_target("dec")),
    _AorColumn("DateObs", "", "DATE_OBS of the first frame", _first("date_obs")),
    _AorColumn(
        "Mission", "", "CRYO or WARM", lambda one, group: str(one.fluxes.mission[group.rows[0]]).upper()
    ),
    _AorColumn("Read Mode", "", "FULL or SUB", _first("readmode")),
    _AorColumn(
        "Workable/Total Files in AOR",
        "",
        "images with a usable flux, of all",
        lambda _, group: f"{group.n_workable}/{group.rows.size}",
    ),
    _AorColumn(
        "Cycling DPattern",
        "",
        "YES where the AOR label says so",
        lambda one, group: "YES" if "cycl" in str(one.columns["aorlabel"][group.rows[0]]).lower() else "NO",
    ),
    _AorColumn("DScale", "", "DITHSCAL", _first("ditherscale")),
    _AorColumn("DPosition", "", "DITHPOS of the first frame", _first("ditherpos")),
    _AorColumn("FTime (sec)", "s", "FRAMTIME", _first("framtime_s")),
    _AorColumn("Time (MJD)", "d", "mean MJD_OBS of the frames", _middle("mjd")),
    _AorColumn("Flux (mJy)", "mJy", "mean of the corrected fluxes", _result("flux")),
    _AorColumn(
        "Error (mJy)",
        "mJy",
        "population standard deviation of the fluxes, as in the original",
        _result("std_population"),
    ),
    _AorColumn("Spread (%)", "%", "100 Error / Flux", _spread),
    _AorColumn(
        "Outliers Rejected",
        "",
        "fluxes rejected as outliers",
        lambda _, group: 0 if group.flux is None else group.flux.n_rejected,
    ),
    _AorColumn("Target", "", "name of the target", _of_target("name")),
    _AorColumn("Channel", "", "IRAC channel", _first("channel")),
    _AorColumn(
        "Aperture",
        "pix",
        "radius, inner and outer radius of the annulus, native pixels",
        lambda one, group: one.radii(int(one.columns["aperture"][group.rows[0]])),
    ),
    _AorColumn(
        "N_used", "", "fluxes in the mean", lambda _, group: 0 if group.flux is None else group.flux.n_used
    ),
    _AorColumn(
        "Error of Mean (mJy)", "mJy", "standard error of the mean from the scatter", _result("err_mean")
    ),
    _AorColumn(
        "Formal Error (mJy)",
        "mJy",
        "standard error of the mean from the errors of the fluxes",
        _result("err_formal"),
    ),
    _AorColumn("Scatter (mJy)", "mJy", "sample standard deviation of the fluxes", _result("scatter")),
    _AorColumn("N_saturated", "", "saturated frames", lambda _, group: group.n_saturated),
    _AorColumn("Note", "", "what to know of this flux", _note),
)


def aor_table(one: Measurements) -> Table:
    """Make the table of AORs.

    Parameters
    ----------
    one : Measurements

    Returns
    -------
    astropy.table.Table
        A row for each AOR, target, channel, read mode, frame time and aperture; NaN without a usable frame.
    """
    from astropy.table import Column, Table

    groups: Sequence[AorGroup] = one.judged.groups
    made = [
        Column(
            [column.value(one, group) for group in groups],
            name=column.name,
            unit=column.unit or None,
            description=column.description,
        )
        for column in _AOR
    ]
    table = Table(made)
    table.meta["functions"] = list(one.fluxes.functions)
    return table
