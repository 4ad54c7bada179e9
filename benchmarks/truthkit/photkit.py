"""Frames with one star of known flux and place, and ways to run and read photometry of them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from truthkit.faultkit import Ran, run_here

Float = NDArray[np.float64]

RA, DEC = 150.1, 2.2
TARGET = f"{RA} {DEC}"
PIXEL_ARCSEC = 1.22
PREFIX = "run1"
PRODUCTS = frozenset(
    {
        *(f"{PREFIX}_{table}_data.{suffix}" for table in ("img", "aor") for suffix in ("csv", "ecsv")),
        *(f"{PREFIX}_{name}" for name in ("log.txt", "series.png", "aors.png")),
        *(f"{PREFIX}.{name}" for name in ("manifest.json", "config.yaml")),
    }
)
TABLES = ("run1_img_data.csv", "run1_aor_data.csv", "run1_img_data.ecsv", "run1_aor_data.ecsv")
# For frames of the subarray.
SMALL_APERTURE = ("-r", "3", "3", "7")
# No corrections: a flux in mJy is then the star's own by a formula of one line.
PLAIN = ("--no-array-location", "--no-pixel-phase", "--ap-corr", "none")


@dataclass(frozen=True)
class Shot:
    """One exposure of a star on a uniform sky.

    Attributes
    ----------
    x, y : float
        0-based place of the star, and of the position `TARGET`.
    flux : float
        Of the star, MJy/sr pixel.
    width : float
        Standard deviation of its Gaussian, pixels.
    sky, sigma : float
        Level and noise, MJy/sr.
    side : int
        Of the array: 256, or 32 of the subarray.
    planes : int
        Of a subarray cube; 0 for an image.
    cards : tuple of (str, object)
        More header cards, or others than usual.
    """

    aorkey: int = 1000
    channel: int = 1
    expid: int = 0
    dcenum: int = 0
    x: float = 100.3
    y: float = 60.7
    flux: float = 1000.0
    width: float = 0.8
    sky: float = 0.5
    sigma: float = 0.05
    side: int = 256
    planes: int = 0
    framtime: float = 12.0
    exptime: float = 10.4
    mjd: float = 53500.0
    creator: str = "S18.25.0"
    cards: tuple[tuple[str, Any], ...] = ()

    def name(self, kind: str) -> str:
        """Give the archive's name of a file."""
        numbers = f"{self.aorkey}_{self.expid:04d}_{self.dcenum:04d}"
        return f"SPITZER_I{self.channel}_{numbers}_2_{kind}.fits"

    def folder(self, base: Path) -> Path:
        """Give the archive's folder."""
        return base / f"r{self.aorkey}" / f"ch{self.channel}" / "bcd"

    def path(self, base: Path, kind: str = "bcd") -> Path:
        """Give the path of a file."""
        return self.folder(base) / self.name(kind)


# On the subarray: quick to write and to read.
SMALL = Shot(side=32, x=15.2, y=15.6, framtime=0.1, exptime=0.08)


def pixels(shot: Shot, *, seed: int = 1) -> Float:
    """Draw an exposure: the star integrated over each pixel, the sky, its noise."""
    edges = np.arange(shot.side + 1) - 0.5
    along = [
        np.diff([0.5 * math.erf((edge - place) / (shot.width * math.sqrt(2.0))) for edge in edges])
        for place in (shot.x, shot.y)
    ]
    rng = np.random.default_rng([seed, shot.aorkey, shot.expid])
    shape = (shot.planes, shot.side, shot.side)[0 if shot.planes else 1 :]
    star = shot.flux * np.outer(along[1], along[0])
    return np.asarray(star + shot.sky + shot.sigma * rng.standard_normal(shape))


