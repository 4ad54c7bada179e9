"""Render one simulated IRAC frame: sources through the response, sky, noise, artefacts, masks."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import iracartefacts
from photomitrus_cli.simulate.cosmicrays import CosmicRays, cosmic_rays, stack_rays
from photomitrus_cli.simulate.iracbackground import Background, draw_background
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import ARRAY_SIZE, FULL_WELL_E, Calibration, calibration
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.iracscene import Detections, FieldModel, draw_sources
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

_CR_SIGMA = 1.0  # a pixel counts as hit above this many sigma of its own noise


@dataclass(frozen=True)
class Frame:
    """One simulated frame with its truth; images are (256, 256), of a subarray (64, 32, 32), MJy/sr.

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
    rays : CosmicRays
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
    rays: CosmicRays
    hit: NDArray[np.bool_]
    ray_signal: Floats
    ray_sigma: Floats


def _rays(field: FieldModel, plan: FramePlan) -> CosmicRays:
    config, area_read = field.config, field.readout
    rng = stream(config.seed, Purpose.COSMIC_RAYS, plan.aor, plan.index)
    share = area_read.size**2 / ARRAY_SIZE**2
    planes = [
        cosmic_rays(
            rng,
            (area_read.size, area_read.size),
            config.cosmic_ray_rate * plan.time.framtime_s * share,
            energy_e=config.cosmic_ray_energy_e,
            spread_dex=config.cosmic_ray_spread_dex,
            max_length_px=config.cosmic_ray_max_length_px,
            completeness=config.rmask_completeness,
        )
        for _ in range(area_read.planes)
    ]
    return planes[0] if area_read.planes == 1 else stack_rays(planes)


def _well(config: IracSimulation, plan: FramePlan, facts: Calibration) -> float:
    """Surface brightness above the sky that fills the well; infinite without saturation."""
    if not config.saturate:
        return np.inf
    well = config.full_well_e or FULL_WELL_E[config.channel]
    return iracartefacts.full_well_mjy_sr(well, facts.gain, facts.fluxconv, plan.time.framtime_s)


def _saturated(detections: Detections, full: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether any of the 3 x 3 pixels about each source is full, on any plane."""
    padded = np.pad(full.reshape(-1, *full.shape[-2:]).any(axis=0), 1)
    near = np.zeros(detections.x.size, dtype=bool)
    column, row = np.rint(detections.x).astype(int), np.rint(detections.y).astype(int)
    last = full.shape[-1] - 1
    for dy in range(3):
        for dx in range(3):
            near |= padded[np.clip(row, 0, last) + dy, np.clip(column, 0, last) + dx]
    return near


def simulate_frame(field: FieldModel, plan: FramePlan) -> Frame:
    """Render one frame, or one subarray exposure of many planes.

    Electrons are ``MJy/sr * GAIN * EXPTIME / FLUXCONV``; the noise is Poisson in the sky and the sources, and
    normal with RONOISE; ``unc`` is exactly that sigma (times ``unc_scale``). The well fills over FRAMTIME.

    Parameters
    ----------
    field : FieldModel
    plan : FramePlan

    Returns
    -------
    Frame
    """
    config = field.config
    facts = calibration(config.mission, config.channel, config.readmode)
    electrons_per = facts.gain * plan.time.exptime_s / facts.fluxconv
    sources, detections = draw_sources(field, plan)
    background = draw_background(field, plan)
    model = sources + background.image
    electrons = np.maximum(sources + background.light, 0.0) * electrons_per
    sigma = np.sqrt(electrons + facts.ronoise**2) / electrons_per

    value = model.copy()
    if config.noise:
        rng = stream(config.seed, Purpose.NOISE, plan.aor, plan.index)
        scatter = rng.poisson(electrons) - electrons + rng.normal(0.0, facts.ronoise, value.shape)
        value += scatter / electrons_per
    rays = _rays(field, plan)
    ray_signal = rays.deposit / electrons_per
    value += ray_signal
    value[..., field.bad.hot] += config.hot_pixel_mjy_sr

    well = _well(config, plan, facts)
    full = sources + background.light >= well
    hit = ray_signal > _CR_SIGMA * sigma
    found = rays.flagged_deposit / electrons_per > _CR_SIGMA * sigma
    imask, overfull = _imask(field, value, full, found, well)
    if not config.saturation_corrected:
        np.minimum(value, well, out=value)
    else:
        value[overfull] = np.minimum(value[overfull], well)
    value[..., field.bad.dead] = np.nan
    return Frame(
        sci=value.astype(np.float32),
        unc=np.where(field.bad.dead, np.nan, sigma * config.unc_scale).astype(np.float32),
        imask=imask,
        rmask=np.where(found, iracartefacts.RMASK_TEMPORAL | iracartefacts.RMASK_DUAL, 0).astype(np.int16),
        model=model,
        detections=replace(detections, saturated=_saturated(detections, full)),
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
    mask = np.zeros(value.shape, dtype=np.int64)
    mask[found] |= iracartefacts.IMASK_RADHIT
    corrected = field.config.saturation_corrected
    mask[full] |= iracartefacts.IMASK_SATURATION_CORRECTED if corrected else iracartefacts.IMASK_SATURATED
    mask[overfull] |= iracartefacts.IMASK_SATURATED
    if field.config.readmode == "full":
        mask[field.bad.flagged] |= iracartefacts.IMASK_BAD
    else:
        # Real subarray masks: NaN where bit 11 stands alone, values where 11 and 14 do.
        mask[:, field.bad.flagged] |= iracartefacts.IMASK_NO_FLAT
        mask[:, field.bad.flagged & ~field.bad.dead] |= iracartefacts.IMASK_BAD
    return mask.astype(np.int16), overfull
