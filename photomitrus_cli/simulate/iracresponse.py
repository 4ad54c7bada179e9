"""The photometric response of IRAC to a point source, evaluated for the simulator alone.

Array location: ``R_al = A + B i + C j + D i j + E i^2 + F j^2`` with i, j the truncated pixel less 127.
Pixel phase: two periodic Gaussians, ``R_pp = dFx g(xp - x0, sx) + dFy g(yp - y0, sy) + F0``.
Observed flux is true flux times both. Source: the IRAC photometric corrections of the Spitzer Science Center
(programme ``irac_aphot_corr``; warm set for S19.2, cryogenic set for S18.24 and later).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracfacts import Mission

Floats = NDArray[np.float64]

_ARRAY_LOCATION: dict[tuple[Mission, int], tuple[float, ...]] = {
    ("cryo", 1): (0.98866790, -2.5460463e-05, -4.5413791e-05, -3.7748392e-07, 9.6670990e-07, 1.1259718e-06),
    ("cryo", 2): (0.97713769, 1.6023137e-04, 1.0671203e-04, 6.1546421e-07, 2.3478283e-06, 1.8726664e-06),
    ("cryo", 3): (0.98318195, -4.4891858e-04, 5.7375573e-05, 3.5613363e-07, 1.9036209e-06, 1.1912425e-06),
    ("cryo", 4): (0.98239745, 2.0132123e-04, -1.9285260e-05, -3.7193490e-07, 1.4509036e-06, 1.8131923e-06),
    ("warm", 1): (0.98397385, -8.6387206e-05, 3.6310403e-05, -5.6284359e-07, 1.6023687e-06, 1.3574380e-06),
    ("warm", 2): (0.97494935, 1.5911599e-04, 9.5483763e-05, 5.5486492e-08, 1.2604664e-06, 3.3644277e-06),
}

# dFx, dFy, x0, y0, sx, sy, F0
_PIXEL_PHASE: dict[tuple[Mission, int], tuple[float, ...]] = {
    ("cryo", 1): (0.018823169, 0.030359022, 0.091603768, 0.0067795815, 0.17107575, 0.16949466, 0.97909886),
    ("cryo", 2): (0.010250904, 0.0091393800, 0.040266280, 0.12475250, 0.17673946, 0.27301699, 0.98964462),
    ("warm", 1): (0.039129220, 0.059108698, 0.15899583, 0.037160298, 0.18512016, 0.17005089, 0.95685578),
    ("warm", 2): (0.017579553, 0.0092593634, 0.14839436, 0.11459924, 0.18020032, 0.15649627, 0.98847611),
}


def array_location(mission: Mission, channel: int, x: Floats, y: Floats) -> Floats:
    """Response to a point source by its place on the array.

    Parameters
    ----------
    mission : {'cryo', 'warm'}
        Calibration set.
    channel : int
        IRAC channel.
    x, y : ndarray
        0-based positions in pixels.

    Returns
    -------
    ndarray
        Observed over true flux, near 1.
    """
    i = np.trunc(x) - 127.0
    j = np.trunc(y) - 127.0
    const, by_i, by_j, by_ij, by_ii, by_jj = _ARRAY_LOCATION[mission, channel]
    return np.asarray(const + by_i * i + by_j * j + by_ij * i * j + by_ii * i * i + by_jj * j * j)


def _periodic_gaussian(offset: Floats, sigma: float) -> Floats:
    distance = np.abs(offset)
    wrapped = np.where(distance > 0.5, 1.0 - distance, distance)
    return np.asarray(np.exp(-0.5 * (wrapped / sigma) ** 2))


def pixel_phase(mission: Mission, channel: int, x: Floats, y: Floats) -> Floats:
    """Response to a point source by its place within a pixel; 1 in channels 3 and 4.

    Parameters
    ----------
    mission : {'cryo', 'warm'}
        Calibration set.
    channel : int
        IRAC channel.
    x, y : ndarray
        0-based positions in pixels.

    Returns
    -------
    ndarray
        Observed over true flux, mean 1 over a pixel.
    """
    if channel > 2:
        return np.ones_like(x)
    amp_x, amp_y, x0, y0, sigma_x, sigma_y, floor = _PIXEL_PHASE[mission, channel]
    # Half pixels go away from zero; numpy would round them to even.
    phase_x = x - np.copysign(np.floor(np.abs(x) + 0.5), x)
    phase_y = y - np.copysign(np.floor(np.abs(y) + 0.5), y)
    part_x = amp_x * _periodic_gaussian(phase_x - x0, sigma_x)
    part_y = amp_y * _periodic_gaussian(phase_y - y0, sigma_y)
    return np.asarray(part_x + part_y + floor)
