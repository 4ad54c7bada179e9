"""A small survey of scan maps that can be calibrated, with its truth; shared by tests of `wise calibrate`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.coaddproducts import UNITS
from photomitrus_cli.wise.skyplaces import sky_places
from photomitrus_cli.wise.zodimodel import zodi_components
from photomitrus_cli.wise.zodisettings import ZodiChoices
from truthkit.faultkit import Ran, run_here
from truthkit.scanmaps import START, meridian, scan_columns, write_scan

Floats = NDArray[np.float64]

N_SCANS, NSIDE = 16, 16
HALF_ORBIT = 0.0331  # d
NOISE = 0.3  # DN
CHOICES = ZodiChoices(band=3, model="dirbe", spectrum="mono", components=(), observer="earth", quadrature=20)


@dataclass(frozen=True)
class CalibSurvey:
    """Scan maps and what is behind them.

    Attributes
    ----------
    folder : Path
    names : tuple of str
    gain, offset : ndarray of float64, shape (S,)
        DN per MJy/sr, DN.
    """

    folder: Path
    names: tuple[str, ...]
    gain: Floats
    offset: Floats


def true_sky(pixels: NDArray[np.int64], nside: int = NSIDE) -> Floats:
    """Give the sky, MJy/sr: a layer of dust and structure of a fifth of it."""
    places = sky_places(pixels, nside, "galactic")
    layer = 0.3 / np.maximum(np.sin(np.radians(np.abs(places.galactic_latitude))), 0.05)
    return np.asarray(layer * (1.0 + 0.2 * np.sin(0.7 * pixels)))


def calib_survey(
    base: Path, *, change: Callable[[int, Floats, Floats], Floats] | None = None, name: str = "calib_survey"
) -> CalibSurvey:
    """Give scan maps of half a day below a folder, written at the first call.

    Parameters
    ----------
    base : Path
    change : callable, optional
        From the number of a scan, its values (DN) and zodiacal light (MJy/sr) to other values.
    name : str
        Of the folder.
    """
    rng = np.random.default_rng(5)
    gain = 74.0 * (1.0 + 0.01 * np.sin(np.arange(N_SCANS) / 5.0))
    offset = 250.0 + 15.0 * rng.standard_normal(N_SCANS)
    names = tuple(f"{1772 + k:05d}a" for k in range(N_SCANS))
    folder = base / name
    if not folder.exists():
        part = base / f"{name}.part"
        for k, scan in enumerate(names):
            start = START + HALF_ORBIT * k
            sky = _scan(k, gain[k], offset[k], rng, change)
            write_scan(part, scan, start=start, sky=sky)
        part.rename(folder)
    return CalibSurvey(folder, names, gain, offset)


@lru_cache(maxsize=N_SCANS)
def _light(k: int) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Give pixels, times and zodiacal light (MJy/sr) of a scan; surveys differ in the rest."""
    start = START + HALF_ORBIT * k
    ahead = k % 2 == 0
    sun = float(sun_longitude(np.array([start]))[0])
    pixels, share = meridian(sun - 90.0 if ahead else sun + 90.0, NSIDE, "galactic", ascending=not ahead)
    order = np.argsort(pixels)
    pixels, mjd = pixels[order], (start + HALF_ORBIT * share)[order]
    places = sky_places(pixels, NSIDE, "galactic")
    return pixels, mjd, zodi_components(places.longitude, places.latitude, mjd, CHOICES).sum(axis=0)


def _scan(
    k: int,
    gain: float,
    offset: float,
    rng: np.random.Generator,
    change: Callable[[int, Floats, Floats], Floats] | None,
) -> PartialMap:
    pixels, mjd, zodi = _light(k)
    value = gain * (zodi + true_sky(pixels)) + offset + NOISE * rng.standard_normal(len(pixels))
    if change is not None:
        value = change(k, value, zodi)
    columns: dict[str, Any] = scan_columns(mjd, VALUE=value, SIGMA=np.full(len(pixels), NOISE))
    return PartialMap(NSIDE, "galactic", pixels, columns, UNITS)


def calibrate(survey: CalibSurvey | Path, out: Path, *args: object) -> Ran:
    """Calibrate scan maps in this process, serially, with a coarse template and without pictures."""
    folder = survey.folder if isinstance(survey, CalibSurvey) else survey
    words = ("--maps", folder, "--spectrum", "mono", "-o", out, "--no-pictures", "-j", "1")
    fixed = ("--set", "wise.zodi.quadrature=20", "--cache", folder.parent / f"{folder.name}_templates")
    return run_here("wise", "calibrate", *words, *fixed, *args)


def manifest(out: Path, band: int = 3) -> dict[str, Any]:
    """Read the manifest of a calibration."""
    read: dict[str, Any] = json.loads((out / f"w{band}_calibrate.manifest.json").read_text())
    return read
