"""The flats of an evening and a morning at a camera of one chip; shared by tests of `prime flat`."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

# Frames of 256 x 256 pixels of 16 x 16 real ones; the outermost ones are not wholly light-sensitive.
SIDE, EDGE = 256, 1
EVENING, MORNING = datetime(2024, 10, 17, 16, 30), datetime(2024, 10, 18, 2, 30)  # noqa: DTZ001 - UTC


def response() -> NDArray[np.float64]:
    """Give the true flat."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2.0
    rng = np.random.default_rng(3)
    return np.asarray((1.0 - 0.2 * (x**2 + y**2) / SIDE**2) * rng.normal(1.0, 0.02, (SIDE, SIDE)))


def ramp(folder: Path, serial: int, when: datetime, level: float, **cards: object) -> Path:
    """Write a frame: sky through the response, a glow that stays, noise, all of it below saturation."""
    rng = np.random.default_rng(serial)
    glow = 200.0 + 300.0 * (np.arange(SIDE) > 240)[None, :]
    values = (level * response() + glow + rng.normal(0.0, 1.0, (SIDE, SIDE))).astype(">f4")
    header = fits.Header()
    header.update(
        FILTER1="Open", FILTER2="J", CHIP=1, EXPTIME=60.06, NFRAMES=22, OBJNAME="FLAT", OBJTYPE="Flat"
    )
    header["RA-D"], header["DEC-D"], header["DATE-BEG"] = 30.0, -35.0, when.isoformat()
    header.update(cards)
    values = np.minimum(values, np.float32(50000.0 / (header["NFRAMES"] - 1)))
    chip = header["CHIP"]
    path = folder / f"C{chip}" / f"{serial:08d}C{chip}.ramp.fits"
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(values, header).writeto(path)
    return path


def night(parent: Path) -> Path:
    """Write an evening of seven flats, the first one of few reads, a morning of four, and one of the sky."""
    for k in range(7):
        reads = {"NFRAMES": 6} if k == 0 else {}
        level = 4000.0 if k == 0 else 2000.0 * 0.75**k
        ramp(parent, 100 + 22 * k, EVENING + timedelta(seconds=70 * k), level, **reads)
    for k in range(4):
        ramp(parent, 900 + 22 * k, MORNING + timedelta(seconds=70 * k), 300.0 * 1.4**k)
    ramp(parent, 500, EVENING + timedelta(hours=4), 500.0, OBJNAME="GRB", OBJTYPE="Object")
    return parent
