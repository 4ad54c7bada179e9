"""The mosaic's FITS file: SCI UNC COV EXP STD MASK and the table INPUTS."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli import __version__
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.fitswrite import image_hdu, table_hdu
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.facts import WAVELENGTH_UM
from photomitrus_cli.irac.frames import Frame
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
_BUNIT = {"SCI": "MJy/sr", "UNC": "MJy/sr", "STD": "MJy/sr", "EXP": "s", "COV": "", "MASK": ""}
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
    "gain": ("f8", "1 / adu", "GAIN, e-/DN"),
    "fluxconv": ("f8", "MJy s / (adu sr)", "FLUXCONV, MJy/sr per DN/s"),
    "unc_source": ("str", None, "file or estimated"),
    "imask_source": ("str", None, "file or absent"),
    "rmask_source": ("str", None, "file or absent"),
    "n_bad": ("i4", None, "pixels not used"),
    "n_saturated": ("i4", None, "pixels flagged as saturated"),
    "sky": ("f8", "MJy / sr", "sky level of the frame"),
    "sky_error": ("f8", "MJy / sr", "uncertainty of the sky level"),
    "sky_sigma": ("f8", "MJy / sr", "robust scatter of the sky pixels"),
    "unc_median": ("f8", "MJy / sr", "median uncertainty of a pixel"),
    "weight": ("f8", None, "1 / median variance, EXPTIME, or GAIN / FLUXCONV x EXPTIME"),
}


def column_units() -> dict[str, str]:
    """Give the unit of each column of the table INPUTS that has one."""
    return {name: unit for name, (_, unit, _) in _COLUMNS.items() if unit}


def frame_values(frame: Frame, meta: dict[str, Any], weight: float) -> dict[str, Any]:
    """Give a frame's row of the table INPUTS.

    Parameters
    ----------
    frame : Frame
    meta : dict
        From :func:`photomitrus_cli.irac.ingest.ingest`.
    weight : float
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
        "weight": weight,
    }


def _finite(value: float) -> float | None:
    """Give None for NaN, which JSON cannot hold."""
    return value if math.isfinite(value) else None


def ascii_text(text: str) -> str:
    """Write what a FITS table cannot hold as in a URL, such as %C3%A9 for an accented e.

    ``urllib.parse.unquote`` gives the text back. Plain text, a percent sign included, stays as it is.
    """
    plain = text.isascii() and text.isprintable()
    return text if plain else quote(text, safe=_PRINTABLE)


def inputs_table(records: Sequence[UnitRecord]) -> Table:
    """Build the table of every frame seen: used, skipped and failed, with the reasons.

    Parameters
    ----------
    records : sequence of UnitRecord
        Their ``values`` come from :func:`frame_values`, or are empty.

    Returns
    -------
    astropy.table.Table
        Rows in the order given.
    """
    table = Table()
    for name, (kind, unit, description) in _COLUMNS.items():
        values = [_cell(record, name, kind) for record in records]
        table[name] = np.array(values, dtype=None if kind == "str" else kind)
        table[name].unit = unit
        table[name].description = description
    return table


def _cell(record: UnitRecord, name: str, kind: str) -> Any:
    own = {"file": ascii_text(record.name), "status": record.status, "reason": ascii_text(record.reason)}
    value = own.get(name, record.values.get(name))
    if value is not None:
        return value
    return {"str": "", "i4": -1, "f8": math.nan}[kind]


def mosaic_hdus(
    planes: dict[str, NDArray[Any]],
    grid: Grid,
    settings: MosaicSettings,
    record: RunRecord,
    *,
    correlation: float,
) -> fits.HDUList:
    """Build the FITS file.

    Parameters
    ----------
    planes : dict of str to ndarray, shape (ny, nx)
        SCI, UNC, STD in MJy/sr, EXP in s, COV, MASK.
    grid : Grid
    settings : MosaicSettings
    record : RunRecord
        With its units.
    correlation : float
        Noise-correlation factor.

    Returns
    -------
    astropy.io.fits.HDUList
    """
    primary = fits.PrimaryHDU(header=_primary_header(settings, record, grid, correlation))
    hdus = fits.HDUList([primary])
    for name in PLANES:
        header = grid.header()
        header["CONTENT"] = (_MEANING[name], "what the pixels are")
        if name == "SCI":
            header["UJYPIX"] = (grid.ujy_per_mjysr, "[uJy/pix] per MJy/sr in a pixel")
            header["CORRFAC"] = (correlation, "noise correlation factor, see docs")
        if name == "MASK":
            for bit, meaning in MASK_BITS.items():
                header[f"BIT{bit}"] = (meaning, f"value {1 << bit}")
        hdus.append(image_hdu(name, planes[name], header, _BUNIT[name]))
    hdus.append(table_hdu("INPUTS", inputs_table(record.units)))
    return hdus


def _primary_header(
    settings: MosaicSettings, record: RunRecord, grid: Grid, correlation: float
) -> fits.Header:
    records = record.units
    used = [record.values for record in records if record.status == "used"]
    times = [_span(values) for values in used if values["mjd"] is not None]
    header = fits.Header()
    for name, value, comment in (
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
        ("COMBINE", settings.combine, "how frames are combined"),
        ("WEIGHTS", settings.weights, "weights of the weighted mean"),
        ("BACKGRND", settings.background, "sky level taken off each frame"),
        ("RESAMPLE", "LANCZOS3", "interpolation"),
        ("IMASKBIT", sum(1 << bit for bit in settings.imask_bits), "fatal imask pattern"),
        ("RMASKBIT", sum(1 << bit for bit in settings.rmask_bits), "fatal rmask pattern"),
        ("MISSING", settings.missing, "policy for absent uncertainty or masks"),
        ("PIXSCALE", settings.pixel_scale_arcsec, "[arcsec] pixel side"),
        ("UJYPIX", grid.ujy_per_mjysr, "[uJy/pix] per MJy/sr in a pixel"),
        ("CORRFAC", correlation, "aperture sigma = CORRFAC sqrt(sum UNC^2)"),
        ("TIMESYS", "UTC", "time system"),
        ("MJD-BEG", min(times)[0] if times else None, "[d] start of the first frame"),
        ("MJD-END", max(end for _, end in times) if times else None, "[d] end of the last frame"),
    ):
        if value is not None:
            header[name] = (value, comment)
    return header


def _span(values: dict[str, Any]) -> tuple[float, float]:
    """Give the start and the end of a frame, MJD."""
    seconds = values["framtime"] if values["framtime"] is not None else values["exptime"]
    return values["mjd"], values["mjd"] + seconds / 86400.0
