"""The grid of a map that holds given footprints."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.grid import Grid

Float = NDArray[np.float64]


def _spherical_mean(ra: Float, dec: Float) -> tuple[float, float]:
    """Direction of the mean unit vector, degrees."""
    lon, lat = np.radians(ra), np.radians(dec)
    x = float(np.mean(np.cos(lat) * np.cos(lon)))
    y = float(np.mean(np.cos(lat) * np.sin(lon)))
    z = float(np.mean(np.sin(lat)))
    if np.sqrt(x * x + y * y + z * z) < 0.1:
        raise ConfigError(
            "the frames are spread over the sky: no one map holds them", hint="give centre and size"
        )
    return float(np.degrees(np.arctan2(y, x)) % 360.0), float(np.degrees(np.arctan2(z, np.hypot(x, y))))


def grid_for_footprints(
    ra: ArrayLike,
    dec: ArrayLike,
    scale: float,
    *,
    center: tuple[float, float] | None = None,
    size: tuple[float, float] | None = None,
    max_pixels: float = 4e9,
) -> Grid:
    """Choose the grid that holds a set of frames.

    Parameters
    ----------
    ra, dec : array_like
        Corner or edge positions of all frames, degrees ICRS, any shape (the same for both).
    scale : float
        Pixel size, arcsec.
    center : tuple of float, optional
        (ra, dec) of the map centre, degrees ICRS; the map is then symmetric about it. By default the tangent
        point is the spherical mean of the positions and the map is the box that just holds them.
    size : tuple of float, optional
        (width, height) of the map, arcsec.
    max_pixels : float, optional
        Largest number of pixels accepted.

    Returns
    -------
    Grid

    Raises
    ------
    InputError
        If no position is finite and centre and size are not both given.
    ConfigError
        If the map would exceed `max_pixels` or reaches 90 degrees from its centre.
    """
    ra, dec = np.ravel(np.asarray(ra, dtype=np.float64)), np.ravel(np.asarray(dec, dtype=np.float64))
    known = np.isfinite(ra) & np.isfinite(dec)
    if not known.any() and (center is None or size is None):
        raise InputError("no frame has a finite sky position")
    ra_0, dec_0 = center if center is not None else _spherical_mean(ra[known], dec[known])
    unit = Grid(ra_0 % 360.0, dec_0, scale, (1, 1), (0.0, 0.0))
    if size is None:
        x, y = unit.world_to_pixel(ra[known], dec[known])
        box = _box(x, y, symmetric=center is not None)
    else:
        box = _sized(size, scale)
    (width, height), crpix = box
    if not np.isfinite([width, height]).all():
        raise ConfigError(
            "some frames lie 90 degrees or more from the centre of the map",
            hint="give a centre near the frames, and a size",
        )
    if not width * height <= max_pixels:
        raise ConfigError(
            f"the map would have {width:.4g} x {height:.4g} pixels, more than {max_pixels:.3g}",
            hint="check the frame positions, or give a size or a larger pixel scale",
        )
    return Grid(unit.ra, unit.dec, scale, (int(height), int(width)), crpix)


def _box(x: Float, y: Float, *, symmetric: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    """Whole-pixel box about the tangent point: (width, height), crpix; infinite without a projection."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return (np.inf, np.inf), (0.0, 0.0)
    # Positions are outer pixel edges: the pixel centres inside lie half a pixel further in.
    low = [float(np.floor(v.min() + 0.5)) for v in (x, y)]
    high = [float(np.ceil(v.max() - 0.5)) for v in (x, y)]
    if symmetric:
        high = [max(-a, b, 0.0) for a, b in zip(low, high, strict=True)]
        low = [-b for b in high]
    width, height = (max(b - a + 1.0, 1.0) for a, b in zip(low, high, strict=True))
    return (width, height), (0.0 - low[0], 0.0 - low[1])


def _sized(size: tuple[float, float], scale: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Box of a given size in arcsec centred on the tangent point: (width, height), crpix."""
    if not (np.isfinite(size).all() and min(size) > 0.0):
        raise ConfigError(f"map size {size[0]} x {size[1]} arcsec: both must be positive")
    width, height = (max(1.0, float(np.round(s / scale))) for s in size)
    return (width, height), ((width - 1.0) / 2.0, (height - 1.0) / 2.0)
