"""Render one simulated WISE frame: the sky through gain and offset, noise, artefacts, masks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisedetector import Detector, add_noise, detector, saturate
from photomitrus_cli.simulate.wisehits import Hits, draw_hits
from photomitrus_cli.simulate.wisepoints import Points, asteroid_points, paint, psf_sigma, star_points
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisesky import galaxy, stray_light, zodi
from photomitrus_cli.simulate.wisetrails import latent_light, trail
from photomitrus_cli.simulate.wisewcs import SinWcs, frame_wcs

Floats = NDArray[np.float64]

_NODES = 33  # of the Galaxy and the stray light: 7 for the shortest wave, which leaves some 1e-3 DN
_ZODI_NODES = 7
# Pinned pixels were this near to the median, and the part of an even sky that is.
_NEAR_SIGMA, _NEAR_SHARE = 0.5, 0.382925


@dataclass(frozen=True, eq=False)
class Frame:
    """One simulated frame with its truth; images are (n, n).

    Attributes
    ----------
    intensity, unc : ndarray of float32
        DN.
    mask : ndarray of int32
    model : ndarray of float32
        DN without noise, hits, saturation, latents, trails and asteroids.
    wcs : SinWcs
    median : float
        Of the used pixels, DN: MODEINT.
    zodi, light : float
        Zodiacal light at the centre, MJy/sr; mean light of the model without offsets and stars, DN.
    stray_low, stray_high : float
        Extremes of the Moon's and planets' light over the frame, DN.
    frame_offset : float
        Random offset of the frame, DN.
    stars, asteroids : Points
        Those whose centres are on the frame.
    hits : Hits
    n_saturated, n_latents : int
    trail : bool
    """

    intensity: NDArray[np.float32]
    unc: NDArray[np.float32]
    mask: NDArray[np.int32]
    model: NDArray[np.float32]
    wcs: SinWcs
    median: float
    zodi: float
    light: float
    stray_low: float
    stray_high: float
    frame_offset: float
    stars: Points
    asteroids: Points
    hits: Hits
    n_saturated: int
    n_latents: int
    trail: bool


@dataclass(frozen=True, eq=False)
class _Smooth:
    """The smooth light of a frame, DN, with what the truth tells of it."""

    image: Floats
    zodi: float
    stray: tuple[float, float]


@lru_cache(maxsize=4)
def _zodi_weights(side: int, nodes: int) -> tuple[Floats, Floats]:
    """Chebyshev points of a frame (pixels), and the matrix from values there to the nodes."""
    from numpy.polynomial.chebyshev import chebvander

    points = np.cos(np.pi * (np.arange(_ZODI_NODES) + 0.5) / _ZODI_NODES)
    grid = np.linspace(-1.0, 1.0, nodes)
    inverse = np.linalg.inv(chebvander(points, _ZODI_NODES - 1))
    return 0.5 * (side - 1) * (points + 1.0), chebvander(grid, _ZODI_NODES - 1) @ inverse


def _smooth(config: WiseSimulation, plan: FramePlan, band: int, wcs: SinWcs) -> _Smooth:
    """Zodiacal light, Galaxy and stray light: exact on a grid of nodes, bicubic splines between them."""
    side = facts.frame_side(band, config.frame_px)
    nodes = min(side, _NODES)
    axis = np.linspace(0.0, side - 1.0, nodes)
    vectors = wcs.pixel_to_vector(axis[None, :], axis[:, None]).reshape(3, -1)
    points, weights = _zodi_weights(side, nodes)
    few = wcs.pixel_to_vector(points[None, :], points[:, None]).reshape(3, -1)
    dust = zodi(config, plan, band, few).reshape(_ZODI_NODES, _ZODI_NODES)
    sky = weights @ dust @ weights.T + galaxy(config, band, vectors).reshape(nodes, nodes)
    stray = stray_light(config, plan, band, vectors).reshape(nodes, nodes)
    light = plan.scan.levels[band].gain * sky + stray
    if nodes < side:
        from scipy.interpolate import RectBivariateSpline

        pixel = np.arange(side, dtype=np.float64)
        light = RectBivariateSpline(axis, axis, light)(pixel, pixel)
    middle = _ZODI_NODES // 2
    return _Smooth(light, float(dust[middle, middle]), (float(stray.min()), float(stray.max())))


def _sigma(config: WiseSimulation, band: int, light: Floats) -> Floats:
    """Noise of a pixel, DN: read noise and the light's own."""
    variance = config.photon_noise_dn[band - 1] * np.maximum(light, 0.0)
    variance += config.read_noise_dn[band - 1] ** 2
    return np.asarray(np.sqrt(variance, out=variance))


