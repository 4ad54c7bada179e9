"""Quick-look pictures: WCS axes, asinh stretch, units on the colour bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.visualization import AsinhStretch, ImageNormalize
from astropy.wcs import WCS
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

# Colour-blind safe, and readable when printed in grey.
SKY_MAP = "gray_r"
COUNT_MAP = "cividis"
# More points than this in a picture cannot be seen; drawing them only takes time.
MAX_SIDE = 1600


def sky_limits(image: NDArray[np.floating]) -> tuple[float, float, float]:
    """Choose a picture's limits: a little below the sky to a bright quantile, and the asinh softening.

    Parameters
    ----------
    image : ndarray of float, shape (ny, nx)
        NaN where there is no data.

    Returns
    -------
    low, high, softening : float
        The softening is a fraction of the range, as astropy's AsinhStretch takes it.
    """
    sample = image[np.isfinite(image)]
    if sample.size == 0:
        return 0.0, 1.0, 0.1
    centre = float(np.median(sample))
    sigma = 1.4826 * float(np.median(np.abs(sample - centre))) or 1e-6
    low = centre - 3.0 * sigma
    high = max(float(np.quantile(sample, 0.998)), centre + 20.0 * sigma)
    return low, high, min(0.5, 3.0 * sigma / (high - low))


def draw_mosaic(
    path: Path,
    sci: NDArray[np.floating],
    coverage: NDArray[np.integer],
    header: fits.Header,
    *,
    title: str,
    unit: str,
) -> None:
    """Draw a mosaic beside its coverage.

    Parameters
    ----------
    path : Path
        The PNG to write, whatever its suffix.
    sci : ndarray of float, shape (ny, nx)
    coverage : ndarray of int, shape (ny, nx)
    header : astropy.io.fits.Header
        WCS of both.
    title, unit : str
        Heading, and what the pixel values are.
    """
    step = max(1, -(-max(sci.shape) // MAX_SIDE))
    wcs = WCS(_thinned(header, step))
    thin = sci[::step, ::step]
    low, high, softening = sky_limits(thin)
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(softening))
    height = min(12.0, max(4.0, 6.5 * sci.shape[0] / sci.shape[1]))
    figure = Figure(figsize=(14.5, height))
    # Fixed margins: matplotlib's own layout engines draw a WCS picture several times over.
    figure.subplots_adjust(left=0.07, right=0.97, bottom=0.55 / height, top=1 - 0.45 / height, wspace=0.12)
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    for place, image, label, options in (
        (1, thin, unit, {"cmap": SKY_MAP, "norm": norm}),
        (2, coverage[::step, ::step], "frames", {"cmap": COUNT_MAP, "vmin": 0}),
    ):
        axes = figure.add_subplot(1, 2, place, projection=wcs)
        drawn = axes.imshow(image, origin="lower", interpolation="nearest", **options)
        axes.set_xlabel("right ascension (ICRS)")
        axes.set_ylabel("declination (ICRS)" if place == 1 else " ")
        axes.coords.grid(color="grey", alpha=0.3, linestyle=":")
        figure.colorbar(drawn, ax=axes, label=label, shrink=0.85)
    figure.savefig(path, dpi=110, format="png")


def _thinned(header: fits.Header, step: int) -> fits.Header:
    """Give the WCS cards of every ``step``-th pixel."""
    thin = header.copy()
    for axis in (1, 2):
        thin[f"CRPIX{axis}"] = (header[f"CRPIX{axis}"] - 1.0) / step + 1.0
        for other in (1, 2):
            thin[f"CD{other}_{axis}"] = header[f"CD{other}_{axis}"] * step
    return thin
