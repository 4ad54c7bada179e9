"""The errors that `make demo` measures: its products against what the simulators know."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sep
import yaml
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from truthkit.calibtruth import far_from_plane, map_errors, read_sky, scan_errors
from truthkit.measures import blank_sky, star_errors
from truthkit.runs import read_mosaic, settings

Float = NDArray[np.float64]

_MAD = 1.4826
# Stars to be measured on single frames: unsaturated, brighter than all light near them.
_FAINTEST_UJY, _BRIGHTEST_UJY, _NEIGHBOUR_ARCSEC = 300.0, 5000.0, 12.0
# Stars of a near-infrared stack: below saturation, with little noise, and alone.
_PRIME_MAG, _PRIME_ALONE = (13.0, 16.0), 4.0


@dataclass(frozen=True)
class Check:
    """One measured error and the range it must lie in.

    Attributes
    ----------
    label : str
    value, low, high : float
    """

    label: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Whether the value is a number inside the range."""
        return self.low <= self.value <= self.high

    def line(self) -> str:
        """One line of the table."""
        verdict = "ok" if self.passed else "WRONG"
        return f"  {self.label:<52}{self.value:>9.4g}   {self.low:g} to {self.high:g}  {verdict}"


def spread(values: Float) -> float:
    """Robust standard deviation."""
    return _MAD * float(np.median(np.abs(values - np.median(values))))


def bright_stars(sources: Table) -> Table:
    """Choose the stars of an IRAC field that outshine everything within 10 px twenty times."""
    ra, dec, flux = (np.asarray(sources[name], dtype=float) for name in ("ra", "dec", "flux"))
    dx = (ra[:, None] - ra) * np.cos(np.radians(dec)) * 3600.0
    near = np.hypot(dx, (dec[:, None] - dec) * 3600.0) < _NEIGHBOUR_ARCSEC
    np.fill_diagonal(near, val=False)
    alone = (near * flux).sum(axis=1) < 0.05 * flux
    kind = np.asarray(sources["kind"]).astype(str)
    return sources[alone & (kind == "star") & (flux > _FAINTEST_UJY) & (flux < _BRIGHTEST_UJY)]


def irac_mosaic_checks(product: Path, truth: Path) -> list[Check]:
    """Measure a mosaic of the simulated IRAC field.

    The limits allow for what this field contains by design: headers are wrong by 0.15 arcsec per axis, and
    one cosmic ray in ten is in no mask, which the comparison of the frames with their stack has to find.
    """
    mosaic = read_mosaic(product)
    stars, blank = star_errors(mosaic, truth, rule="weighted"), blank_sky(mosaic, truth)
    return [
        Check("stars measured", stars.n, 50, 1000),
        Check("star flux / true flux, median", 1.0 + stars.flux_bias, 0.98, 1.02),
        Check("position, median offset (mas)", stars.position_bias_mas, 0, 60),
        Check("position, scatter per axis (mas)", stars.position_rms_mas, 0, 200),
        Check("blank apertures, true scatter / stated sigma", blank.sigma_ratio, 0.7, 1.5),
    ]


def irac_phot_checks(table: Path, truth: Path) -> list[Check]:
    """Measure the fluxes of AORs.

    Published aperture corrections are those of the real PSF; the simulated one differs by up to 1 %.
    """
    found = Table.read(table)
    sources = Table.read(truth / "truth_sources.ecsv")
    true = dict(zip(sources["id"].astype(str), sources["flux"], strict=True))
    found = found[np.isfinite(found["Flux (mJy)"])]
    ratio = np.array([1e3 * row["Flux (mJy)"] / true[str(row["Target"])] for row in found])
    return [
        Check("fluxes of stars in AORs", ratio.size, 20, 10000),
        Check("AOR flux / true flux, median", float(np.median(ratio)), 0.97, 1.03),
        Check("AOR flux / true flux, robust scatter (%)", 100.0 * spread(ratio), 0, 3),
    ]


