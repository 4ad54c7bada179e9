"""What a joint calibration supposes of the sky: a cosecant layer and cirrus of a known spectrum."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import pixel_directions
from photomitrus_cli.wise.jointpriors import SkyLevel

Floats = NDArray[np.float64]

# Distances of the nodes between which the levels of the cirrus are interpolated, deg.
_SPACINGS_DEG = (90.0, 30.0, 10.0, 3.3, 1.1)
# At least as many pixels of the map between two nodes.
_PIXELS_PER_NODE = 3.0
# Power spectrum of cirrus, C_l ~ l^-3: Gautier et al. 1992, AJ 103, 1313.
_SLOPE = 3.0
# Variance of the mean of a cell around a node when the numbers have 1: 3/4 of the node and 1/8 of either
# neighbour along the sphere, 2/3 across it.
_CELL_VARIANCE = (0.75**2 + 2.0 * 0.125**2) ** 2 * 2.0 / 3.0
# Below this Galactic latitude the layer is no longer thought to grow, deg.
_LAYER_END_DEG = 5.0
_MAD = 1.4826
_FEW = 5


@dataclass(frozen=True, slots=True)
class SkyPrior:
    """Layer, levels and deviations of single pixels.

    Attributes
    ----------
    levels : tuple of SkyLevel
        The layer first.
    pixel_sigma : ndarray, shape (P,)
        MJy/sr.
    """

    levels: tuple[SkyLevel, ...]
    pixel_sigma: Floats


@dataclass(frozen=True, slots=True)
class SkyShape:
    """Where the pixels are with regard to the nodes of the cirrus.

    Attributes
    ----------
    scale : ndarray, shape (P,)
        The layer; cirrus grows with it.
    layer : SkyLevel
        One free number.
    levels : tuple of SkyLevel
        Of the cirrus, coarsest first, for spreads of 1 MJy/sr.
    cells : tuple of ndarray of int64, shape (P,)
        The nearest node of each level.
    """

    scale: Floats
    layer: SkyLevel
    levels: tuple[SkyLevel, ...]
    cells: tuple[NDArray[np.int64], ...]


def layer(galactic_latitude: NDArray[np.float32]) -> Floats:
    """Give the cosecant of the Galactic latitude, no more than at 5 deg."""
    b = np.maximum(np.abs(galactic_latitude.astype(np.float64)), _LAYER_END_DEG)
    return np.asarray(1.0 / np.sin(np.radians(b)))


def sky_shape(pixels: NDArray[np.int64], nside: int, galactic_latitude: NDArray[np.float32]) -> SkyShape:
    """Lay out the levels of the smooth sky.

    Cirrus is interpolated between nodes on a cubic grid around the sphere, which has no poles. Steps between
    blocks instead would look to a smooth template like structure that it does not have.

    Parameters
    ----------
    pixels : ndarray of int64, shape (P,)
    nside : int
    galactic_latitude : ndarray of float32, shape (P,)
        deg.
    """
    scale = layer(galactic_latitude)
    directions = pixel_directions(pixels, nside)
    pixel_deg = np.degrees(np.sqrt(4.0 * np.pi / 12.0) / nside)
    levels, cells = [], []
    for spacing in _SPACINGS_DEG:
        if spacing < _PIXELS_PER_NODE * pixel_deg:
            break
        level, cell = _interpolation(directions / np.radians(spacing), scale)
        levels.append(level)
        cells.append(cell)
    return SkyShape(scale, _free(scale), tuple(levels), tuple(cells))


def _free(scale: Floats) -> SkyLevel:
    from scipy.sparse import csr_array

    matrix = csr_array(scale[:, None])
    return SkyLevel(matrix, matrix.T.tocsr(), np.inf)


def _interpolation(places: Floats, scale: Floats) -> tuple[SkyLevel, NDArray[np.int64]]:
    """Give the matrix of trilinear interpolation at places (3, P), unit spacing, and the nearest nodes."""
    from scipy.sparse import csr_array

    size = 2 * int(np.ceil(np.abs(places).max())) + 3
    middle = size // 2
    low = np.floor(places).astype(np.int64)
    part = places - low
    numbers = np.empty((8, places.shape[1]), np.int64)
    weights = np.empty((8, places.shape[1]))
    for corner in range(8):
        step = [(corner >> axis) & 1 for axis in range(3)]
        x, y, z = (low[axis] + step[axis] + middle for axis in range(3))
        numbers[corner] = (x * size + y) * size + z
        factors = [part[axis] if step[axis] else 1.0 - part[axis] for axis in range(3)]
        weights[corner] = scale * factors[0] * factors[1] * factors[2]
    found, place = np.unique(numbers, return_inverse=True)
    rows = np.broadcast_to(np.arange(places.shape[1]), numbers.shape).ravel()
    matrix = csr_array((weights.ravel(), (rows, place.ravel())), shape=(places.shape[1], len(found)))
    nearest = np.argmax(weights, axis=0)
    cell = np.take_along_axis(place.reshape(numbers.shape), nearest[None], axis=0)[0]
    return SkyLevel(matrix, matrix.T.tocsr(), 1.0), cell


def sky_prior(sky: Floats, usable: NDArray[np.bool_], shape: SkyShape) -> SkyPrior:
    """Measure the cirrus on small scales and extend its spectrum to large ones.

    Errors of the calibration look like large structures of the sky, so these are not measured.

    Parameters
    ----------
    sky : ndarray, shape (P,)
        Present solution, MJy/sr.
    usable : ndarray of bool, shape (P,)
        Pixels that take part in the fit.
    shape : SkyShape
    """
    relative = sky / shape.scale
    kept = relative[usable]
    limit = 5.0 * _spread(kept)
    # Sources must not make the cirrus look rougher than it is.
    relative = np.clip(relative, np.median(kept) - limit, np.median(kept) + limit)
    if not shape.levels:
        return SkyPrior((shape.layer,), max(_spread(relative[usable]), 1e-6) * shape.scale)
    means = [_cell_means(relative, usable, cell) for cell in shape.cells[-2:]]
    pixel = _spread((relative - means[-1])[usable])
    finest = _spread((means[-1] - means[0])[usable]) if len(means) > 1 else _spread(means[-1][usable])
    finest = max(finest / np.sqrt(_CELL_VARIANCE), 1e-6)
    levels = []
    for level, spacing in zip(shape.levels, _SPACINGS_DEG, strict=False):
        ratio = spacing / _SPACINGS_DEG[len(shape.levels) - 1]
        levels.append(replace(level, sigma=finest * ratio ** (0.5 * (_SLOPE - 2.0))))
    return SkyPrior((shape.layer, *levels), max(pixel, 1e-6) * shape.scale)


def _cell_means(relative: Floats, usable: NDArray[np.bool_], cell: NDArray[np.int64]) -> Floats:
    """Give each pixel the mean of its cell's usable pixels; NaN where these are few."""
    counts = np.bincount(cell[usable], minlength=int(cell.max()) + 1)
    sums = np.bincount(cell[usable], weights=relative[usable], minlength=len(counts))
    return np.asarray(np.where(counts >= _FEW, sums / np.maximum(counts, 1), np.nan)[cell])


def _spread(values: Floats) -> float:
    """Give a robust standard deviation of the finite ones; 0 for nothing."""
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0
    return _MAD * float(np.median(np.abs(values - np.median(values))))
