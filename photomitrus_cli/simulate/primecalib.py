"""Calibration files of a simulated PRIME: master flats, bad-pixel masks, twilight ramps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.cardtext import card, history
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primedetector import channel_offsets, detector, measure
from photomitrus_cli.simulate.primeheaders import date_text, filters
from photomitrus_cli.simulate.primeplan import DAY_S, FramePlan
from photomitrus_cli.simulate.primesky import area_image, pattern_image
from photomitrus_cli.simulate.streams import Purpose, stream

Image = NDArray[np.float32]

_BRIGHTEST_ADU = 1600.0  # of twilight ramps, per read
_FADE = 0.78  # from one to the next
_WARM_SHARE = 0.04  # constant light of the dome and telescope, of the sky's band level


def flat_field(config: PrimeSimulation, chip: int) -> Image:
    """Return the true flat of a chip without its border: response times area of the pixels, median 1."""
    return detector(config, chip).response * area_image(chip, config.distortion, config.scale)


def master_flat(config: PrimeSimulation, chip: int) -> Image:
    """Return the flat as somebody has measured it."""
    rng = stream(config.seed, Purpose.PRIME_FLAT, chip)
    flat = flat_field(config, chip)
    flat *= 1.0 + np.float32(config.flat_error / config.scale) * rng.standard_normal(
        flat.shape, dtype=np.float32
    )
    return flat


def good_pixels(config: PrimeSimulation, chip: int) -> NDArray[np.int16]:
    """Return the bad-pixel mask of a chip without its border: 1 where good."""
    return (~detector(config, chip).bad).astype(np.int16)


def calibration_cards(config: PrimeSimulation, chip: int, what: str) -> list[str]:
    """Return the header of a calibration file after the mandatory cards."""
    first, second = filters(config.band)
    return [
        card("INSTRUME", "PRIME-Cam"),
        card("CHIP", chip),
        card("FILTER1", first),
        card("FILTER2", second),
        card("OBJTYPE", what),
        card("DATE-BEG", date_text(config.start_mjd)),
        history(f"Simulated by astromap, seed {config.seed}"),
    ]


def night(config: PrimeSimulation) -> str:
    """Return the date of the set as eight digits."""
    return date_text(config.start_mjd, "%Y%m%d")


def twilight_plans(config: PrimeSimulation, first: FramePlan) -> list[FramePlan]:
    """List the ramps of an evening twilight, an hour before the set: each fainter than the one before.

    Parameters
    ----------
    config : PrimeSimulation
    first : FramePlan
        First exposure of the set.

    Returns
    -------
    list of FramePlan
        ``config.twilight`` of them.
    """
    number, plans = int(first.serial), []
    for k in range(config.twilight):
        back = config.twilight - k
        plans.append(
            replace(
                first,
                index=10_000 + k,
                serial=f"{number - back * config.n_reads:08d}",
                mjd=first.mjd - (3600.0 + back * (first.exptime_s + config.overhead_s)) / DAY_S,
                sky_adu=_BRIGHTEST_ADU * _FADE**k,
                accident="",
                satellite=False,
            )
        )
    return plans


def twilight_frame(config: PrimeSimulation, plan: FramePlan, chip: int) -> Image:
    """Return a twilight ramp with its border: fading sky and constant warm light through the flat."""
    fixed, shape = detector(config, chip), facts.frame_shape(config.scale)
    light = flat_field(config, chip) * np.float32(plan.sky_adu)
    warm = _WARM_SHARE * 10.0 ** (0.4 * (facts.ZERO_POINT[config.band] - config.sky_mag[config.band_index]))
    pattern = 1.0 + 0.2 * pattern_image(config.seed, chip, shape.active)
    light += np.float32(warm * facts.PIXEL_ARCSEC**2) * pattern * fixed.response
    light.reshape(-1)[fixed.hot] += fixed.hot_adu
    measure(config, stream(config.seed, Purpose.PRIME_NOISE, chip, plan.index), light)
    whole = np.zeros((shape.side, shape.side), dtype=np.float32)
    whole[shape.border : -shape.border, shape.border : -shape.border] = light
    columns = channel_offsets(config, plan, chip)
    return np.where(whole == np.float32(facts.INVALID), whole, whole + columns[None, :])
