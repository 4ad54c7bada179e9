"""What a joint calibration supposes before it sees the data: smooth gains, steady offsets, a faint sky."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkyLevel:
    """Numbers that make up a part of the smooth sky.

    Attributes
    ----------
    spread_out : scipy.sparse.csr_array, shape (P, n_blocks)
        Times the numbers gives the sky of this level, MJy/sr.
    gathered : scipy.sparse.csr_array, shape (n_blocks, P)
        Its transpose.
    sigma : float
        Of the numbers, MJy/sr; inf for free ones.
    """

    spread_out: Any
    gathered: Any
    sigma: float

    @property
    def n_blocks(self) -> int:
        """How many numbers."""
        return int(self.spread_out.shape[1])

    @property
    def precision(self) -> float:
        """Inverse variance."""
        return 0.0 if np.isinf(self.sigma) else self.sigma**-2

    def sky(self, numbers: Floats) -> Floats:
        """Evaluate the level, MJy/sr, shape (P,)."""
        return np.asarray(self.spread_out @ numbers)

    def gather(self, values: Floats) -> Floats:
        """Project values of the pixels on the numbers, shape (n_blocks,)."""
        return np.asarray(self.gathered @ values)


@dataclass(frozen=True, slots=True)
class GainPrior:
    """Logarithmic gains wander slowly (a random walk) and jitter from scan to scan.

    Attributes
    ----------
    days : ndarray, shape (S,)
        Ascending times of the scans, d.
    walk : float
        Rms change in a day, relative.
    jitter : float
        Rms from scan to scan beyond that, relative.
    """

    days: Floats
    walk: float
    jitter: float

    def product(self, x: Floats) -> Floats:
        """Multiply the prior's matrix, which leaves the common gain free, by a vector of shape (S,)."""
        y = self._walk_product(x)
        if self.jitter == 0.0 or len(x) < 2:
            return y
        # (C_walk + j^2)^-1 = (1 + j^2 Q)^-1 Q for the walk's matrix Q.
        from scipy.linalg import solveh_banded

        return np.asarray(solveh_banded(self._banded(self.jitter**2), y, lower=True, check_finite=False))

    def diagonal(self) -> Floats:
        """Give the diagonal of the matrix, of the walk alone and no more than the jitter allows."""
        steps = self._steps()
        diagonal = np.zeros(len(self.days))
        diagonal[1:] += steps
        diagonal[:-1] += steps
        return diagonal / (1.0 + self.jitter**2 * diagonal)

    def _steps(self) -> Floats:
        """Inverse variances of the changes between successive scans."""
        # Scans at one time, to a second, are told apart by the jitter alone.
        return 1.0 / (self.walk**2 * np.maximum(np.diff(self.days), 1e-5))

    def _walk_product(self, x: Floats) -> Floats:
        flow = self._steps() * np.diff(x)
        y = np.zeros(len(x))
        y[1:] += flow
        y[:-1] -= flow
        return y

    def _banded(self, factor: float) -> Floats:
        """Give ``1 + factor Q`` as the diagonals of a banded matrix."""
        steps = self._steps() * factor
        banded = np.zeros((2, len(self.days)))
        banded[0] = 1.0
        banded[0, 1:] += steps
        banded[0, :-1] += steps
        banded[1, :-1] = -steps
        return banded

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw gains from the prior, with the first one at 0, shape (S,)."""
        n = len(self.days)
        steps = rng.standard_normal(max(n - 1, 0)) / np.sqrt(self._steps())
        walk = np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(walk + self.jitter * rng.standard_normal(n))


@dataclass(frozen=True, slots=True)
class Priors:
    """All priors.

    Attributes
    ----------
    gain : GainPrior
    node_precision : ndarray, shape (K, K)
        Matrix of a scan's offsets, DN^-2; the mean offset is free.
    node_draws : ndarray, shape (K, K)
        Times normal numbers gives a draw of the offsets' deviations, DN.
    mode_precision : ndarray, shape (J,)
    levels : tuple of SkyLevel
    pixel_precision : ndarray, shape (P,)
        Of the sky's deviations from the smooth sky, (MJy/sr)^-2.
    """

    gain: GainPrior
    node_precision: Floats
    node_draws: Floats
    mode_precision: Floats
    levels: tuple[SkyLevel, ...]
    pixel_precision: Floats


def node_prior(n_nodes: int, spacing_deg: float, length_deg: float, sigma: float) -> tuple[Floats, Floats]:
    """Give the prior of offsets along a scan: correlated noise about a free mean.

    Covariances are ``sigma^2 exp(-distance / length)``; the mean is projected out of their inverse.

    Parameters
    ----------
    n_nodes : int
        K.
    spacing_deg, length_deg : float
        deg along the scan.
    sigma : float
        DN.

    Returns
    -------
    precision, draws : ndarray, shape (K, K)
        As in `Priors`.
    """
    places = spacing_deg * np.arange(n_nodes)
    covariance = sigma**2 * np.exp(-np.abs(places[:, None] - places) / length_deg)
    inverse = np.linalg.inv(covariance)
    rows = inverse.sum(axis=1)
    precision = np.asarray(inverse - np.outer(rows, rows) / rows.sum())
    return precision, np.asarray(np.linalg.cholesky(covariance))
