"""The table of all frames of a coadd run, with every number that was measured of each."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from photomitrus_cli.errors import WriteError
from photomitrus_cli.io.atomic import atomic_path
from photomitrus_cli.run.provenance import Product, recorded_units
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.coaddgroups import product_of
from photomitrus_cli.wise.coaddplan import CoaddPlan

if TYPE_CHECKING:
    from astropy.table import Table

# Column: type, unit, description. Missing numbers are NaN, or -1 where whole.
COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "group": ("str", None, "map: scan, day or week"),
    "scan_id": ("str", None, "scan"),
    "frame": ("str", None, "scan and frame number"),
    "status": ("str", None, "used, skipped (refused or without usable pixels) or failed"),
    "reason": ("str", None, "why the frame was not used"),
    "mjd": ("f8", "d", "middle of the exposure, UTC"),
    "elon": ("f8", "deg", "ecliptic longitude (J2000) of the reference pixel"),
    "elat": ("f8", "deg", "its ecliptic latitude"),
    "moon_sep": ("f8", "deg", "distance from the Moon, of the frame table"),
    "saa_sep": ("f8", "deg", "distance from the South Atlantic Anomaly, of the frame table"),
    "sun2sc_x": ("f8", "AU", "from the Sun to the spacecraft, equatorial J2000, of the header"),
    "sun2sc_y": ("f8", "AU", "the same along y"),
    "sun2sc_z": ("f8", "AU", "the same along z"),
    "magzp": ("f8", "mag", "MAGZP of the header"),
    "scale": ("f8", None, "factor that brings DN to the nominal zero point"),
    "weight": ("f8", "DN-2", "1 / median variance of a pixel; of --weights pixel 1"),
    "estimated": ("i4", None, "1 when the uncertainty is an estimate"),
    "n_pixels": ("i4", None, "pixels of the frame"),
    "n_used": ("i4", None, "pixels used"),
    "n_masked": ("i4", None, "pixels masked: bits, NaN, no uncertainty"),
    "n_saturated": ("i4", None, "saturated pixels"),
    "n_spikes": ("i4", None, "sharp outliers"),
    "n_stars": ("i4", None, "pixels masked as stars"),
    "level": ("f8", "DN", "median"),
    "sigma": ("f8", "DN", "robust scatter of the pixels"),
    "unc_median": ("f8", "DN", "median uncertainty of a pixel"),
    "med16": ("f8", "DN", "median - 16th percentile"),
    "grad_x": ("f8", "DN", "gradient along x per 1000 pixels"),
    "grad_y": ("f8", "DN", "gradient along y per 1000 pixels"),
    "plane_rms": ("f8", "DN", "scatter of the cells about the plane"),
    "overlap_dn": ("f8", "DN", "level above the frames before and after, where they overlap"),
    "level_dn": ("f8", "DN", "level above the scan around it, summed up over overlaps"),
    "overlap_sigma": ("f8", None, "the same in robust sigmas of the scan"),
    "gradient_excess": ("f8", "DN", "gradient beyond the running median of the scan, per 1000 pixels"),
    "gradient_sigma": ("f8", None, "the same in robust sigmas of the scan"),
    "gradient_support": ("f8", "DN", "gradient that the overlaps rule out for the sky, per 1000 pixels"),
    "moon_sigma": ("f8", None, "med16 against that of frames far from the Moon, robust sigmas"),
    "moon_dn": ("f8", "DN", "smooth moonlight by the fit along the scan"),
    "moon_contrast": ("f8", None, "factor by which residuals near the Moon grow without that light"),
    "n_map_pixels": ("i4", None, "map pixels reached"),
    "n_compared": ("i4", None, "map pixels compared with other scans"),
    "n_left_out": ("i4", None, "map pixels in which the other scans contradict"),
    "worst_sigma": ("f8", None, "largest difference from the other scans, standard deviations"),
    "scan_offset_dn": (
        "f8",
        "DN",
        "difference from the other scans, taken off for comparing only",
    ),
}


def write_frame_table(
    plan: CoaddPlan, names: Sequence[str], unusable: Mapping[str, Sequence[UnitRecord]]
) -> None:
    """Write one row per frame, in the order of maps and times, map by map: a survey has a million frames.

    Parameters
    ----------
    plan : CoaddPlan
    names : sequence of str
        Of the maps that there are; their manifests tell of the frames.
    unusable : mapping of str to sequence of UnitRecord
        The frames of each group without a map.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    with atomic_path(plan.frame_table) as part, part.open("w", encoding="utf-8", newline="\n") as out:
        for k, name in enumerate(sorted({*names, *unusable})):
            units = unusable.get(name) or _recorded(product_of(plan.settings, name))
            text = io.StringIO(newline="\n")
            _table(plan, name, units).write(text, format="ascii.ecsv")
            lines = text.getvalue().splitlines(keepends=True)
            out.writelines(lines if k == 0 else _rows(lines))


def _recorded(product: Product) -> list[UnitRecord]:
    try:
        return recorded_units(product)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WriteError(
            f"{product.manifest}: is gone or was changed before the table of frames could be written",
            hint="another run is at this map; --resume once it has ended writes the table",
        ) from error


def _table(plan: CoaddPlan, group: str, units: Sequence[UnitRecord]) -> Table:
    from astropy.table import Column, Table

    table = Table()
    for name, (kind, unit, description) in COLUMNS.items():
        values = [_cell(group, record, name, kind) for record in units]
        dtype = None if kind == "str" else kind
        table[name] = Column(values, dtype=dtype, unit=unit, description=description)
    table.meta["band"] = plan.settings.band
    table.meta["nside"] = plan.settings.nside
    return table


def _rows(lines: Sequence[str]) -> Sequence[str]:
    """Give the lines of a table below its header: comments and the names of the columns."""
    header = next(k for k, line in enumerate(lines) if not line.startswith("#"))
    return lines[header + 1 :]


def _cell(group: str, record: UnitRecord, name: str, kind: str) -> Any:
    own = {"group": group, "frame": record.name, "status": record.status, "reason": record.reason}
    value = own.get(name, record.values.get(name))
    if value is not None:
        return value
    return {"str": "", "i4": -1, "f8": math.nan}[kind]
