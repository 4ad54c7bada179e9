"""When and where a simulated PRIME looks: one dithered set, the same for all chips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primenight import CLOUDY, MISPOINTED, Night, draw_night, exposure_s
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.sphere import local_axes, tan_to_sky
from photomitrus_cli.simulate.streams import Purpose, stream

DAY_S = 86400.0
_TILT_TURN = 0.2  # of the direction of the sky's tilt from frame to frame, radians
_CLOUD_SKY = 1.05  # a cloud's own light


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One exposure of the mosaic.

    Attributes
    ----------
    index : int
        0-based number in the set.
    serial : str
        Eight digits; they grow by the number of reads.
    mjd : float
        Start, UTC.
    exptime_s : float
        First to last read.
    dither_arcsec : tuple of float
        Nominal offset from the field, east and north.
    header_deg, true_deg : tuple of float
        Axis of the mosaic as the header tells it, and where it was.
    rotation_deg : float
        True rotation.
    transparency : float
        Light that arrives over that of a clear sky.
    sky_adu : float
        Sky at the reference pixel, ADU per read.
    sky_tilt : tuple of float
        Relative change of the sky across the chip along its axes.
    pattern : float
        Relative amplitude of the instrumental pattern.
    fwhm_arcsec : float
        Of stars on the axis.
    accident : str
        ``cloudy``, ``trailed``, ``mispointed`` or empty.
    trail_deg : float
        Direction of a trail on the detector, from +x.
    satellite : bool
    """

    index: int
    serial: str
    mjd: float
    exptime_s: float
    dither_arcsec: tuple[float, float]
    header_deg: tuple[float, float]
    true_deg: tuple[float, float]
    rotation_deg: float
    transparency: float
    sky_adu: float
    sky_tilt: tuple[float, float]
    pattern: float
    fwhm_arcsec: float
    accident: str
    trail_deg: float
    satellite: bool

    def wcs(self, config: PrimeSimulation, chip: int) -> PrimeWcs:
        """Return the true mapping of a chip's frame."""
        return PrimeWcs(chip, config.distortion, config.scale, *self.true_deg, self.rotation_deg)


def widening(config: PrimeSimulation) -> float:
    """Return the factor by which stars are wider than asked for, so that large pixels still sample them."""
    pixel = facts.PIXEL_ARCSEC * config.scale
    return max(1.0, config.fwhm_min_px * pixel / config.fwhm_arcsec[0])


def _moved(start_deg: tuple[float, float], east_arcsec: float, north_arcsec: float) -> tuple[float, float]:
    offsets = (np.asarray(value / 3600.0) for value in (east_arcsec, north_arcsec))
    ra, dec = tan_to_sky(local_axes(*start_deg), *offsets)
    return float(ra), float(dec)


def _in_disc(rng: np.random.Generator, radius: float) -> tuple[float, float]:
    distance, angle = radius * np.sqrt(rng.uniform()), rng.uniform(0.0, 2.0 * np.pi)
    return float(distance * np.sin(angle)), float(distance * np.cos(angle))


def plan_frames(config: PrimeSimulation) -> list[FramePlan]:
    """List the exposures of a set without simulating them.

    Parameters
    ----------
    config : PrimeSimulation

    Returns
    -------
    list of FramePlan
        In the order of time.
    """
    night = draw_night(config)
    return [_plan(config, night, k) for k in range(config.n_frames)]


def _plan(config: PrimeSimulation, night: Night, index: int) -> FramePlan:
    rng, accident = stream(config.seed, Purpose.PRIME_POINTING, 1, index), night.accidents[index]
    dither = _in_disc(rng, config.dither_arcsec)
    header = _moved(config.pointing_deg, *dither)
    offset = night.error_arcsec + config.jitter_px * facts.PIXEL_ARCSEC * rng.standard_normal(2)
    away, trail, clear, seeing = rng.uniform(size=4).tolist()
    turn_error = config.rotator_error_deg + config.rotation_jitter_deg * float(rng.standard_normal())
    if accident == MISPOINTED:
        turn = 2.0 * np.pi * away
        offset = offset + 60.0 * config.mispointed_arcmin * np.array([np.sin(turn), np.cos(turn)])
    cloud = 10.0 ** (-0.4 * config.cloudy_mag) if accident == CLOUDY else 1.0
    low, high = config.fwhm_arcsec
    turned, minute = night.tilt_angle + _TILT_TURN * index, float(night.minutes[index])
    return FramePlan(
        index=index,
        serial=f"{config.first_serial + index * config.n_reads:08d}",
        mjd=config.start_mjd + minute * 60.0 / DAY_S,
        exptime_s=exposure_s(config),
        dither_arcsec=dither,
        header_deg=header,
        true_deg=_moved(header, float(offset[0]), float(offset[1])),
        rotation_deg=config.rotation_deg + turn_error,
        transparency=cloud * (1.0 - config.transparency * clear),
        sky_adu=float(night.levels[index]) * (_CLOUD_SKY if accident == CLOUDY else 1.0),
        sky_tilt=(config.sky_tilt * float(np.cos(turned)), config.sky_tilt * float(np.sin(turned))),
        pattern=config.sky_pattern / config.scale * (minute - 0.5 * float(night.minutes[-1])),
        fwhm_arcsec=widening(config) * (low + (high - low) * seeing),
        accident=accident,
        trail_deg=180.0 * trail,
        satellite=index in night.crossed,
    )
