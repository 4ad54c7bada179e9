"""Render one simulated IRAC frame: sources through the response, sky, noise, artefacts, masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import artefacts
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import (
    ARRAY_SIZE,
    CALIBRATIONS,
    FULL_WELL_E,
    MEAN_PIXEL_ARCSEC,
)
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.psf import Blobs, Psf, aperture_fraction, irac_psf, paint
from photomitrus_cli.simulate.response import array_location, pixel_phase
from photomitrus_cli.simulate.sipwcs import SipWcs, tan_project
from photomitrus_cli.simulate.sky import Sky
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHAPE = (ARRAY_SIZE, ARRAY_SIZE)
STERADIAN_PER_ARCSEC2 = (np.pi / 180.0 / 3600.0) ** 2
_MARGIN_PX = 40.0  # sources this far off the array still shed light on it
_CR_SIGMA = 1.0  # a pixel counts as hit above this many sigma of its own noise


@dataclass(frozen=True)
class FieldModel:
    """What all frames of a field share.

    Attributes
    ----------
    config : IracSimulation
    sky : Sky
    psf : Psf
    bad : artefacts.BadPixels
    flux_scale : float
        Light per unit of catalogue flux: 1, or the inverse of the calibration aperture's share of it.
    """

    config: IracSimulation
    sky: Sky
    psf: Psf
    bad: artefacts.BadPixels
    flux_scale: float


@dataclass(frozen=True)
class Detections:
    """Sources on one frame, all arrays of shape (n,).

    Attributes
    ----------
    source : ndarray of int
        Row of the source in the sky.
    x, y : ndarray
        True 0-based positions.
    r_al, r_pp : ndarray
        Response factors applied (1 for galaxies).
    area : ndarray
        Pixel solid angle there, arcsec^2.
    saturated : ndarray of bool
        A pixel of the central 3 x 3 fills the well.
    """

    source: Ints
    x: Floats
    y: Floats
    r_al: Floats
    r_pp: Floats
    area: Floats
    saturated: NDArray[np.bool_]


@dataclass(frozen=True)
class Background:
    """The sky level of one frame in MJy/sr.

    Attributes
    ----------
    image : ndarray, shape (ny, nx)
        Level in the frame, skydark subtracted.
    light : ndarray, shape (ny, nx)
        Level that shines on the detector and makes noise.
    offset, first_frame_offset, first_frame_ramp : float
        Random offset; offset and bottom-to-top ramp left by the first-frame effect.
    """

    image: Floats
    light: Floats
    offset: float
    first_frame_offset: float
    first_frame_ramp: float


@dataclass(frozen=True)
class Frame:
    """One simulated frame with its truth; images are (256, 256), MJy/sr.

    Attributes
    ----------
    sci, unc : ndarray of float32
        Calibrated frame and its uncertainty.
    imask, rmask : ndarray of int16
        Archive mask bits.
    model : ndarray of float64
        The frame without noise, cosmic rays, bad pixels and saturation.
    detections : Detections
    background : Background
    rays : artefacts.CosmicRays
    hit : ndarray of bool
        Pixels with a cosmic-ray deposit above their own noise.
    ray_signal : ndarray of float64
        Deposit in MJy/sr.
    ray_sigma : ndarray of float64
        True noise that it is measured against, MJy/sr.
    """

    sci: NDArray[np.float32]
    unc: NDArray[np.float32]
    imask: NDArray[np.int16]
    rmask: NDArray[np.int16]
    model: Floats
    detections: Detections
    background: Background
    rays: artefacts.CosmicRays
    hit: NDArray[np.bool_]
    ray_signal: Floats
    ray_sigma: Floats


def field_model(config: IracSimulation, sky: Sky) -> FieldModel:
    """Gather what the frames of a field share.

    Parameters
    ----------
    config : IracSimulation
    sky : Sky

    Returns
    -------
    FieldModel
    """
    rng = stream(config.seed, Purpose.BAD_PIXELS, config.channel)
    bad = artefacts.bad_pixels(
        rng, SHAPE, config.bad_pixels_nan, config.bad_pixels_hot, config.hot_flagged_fraction
    )
    scale = 1.0
    if config.flux_convention == "aperture":
        scale = 1.0 / aperture_fraction(config.channel, 10.0, 12.0, 20.0)
    return FieldModel(config, sky, irac_psf(config.channel), bad, scale)


def flux_to_brightness(channel: int) -> float:
    """MJy/sr in one mean pixel per microjansky in it."""
    return 1e-12 / (MEAN_PIXEL_ARCSEC[channel] ** 2 * STERADIAN_PER_ARCSEC2)


def _near(wcs: SipWcs, ra: Floats, dec: Floats) -> Ints:
    """Rows of the sources on or around the array, by the linear part of the mapping."""
    u, v = wcs.sky_to_linear(ra, dec)
    limit = ARRAY_SIZE / 2 + _MARGIN_PX
    with np.errstate(invalid="ignore"):
        return np.flatnonzero((np.abs(u) < limit) & (np.abs(v) < limit))


def star_blobs(psf: Psf, x: Floats, y: Floats, amplitude: Floats, scale: float = 1.0) -> Blobs:
    """Point sources on an image whose pixels are the native ones divided by ``scale``."""
    shape = (x.size, psf.weight.size)
    sigma_x = np.broadcast_to(psf.sigma_x * scale, shape)
    sigma_y = np.broadcast_to(psf.sigma_y * scale, shape)
    return Blobs(x, y, amplitude, sigma_x, sigma_y, np.broadcast_to(psf.weight, shape))


def galaxy_blobs(
    psf: Psf, x: Floats, y: Floats, amplitude: Floats, sigma_px: Floats, scale: float = 1.0
) -> Blobs:
    """Round Gaussian sources (``sigma_px`` in pixels of the image) seen through the response function."""
    sigma_x = np.hypot(sigma_px[:, None], psf.sigma_x[None, :] * scale)
    sigma_y = np.hypot(sigma_px[:, None], psf.sigma_y[None, :] * scale)
    return Blobs(x, y, amplitude, sigma_x, sigma_y, np.broadcast_to(psf.weight, sigma_x.shape))


def galaxy_parts(sky: Sky, rows: Ints) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """Components of galaxies: right ascension, declination (deg), flux (uJy), sigma (arcsec), galaxy row."""
    number = rows - int(sky.is_star.sum())
    count = sky.galaxy_xi.shape[1]
    row = np.repeat(rows, count)
    dec = sky.dec_deg[row] + sky.galaxy_eta[number].ravel() / 3600.0
    ra = sky.ra_deg[row] + sky.galaxy_xi[number].ravel() / 3600.0 / np.cos(np.radians(sky.dec_deg[row]))
    flux = sky.flux_ujy[row] * sky.galaxy_weight[number].ravel()
    return ra, dec, flux, sky.galaxy_sigma[number].ravel(), row


def _sources(field: FieldModel, wcs: SipWcs) -> tuple[Floats, Detections]:
    """Paint all sources; returns the image in MJy/sr and the table (saturation still unset)."""
    config, sky = field.config, field.sky
    rows = _near(wcs, sky.ra_deg, sky.dec_deg)
    x, y = wcs.sky_to_pixel(sky.ra_deg[rows], sky.dec_deg[rows])
    star = sky.is_star[rows]
    r_al, r_pp = np.ones(rows.size), np.ones(rows.size)
    if config.response:
        r_al[star] = array_location(config.mission, config.channel, x[star], y[star])
        r_pp[star] = pixel_phase(config.mission, config.channel, x[star], y[star])
    image = np.zeros(SHAPE)
    amplitude = sky.flux_ujy[rows] * r_al * r_pp * flux_to_brightness(config.channel) * field.flux_scale
    paint(image, star_blobs(field.psf, x[star], y[star], amplitude[star]))
    _paint_galaxies(image, field, wcs, rows[~star])
    area = wcs.pixel_area(x, y)
    inside = (np.abs(x - 127.5) < 128.0) & (np.abs(y - 127.5) < 128.0)
    return image, Detections(
        source=rows[inside],
        x=x[inside],
        y=y[inside],
        r_al=r_al[inside],
        r_pp=r_pp[inside],
        area=area[inside],
        saturated=np.zeros(int(inside.sum()), dtype=bool),
    )


def _paint_galaxies(image: Floats, field: FieldModel, wcs: SipWcs, rows: Ints) -> None:
    """Add extended sources: surface brightness, so the local pixel area counts and the response does not."""
    if rows.size == 0:
        return
    ra, dec, flux, sigma, _ = galaxy_parts(field.sky, rows)
    x, y = wcs.sky_to_pixel(ra, dec)
    area = wcs.pixel_area(x, y)
    amplitude = flux * 1e-12 / (area * STERADIAN_PER_ARCSEC2) * field.flux_scale
    paint(image, galaxy_blobs(field.psf, x, y, amplitude, sigma / np.sqrt(area)))


def _background(config: IracSimulation, plan: FramePlan) -> Background:
    rng = stream(config.seed, Purpose.BACKGROUND, plan.aor, plan.index)
    offset = float(rng.normal(0.0, 1.0) * config.offset_rms_mjy_sr)
    fade = float(plan.index == 0)
    if config.first_frame_decay > 0.0:
        fade = float(np.exp(-plan.index / config.first_frame_decay))
    first, ramp = config.first_frame_offset_mjy_sr * fade, config.first_frame_ramp_mjy_sr * fade
    light = np.full(SHAPE, config.zodi_mjy_sr)
    if any(config.gradient_mjy_sr_deg):
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        sky = plan.wcs.pixel_to_sky(x, y)
        xi, eta = tan_project(*sky, config.center_ra_deg, config.center_dec_deg)
        light += config.gradient_mjy_sr_deg[0] * xi + config.gradient_mjy_sr_deg[1] * eta
    tilt = np.linspace(-0.5, 0.5, SHAPE[0])[:, None]
    image = light - config.skydark_mjy_sr + offset + first + ramp * tilt
    return Background(image, light, offset, first, ramp)


def _rays(config: IracSimulation, plan: FramePlan) -> artefacts.CosmicRays:
    return artefacts.cosmic_rays(
        stream(config.seed, Purpose.COSMIC_RAYS, plan.aor, plan.index),
        SHAPE,
        config.cosmic_ray_rate * plan.time.framtime_s,
        energy_e=config.cosmic_ray_energy_e,
        spread_dex=config.cosmic_ray_spread_dex,
        max_length_px=config.cosmic_ray_max_length_px,
        completeness=config.rmask_completeness,
    )


def _well(config: IracSimulation, plan: FramePlan) -> float:
    """Surface brightness above the sky that fills the well; infinite without saturation."""
    if not config.saturate:
        return np.inf
    facts = CALIBRATIONS[config.mission, config.channel]
    well = config.full_well_e or FULL_WELL_E[config.channel]
    return artefacts.full_well_mjy_sr(well, facts.gain, facts.fluxconv, plan.time.framtime_s)


def _saturated(detections: Detections, full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of the 3 x 3 pixels about each source is full."""
    padded = np.pad(full, 1)
    near = np.zeros(detections.x.size, dtype=bool)
    column, row = np.rint(detections.x).astype(int), np.rint(detections.y).astype(int)
    for dy in range(3):
        for dx in range(3):
            near |= padded[np.clip(row, 0, 255) + dy, np.clip(column, 0, 255) + dx]
    return near


