"""Response of the IRAC arrays to a point source: published coefficients, as facts with their sources.

Observed flux = true flux x array-location response x pixel-phase response. Every number stands as published;
the formulas are in `photomitrus_cli.irac.corrections`. Coefficients belong to 0-based positions.

Sources, all of the Spitzer Science Center (SSC):

- cryo, warm, hora, reach: programme ``irac_aphot_corr`` (contributed software, irac/iracaphotcorr): cryo for
  pipelines S18.24 and later, warm for S19.2, hora (Hora et al. 2008, PASP 120, 1233) and reach (Reach et al.
  2005, PASP 117, 978) for S18.7 and earlier.
- warm2010: array-location images of the warm mission of 17 May 2010, aperture 5 px, to multiply by. They are
  quadratics of the same terms, given here.
- warm2011: pixel-phase fits of 25 to 27 October 2011 to stars of the warm mission, by aperture and readout
  mode (programme ``pixel_phase_correct_gauss``). The degenerate full-array fits of 15 px are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

Aperture = tuple[float, float, float]


class PhaseGaussians(NamedTuple):
    """Pixel-phase response of two Gaussians, one per axis.

    Attributes
    ----------
    amp_x, amp_y : float
        Amplitudes.
    x0, y0 : float
        Phase of the peaks, pixels from the pixel's centre.
    sigma_x, sigma_y : float
        Widths, pixels.
    floor : float
        Constant term.
    """

    amp_x: float
    amp_y: float
    x0: float
    y0: float
    sigma_x: float
    sigma_y: float
    floor: float


class Quadratic(NamedTuple):
    """A quadratic of i = trunc(x) - 127 and j = trunc(y) - 127.

    Attributes
    ----------
    const, i, j, ij, ii, jj : float
        Coefficients of 1, i, j, i j, i^2, j^2.
    """

    const: float
    i: float
    j: float
    ij: float
    ii: float
    jj: float


# Side of a full array, pixels, and the pixel where i = j = 0.
ARRAY_SIZE = 256
ORIGIN = 127

# Full-array position of pixel (0, 0) of a subarray: x, y. Channels 1 and 2 read one corner, 3 and 4 another.
SUBARRAY_ORIGIN: Mapping[int, tuple[int, int]] = {1: (8, 216), 2: (8, 216), 3: (8, 8), 4: (8, 8)}
SUBARRAY_SIZE = 32

# Observed over true flux; their means over the array are 1 to 3e-4.
CRYO_ARRAY: Mapping[int, Quadratic] = {
    1: Quadratic(0.98866790, -2.5460463e-05, -4.5413791e-05, -3.7748392e-07, 9.6670990e-07, 1.1259718e-06),
    2: Quadratic(0.97713769, 1.6023137e-04, 1.0671203e-04, 6.1546421e-07, 2.3478283e-06, 1.8726664e-06),
    3: Quadratic(0.98318195, -4.4891858e-04, 5.7375573e-05, 3.5613363e-07, 1.9036209e-06, 1.1912425e-06),
    4: Quadratic(0.98239745, 2.0132123e-04, -1.9285260e-05, -3.7193490e-07, 1.4509036e-06, 1.8131923e-06),
}
WARM_ARRAY: Mapping[int, Quadratic] = {
    1: Quadratic(0.98397385, -8.6387206e-05, 3.6310403e-05, -5.6284359e-07, 1.6023687e-06, 1.3574380e-06),
    2: Quadratic(0.97494935, 1.5911599e-04, 9.5483763e-05, 5.5486492e-08, 1.2604664e-06, 3.3644277e-06),
}

# As published, before the division by the median over the array (hora) or the value at i = j = 0 (reach).
EARLY_ARRAY: Mapping[int, Quadratic] = {
    1: Quadratic(1.0114, -3.536e-6, -6.826e-5, -1.618e-8, 1.215e-6, 1.049e-6),
    2: Quadratic(1.0138, 8.401e-5, 3.345e-7, 1.885e-7, 1.438e-6, 1.337e-6),
    3: Quadratic(1.0055, -3.870e-4, 4.600e-5, 1.956e-7, 2.078e-6, 9.970e-7),
    4: Quadratic(1.0054, 2.332e-4, -8.234e-5, -1.881e-7, 6.520e-7, 9.415e-7),
}

# A correction to multiply by, unlike the others: its inverse is the response. It is 1 at the array's centre.
WARM2010_CORRECTION: Mapping[int, Quadratic] = {
    1: Quadratic(1.0, 6.589e-5, -2.7246e-5, 1.41936e-7, -1.353146e-6, -1.061638e-6),
    2: Quadratic(1.000241, -9.69942e-5, -5.34503e-5, -4.33624e-7, -1.713901e-6, -1.729225e-6),
}

# Channels 3 and 4 have no pixel-phase response worth correcting.
CRYO_PHASE: Mapping[int, PhaseGaussians] = {
    1: PhaseGaussians(
        0.018823169, 0.030359022, 0.091603768, 0.0067795815, 0.17107575, 0.16949466, 0.97909886
    ),
    2: PhaseGaussians(0.010250904, 0.0091393800, 0.040266280, 0.12475250, 0.17673946, 0.27301699, 0.98964462),
}
WARM_PHASE: Mapping[int, PhaseGaussians] = {
    1: PhaseGaussians(0.039129220, 0.059108698, 0.15899583, 0.037160298, 0.18512016, 0.17005089, 0.95685578),
    2: PhaseGaussians(0.017579553, 0.0092593634, 0.14839436, 0.11459924, 0.18020032, 0.15649627, 0.98847611),
}

# Slope of the radial pixel-phase response.
REACH_SLOPE: Mapping[int, float] = {1: 0.0535, 2: 0.0}
HORA_SLOPE: Mapping[int, float] = {1: 0.0535, 2: 0.0309}

# (channel, subarray) -> aperture radius, annulus radii (px) -> fit.
WARM2011_PHASE: Mapping[tuple[int, bool], Mapping[Aperture, PhaseGaussians]] = {
    (1, False): {
        (2, 2, 6): PhaseGaussians(0.035, 0.0634, 0.21, 0.034, 0.197, 0.163, 0.957),
        (2, 12, 20): PhaseGaussians(0.0351, 0.0633, 0.208, 0.036, 0.198, 0.163, 0.957),
        (3, 3, 7): PhaseGaussians(0.033, 0.054, 0.186, 0.021, 0.191, 0.164, 0.962),
        (3, 12, 20): PhaseGaussians(0.0327, 0.0544, 0.19, 0.022, 0.189, 0.164, 0.962),
        (4, 4, 8): PhaseGaussians(0.0308, 0.0492, 0.193, 0.023, 0.19, 0.164, 0.965),
        (4, 12, 20): PhaseGaussians(0.0309, 0.0487, 0.194, 0.023, 0.19, 0.163, 0.966),
        (5, 5, 10): PhaseGaussians(0.0298, 0.0479, 0.191, 0.027, 0.19, 0.163, 0.966),
        (5, 12, 20): PhaseGaussians(0.0299, 0.0475, 0.191, 0.027, 0.189, 0.163, 0.967),
        (8, 12, 20): PhaseGaussians(0.0291, 0.0461, 0.192, 0.03, 0.189, 0.161, 0.968),
        (9, 12, 20): PhaseGaussians(0.029, 0.0453, 0.191, 0.029, 0.189, 0.162, 0.968),
        (10, 12, 20): PhaseGaussians(0.0288, 0.0453, 0.192, 0.03, 0.187, 0.163, 0.968),
        (11, 12, 20): PhaseGaussians(0.0286, 0.0448, 0.192, 0.029, 0.187, 0.164, 0.968),
        (12, 12, 20): PhaseGaussians(0.0279, 0.0451, 0.192, 0.029, 0.175, 0.169, 0.969),
    },
    (1, True): {
        (2, 2, 6): PhaseGaussians(0.043, 0.0596, 0.131, 0.037, 0.176, 0.191, 0.953),
        (2, 12, 20): PhaseGaussians(0.0425, 0.0596, 0.13, 0.039, 0.177, 0.191, 0.953),
        (3, 3, 7): PhaseGaussians(0.0419, 0.0521, 0.126, 0.027, 0.182, 0.197, 0.956),
        (3, 12, 20): PhaseGaussians(0.0416, 0.052, 0.128, 0.027, 0.183, 0.195, 0.956),
        (4, 4, 8): PhaseGaussians(0.0394, 0.0488, 0.13, 0.032, 0.184, 0.197, 0.958),
        (4, 12, 20): PhaseGaussians(0.0396, 0.0476, 0.131, 0.03, 0.183, 0.194, 0.959),
        (5, 5, 10): PhaseGaussians(0.0388, 0.0472, 0.129, 0.032, 0.185, 0.196, 0.959),
        (5, 12, 20): PhaseGaussians(0.0384, 0.0468, 0.13, 0.032, 0.183, 0.194, 0.96),
        (8, 12, 20): PhaseGaussians(0.0366, 0.0447, 0.13, 0.033, 0.184, 0.193, 0.962),
        (9, 12, 20): PhaseGaussians(0.0363, 0.0438, 0.13, 0.033, 0.184, 0.192, 0.962),
        (10, 12, 20): PhaseGaussians(0.036, 0.0437, 0.129, 0.033, 0.184, 0.192, 0.963),
        (11, 12, 20): PhaseGaussians(0.0359, 0.0434, 0.129, 0.033, 0.184, 0.191, 0.963),
        (12, 12, 20): PhaseGaussians(0.0362, 0.0438, 0.125, 0.036, 0.187, 0.194, 0.962),
        (15, 15, 25): PhaseGaussians(0.0358, 0.0434, 0.125, 0.039, 0.194, 0.192, 0.962),
    },
    (2, False): {
        (2, 2, 6): PhaseGaussians(0.0083, 0.027, 0.051, 0.104, 0.104, 0.191, 0.985),
        (2, 12, 20): PhaseGaussians(0.0078, 0.026, 0.047, 0.095, 0.1, 0.177, 0.987),
        (3, 3, 7): PhaseGaussians(0.0179, 0.0192, 0.071, 0.099, 0.201, 0.218, 0.981),
        (3, 12, 20): PhaseGaussians(0.0175, 0.0186, 0.07, 0.098, 0.203, 0.216, 0.981),
        (4, 4, 8): PhaseGaussians(0.0177, 0.0191, 0.087, 0.095, 0.207, 0.21, 0.981),
        (4, 12, 20): PhaseGaussians(0.0173, 0.0188, 0.083, 0.096, 0.206, 0.215, 0.981),
        (5, 5, 10): PhaseGaussians(0.0176, 0.0183, 0.091, 0.091, 0.209, 0.209, 0.981),
        (5, 12, 20): PhaseGaussians(0.0178, 0.0187, 0.088, 0.095, 0.209, 0.214, 0.981),
        (8, 12, 20): PhaseGaussians(0.0171, 0.0185, 0.089, 0.098, 0.21, 0.221, 0.981),
        (9, 12, 20): PhaseGaussians(0.017, 0.0187, 0.088, 0.098, 0.212, 0.224, 0.981),
        (10, 12, 20): PhaseGaussians(0.0172, 0.0189, 0.089, 0.1, 0.215, 0.228, 0.98),
        (11, 12, 20): PhaseGaussians(0.0173, 0.0189, 0.089, 0.099, 0.217, 0.227, 0.98),
        (12, 12, 20): PhaseGaussians(0.0172, 0.0188, 0.089, 0.1, 0.218, 0.227, 0.98),
    },
    (2, True): {
        (2, 2, 6): PhaseGaussians(0.0214, 0.0236, 0.011, 0.133, 0.174, 0.179, 0.98),
        (2, 12, 20): PhaseGaussians(0.0205, 0.0223, 0.009, 0.131, 0.171, 0.177, 0.981),
        (3, 3, 7): PhaseGaussians(0.022, 0.0169, 0.037, 0.095, 0.198, 0.174, 0.982),
        (3, 12, 20): PhaseGaussians(0.0215, 0.0162, 0.035, 0.091, 0.196, 0.179, 0.982),
        (4, 4, 8): PhaseGaussians(0.0193, 0.0161, 0.049, 0.088, 0.188, 0.18, 0.984),
        (4, 12, 20): PhaseGaussians(0.0193, 0.0162, 0.048, 0.089, 0.187, 0.192, 0.983),
        (5, 5, 10): PhaseGaussians(0.0187, 0.0167, 0.051, 0.098, 0.177, 0.207, 0.983),
        (5, 12, 20): PhaseGaussians(0.0185, 0.0167, 0.052, 0.099, 0.173, 0.212, 0.983),
        (8, 12, 20): PhaseGaussians(0.0182, 0.0187, 0.064, 0.11, 0.168, 0.257, 0.981),
        (9, 12, 20): PhaseGaussians(0.0182, 0.0192, 0.065, 0.111, 0.167, 0.263, 0.98),
        (10, 12, 20): PhaseGaussians(0.0185, 0.0189, 0.067, 0.113, 0.164, 0.267, 0.981),
        (11, 12, 20): PhaseGaussians(0.0184, 0.0195, 0.07, 0.107, 0.172, 0.284, 0.979),
        (12, 12, 20): PhaseGaussians(0.0182, 0.0201, 0.074, 0.105, 0.175, 0.291, 0.979),
        (15, 15, 25): PhaseGaussians(0.0167, 0.0169, 0.071, 0.106, 0.175, 0.265, 0.982),
    },
}
