"""True errors of a mosaic of a simulated field."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from truthkit.photometry import annulus_levels, aperture_sums, centroids, net_fluxes, robust_sigma
from truthkit.runs import Mosaic

Float = NDArray[np.float64]

# arcsec; the aperture holds nearly all light, so that the slightly different sharpness of mosaic and truth
# image does not matter.
APERTURE, INNER, OUTER = 6.0, 8.0, 12.0
BLANK_APERTURE = 3 * 1.221
# Mean pixel sides (arcsec) that turn flux into surface brightness in calibrated frames, channels 1-4.
NATIVE_ARCSEC = {1: 1.221, 2: 1.213, 3: 1.222, 4: 1.220}


@dataclass(frozen=True)
class StarErrors:
    """Errors of isolated stars.

    Attributes
    ----------
    n : int
    flux_bias : float
        Median of (flux / true flux) - 1.
    flux_bias_error : float
        Its standard error.
    flux_pull : float
        Robust scatter of (flux - truth) / stated error; 1 when the errors are honest.
    position_bias_mas : float
        Length of the median offset, mas.
    position_rms_mas : float
        Robust scatter of the offsets per axis, mas.
    """

    n: int
    flux_bias: float
    flux_bias_error: float
    flux_pull: float
    position_bias_mas: float
    position_rms_mas: float


def expected_response(truth: Path, inputs: Table, rule: str) -> dict[int, tuple[float, int]]:
    """Give the mean response of each source over the frames that hold it, and their number.

    A frame records flux x r_al x r_pp / (mean pixel area); the mosaic's pixels are summed with their true
    areas, so the frame contributes r_al x r_pp x (local pixel area) / (mean pixel area), times its weight.
    """
    detections = Table.read(truth / "truth_detections.ecsv")
    names = np.array([Path(str(name)).name for name in inputs["file"]])
    weights = np.array(inputs["weight"], dtype=np.float64)
    if rule == "median-exptime":
        weights = np.array(inputs["gain"] / inputs["fluxconv"] * inputs["exptime"], dtype=np.float64)
    weight_of = dict(zip(names, weights, strict=True))
    channel = int(names[0].split("_")[1][1:])
    mean_area = NATIVE_ARCSEC[channel] ** 2
    sums: dict[int, list[float]] = {}
    for row in detections:
        inside = 4 < row["x"] < 251 and 4 < row["y"] < 251
        weight = weight_of.get(Path(str(row["file"])).name, 0.0) if inside else 0.0
        total = sums.setdefault(int(row["source"]), [0.0, 0.0, 0, 0])
        total[0] += weight * row["r_al"] * row["r_pp"] * row["pixel_area"] / mean_area
        total[1] += weight
        total[2] += bool(weight)
        total[3] += bool(row["saturated"])
    return {key: (a / w, int(n)) for key, (a, w, n, s) in sums.items() if w > 0 and not s}


def star_errors(
    mosaic: Mosaic, truth: Path, *, rule: str = "weighted", min_frames: int = 5, min_snr: float = 100.0
) -> StarErrors:
    """Measure flux and position errors of isolated stars against the truth.

    Parameters
    ----------
    mosaic : Mosaic
    truth : Path
        The folder of truth tables and of the noise-free image.
    rule : str
    min_frames : int
        Stars on fewer frames are left out.
    min_snr : float
    """
    sources = Table.read(truth / "truth_sources.ecsv")
    response = expected_response(truth, mosaic.inputs, rule)
    chosen = sources[[response.get(int(i), (0.0, 0))[1] >= min_frames for i in sources["id"]]]
    with fits.open(truth / "truth_image.fits") as hdus:
        ideal, ideal_wcs = hdus[0].data.astype(np.float64), WCS(hdus[0].header)
    scale = float(np.abs(mosaic.wcs.wcs.cd[0, 0])) * 3600
    radii = (APERTURE / scale, INNER / scale, OUTER / scale)
    x, y = mosaic.wcs.wcs_world2pix(chosen["ra"], chosen["dec"], 0)
    tx, ty = ideal_wcs.wcs_world2pix(chosen["ra"], chosen["dec"], 0)
    measured = net_fluxes(mosaic.sci, x, y, *radii) * mosaic.ujy_per_pixel
    expected = net_fluxes(ideal, tx, ty, *radii) * mosaic.ujy_per_pixel
    expected = expected * np.array([response[int(i)][0] for i in chosen["id"]])
    error = flux_errors(mosaic, x, y, *radii)
    good = np.isfinite(measured) & np.isfinite(expected) & (expected > min_snr * error)
    ratio = measured[good] / expected[good]
    cx, cy = centroids(mosaic.sci, x[good], y[good], sigma=1.0 / scale)
    dx, dy = (cx - x[good]) * scale * 1000, (cy - y[good]) * scale * 1000
    known = np.isfinite(dx) & np.isfinite(dy)
    return StarErrors(
        n=int(good.sum()),
        flux_bias=float(np.median(ratio) - 1),
        flux_bias_error=float(1.2533 * robust_sigma(ratio) / np.sqrt(good.sum())),
        flux_pull=robust_sigma((measured - expected)[good] / error[good]),
        position_bias_mas=float(np.hypot(np.median(dx[known]), np.median(dy[known]))),
        position_rms_mas=float(np.hypot(robust_sigma(dx[known]), robust_sigma(dy[known])) / np.sqrt(2)),
    )


def flux_errors(mosaic: Mosaic, x: Float, y: Float, radius: float, inner: float, outer: float) -> Float:
    """Give the stated error of aperture fluxes, uJy: CORRFAC sqrt(sum UNC^2), and the annulus."""
    variance = np.square(mosaic.unc)
    area, ring = np.pi * radius**2, np.pi * (outer**2 - inner**2)
    own = aperture_sums(variance, x, y, radius)
    level = area**2 / ring * annulus_levels(variance, x, y, inner, outer)
    return np.asarray(mosaic.correlation * np.sqrt(own + level) * mosaic.ujy_per_pixel)


@dataclass(frozen=True)
class BlankSky:
    """Apertures on empty sky.

    Attributes
    ----------
    n : int
    sigma_ratio : float
        True scatter over stated sigma.
    sigma_ratio_error : float
    """

    n: int
    sigma_ratio: float
    sigma_ratio_error: float


def blank_sky(mosaic: Mosaic, truth: Path, *, n: int = 1500, min_frames: int = 5, seed: int = 1) -> BlankSky:
    """Measure apertures of 3 native pixels where the truth image is empty.

    Parameters
    ----------
    mosaic : Mosaic
    truth : Path
    n : int
        Positions tried.
    min_frames : int
    seed : int
    """
    rng = np.random.default_rng(seed)
    with fits.open(truth / "truth_image.fits") as hdus:
        ideal, ideal_wcs = hdus[0].data.astype(np.float64), WCS(hdus[0].header)
    scale = float(np.abs(mosaic.wcs.wcs.cd[0, 0])) * 3600
    radius, inner, outer = BLANK_APERTURE / scale, 6.0 / scale, 12.0 / scale
    ny, nx = mosaic.sci.shape
    x, y = rng.uniform(30, nx - 30, n), rng.uniform(30, ny - 30, n)
    ra, dec = mosaic.wcs.wcs_pix2world(x, y, 0)
    tx, ty = ideal_wcs.wcs_world2pix(ra, dec, 0)
    well_covered = aperture_sums((mosaic.coverage < min_frames).astype(float), x, y, radius) == 0
    x, y, tx, ty = (values[well_covered] for values in (x, y, tx, ty))
    error = flux_errors(mosaic, x, y, radius, inner, outer)
    light = net_fluxes(ideal, tx, ty, radius, inner, outer) * mosaic.ujy_per_pixel
    good = np.isfinite(error) & (np.abs(light) < 0.3 * error)
    flux = net_fluxes(mosaic.sci, x[good], y[good], radius, inner, outer) * mosaic.ujy_per_pixel
    # The wings of stars reach everywhere; what is left of them under the annulus is known.
    pulls = (flux - light[good]) / error[good]
    pulls = pulls[np.isfinite(pulls)]
    sigma = robust_sigma(pulls)
    # The standard error of a MAD-based sigma is 1.17 / sqrt(n) of it for normal values.
    return BlankSky(pulls.size, sigma, 1.17 * sigma / float(np.sqrt(pulls.size)))


def constant_sky_error(mosaic: Mosaic, level: float) -> float:
    """Give the largest relative error of a mosaic of a constant sky of ``level`` MJy/sr."""
    covered = mosaic.coverage > 0
    return float(np.max(np.abs(mosaic.sci[covered] / level - 1)))
