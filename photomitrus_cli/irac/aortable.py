"""The table of AORs of a photometry run: one row per AOR, target, frame time and aperture."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from photomitrus_cli.irac.photaors import AorGroup
from photomitrus_cli.irac.phottables import Measurements, PhotColumn, table_of

if TYPE_CHECKING:
    from astropy.table import Table

_Value = Callable[[Measurements, AorGroup], Any]
_Values = Callable[[Measurements], list[Any]]


def _each(value: _Value) -> _Values:
    """Give a value of every group."""
    return lambda one: [value(one, group) for group in one.judged.groups]


def _first(field: str) -> _Values:
    return _each(lambda one, group: one.columns[field][group.rows[0]])


def _result(field: str) -> _Values:
    return _each(lambda _, group: float("nan") if group.flux is None else getattr(group.flux, field))


def _of_target(field: str) -> _Values:
    return _each(lambda one, group: getattr(one.targets[int(one.columns["target"][group.rows[0]])], field))


def _spread(_: Measurements, group: AorGroup) -> float:
    if group.flux is None:
        return float("nan")
    return float(100.0 * group.flux.std_population / group.flux.flux) if group.flux.flux else float("nan")


def _middle(field: str) -> _Values:
    return _each(lambda one, group: float(np.mean(one.columns[field][group.rows])))


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
    PhotColumn("AORKEY", "", "key of the observation", _first("aorkey")),
    PhotColumn("Target RA", "deg", "right ascension of the target, ICRS", _of_target("ra")),
    PhotColumn("Target Dec", "deg", "declination of the target, ICRS", _of_target("dec")),
    PhotColumn("DateObs", "", "DATE_OBS of the first frame", _first("date_obs")),
    PhotColumn(
        "Mission",
        "",
        "CRYO or WARM",
        _each(lambda one, group: str(one.fluxes.mission[group.rows[0]]).upper()),
    ),
    PhotColumn("Read Mode", "", "FULL or SUB", _first("readmode")),
    PhotColumn(
        "Workable/Total Files in AOR",
        "",
        "images with a usable flux, of all",
        _each(lambda _, group: f"{group.n_workable}/{group.rows.size}"),
    ),
    PhotColumn(
        "Cycling DPattern",
        "",
        "YES where the AOR label says so",
        _each(
            lambda one, group: (
                "YES" if "cycl" in str(one.columns["aorlabel"][group.rows[0]]).lower() else "NO"
            )
        ),
    ),
    PhotColumn("DScale", "", "DITHSCAL", _first("ditherscale")),
    PhotColumn("DPosition", "", "DITHPOS of the first frame", _first("ditherpos")),
    PhotColumn("FTime (sec)", "s", "FRAMTIME", _first("framtime_s")),
    PhotColumn("Time (MJD)", "d", "mean MJD_OBS of the frames", _middle("mjd")),
    PhotColumn("Flux (mJy)", "mJy", "mean of the corrected fluxes", _result("flux")),
    PhotColumn(
        "Error (mJy)",
        "mJy",
        "population standard deviation of the fluxes, as in the original",
        _result("std_population"),
    ),
    PhotColumn("Spread (%)", "%", "100 Error / Flux", _each(_spread)),
    PhotColumn(
        "Outliers Rejected",
        "",
        "fluxes rejected as outliers",
        _each(lambda _, group: 0 if group.flux is None else group.flux.n_rejected),
    ),
    PhotColumn("Target", "", "name of the target", _of_target("name")),
    PhotColumn("Channel", "", "IRAC channel", _first("channel")),
    PhotColumn(
        "Aperture",
        "pix",
        "radius, inner and outer radius of the annulus, native pixels",
        _each(lambda one, group: one.radii(int(one.columns["aperture"][group.rows[0]]))),
    ),
    PhotColumn(
        "N_used",
        "",
        "fluxes in the mean",
        _each(lambda _, group: 0 if group.flux is None else group.flux.n_used),
    ),
    PhotColumn(
        "Error of Mean (mJy)", "mJy", "standard error of the mean from the scatter", _result("err_mean")
    ),
    PhotColumn(
        "Formal Error (mJy)",
        "mJy",
        "standard error of the mean from the errors of the fluxes",
        _result("err_formal"),
    ),
    PhotColumn("Scatter (mJy)", "mJy", "sample standard deviation of the fluxes", _result("scatter")),
    PhotColumn("N_saturated", "", "saturated frames", _each(lambda _, group: group.n_saturated)),
    PhotColumn("Note", "", "what to know of this flux", _each(_note)),
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
    return table_of(one, _AOR)
