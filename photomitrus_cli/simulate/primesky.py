"""Smooth light on a simulated PRIME chip: sky with tilt and pattern, pixel areas, an extended object."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeplan import FramePlan, widening
from photomitrus_cli.simulate.primestars import flux_adu
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.sphere import local_axes, sky_to_tan, unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]
Image = NDArray[np.float32]
Span = tuple[int, int]

_NODES = 18
_WAVES = 6  # of the pattern
# The extended object: an exponential disc of 5' across (5 scale lengths), off the middle of its chip.
_DISC_SCALE_ARCSEC = 60.0
_DISC_AXIS_RATIO = 0.6
_DISC_PA_DEG = 35.0
_DISC_PLACE = (0.62, 0.41)  # of the active side
_DISC_REACH = 8.0  # scale lengths
_DISC_NODES = 7  # of its place on the chip
_DISC_COLOUR = {"Z": 0.8, "Y": 0.4, "J": 0.0, "H": -0.6}


def smooth_image(
    function: Callable[[Floats, Floats], Floats], columns: Span, rows: Span, nodes: int = _NODES
) -> Image:
    """Sample a smooth function of pixel positions: exact at Chebyshev points, a polynomial between them.

    Parameters
    ----------
    function : callable
        Takes and returns arrays of one shape.
    columns, rows : tuple of int
        First pixel and the one behind the last.
    nodes : int
        Points along each axis.

    Returns
    -------
    ndarray of float32, shape (rows, columns)
    """
    from numpy.polynomial.chebyshev import chebvander

    points = np.cos(np.pi * (np.arange(nodes) + 0.5) / nodes)
    inverse = np.linalg.inv(chebvander(points, nodes - 1))
    places = [first + 0.5 * (last - 1 - first) * (points + 1.0) for first, last in (columns, rows)]
    known = inverse @ function(*np.meshgrid(*places)) @ inverse.T
    across, down = (
        chebvander(np.linspace(-1.0, 1.0, last - first), nodes - 1) for first, last in (columns, rows)
    )
    return np.asarray((down @ known).astype(np.float32) @ across.T.astype(np.float32))


@lru_cache(maxsize=2)
def area_image(chip: int, family: str, scale: int) -> Image:
    """Return the relative solid angle of every pixel of a chip; the reference pixel has 1."""
    wcs = PrimeWcs(chip, family, scale, 0.0, 0.0, facts.ROTATION_DEG)
    span = (0, facts.frame_shape(scale).active)
    return smooth_image(wcs.relative_area, span, span)


@lru_cache(maxsize=2)
def pattern_image(seed: int, chip: int, side: int) -> Image:
    """Return the instrumental pattern of a chip: waves of a third of the chip and more, at most 1 high."""
    rng = stream(seed, Purpose.PRIME_SKY, chip)
    waves = rng.uniform(-3.0, 3.0, (_WAVES, 2))
    phase = rng.uniform(0.0, 2.0 * np.pi, _WAVES)

    def pattern(x: Floats, y: Floats) -> Floats:
        """Sum the waves."""
        parts = [
            np.cos(2.0 * np.pi * (a * x + b * y) / side + p)
            for (a, b), p in zip(waves.tolist(), phase.tolist(), strict=True)
        ]
        return np.asarray(np.mean(parts, axis=0))

    return smooth_image(pattern, (0, side), (0, side))


def sky_image(config: PrimeSimulation, plan: FramePlan, chip: int) -> Image:
    """Return the sky of a frame without its border, ADU per read, before the response of the pixels."""
    side = facts.frame_shape(config.scale).active
    axis = (np.arange(side, dtype=np.float32) + np.float32(0.5)) / np.float32(side) - np.float32(0.5)
    slope_x, slope_y = (np.float32(slope) * axis for slope in plan.sky_tilt)
    image = (1.0 + slope_y)[:, None] + slope_x[None, :]
    if plan.pattern != 0.0:
        image *= 1.0 + np.float32(plan.pattern) * pattern_image(config.seed, chip, side)
    image *= area_image(chip, config.distortion, config.scale)
    image *= np.float32(plan.sky_adu)
    return np.asarray(image)


def disc_places(config: PrimeSimulation) -> list[tuple[float, float]]:
    """Return right ascension and declination, deg, of the extended objects, one on each chip."""
    side = facts.frame_shape(1).active
    places = []
    for chip in facts.CHIPS:
        wcs = PrimeWcs(chip, "tpv", 1, *config.pointing_deg, config.rotation_deg)
        ra, dec = wcs.pixel_to_sky(_DISC_PLACE[0] * side, _DISC_PLACE[1] * side)
        places.append((float(ra), float(dec)))
    return places


def add_discs(config: PrimeSimulation, plan: FramePlan, wcs: PrimeWcs, image: Image) -> None:
    """Add the extended objects to a frame in place."""
    if config.extended_mag is None:
        return
    magnitude = np.asarray(config.extended_mag + _DISC_COLOUR[config.band])
    total = plan.transparency * float(flux_adu(config, magnitude)) / widening(config)
    for place in disc_places(config):
        _add_disc(wcs, place, total, image)


def _add_disc(wcs: PrimeWcs, place: tuple[float, float], total: float, image: Image) -> None:
    pixel = facts.PIXEL_ARCSEC * wcs.scale
    reach = _DISC_REACH * _DISC_SCALE_ARCSEC / pixel
    x, y = (float(value) for value in wcs.sky_to_pixel(*place))
    if not (np.isfinite(x) and np.isfinite(y)):
        return
    columns, rows = (
        (max(0, int(np.floor(centre - reach))), min(size, int(np.ceil(centre + reach)) + 1))
        for centre, size in ((x, image.shape[1]), (y, image.shape[0]))
    )
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return
    axes, turn = local_axes(*place), np.radians(_DISC_PA_DEG)

    def along(x: Floats, y: Floats) -> Floats:
        """Distance from the centre along the major axis, scale lengths."""
        xi, eta = sky_to_tan(axes, unit_vectors(*wcs.pixel_to_sky(x, y)))
        return np.asarray((xi * np.sin(turn) + eta * np.cos(turn)) * (3600.0 / _DISC_SCALE_ARCSEC))

    def across(x: Floats, y: Floats) -> Floats:
        """Distance along the minor axis, scale lengths of that."""
        xi, eta = sky_to_tan(axes, unit_vectors(*wcs.pixel_to_sky(x, y)))
        length = _DISC_SCALE_ARCSEC * _DISC_AXIS_RATIO
        return np.asarray((xi * np.cos(turn) - eta * np.sin(turn)) * (3600.0 / length))

    square = smooth_image(along, columns, rows, _DISC_NODES) ** 2
    square += smooth_image(across, columns, rows, _DISC_NODES) ** 2
    # A core of two pixels, which seeing would make.
    square += np.float32((2.0 * pixel / _DISC_SCALE_ARCSEC) ** 2)
    light = np.exp(-np.sqrt(square)) - np.float32(np.exp(-_DISC_REACH))
    peak = total * pixel**2 / (2.0 * np.pi * _DISC_SCALE_ARCSEC**2 * _DISC_AXIS_RATIO)
    image[slice(*rows), slice(*columns)] += np.float32(peak) * np.maximum(light, np.float32(0.0))
