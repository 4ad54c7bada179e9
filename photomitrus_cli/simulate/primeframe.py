"""Render one frame of a simulated PRIME: the sky through distortion and response, noise, accidents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primedetector import channel_offsets, detector, measure, slope_variance
from photomitrus_cli.simulate.primegalaxies import galaxy_points
from photomitrus_cli.simulate.primehits import add_satellite, draw_hits
from photomitrus_cli.simulate.primenight import TRAILED
from photomitrus_cli.simulate.primeplan import FramePlan
from photomitrus_cli.simulate.primepsf import paint
from photomitrus_cli.simulate.primesky import add_discs, sky_image
from photomitrus_cli.simulate.primestars import field_stars, flux_adu
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.sphere import local_axes, sky_to_tan, unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_CORNER_DEG = 0.84  # from the axis, where stars are wider by what the settings say
_NEAR_DEG = 0.45  # from a chip's middle: its corners and the wings of stars beside it
_FLOOR_SIGMAS = 0.03  # profiles end where they are so much fainter than the noise
_TRAIL_POINTS = 9


@dataclass(frozen=True, eq=False)
class Frame:
    """One simulated frame with its truth.

    Attributes
    ----------
    image : ndarray of float32, shape (side, side)
        ADU per read, with the border of reference pixels.
    wcs : PrimeWcs
    stars : ndarray of int, shape (k,)
        Indices into the stars of the field of those whose centres are on the frame.
    x, y : ndarray, shape (k,)
        Where they are, 0-based, in the frame without its border.
    hit_pixel : ndarray of int64, shape (h,)
        Flat pixels of the frame without its border that cosmic rays struck.
    hit_adu : ndarray, shape (h,)
    sigma : float
        Noise of the sky at the reference pixel, ADU per read.
    n_invalid : int
    """

    image: Image
    wcs: PrimeWcs
    stars: NDArray[np.int64]
    x: Floats
    y: Floats
    hit_pixel: NDArray[np.int64]
    hit_adu: Floats
    sigma: float
    n_invalid: int


@dataclass(frozen=True, eq=False)
class _Points:
    """Round sources on or beside a frame."""

    index: NDArray[np.int64]
    x: Floats
    y: Floats
    flux: Floats
    fwhm: Floats


def _near(wcs: PrimeWcs, ra_deg: Floats, dec_deg: Floats) -> NDArray[np.int64]:
    """Return the indices of directions that may matter on a chip."""
    middle = 0.5 * (facts.frame_shape(wcs.scale).active - 1)
    centre = unit_vectors(*wcs.pixel_to_sky(middle, middle))
    return np.flatnonzero(centre @ unit_vectors(ra_deg, dec_deg) > np.cos(np.radians(_NEAR_DEG)))


def _width(config: PrimeSimulation, plan: FramePlan, ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Full width of stars at half maximum, pixels: it grows with the square of the distance from the axis."""
    xi, eta = sky_to_tan(local_axes(*plan.true_deg), unit_vectors(ra_deg, dec_deg))
    growth = 1.0 + config.fwhm_growth * (xi**2 + eta**2) / _CORNER_DEG**2
    return np.asarray(plan.fwhm_arcsec * growth / (facts.PIXEL_ARCSEC * config.scale))


def _star_points(config: PrimeSimulation, plan: FramePlan, wcs: PrimeWcs) -> _Points:
    stars = field_stars(config)
    near = _near(wcs, stars.ra_deg, stars.dec_deg)
    ra, dec = stars.ra_deg[near], stars.dec_deg[near]
    x, y = wcs.sky_to_pixel(ra, dec)
    flux = plan.transparency * flux_adu(config, stars.mags[config.band_index, near])
    return _Points(near, x, y, flux, _width(config, plan, ra, dec))


def _galaxy_points(config: PrimeSimulation, plan: FramePlan, wcs: PrimeWcs) -> _Points:
    parts = galaxy_points(config)
    near = _near(wcs, parts.ra_deg, parts.dec_deg)
    ra, dec = parts.ra_deg[near], parts.dec_deg[near]
    x, y = wcs.sky_to_pixel(ra, dec)
    flux = plan.transparency * flux_adu(config, parts.mags[config.band_index, near])
    own = parts.width_arcsec[near] / (facts.PIXEL_ARCSEC * config.scale)
    return _Points(near, x, y, flux, np.hypot(_width(config, plan, ra, dec), own))