def header(shot: Shot) -> fits.Header:
    """Make the header of an exposure; the position `TARGET` falls on the star."""
    scale = PIXEL_ARCSEC / 3600.0
    return fits.Header(
        {
            "BUNIT": "MJy/sr",
            "CREATOR": shot.creator,
            "CHNLNUM": shot.channel,
            "AORKEY": shot.aorkey,
            "EXPID": shot.expid,
            "DCENUM": shot.dcenum,
            "AORLABEL": "IRAC-cycling",
            "READMODE": "SUB" if shot.side == 32 else "FULL",
            "DATE_OBS": "2005-05-10T00:00:00.000",
            "MJD_OBS": shot.mjd,
            "FRAMTIME": shot.framtime,
            "EXPTIME": shot.exptime,
            "GAIN": 3.3,
            "FLUXCONV": 0.1088,
            "PXSCAL1": -PIXEL_ARCSEC,
            "PXSCAL2": PIXEL_ARCSEC,
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "RADESYS": "ICRS",
            "CRVAL1": RA,
            "CRVAL2": DEC,
            "CRPIX1": shot.x + 1.0,
            "CRPIX2": shot.y + 1.0,
            "CD1_1": -scale,
            "CD1_2": 0.0,
            "CD2_1": 0.0,
            "CD2_2": scale,
        }
        | dict(shot.cards)
    )


def take(base: Path, *shots: Shot, unc: bool = True, imask: bool = True) -> list[Path]:
    """Write exposures with their uncertainties and masks as the archive lays them out; give the frames."""
    paths = []
    for shot in shots:
        cards = header(shot)
        shot.folder(base).mkdir(parents=True, exist_ok=True)
        sci = pixels(shot).astype(">f4")
        fits.PrimaryHDU(sci, cards).writeto(shot.path(base))
        if unc:
            fits.PrimaryHDU(np.full(sci.shape, shot.sigma, ">f4"), cards).writeto(shot.path(base, "bunc"))
        if imask:
            del cards["BUNIT"]
            fits.PrimaryHDU(np.zeros(sci.shape, ">i2"), cards).writeto(shot.path(base, "bimsk"))
        paths.append(shot.path(base))
    return paths


def series(n: int, shot: Shot | None = None, fluxes: Sequence[float] = ()) -> list[Shot]:
    """Give exposures of one observation that follow each other, by default of equal flux."""
    first = shot or Shot()
    values = list(fluxes) or [first.flux] * n
    return [replace(first, expid=k, mjd=first.mjd + k * 1e-3, flux=values[k]) for k in range(n)]


def star_mjy(flux: float) -> float:
    """Turn MJy/sr pixel of channel 1 into mJy, with the mean side of a pixel of 1.221 arcsec."""
    return flux * (1.221 / 206265.0) ** 2 * 1e9


def phot(*args: object) -> Ran:
    """Run a serial `astromap irac phot` in this process, with tokens for its pictures."""
    with mock.patch("photomitrus_cli.irac.phot.draw", token_pictures):
        return run_here("irac", "phot", "-j", "1", *args)


def token_pictures(*args: Any) -> None:
    """Stand in for the drawing of both pictures."""
    for path in args[:2]:
        path.write_bytes(b"picture")


def measured(*args: object) -> Ran:
    """Run `phot` on the position `TARGET`."""
    return phot("--target", TARGET, *args)


def rows(folder: Path, table: str) -> list[dict[str, str]]:
    """Read ``img`` or ``aor`` data of run 1 as CSV."""
    with (folder / f"{PREFIX}_{table}_data.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def column(table: Iterable[dict[str, str]], name: str) -> Float:
    """Give one column as numbers; empty is NaN."""
    return np.array([float(row[name] or "nan") for row in table])


def write_pairs(path: Path, *pairs: tuple[str, str]) -> Path:
    """Write a table of AOR-target pairs with the column names of rafia37/IRAC_photometry."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("AOR Filepath", "Target Coordinates"), *pairs])
    return path


def log_fields(folder: Path) -> dict[str, str]:
    """Read the text log: key and value of every line."""
    lines = (folder / f"{PREFIX}_log.txt").read_text().splitlines()
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
