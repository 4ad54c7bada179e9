"""The table INPUTS of a mosaic: a row for each frame, with what was measured of it."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.run.summary import UnitRecord, finite

_PRINTABLE = "".join(c for c in string.printable if c.isprintable() and c != "%")

# Column: type, unit, description. Missing numbers are NaN.
_COLUMNS: dict[str, tuple[str, str | None, str]] = {
    "file": ("str", None, "frame (other than ASCII: as in a URL)"),
    "status": ("str", None, "used, skipped or failed"),
    "reason": ("str", None, "why the frame was not used"),
    "aorkey": ("i4", None, "AOR"),
    "expid": ("i4", None, "exposure number in the AOR"),
    "dcenum": ("i4", None, "data collection event of the exposure"),
    "creator": ("str", None, "pipeline version"),
    "mjd": ("f8", "d", "MJD of the start of the exposure"),
    "exptime": ("f8", "s", "integration time per pixel"),
    "framtime": ("f8", "s", "frame time"),
    "gain": ("f8", "adu-1", "GAIN, e-/DN"),
    "fluxconv": ("f8", "MJy s adu-1 sr-1", "FLUXCONV, MJy/sr per DN/s"),
    "unc_source": ("str", None, "file or estimated"),
    "imask_source": ("str", None, "file or absent"),
    "rmask_source": ("str", None, "file or absent"),
    "n_bad": ("i4", None, "pixels not used"),
    "n_saturated": ("i4", None, "pixels flagged as saturated"),
    "sky": ("f8", "MJy sr-1", "sky level of the frame"),
    "sky_error": ("f8", "MJy sr-1", "uncertainty of the sky level"),
    "sky_sigma": ("f8", "MJy sr-1", "robust scatter of the sky pixels"),
    "unc_median": ("f8", "MJy sr-1", "median uncertainty of a pixel"),
    "weight": ("f8", None, "1 / median variance, EXPTIME, or GAIN / FLUXCONV x EXPTIME"),
    "n_rejected": ("i4", None, "pixels rejected by comparison with the stack"),
    "offset": ("f8", "MJy sr-1", "level from the overlaps, mean of the group taken as 0"),
    "offset_error": ("f8", "MJy sr-1", "uncertainty of offset"),
    "overlap_group": ("i4", None, "frames connected by overlaps"),
    "align_source": ("str", None, "stars, group (of its AOR), or none"),
    "align_dra": ("f8", "arcsec", "correction of the position, right ascension x cos(dec)"),
    "align_ddec": ("f8", "arcsec", "correction of the position, declination"),
    "align_roll": ("f8", "deg", "correction of the roll about the centre, east towards north"),
    "align_error": ("f8", "arcsec", "uncertainty of the correction per axis"),
    "align_stars": ("i4", None, "stars matched"),
    "align_rms": ("f8", "arcsec", "scatter of the stars after the correction"),
}


def column_units() -> dict[str, str]:
    """Give the unit of each column of the table INPUTS that has one."""
    return {name: unit for name, (_, unit, _) in _COLUMNS.items() if unit}


# Numbers that a frame has only when the pass that measures them was run.
_OPTIONAL = (
    "n_rejected", "offset", "offset_error", "overlap_group", "align_source", "align_dra", "align_ddec",
    "align_roll", "align_error", "align_stars", "align_rms",
)  # fmt: skip


def frame_values(frame: Frame, meta: dict[str, Any]) -> dict[str, Any]:
    """Give a frame's row of the table INPUTS.

    Parameters
    ----------
    frame : Frame
    meta : dict
        From :func:`photomitrus_cli.irac.ingest.ingest`, with its ``weight`` and what later passes added.
    """
    variance = meta["variance_median"]
    return {
        "aorkey": frame.key.aorkey,
        "expid": frame.key.expid,
        "dcenum": frame.key.dcenum,
        "creator": frame.creator,
        "mjd": finite(frame.mjd),
        "exptime": frame.exptime_s,
        "framtime": finite(frame.framtime_s),
        "gain": frame.gain,
        "fluxconv": frame.fluxconv,
        "unc_source": "file" if frame.unc else "estimated",
        "imask_source": "file" if frame.imask else "absent",
        "rmask_source": "file" if frame.rmask else "absent",
        "n_bad": meta["n_bad"],
        "n_saturated": meta["n_saturated"],
        "sky": meta["level"],
        "sky_error": meta["level_error"],
        "sky_sigma": meta["sky_sigma"],
        "unc_median": math.sqrt(variance) if variance is not None else None,
        "weight": meta["weight"],
    } | {name: meta[name] for name in _OPTIONAL if name in meta}


def ascii_text(text: str) -> str:
    """Write what a FITS table cannot hold as in a URL, such as %C3%A9 for an accented e.

    ``urllib.parse.unquote`` gives the text back. Plain text, a percent sign included, stays as it is.
    """
    plain = text.isascii() and text.isprintable()
    return text if plain else quote(text, safe=_PRINTABLE)


def inputs_unit(records: Sequence[UnitRecord]) -> bytes:
    """Give the table of every frame seen: used, skipped and failed, with the reasons.

    Parameters
    ----------
    records : sequence of UnitRecord
        Their ``values`` come from :func:`frame_values`, or are empty.

    Returns
    -------
    bytes
        The unit INPUTS as it stands in the file, rows in the order given.
    """
    columns = []
    for name, (kind, unit, description) in _COLUMNS.items():
        values = np.array([_cell(record, name, kind) for record in records], None if kind == "str" else kind)
        columns.append(Column(name, values, unit or "", description))
    return table_unit("INPUTS", columns)


def _cell(record: UnitRecord, name: str, kind: str) -> Any:
    own = {"file": ascii_text(record.name), "status": record.status, "reason": ascii_text(record.reason)}
    value = own.get(name, record.values.get(name))
    if value is not None:
        return value
    return {"str": "", "i4": -1, "f8": math.nan}[kind]
