"""How smooth gains are in time: the likelihood against the one written out, walk and jitter against draws."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from photomitrus_cli.wise import jointgains
from photomitrus_cli.wise.jointgains import measure_gain_prior


def drawn(
    walk: float, jitter: float, seed: int = 1, n: int = 800
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Times of scans, their logarithmic gains as measured, and the variances of the measurements."""
    rng = np.random.default_rng(seed)
    days = np.cumsum(rng.choice([0.02, 0.066, 0.3], n))
    sigma = rng.uniform(0.001, 0.003, n)
    steps = walk * np.sqrt(np.diff(days, prepend=days[0])) * rng.standard_normal(n)
    return days, 4.3 + np.cumsum(steps) + np.hypot(jitter, sigma) * rng.standard_normal(n), sigma**2


def test_the_likelihood_is_that_of_all_differences() -> None:
    """The covariance of gains by the walk and by their own noise, written out and told by differences."""
    rng = np.random.default_rng(2)
    days, noise, y = np.array([0.0, 0.3, 0.4, 2.0, 2.1]), rng.uniform(0.5, 2.0, 5), rng.standard_normal(5)
    covariance = 0.7 * np.minimum.outer(days, days) + np.diag(noise)
    change = np.diff(np.eye(5), axis=0)
    normal = multivariate_normal(np.zeros(4), change @ covariance @ change.T)
    expected = -2.0 * normal.logpdf(np.diff(y)) - 4.0 * np.log(2.0 * np.pi)
    assert jointgains._minus_log_likelihood(days, y, noise, 0.7) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("walk", "jitter"), [(0.02, 0.004), (0.004, 0.001)])
def test_walk_and_jitter_are_found(walk: float, jitter: float) -> None:
    days, gain, variance = drawn(walk, jitter)
    # A scan that tells nothing is left out, whatever its gain.
    gain[7], variance[7] = 99.0, np.inf
    found = measure_gain_prior(days, gain, variance, None, None)
    assert found == pytest.approx((walk, jitter), rel=0.15)


def test_what_is_given_stays_and_the_other_follows() -> None:
    days, gain, variance = drawn(0.02, 0.004)
    assert measure_gain_prior(days, gain, variance, 0.3, 0.2) == (0.3, 0.2)
    given, jitter = measure_gain_prior(days, gain, variance, 0.02, None)
    assert given == 0.02
    assert jitter == pytest.approx(0.004, rel=0.15)
    walk, given = measure_gain_prior(days, gain, variance, None, 0.004)
    assert walk == pytest.approx(0.02, rel=0.15)
    assert given == 0.004
    # A walk that is too weak leaves more to the jitter.
    assert measure_gain_prior(days, gain, variance, 1e-3, None)[1] > 0.01


def test_limits() -> None:
    """Gains without any change and two gains alone look steadier than any detector is."""
    days, _, variance = drawn(0.01, 0.01)
    steady = measure_gain_prior(days, np.full(days.size, 4.3), variance, None, None)
    assert steady == pytest.approx((1e-3, 3e-4), rel=1e-6)
    for told, expected in ((2, (1e-3, 3e-4)), (3, (0.1, 0.1))):
        spread = np.where(np.arange(days.size) < told, variance, np.inf)
        jumps = 4.3 + 5.0 * np.array([0.0, 1.0, -1.0])[np.arange(days.size) % 3]
        found = measure_gain_prior(days, jumps, spread, None, None)
        assert max(found) == pytest.approx(max(expected), rel=1e-6)
    assert measure_gain_prior(days, days, np.full(days.size, np.inf), 0.5, None) == (0.5, 3e-4)
    assert measure_gain_prior(days, days, np.full(days.size, np.inf), None, 0.5) == (1e-3, 0.5)
