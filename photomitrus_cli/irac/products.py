"""The mosaic's FITS file: SCI UNC COV EXP STD MASK and the table INPUTS."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from photomitrus_cli import __version__
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.facts import WAVELENGTH_UM
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.irac.tiles import MASK_BITS
from photomitrus_cli.run.provenance import RunRecord
from photomitrus_cli.run.summary import UnitRecord

_PRINTABLE = "".join(c for c in string.printable if c.isprintable() and c != "%")

# Planes of the mosaic and their types, in the order of the file.
PLANES: dict[str, type[np.generic]] = {
    "SCI": np.float32,
    "UNC": np.float32,
    "COV": np.int16,
    "EXP": np.float32,
    "STD": np.float32,
    "MASK": np.uint8,
}
# Reserved, and set when all is combined.
_CORRFAC: Card = ("CORRFAC", 0.0, "aperture sigma = CORRFAC sqrt(sum UNC^2)")
BUNIT = {"SCI": "MJy/sr", "UNC": "MJy/sr", "STD": "MJy/sr", "EXP": "s", "COV": "", "MASK": ""}
_MEANING = {
    "SCI": "surface brightness",
    "UNC": "1-sigma uncertainty of a pixel of SCI",
    "COV": "number of frames",
    "EXP": "total exposure time",
    "STD": "scatter of the frames about SCI",
    "MASK": "bits, see BIT0 ...",
}

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
        "mjd": _finite(frame.mjd),
        "exptime": frame.exptime_s,
        "framtime": _finite(frame.framtime_s),
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


def _finite(value: float) -> float | None:
    """Give None for NaN, which JSON cannot hold."""
    return value if math.isfinite(value) else None


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


def plane_cards(name: str, grid: Grid) -> list[Card]:
    """Give the cards of one plane: its WCS, what its pixels are, and what its bits mean.

    ``CORRFAC`` of SCI is known only when all is combined; it is set then.
    """
    cards = [*grid.cards(), ("CONTENT", _MEANING[name], "what the pixels are")]
    if name == "SCI":
        cards += [("UJYPIX", grid.ujy_per_mjysr, "[uJy/pix] per MJy/sr in a pixel"), _CORRFAC]
    if name == "MASK":
        cards += [(f"BIT{bit}", meaning, f"value {1 << bit}") for bit, meaning in MASK_BITS.items()]
    return cards


def primary_cards(settings: MosaicSettings, record: RunRecord, grid: Grid) -> list[Card]:
    """Give the cards of the primary header; ``CORRFAC`` as in :func:`plane_cards`.

    Parameters
    ----------
    settings : MosaicSettings
    record : RunRecord
        With its units.
    grid : Grid
    """
    records = record.units
    used = [record.values for record in records if record.status == "used"]
    times = [_span(values) for values in used if values["mjd"] is not None]
    cards: list[tuple[str, Any, str]] = [
        ("DATE", record.started.replace("+00:00", ""), "UTC of the start of the run"),
        ("CREATOR", f"astromap {__version__}", "software"),
        ("RUNKEY", record.key[:16], "hash of inputs and configuration"),
        ("TELESCOP", "Spitzer", ""),
        ("INSTRUME", "IRAC", ""),
        ("CHNLNUM", settings.channel, "channel"),
        ("WAVELEN", WAVELENGTH_UM[settings.channel], "[um] nominal wavelength"),
        ("NFRAMES", len(used), "frames used"),
        ("NSKIPPED", sum(r.status == "skipped" for r in records), "frames left out, see INPUTS"),
        ("NFAILED", sum(r.status == "failed" for r in records), "frames that could not be read"),
        ("NUNCEST", sum(v["unc_source"] == "estimated" for v in used), "frames with estimated uncertainty"),
        ("NNOIMASK", sum(v["imask_source"] == "absent" for v in used), "frames without imask"),
        ("NNORMASK", sum(v["rmask_source"] == "absent" for v in used), "frames without rmask"),
        *_method_cards(settings),
        ("PIXSCALE", grid.scale, "[arcsec] pixel side"),
        ("UJYPIX", grid.ujy_per_mjysr, "[uJy/pix] per MJy/sr in a pixel"),
        _CORRFAC,
        ("TIMESYS", "UTC", "time system"),
        ("MJD-BEG", min(times)[0] if times else None, "[d] start of the first frame"),
        ("MJD-END", max(end for _, end in times) if times else None, "[d] end of the last frame"),
    ]
    return [card for card in cards if card[1] is not None]


def _method_cards(settings: MosaicSettings) -> list[tuple[str, Any, str]]:
    """Say how the mosaic was made."""
    clipped, drizzled = settings.combine == "clipped", settings.resample == "drizzle"
    rejected = settings.reject != "none"
    aligned = "catalogue" if settings.align is not None else "frames" if settings.align_frames else "header"
    return [
        ("COMBINE", settings.combine, "how frames are combined"),
        ("CLIPSIG", settings.clip_sigma if clipped else None, "clipping limit, sigma"),
        ("WEIGHTS", settings.weights, "weights of the means"),
        ("BACKGRND", settings.background, "sky taken off each frame"),
        ("DELTADRK", settings.delta_dark, "residual pattern of each AOR taken off"),
        ("ALIGN", aligned, "positions of the frames"),
        ("REFCAT", ascii_text(settings.align.name) if settings.align else None, "reference catalogue"),
        ("REJECT", settings.reject, "own rejection of outliers"),
        ("REJSIG", settings.reject_sigma if rejected else None, "limit of the rejection, sigma"),
        ("RESAMPLE", settings.resample.upper(), "interpolation"),
        ("PIXFRAC", settings.pixfrac if drizzled else None, "side of a drop, pixels"),
        ("IMASKBIT", sum(1 << bit for bit in settings.imask_bits), "fatal imask pattern"),
        ("RMASKBIT", sum(1 << bit for bit in settings.rmask_bits), "fatal rmask pattern"),
        ("MISSING", settings.missing, "policy for absent uncertainty or masks"),
    ]


def _span(values: dict[str, Any]) -> tuple[float, float]:
    """Give the start and the end of a frame, MJD."""
    seconds = values["framtime"] if values["framtime"] is not None else values["exptime"]
    return values["mjd"], values["mjd"] + seconds / 86400.0
