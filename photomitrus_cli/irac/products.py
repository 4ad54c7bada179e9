"""The mosaic's FITS file: SCI UNC COV EXP STD MASK and the table INPUTS."""

from __future__ import annotations

from typing import Any

import numpy as np

from photomitrus_cli import __version__
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.facts import WAVELENGTH_UM
from photomitrus_cli.irac.inputstable import ascii_text
from photomitrus_cli.irac.tiles import MASK_BITS
from photomitrus_cli.run.provenance import RunRecord

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
        ("NSKIPPED", sum(r.status == "skipped" for r in records), "frames skipped, see INPUTS"),
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
