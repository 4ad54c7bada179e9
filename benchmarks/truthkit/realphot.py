"""Photometry of the real subarray exposures and dithered frames."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli.irac.phot import photometer
from photomitrus_cli.irac.subarray import Combined2d, combine_cube
from truthkit.dither import ISOLATION_ARCSEC, gaia_positions

Float = NDArray[np.float64]

XO3 = "04 21 52.7 +57 49 02"
# Of the apertures for which the archive's functions were derived, and a larger one, the annulus of which
# reaches beyond the subarray.
SMALL, LARGE = (3, 3, 7), (4, 12, 20)
_DITHER_MJD = 53600.0


def xo3(data: Path, aperture: tuple[int, int, int], **keys: Any) -> Table:
    """Measure the five subarray exposures of XO-3; gives the table of images."""
    folder = data / "irac-subarray-xo3"
    return photometer([folder], XO3, apertures=[aperture], aperture_correction="none", **keys)[1]


def scatter_percent(table: Table, name: str = "Flux (mJy)") -> float:
    """Give the sample standard deviation over the mean, per cent; NaN if a value is missing."""
    values = np.array(table[name])
    return float(100.0 * values.std(ddof=1) / values.mean())


@dataclass(frozen=True)
class ArchiveExposure:
    """A subarray exposure combined here, and the archive's own products.

    Attributes
    ----------
    ours : Combined2d
    sci, unc, coverage, mask : ndarray, shape (32, 32)
        Of the archive.
    """

    ours: Combined2d
    sci: Float
    unc: Float
    coverage: NDArray[Any]
    mask: NDArray[Any]


def archive_exposure(data: Path, number: int) -> ArchiveExposure:
    """Combine one of the five exposures by the archive's rule, and read what the archive made of it."""
    stem = data / "irac-subarray-xo3" / f"SPITZER_I2_46466816_{number:04d}_0000_2_"
    cube, noise, masks, *theirs = (
        fits.getdata(f"{stem}{kind}.fits")
        for kind in ("bcd", "bunc", "bimsk", "sub2d", "unc2d", "cov2d", "msk2d")
    )
    return ArchiveExposure(combine_cube(cube, noise, masks), *theirs)


def dithered(data: Path, folder: Path) -> Table:
    """Measure isolated stars of the Gaia catalogue with their motions on ten dithered frames of channel 1.

    Parameters
    ----------
    data : Path
        Of the real frames.
    folder : Path
        For the table of pairs.

    Returns
    -------
    astropy.table.Table
        The table of images.
    """
    source = data / "irac-dither"
    catalogue = source / "gaia" / "gaia_2mass0415.csv"
    stars = Table.read(catalogue, format="ascii.csv")
    ra, dec = gaia_positions(catalogue, _DITHER_MJD)
    dx = (ra[:, None] - ra) * np.cos(np.radians(dec)) * 3600.0
    distance = np.hypot(dx, (dec[:, None] - dec) * 3600.0) + 1e9 * np.eye(len(ra))
    chosen = stars[distance.min(axis=1) > ISOLATION_ARCSEC]
    pairs = Table(
        {
            "AOR Filepath": [str(source / "r17577216-ch1")] * len(chosen),
            "ra": chosen["ra"],
            "dec": chosen["dec"],
            "pmra": np.ma.filled(chosen["pmra"], 0.0),
            "pmdec": np.ma.filled(chosen["pmdec"], 0.0),
            "epoch": chosen["ref_epoch"],
        }
    )
    table = folder / "pairs.ecsv"
    pairs.write(table, overwrite=True)
    return photometer([table], filetype="clean", apertures=[SMALL])[1]


def frame_deviations(table: Table, name: str) -> Float:
    """Give relative deviations from the median of the star, of stars bright enough on four frames or more."""
    found: list[float] = []
    for target in sorted(set(table["Target"])):
        own = table[(table["Target"] == target) & (table["Used"] == "Y")]
        values = np.array(own[name])
        if len(own) >= 4 and 0.2 < np.median(own["Flux (mJy)"]) < 30.0:
            found.extend((values / np.median(values) - 1.0) * np.sqrt(len(own) / (len(own) - 1.0)))
    return np.array(found)
