"""How far the products of `wise calibrate` are from the simulated survey behind them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import healpy
import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.wise.calibtableread import read_calibration
from truthkit.framesurvey import astromap, coadd_survey, inside, make_survey, true_sky
from truthkit.pages import heading, row

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# How wrong the template at one wavelength is for the simulated light, beyond a scale and a level: 0.1 % rms,
# less than what the packaged modes allow for by factors of 20 and more.
HOLDING: dict[str, Any] = {
    "modes.sides": 0.001,
    "modes.asymmetry": 0.001,
    "modes.bands": 0.005,
    "modes.ring": 0.005,
    "zodi_error": 0.001,
}
# The median of the chi^2 distribution with one degree of freedom.
_MEDIAN_CHI2 = 0.454936
# Errors of a calibration are common to neighbours: regions of 15 deg count as independent.
_REGION_NSIDE = 4
# Surveys of the accuracy page. *disturbed*: the Moon beside the scans, and two scans whose offset jumps;
# samples near the Moon are left out.
NSIDE = 128
CASES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("clean", 1, {"seed": 11}),
    ("clean", 2, {"seed": 12, "n_scans": 16, "frame_px": 32}),
    ("clean", 3, {"seed": 1}),
    ("clean", 4, {"seed": 14}),
    ("disturbed", 1, {"seed": 21}),
    ("disturbed", 3, {"seed": 23}),
    ("disturbed", 4, {"seed": 24, "n_scans": 16, "frame_px": 32}),
)
DISTURBED: dict[str, Any] = {"start_mjd": 55366.2, "odd_scans": 2}


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
    chi2_error : float
        Standard error of `chi2_stated` from regions of 15 deg.
    """

    n: int
    monopole: float
    rms: float
    chi2: float
    typical: float
    chi2_stated: float
    typical_stated: float
    chi2_error: float


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
        _error_of_mean(both, sky.pixels[chosen], sky.nside),
    )


def _error_of_mean(values: Floats, pixels: NDArray[np.int64], nside: int) -> float:
    """Give the standard error of a mean over pixels that only regions make independent."""
    region = healpy.ring2nest(nside, pixels) // (nside // _REGION_NSIDE) ** 2
    sums = np.bincount(region, values - values.mean())
    return float(np.sqrt(np.sum(sums**2))) / len(values)


def far_from_plane(sky: PartialMap, least_deg: float = 20.0) -> Bools:
    """Tell which pixels of a Galactic map are beyond a latitude, shape (P,)."""
    latitude = healpy.pix2ang(sky.nside, sky.pixels, lonlat=True)[1]
    return np.asarray(np.abs(latitude) > least_deg)


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


def end_to_end_table(folder: Path) -> Iterator[str]:
    """Give the table of surveys that went through all commands, in empty subfolders of a folder."""
    names = ("refused: frames", "scans (bad)", "map: n", "mean, MJy/sr", "rms", "chi^2", "typical")
    yield heading("survey", "band", *names, "gain: mean, %", "stated", "rms, %", "stated", text=1)
    for kind, band, block in CASES:
        yield _end_to_end(folder / f"{kind}-w{band}", kind, band, block)


def _end_to_end(folder: Path, kind: str, band: int, block: dict[str, Any]) -> str:
    disturbed = kind == "disturbed"
    made_with = {"n_scans": 24, **(DISTURBED if disturbed else {}), **block}
    simulation = make_survey(folder, band=band, **made_with)
    maps = coadd_survey(folder, band=band, nside=NSIDE)
    changes = {**HOLDING, "draws": 32, "moon_deg": 30.0 if disturbed else 0.0}
    return end_to_end_row(simulation, maps, calibrate(folder, maps, band=band, **changes), kind, band)


def end_to_end_row(simulation: WiseSimulation, maps: Path, output: Path, kind: str, band: int) -> str:
    """Give the line of a survey whose calibration is in a folder."""
    folder, sky = simulation.output, read_sky(output, band)
    found, scans = (
        map_errors(simulation, band, sky, far_from_plane(sky)), scan_errors(folder, output, band)
    )  # fmt: skip
    frames = Table.read(maps / f"w{band}_frames.ecsv", format="ascii.ecsv")
    truth = Table.read(folder / "truth" / "truth_scans.ecsv", format="ascii.ecsv")
    odd = {str(one["scan_id"]) for one in truth if one["jump"] != 0.0}
    table, meta = read_calibration(output / f"w{band}_calibration.ecsv")
    refused = set(table.scan[~table.accepted].tolist())
    lost = int(np.sum(np.asarray(frames["status"], str) != "used"))
    return row(
        kind,
        f"W{band}",
        f"{lost} of {len(frames)}",
        f"{len(refused)} ({len(refused & odd)} of {len(odd)})",
        found.n,
        f"{found.monopole:+.4f}",
        f"{found.rms:.4f}",
        f"{found.chi2_stated:.2f} ± {found.chi2_error:.2f}",
        f"{found.typical_stated:.2f}",
        f"{100 * scans.gain_mean:+.2f}",
        f"{100 * float(meta['gain_common_sigma']):.2f}",
        f"{100 * scans.gain_rms:.3f}",
        f"{100 * scans.gain_sigma:.3f}",
    )
