"""How the scans of a simulated WISE turn the sky into DN: gains, offsets, and scans with a jump."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisefacts import BANDS

_N_WAVES = 64


@dataclass(frozen=True, slots=True)
class BandLevel:
    """How a scan turns the sky into DN in one band.

    Attributes
    ----------
    gain : float
        DN per MJy/sr.
    offset, drift : float
        Offset, and its change from the begin to the end of the scan, DN.
    jump : float
        By how much the offset jumps in the middle of the scan, DN; 0 but for odd scans.
    magzp : float
        Zero point of the headers, mag.
    """

    gain: float
    offset: float
    drift: float
    jump: float
    magzp: float

    def offset_at(self, phase: float) -> float:
        """Return the offset, DN, at a part of the scan's time, 0 at its begin and 1 at its end."""
        return self.offset + self.drift * (phase - 0.5) + 0.5 * self.jump * float(np.sign(phase - 0.5))


def band_levels(
    config: WiseSimulation, index: int, mjd: float, rng: np.random.Generator
) -> dict[int, BandLevel]:
    """Draw the levels of a scan in all bands.

    Parameters
    ----------
    config : WiseSimulation
    index : int
        0-based number of the scan.
    mjd : float
        Begin of the scan.
    rng : numpy.random.Generator
        Of the scan.

    Returns
    -------
    dict of int to BandLevel
        By band.
    """
    jumps = odd_scans(config.seed, config.n_scans, config.odd_scans)
    sign = jumps.get(index // config.scan_step, 0)
    return {band: _level(config, band, mjd, rng, sign) for band in sorted(BANDS)}


def _level(config: WiseSimulation, band: int, mjd: float, rng: np.random.Generator, sign: int) -> BandLevel:
    gain, zero, where = rng.standard_normal(), rng.standard_normal(), rng.uniform()
    slot = band - 1
    shift, magzp = config.magzp_rms * zero, BANDS[band].magzp[0]
    low, high = config.offset_low_dn[slot], config.offset_high_dn[slot]
    course = config.gain_drift * gain_course(config.seed, band, mjd, config.gain_drift_days)
    relative = (1.0 + course + config.gain_rms * gain) * 10.0 ** (0.4 * shift)
    return BandLevel(
        gain=config.gain_dn_per_mjy_sr[slot] * relative,
        offset=low + (high - low) * where,
        drift=config.drift_dn[slot] * rng.uniform(-1.0, 1.0),
        jump=sign * config.odd_jump_dn[slot],
        magzp=round(magzp + shift, 6),
    )


def gain_course(seed: int, band: int, mjd: float, days: float) -> float:
    """Return the smooth course of a band's gain, the same for all scans and on both sides of the Sun.

    A Gaussian process in time with the correlation ``exp(-t^2 / (2 days^2))``, drawn as cosines of random
    frequencies and phases (A. Rahimi & B. Recht 2007).

    Parameters
    ----------
    seed : int
    band : int
    mjd : float
    days : float
        Time over which it changes, d.

    Returns
    -------
    float
        Of mean 0 and variance 1 over all seeds.
    """
    rng = stream(seed, Purpose.WISE_GAIN, band)
    frequency = rng.standard_normal(_N_WAVES) / days
    phase = rng.uniform(0.0, 2.0 * np.pi, _N_WAVES)
    return float(np.sqrt(2.0 / _N_WAVES) * np.cos(frequency * mjd + phase).sum())


@lru_cache(maxsize=16)
def odd_scans(seed: int, n_scans: int, n_odd: int) -> dict[int, int]:
    """Choose the scans whose offset jumps.

    Parameters
    ----------
    seed : int
    n_scans, n_odd : int
        All scans, and those that are odd; at most all are.

    Returns
    -------
    dict of int to int
        From the place of a scan in the simulation, from 0, to the sign of its jump.
    """
    rng = stream(seed, Purpose.WISE_ODD)
    places = rng.choice(n_scans, min(n_odd, n_scans), replace=False)
    return {int(place): int(rng.choice([-1, 1])) for place in places}
