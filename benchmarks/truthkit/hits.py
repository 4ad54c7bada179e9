"""What cosmic rays leave in a mosaic, and what rejection takes from stars."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, maximum_filter
from scipy.spatial import cKDTree

from truthkit.measures import APERTURE, INNER, NATIVE_ARCSEC, OUTER, expected_response, flux_errors
from truthkit.photometry import net_fluxes, robust_sigma
from truthkit.runs import Mosaic

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Pixels = tuple[NDArray[np.int64], NDArray[np.int64]]

# A hit reaches as far as the interpolation, 3 pixels of the frame.
REACH_PX = 3.0
# Largest deviation that a hit may leave, in units of UNC.
LIMIT = 3.0
# Random stars, bright ones among them, and every accident; no mask knows of a hit.
HIT_FIELD: dict[str, Any] = {
    "n_aors": 1,
    "flux_min_ujy": 3.0,
    "flux_max_ujy": 3000.0,
    "n_bright_stars": 0,
    "rmask_completeness": 0.0,
    "hot_flagged_fraction": 1.0,
}


@dataclass(frozen=True, eq=False)
class Residuals:
    """What hits leave in a mosaic: the same frames with and without them.

    Attributes
    ----------
    pull : ndarray of float, shape (n,)
        Difference over the stated uncertainty of the mosaic with hits, at the pixels that hits touch.
    coverage : ndarray of int, shape (n,)
        Frames on the pixel without hits.
    distance : ndarray of float, shape (n,)
        To the nearest bright source, arcsec; infinite without one.
    peak : ndarray of float, shape (n,)
        Brightest pixel without hits within 2 pixels of the frames, MJy/sr.
    share : ndarray of float, shape (n,)
        What of the difference is beyond the limit, over that.
    y, x : ndarray of int, shape (n,)
        The pixels.
    lost : int
        Touched pixels that have no value only because of hits.
    """

    pull: Float
    coverage: NDArray[np.int64]
    distance: Float
    peak: Float
    share: Float
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    lost: int

    @property
    def worst(self) -> float:
        """Largest absolute deviation, sigma."""
        return float(np.abs(self.pull).max(initial=0.0))

    @property
    def beyond(self) -> int:
        """Pixels beyond the limit."""
        return int((np.abs(self.pull) > LIMIT).sum())

    def part(self, chosen: Bool) -> Residuals:
        """Take some of the pixels."""
        return Residuals(
            pull=self.pull[chosen],
            coverage=self.coverage[chosen],
            distance=self.distance[chosen],
            peak=self.peak[chosen],
            share=self.share[chosen],
            y=self.y[chosen],
            x=self.x[chosen],
            lost=self.lost,
        )


def residuals(
    struck: Mosaic, quiet: Mosaic, touched: Bool, sources: tuple[Float, Float] | None = None
) -> Residuals:
    """Compare the mosaic of frames with hits with that of the same frames without.

    Parameters
    ----------
    struck, quiet : Mosaic
        With and without hits, on one grid.
    touched : ndarray of bool, shape (ny, nx)
        From :func:`touched_pixels`.
    sources : tuple of ndarray, optional
        Right ascensions and declinations of bright sources, deg.
    """
    known = touched & np.isfinite(quiet.sci)
    lost = int((known & ~np.isfinite(struck.sci)).sum())
    y, x = np.nonzero(known & np.isfinite(struck.sci))
    pull = (struck.sci[y, x] - quiet.sci[y, x]) / struck.unc[y, x]
    beyond = (np.abs(pull) - LIMIT) * struck.unc[y, x]
    peak = maximum_filter(np.nan_to_num(quiet.sci), size=9)[y, x]
    share = np.where(beyond > 0, beyond / np.maximum(peak, struck.unc[y, x]), 0.0)
    distance = np.full(x.size, np.inf)
    if sources is not None and sources[0].size:
        places = np.column_stack(quiet.wcs.wcs_world2pix(*sources, 0))
        scale = float(np.abs(quiet.wcs.wcs.cd[0, 0])) * 3600
        distance = cKDTree(places).query(np.column_stack([x, y]))[0] * scale
    return Residuals(pull, quiet.coverage[y, x], distance, peak, share, y, x, lost)


def struck_pixels(frames: Path, least: float) -> dict[Path, Pixels]:
    """Give the pixels (x, y) of every frame of a simulation that hits of so many sigma left charge in."""
    table = Table.read(frames / "truth" / "truth_frames.ecsv")
    rays = Table.read(frames / "truth" / "truth_cosmic_rays.fits")
    strong = rays[rays["significance"] >= least]
    key = [np.array(strong[name]) for name in ("aorkey", "expid", "dcenum")]
    found = {}
    for row in table:
        own = (key[0] == row["aorkey"]) & (key[1] == row["expid"]) & (key[2] == row["dcenum"])
        found[frames / str(row["file"])] = (
            np.array(strong["x"][own], dtype=np.int64),
            np.array(strong["y"][own], dtype=np.int64),
        )
    return found


def touched_pixels(mosaic: Mosaic, struck: dict[Path, Pixels]) -> Bool:
    """Find the pixels of a mosaic within the reach of hits, through the header positions of the frames.

    Parameters
    ----------
    mosaic : Mosaic
    struck : dict
        From :func:`struck_pixels`.
    """
    ny, nx = mosaic.sci.shape
    mask = np.zeros((ny, nx), dtype=np.bool_)
    for path, (x, y) in struck.items():
        if x.size:
            ra, dec = WCS(fits.getheader(path)).all_pix2world(x, y, 0)
            gx, gy = (np.rint(place).astype(int) for place in mosaic.wcs.wcs_world2pix(ra, dec, 0))
            inside = (gx >= 0) & (gy >= 0) & (gx < nx) & (gy < ny)
            mask[gy[inside], gx[inside]] = True
    scale = float(np.abs(mosaic.wcs.wcs.cd[0, 0])) * 3600
    reach = round(REACH_PX * NATIVE_ARCSEC[1] / scale)
    square = np.arange(-reach, reach + 1) ** 2
    return np.asarray(binary_dilation(mask, square[:, None] + square <= reach**2))


def bright_sources(frames: Path, flux_ujy: float) -> tuple[Float, Float]:
    """Give the positions of the sources of a simulation that are at least so bright."""
    sources = Table.read(frames / "truth" / "truth_sources.ecsv")
    chosen = sources[sources["flux"] >= flux_ujy]
    return np.array(chosen["ra"]), np.array(chosen["dec"])


@dataclass(frozen=True)
class StarChange:
    """How rejection changes the fluxes of stars where there is nothing to reject.

    Attributes
    ----------
    n : int
    mean, error : float
        Mean of the relative changes, and its standard error.
    scatter : float
        Their standard deviation.
    worst : float
        The largest of 99 % of the absolute changes.
    sigma : float
        Mean change over the stated error of the flux.
    """

    n: int
    mean: float
    error: float
    scatter: float
    worst: float
    sigma: float


def star_changes(
    kept: Mosaic, rejected: Mosaic, truth: Path, edges: tuple[float, ...], *, min_frames: int = 5
) -> list[StarChange]:
    """Compare the fluxes of stars in two mosaics of the same frames, without and with rejection.

    Parameters
    ----------
    kept, rejected : Mosaic
    truth : Path
    edges : tuple of float
        Limits of classes of signal to noise.
    min_frames : int
        Stars on fewer frames are left out.
    """
    sources = Table.read(truth / "truth_sources.ecsv")
    seen = expected_response(truth, kept.inputs, "weighted")
    chosen = sources[[seen.get(int(i), (0.0, 0))[1] >= min_frames for i in sources["id"]]]
    scale = float(np.abs(kept.wcs.wcs.cd[0, 0])) * 3600
    radii = (APERTURE / scale, INNER / scale, OUTER / scale)
    x, y = kept.wcs.wcs_world2pix(chosen["ra"], chosen["dec"], 0)
    before, after = (net_fluxes(one.sci, x, y, *radii) * one.ujy_per_pixel for one in (kept, rejected))
    error = flux_errors(kept, x, y, *radii)
    ratio, snr = after / before - 1.0, before / error
    changes = []
    for low, high in pairwise(edges):
        values = ratio[(snr >= low) & (snr < high) & np.isfinite(ratio)]
        if values.size < 2:
            continue
        in_sigma = (ratio * snr)[(snr >= low) & (snr < high) & np.isfinite(ratio)]
        changes.append(
            StarChange(
                values.size,
                float(values.mean()),
                float(values.std(ddof=1) / np.sqrt(values.size)),
                float(values.std(ddof=1)),
                float(np.quantile(np.abs(values), 0.99)),
                float(in_sigma.mean()),
            )
        )
    return changes


def inject_hits(frames: list[Path], folder: Path, per_frame: int, seed: int) -> dict[Path, Pixels]:
    """Copy frames and add hits of 10 to 1000 sigma at random places: single pixels, and every third a track.

    Parameters
    ----------
    frames : list of Path
    folder : Path
        Of the copies.
    per_frame, seed : int

    Returns
    -------
    dict
        Pixels (x, y) of every copy.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    found = {}
    for path in frames:
        copy = folder / path.name
        shutil.copyfile(path, copy)
        copy.chmod(0o644)
        with fits.open(copy, mode="update") as hdus:
            image = hdus[0].data
            sigma = robust_sigma(image[np.isfinite(image)].astype(np.float64))
            xs, ys = [], []
            for hit in range(per_frame):
                length = int(rng.integers(3, 15)) if hit % 3 == 0 else 1
                angle, strength = rng.uniform(0, np.pi), 10 ** rng.uniform(1, 3)
                x, y = rng.integers(0, image.shape[1]), rng.integers(0, image.shape[0])
                steps = np.arange(length)
                i, j = (
                    np.rint(x + steps * np.cos(angle)).astype(int),
                    np.rint(y + steps * np.sin(angle)).astype(int),
                )
                inside = (i >= 0) & (j >= 0) & (i < image.shape[1]) & (j < image.shape[0])
                image[j[inside], i[inside]] += np.float32(strength * sigma)
                xs.append(i[inside])
                ys.append(j[inside])
        found[copy] = (np.concatenate(xs), np.concatenate(ys))
    return found
