"""How far the products of `wise calibrate` are from the simulated survey behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.wise.calibtables import read_calibration
from truthkit.simsurvey import astromap, inside, true_sky

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# The median of the chi^2 distribution with one degree of freedom.
_MEDIAN_CHI2 = 0.454936


@dataclass(frozen=True, slots=True)
class MapErrors:
    """Errors of a map: found minus true, beyond their weighted mean.

    Attributes
    ----------
    n : int
        Pixels.
    monopole : float
        That mean, MJy/sr.
    rms : float
        MJy/sr.
    chi2, typical : float
        Per pixel with SIGMA alone, and the same from the median.
    chi2_stated, typical_stated : float
        With the stated error of the template besides.
    """

    n: int
    monopole: float
    rms: float
    chi2: float
    typical: float
    chi2_stated: float
    typical_stated: float


@dataclass(frozen=True, slots=True)
class ScanErrors:
    """Errors of what was fitted to accepted scans: found minus true.

    Attributes
    ----------
    n : int
    gain_mean, gain_rms : float
        Relative; rms about the mean.
    gain_sigma : float
        Root mean square of the stated relative errors.
    gain_pull : float
        Root mean square of error over stated error.
    offset_mean, offset_rms, offset_sigma : float
        DN.
    """

    n: int
    gain_mean: float
    gain_rms: float
    gain_sigma: float
    gain_pull: float
    offset_mean: float
    offset_rms: float
    offset_sigma: float


def calibrate(folder: Path, maps: Path, *, band: int, name: str = "fullsky", **changes: Any) -> Path:
    """Run `wise calibrate` with the template at one wavelength, as the simulated light has.

    Parameters
    ----------
    folder : Path
        Of the survey.
    maps : Path
        Its scan maps.
    band : int
    name : str
        Of the folder of the products in `folder`.
    **changes : object
        Settings of the calibration.

    Returns
    -------
    Path
        The folder of the products.
    """
    output = folder / name
    words = ("--band", band, "--maps", maps, "-o", output, "--spectrum", "mono", "--no-pictures", "-j", 1)
    with inside(folder):
        astromap("wise", "calibrate", *words, sets={f"wise.calibrate.{key}": v for key, v in changes.items()})
    return output


def map_errors(simulation: WiseSimulation, band: int, sky: PartialMap, use: Bools | None = None) -> MapErrors:
    """Compare a map with the true sky.

    Parameters
    ----------
    simulation : WiseSimulation
    band : int
    sky : PartialMap
        ``w<band>_fullsky.fits``.
    use : ndarray of bool, shape (P,), optional
        Pixels to be compared; all that have a value otherwise.

    Returns
    -------
    MapErrors
    """
    columns = sky.columns
    chosen = np.isfinite(columns["SKY"]) & (True if use is None else use)
    error = columns["SKY"][chosen] - true_sky(simulation, band, sky.pixels[chosen], sky.nside)
    sigma = columns["SIGMA"][chosen].astype(np.float64)
    stated = np.hypot(sigma, columns["ZODI_SIGMA"][chosen])
    monopole = float(np.average(error, weights=sigma**-2))
    error = error - monopole
    alone, both = (error / sigma) ** 2, (error / stated) ** 2
    return MapErrors(
        len(error),
        monopole,
        float(error.std()),
        float(alone.mean()),
        float(np.median(alone)) / _MEDIAN_CHI2,
        float(both.mean()),
        float(np.median(both)) / _MEDIAN_CHI2,
    )


def read_sky(output: Path, band: int) -> PartialMap:
    """Read the map of a calibration."""
    return read_partial_map(output / f"w{band}_fullsky.fits")


def scan_errors(folder: Path, output: Path, band: int) -> ScanErrors:
    """Compare gains and offsets with the truth of a survey.

    Parameters
    ----------
    folder : Path
        Of the survey.
    output : Path
        Of its calibration.
    band : int

    Returns
    -------
    ScanErrors
    """
    found, _ = read_calibration(output / f"w{band}_calibration.ecsv")
    truth = Table.read(folder / "truth" / "truth_scans.ecsv", format="ascii.ecsv")
    truth = truth[truth["band"] == band]
    place = {str(name): k for k, name in enumerate(truth["scan_id"])}
    rows = [place[str(name)] for name in found.scan]
    use = found.accepted
    gain, offset = (np.asarray(truth[name], float)[rows][use] for name in ("gain", "offset"))
    relative = found.gain[use] / gain - 1.0
    stated = found.gain_sigma[use] / found.gain[use]
    shift = found.offset[use] - offset
    return ScanErrors(
        int(use.sum()),
        float(relative.mean()),
        float(relative.std()),
        _root_mean_square(stated),
        _root_mean_square(relative / stated),
        float(shift.mean()),
        float(shift.std()),
        _root_mean_square(found.offset_sigma[use]),
    )


def _root_mean_square(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