def _only_on(points: Points, side: int) -> Points:
    inside = np.flatnonzero(
        (points.x > -0.5) & (points.x < side - 0.5) & (points.y > -0.5) & (points.y < side - 0.5)
    )
    x, y = points.x[inside], points.y[inside]
    return Points(points.id[inside], x, y, points.flux_jy[inside], points.total_dn[inside])


def _pin(
    config: WiseSimulation, plan: FramePlan, band: int, value: NDArray[np.float32], sigma: Floats
) -> float:
    """Set pixels near the frame's median to it in place; return it.

    In the archive's frames such pixels are among those near the median, none on stars: as if the offset of a
    pixel had been found from a stack of frames of which this one was the middle.
    """
    median = float(np.nanmedian(value))
    if config.pinned_fraction > 0.0:
        rng = stream(config.seed, Purpose.WISE_FRAME, plan.scan.index, 1_000_000 + plan.index * 8 + band)
        pinned = rng.random(value.shape, dtype=np.float32) < config.pinned_fraction / _NEAR_SHARE
        value[pinned & (np.abs(value - median) < _NEAR_SIGMA * sigma)] = median
    return float(np.float32(median))


def _unc(config: WiseSimulation, blemishes: Detector, sigma: Floats) -> NDArray[np.float32]:
    unc = (sigma * config.unc_scale).astype(np.float32)
    half = blemishes.dead.size // 2
    unc.reshape(-1)[blemishes.dead[:half]] = 0.0
    unc.reshape(-1)[blemishes.dead[half:]] = np.nan
    return unc


def _frame_offset(config: WiseSimulation, plan: FramePlan, band: int) -> float:
    rng = stream(config.seed, Purpose.WISE_FRAME, plan.scan.index, 2_000_000 + plan.index * 8 + band)
    return float(rng.standard_normal()) * config.frame_offset_rms_dn[band - 1]


def simulate_frame(config: WiseSimulation, plan: FramePlan, band: int) -> Frame:
    """Render one frame.

    ``model = gain * (zodi + galaxy + stars) + moon and planets + offset + drift``; the noise is normal with
    the variance ``read_noise^2 + photon_noise * light``, offsets excluded; the uncertainty is its root.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int

    Returns
    -------
    Frame
    """
    side = facts.frame_side(band, config.frame_px)
    wcs = frame_wcs(band, config.frame_px, (plan.ra_deg, plan.dec_deg), plan.pa_deg)
    smooth, width = _smooth(config, plan, band, wcs), psf_sigma(config, band)
    level = float(smooth.image.mean())
    stars = star_points(config, plan, band, wcs)
    light = smooth.image
    paint(light, stars.x, stars.y, stars.total_dn, width)
    own = _frame_offset(config, plan, band)
    zero = plan.offset(band) + own
    model = (light + zero).astype(np.float32)

    movers = asteroid_points(config, plan, band, wcs)
    paint(light, movers.x, movers.y, movers.total_dn, width)
    n_latents = latent_light(config, plan, band, light)
    crossed = trail(config, plan, band, light)
    sigma = _sigma(config, band, light)
    value = light + zero
    add_noise(config, plan, band, value, sigma)
    hits = draw_hits(config, plan, band, sigma)
    np.add.at(value.reshape(-1), hits.pixel, hits.dn)

    blemishes = detector(config.seed, band, side, config.bad_fraction[band - 1], config.noisy_fraction)
    mask = blemishes.mask.copy()
    mask.reshape(-1)[hits.pixel[hits.flagged]] |= 1 << facts.BIT_SPIKE
    n_saturated = saturate(mask, value, light, config.saturation_dn[band - 1])
    value.reshape(-1)[blemishes.dead] = np.nan
    intensity = value.astype(np.float32)
    median = _pin(config, plan, band, intensity, sigma)
    return Frame(
        intensity=intensity,
        unc=_unc(config, blemishes, sigma),
        mask=mask,
        model=model,
        wcs=wcs,
        median=median,
        zodi=smooth.zodi,
        light=level,
        stray_low=smooth.stray[0],
        stray_high=smooth.stray[1],
        frame_offset=own,
        stars=_only_on(stars, side),
        asteroids=movers,
        hits=hits,
        n_saturated=n_saturated,
        n_latents=n_latents,
        trail=crossed,
    )