def simulate_frame(field: FieldModel, plan: FramePlan) -> Frame:
    """Render one frame.

    Electrons are ``MJy/sr * GAIN * EXPTIME / FLUXCONV``; the noise is Poisson in the sky and the sources, and
    normal with RONOISE; ``unc`` is exactly that sigma (times ``unc_scale``).

    Parameters
    ----------
    field : FieldModel
    plan : FramePlan

    Returns
    -------
    Frame
    """
    config = field.config
    facts = CALIBRATIONS[config.mission, config.channel]
    electrons_per = facts.gain * plan.time.exptime_s / facts.fluxconv
    sources, detections = _sources(field, plan.wcs)
    background = _background(config, plan)
    model = sources + background.image
    electrons = np.maximum(sources + background.light, 0.0) * electrons_per
    sigma = np.sqrt(electrons + facts.ronoise**2) / electrons_per

    value = model.copy()
    if config.noise:
        rng = stream(config.seed, Purpose.NOISE, plan.aor, plan.index)
        scatter = rng.poisson(electrons) - electrons + rng.normal(0.0, facts.ronoise, SHAPE)
        value += scatter / electrons_per
    rays = _rays(config, plan)
    ray_signal = rays.deposit / electrons_per
    value += ray_signal
    value[field.bad.hot] += config.hot_pixel_mjy_sr

    well = _well(config, plan)
    full = sources + background.light >= well
    detections = replace(detections, saturated=_saturated(detections, full))
    hit = ray_signal > _CR_SIGMA * sigma
    found = rays.flagged_deposit / electrons_per > _CR_SIGMA * sigma
    imask, overfull = _imask(field, value, full, found, well)
    if not config.saturation_corrected:
        np.minimum(value, well, out=value)
    else:
        value[overfull] = np.minimum(value[overfull], well)
    value[field.bad.dead] = np.nan
    return Frame(
        sci=value.astype(np.float32),
        unc=np.where(field.bad.dead, np.nan, sigma * config.unc_scale).astype(np.float32),
        imask=imask,
        rmask=np.where(found, artefacts.RMASK_TEMPORAL | artefacts.RMASK_DUAL, 0).astype(np.int16),
        model=model,
        detections=detections,
        background=background,
        rays=rays,
        hit=hit,
        ray_signal=ray_signal,
        ray_sigma=sigma,
    )


def _imask(
    field: FieldModel, value: Floats, full: NDArray[np.bool_], found: NDArray[np.bool_], well: float
) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Mask bits, and the pixels that only a cosmic ray or a hot pixel filled."""
    overfull = (value >= well) & ~full
    mask = np.zeros(SHAPE, dtype=np.int64)
    mask[found] |= artefacts.IMASK_RADHIT
    corrected = field.config.saturation_corrected
    mask[full] |= artefacts.IMASK_SATURATION_CORRECTED if corrected else artefacts.IMASK_SATURATED
    mask[overfull] |= artefacts.IMASK_SATURATED
    mask[field.bad.flagged] |= artefacts.IMASK_BAD
    return mask.astype(np.int16), overfull
