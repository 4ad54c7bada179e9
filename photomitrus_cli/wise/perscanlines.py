"""What a calibration scan by scan may be told, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Splines = Literal["both", "gain", "none"]


@dataclass(frozen=True, slots=True)
class LineChoices:
    """How scans are calibrated one by one.

    Attributes
    ----------
    galactic_deg : float
        Lines are fitted to samples beyond this Galactic latitude, deg.
    ecliptic_deg : float
        And within this ecliptic latitude, deg; 90 for all.
    rounds : int
        Of lines and sky.
    splines : {'both', 'gain', 'none'}
        What a spline in time replaces. Under 'gain' every scan keeps the offset that fits its gain.
    median_scans : int
        Scans in the running median that tells which of them shape a spline.
    clip_sigma : float
        Samples farther from the mean of their pixel than so many standard deviations of its samples are left
        out of the map; 0 for none.
    """

    galactic_deg: float
    ecliptic_deg: float
    rounds: int
    splines: Splines
    median_scans: int
    clip_sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class LineSolution:
    """A calibration scan by scan, in the terms of a joint one.

    Attributes
    ----------
    gain : ndarray, shape (S,)
        DN per MJy/sr.
    offset : ndarray, shape (n,)
        DN, the same along a scan.
    nodes : ndarray, shape (S, K)
        The same offsets.
    amplitudes : ndarray, shape (J,)
        Zeros: the template is taken as it is.
    zodi : ndarray, shape (n,)
        Template, MJy/sr.
    sky : ndarray, shape (P,)
        Mean of the samples that are mapped, MJy/sr; NaN without any.
    noise : ndarray, shape (S,)
        Robust spread of the residuals of a scan, DN.
    weight : ndarray, shape (n,)
        DN^-2; 0 for samples that are not fitted.
    map_weight : ndarray, shape (n,)
        (MJy/sr)^-2; 0 for clipped samples.
    residual : ndarray, shape (n,)
        Value less model, DN.
    walk, jitter, baseline : float
        NaN: nothing is supposed of them.
    n_rounds, n_steps : int
        Rounds; 0.
    """

    gain: Floats
    offset: Floats
    nodes: Floats
    amplitudes: Floats
    zodi: Floats
    sky: Floats
    noise: Floats
    weight: Floats
    map_weight: Floats
    residual: Floats
    walk: float
    jitter: float
    baseline: float
    n_rounds: int
    n_steps: int