def prime_checks(product: Path, truth: Path) -> list[Check]:
    """Measure a stack of simulated dithers: where its stars are, how bright, and which frames are in it."""
    with fits.open(product) as hdus:
        header = hdus[0].header
        sci = np.ascontiguousarray(hdus[0].data, dtype=np.float32)
        mask = np.ascontiguousarray(~np.isfinite(sci) | (hdus["MASK"].data != 0))
        inputs = Table(hdus["INPUTS"].data)
    stars, frames = Table.read(truth / "truth_stars.ecsv"), Table.read(truth / "truth_frames.ecsv")
    x, y = WCS(header).all_world2pix(stars["ra"], stars["dec"], 0)
    scale = 3600.0 * abs(float(header["CD2_2"]))
    use = _isolated(stars, x, y, float(header["SEEING"]) / scale)
    radius = 1.5 * float(header["SEEING"]) / scale
    flux, _, flag = sep.sum_circle(np.where(mask, 0, sci), x[use], y[use], radius, mask=mask, subpix=5)
    cx, cy, lost = sep.winpos(np.where(mask, 0, sci), x[use], y[use], radius / 3.0)
    good = (flag == 0) & (lost == 0) & (flux > 0)
    away = scale * np.stack([cx - x[use], cy - y[use]])[:, good]
    mag = float(header["MAGZP"]) - 2.5 * np.log10(flux[good] * float(header["APFACTOR"]))
    error = mag - np.asarray(stars["mag"], float)[use][good]
    accident = {f"{row['serial']:>08}": str(row["accident"]) != "none" for row in frames}
    wrong = sum(accident[str(row["serial"])] != (row["status"] != "used") for row in inputs)
    return [
        Check("stars measured", int(good.sum()), 50, 10000),
        Check("magnitude less the true one, median", float(np.median(error)), -0.02, 0.02),
        Check("magnitude, robust scatter", spread(error), 0, 0.05),
        Check("position, median offset (mas)", 1000 * float(np.hypot(*np.median(away, axis=1))), 0, 10),
        Check("position, scatter per axis (mas)", 500 * (spread(away[0]) + spread(away[1])), 0, 40),
        Check("frames used or refused wrongly", wrong, 0, 0),
    ]


def _isolated(stars: Table, x: Float, y: Float, seeing_px: float) -> NDArray[np.bool_]:
    """Tell which stars are bright, and have no neighbour of 2 % of their light."""
    from scipy.spatial import cKDTree

    mag, flux = np.asarray(stars["mag"], float), np.asarray(stars["flux"], float)
    use = (mag > _PRIME_MAG[0]) & (mag < _PRIME_MAG[1])
    places = np.stack([x, y], axis=1)
    chosen = np.flatnonzero(use)
    for k, near in zip(
        chosen, cKDTree(places).query_ball_point(places[chosen], _PRIME_ALONE * seeing_px), strict=True
    ):
        use[k] = flux[near].sum() < 1.02 * flux[k]
    return np.asarray(use)


def wise_checks(config: Path, output: Path) -> list[Check]:
    """Measure a calibrated map of a simulated WISE survey, and the gains of its scans.

    Parameters
    ----------
    config : Path
        The run configuration, beside which the frames were simulated.
    output : Path
        Folder of the calibration.
    """
    simulation = _simulation(config)
    (band,) = simulation.bands
    sky, scans = read_sky(output, band), scan_errors(simulation.output, output, band)
    found = map_errors(simulation, band, sky, far_from_plane(sky, 15.0))
    return [
        Check("scans in the map", scans.n, simulation.n_scans - 1, simulation.n_scans),
        Check("gain / true gain - 1, mean (%)", 100.0 * scans.gain_mean, -1.5, 1.5),
        Check("gain, scatter of scans (%)", 100.0 * scans.gain_rms, 0, 0.5),
        Check("offset, scatter of scans (DN)", scans.offset_rms, 0, 30),
        Check("map pixels measured", found.n, 200, 100000),
        Check("map, rms error (MJy/sr)", found.rms, 0, 0.3),
    ]


def _simulation(config: Path) -> WiseSimulation:
    chosen = yaml.safe_load(config.read_text(encoding="utf-8"))["wise"]["simulate"]
    dotted = {f"wise.simulate.{key}": value for key, value in chosen.items()}
    return settings(dotted | {"wise.simulate.output": config.parent / chosen["output"]}).wise.simulate
