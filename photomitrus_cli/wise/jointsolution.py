"""A joint calibration as it is solved for: where it is, and how strong its priors are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointdesign import Problem
from photomitrus_cli.wise.jointlinear import Preconditioner
from photomitrus_cli.wise.jointsky import SkyPrior
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Unknowns

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Strengths:
    """Strengths of the priors, given or measured.

    Attributes
    ----------
    walk, jitter : float
        Of the gain, relative: rms change in a day, and from scan to scan beyond that.
    baseline : float
        Rms of the offsets along a scan, DN.
    sky : SkyPrior
    """

    walk: float
    jitter: float
    baseline: float
    sky: SkyPrior


@dataclass(frozen=True, slots=True)
class Point:
    """Where the solution is.

    Attributes
    ----------
    unknowns : Unknowns
        Logarithmic gains (DN per MJy/sr) and so on.
    pixel : ndarray, shape (P,)
        Sky beyond the smooth one, MJy/sr.
    noise : ndarray, shape (S,)
        Noise of a scan's samples beyond their stated uncertainties, DN.
    robust : ndarray, shape (n,)
        Factors of the weights, 1 for what fits.
    share : float
        Share of the noise's variance that neighbouring samples of a scan have in common.
    """

    unknowns: Unknowns
    pixel: Floats
    noise: Floats
    robust: Floats
    share: float

    @property
    def gain(self) -> Floats:
        """DN per MJy/sr, shape (S,)."""
        return np.asarray(np.exp(self.unknowns.log_gain))


@dataclass(frozen=True, slots=True)
class Solution:
    """A point at which everything fits, and what led there.

    Attributes
    ----------
    problem : Problem
    point : Point
    strengths : Strengths
        That the last round has used.
    system : System
        Of the last round.
    preconditioner : Preconditioner
    offset : ndarray, shape (n,)
        DN.
    zodi : ndarray, shape (n,)
        Template with its amplitudes, MJy/sr.
    sky : ndarray, shape (P,)
        With its prior, MJy/sr.
    residual : ndarray, shape (n,)
        Value less model, DN.
    n_rounds, n_steps : int
        Linearisations, and steps of conjugate gradients in all of them.
    """

    problem: Problem
    point: Point
    strengths: Strengths
    system: System
    preconditioner: Preconditioner
    offset: Floats
    zodi: Floats
    sky: Floats
    residual: Floats
    n_rounds: int
    n_steps: int

    @property
    def gain(self) -> Floats:
        """DN per MJy/sr, shape (S,)."""
        return self.point.gain

    @property
    def nodes(self) -> Floats:
        """Offsets along the scans, DN, shape (S, K)."""
        return self.point.unknowns.nodes

    @property
    def amplitudes(self) -> Floats:
        """Of the template's modes, shape (J,)."""
        return self.point.unknowns.amplitudes

    @property
    def noise(self) -> Floats:
        """Noise of each scan beyond the samples' uncertainties, DN, shape (S,)."""
        return self.point.noise

    @property
    def weight(self) -> Floats:
        """Weights of the samples in the fit, DN^-2, shape (n,)."""
        return self.system.weight

    @property
    def map_weight(self) -> Floats:
        """Inverse variances of the calibrated samples, (MJy/sr)^-2, shape (n,)."""
        problem = self.problem
        variance = problem.samples.sigma.astype(np.float64) ** 2 + self.noise[problem.scan] ** 2
        return np.asarray(np.where(np.isfinite(variance), self.gain[problem.scan] ** 2 / variance, 0.0))