def _paint(config: PrimeSimulation, plan: FramePlan, image: Image, points: _Points, floor: float) -> None:
    if plan.accident != TRAILED:
        paint(image, points.x, points.y, points.flux, points.fwhm, floor)
        return
    length = config.trail_arcsec / (facts.PIXEL_ARCSEC * config.scale)
    # In reduced frames stars are wider, so that a trail has to be longer to show.
    length *= plan.fwhm_arcsec / config.fwhm_arcsec[1]
    angle = np.radians(plan.trail_deg)
    for along in length * np.linspace(-0.5, 0.5, _TRAIL_POINTS):
        x, y = points.x + along * np.cos(angle), points.y + along * np.sin(angle)
        paint(image, x, y, points.flux / _TRAIL_POINTS, points.fwhm, floor)


def _add_ghosts(config: PrimeSimulation, before: FramePlan, chip: int, image: Image, floor: float) -> None:
    """Add what stars that filled their pixels in the frame before have left."""
    if config.persistence == 0.0:
        return
    points = _star_points(config, before, before.wcs(config, chip))
    full = np.flatnonzero(points.flux / points.fwhm**2 > facts.FULL_ADU / config.n_reads)
    left = config.persistence * points.flux[full]
    paint(image, points.x[full], points.y[full], left, points.fwhm[full], floor)


def _bordered(config: PrimeSimulation, inner: Image, rng: np.random.Generator) -> Image:
    """Surround a frame with reference pixels, which see no light."""
    shape = facts.frame_shape(config.scale)
    whole = np.zeros((shape.side, shape.side), dtype=np.float32)
    if config.noise:
        sigma = float(np.sqrt(slope_variance(config, np.zeros(1, np.float32), config.n_reads)[0]))
        border = shape.border
        for rows, columns in (
            (slice(0, border), slice(None)),
            (slice(-border, None), slice(None)),
            (slice(None), slice(0, border)),
            (slice(None), slice(-border, None)),
        ):
            part = whole[rows, columns]
            part += sigma * rng.standard_normal(part.shape, dtype=np.float32)
    whole[shape.border : -shape.border, shape.border : -shape.border] = inner
    return whole


def simulate_frame(config: PrimeSimulation, plan: FramePlan, chip: int, before: FramePlan | None) -> Frame:
    """Render one frame.

    ``slope = response * (sky * area + stars + galaxies + ghosts + trail) + hot pixels + outputs + noise``;
    hits are added to that.

    Parameters
    ----------
    config : PrimeSimulation
    plan : FramePlan
    chip : int
    before : FramePlan or None
        The exposure before, of which ghosts stay.

    Returns
    -------
    Frame
    """
    wcs, fixed = plan.wcs(config, chip), detector(config, chip)
    sky = np.array([plan.sky_adu], dtype=np.float32)
    sigma = float(np.sqrt(slope_variance(config, sky, float(config.n_reads))[0]))
    floor = _FLOOR_SIGMAS * sigma
    light = sky_image(config, plan, chip)
    points = _star_points(config, plan, wcs)
    _paint(config, plan, light, points, floor)
    _paint(config, plan, light, _galaxy_points(config, plan, wcs), floor)
    add_discs(config, plan, wcs, light)
    if plan.satellite:
        add_satellite(config, plan, chip, light, plan.fwhm_arcsec / (facts.PIXEL_ARCSEC * config.scale))
    if before is not None:
        _add_ghosts(config, before, chip, light, floor)
    light *= fixed.response
    light.reshape(-1)[fixed.hot] += fixed.hot_adu
    rng = stream(config.seed, Purpose.PRIME_NOISE, chip, plan.index)
    n_invalid = measure(config, rng, light)
    pixel, adu = draw_hits(config, plan, chip)
    struck = light.reshape(-1)[pixel]
    light.reshape(-1)[pixel] = np.where(struck == facts.INVALID, struck, struck + adu)
    columns = channel_offsets(config, plan, chip)
    whole = _bordered(config, light, rng)
    valid = whole != np.float32(facts.INVALID)
    np.add(whole, columns[None, :], out=whole, where=valid)
    side = light.shape[0]
    on = (points.x > -0.5) & (points.x < side - 0.5) & (points.y > -0.5) & (points.y < side - 0.5)
    return Frame(whole, wcs, points.index[on], points.x[on], points.y[on], pixel, adu, sigma, n_invalid)
