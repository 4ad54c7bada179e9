"""Fluxes of the frames of an AOR to one."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.irac.aorflux import Weights, combine_fluxes

GOOD = [10.0, 10.1, 9.9, 10.05, 9.95]


def test_the_default_leaves_out_outliers_with_a_reason() -> None:
    result = combine_fluxes([*GOOD, 14.0, np.nan, 3.0])
    assert result.flux == pytest.approx(np.mean(GOOD))
    assert result.scatter == pytest.approx(np.std(GOOD, ddof=1))
    assert result.err_mean == pytest.approx(np.std(GOOD, ddof=1) / np.sqrt(5))
    assert result.std_population == pytest.approx(np.std(GOOD))
    assert (result.n_used, result.n_rejected) == (5, 2)
    assert result.kept.tolist() == [True] * 5 + [False] * 3
    assert result.reasons == ("",) * 5 + ("above the others (mad)", "no flux", "below the others (mad)")


def test_clipping_goes_on_until_nothing_changes() -> None:
    values = [1.0, 1.01, 0.99, 1.02, 0.98, 1.5, 1.6, 40.0, 50.0]
    result = combine_fluxes(values)
    assert result.kept.tolist() == [True] * 5 + [False] * 4


@pytest.mark.parametrize("values", [[5.0], [5.0, 9.0], [5.0, 5.01, 900.0]])
def test_few_fluxes_are_not_clipped(values: list[float]) -> None:
    assert combine_fluxes(values).n_used == len(values)


def test_equal_fluxes_clip_nothing() -> None:
    assert combine_fluxes([5.0, 5.0, 5.0, 5.0, 5.1]).n_used == 5


def test_the_seed_drops_one_extreme_each_of_more_than_ten() -> None:
    values = [float(v) for v in range(10)]
    assert combine_fluxes(values, rule="seed").n_rejected == 0
    assert combine_fluxes([*values, 9.0], rule="seed").n_rejected == 2
    result = combine_fluxes([*values, 9.0, np.nan, 0.0], rule="seed")
    assert result.n_rejected == 2
    assert np.flatnonzero(~result.kept).tolist() == [0, 9, 11]
    assert result.flux == pytest.approx(np.mean([*values[1:9], 9.0, 0.0]))


def test_nothing_is_left_out_by_none() -> None:
    assert combine_fluxes([*GOOD, 1e6], rule="none").n_used == 6


def test_excluded_fluxes_do_not_vote() -> None:
    values = [100.0, *[30.0, 30.1, 29.9, 30.05]]
    result = combine_fluxes(values, excluded=[False, True, True, True, True])
    assert result.flux == 100.0
    assert result.n_rejected == 4
    assert set(result.reasons[1:]) == {"saturated"}


@pytest.mark.parametrize("weights", ["equal", "inverse"])
def test_a_single_flux_has_its_own_error(weights: Weights) -> None:
    result = combine_fluxes([3.0], [0.2], weights=weights)
    assert result.err_mean == pytest.approx(0.2)
    assert np.isnan(result.scatter)
    assert result.std_population == 0.0


def test_nothing_gives_nan() -> None:
    for values in ([], [np.nan, np.nan]):
        result = combine_fluxes(values)
        assert np.isnan(result.flux)
        assert (result.n_used, result.n_rejected) == (0, 0)


def test_inverse_weights() -> None:
    result = combine_fluxes([1.0, 1.3], [0.1, 0.2], "none", weights="inverse")
    assert result.flux == pytest.approx((100 * 1.0 + 25 * 1.3) / 125)
    assert result.err_formal == pytest.approx(125**-0.5)
    chi2 = (0.06 / 0.1) ** 2 + (0.24 / 0.2) ** 2
    assert result.err_mean == pytest.approx((chi2 / 125) ** 0.5)
    with pytest.raises(InputError, match="inverse weights"):
        combine_fluxes([1.0, 2.0], weights="inverse")


@pytest.mark.parametrize("n", [5, 12])
def test_errors_of_the_mean_are_true(n: int) -> None:
    rng = np.random.default_rng(3)
    results = [combine_fluxes(rng.normal(100.0, 2.0, n)) for _ in range(600)]
    true = np.std([result.flux for result in results])
    claimed = np.sqrt(np.mean([result.err_mean**2 for result in results]))
    assert claimed == pytest.approx(true, rel=0.12)


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ConfigError, match="no rule"):
        combine_fluxes(GOOD, rule="mean")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="sigma"):
        combine_fluxes(GOOD, sigma=0.0)
    with pytest.raises(InputError, match="errors"):
        combine_fluxes(GOOD, [0.1])
    with pytest.raises(InputError, match="fluxes"):
        combine_fluxes([GOOD])


def test_one_good_short_frame_beats_nine_saturated_ones() -> None:
    flux = [148.0, 152.0, 149.0, 151.0, 147.0, 150.0, 600.0, 148.5, 150.5, 149.5]
    times = [30.0] * 6 + [0.4] + [30.0] * 3
    assert combine_fluxes(flux).flux == pytest.approx(149.5, abs=0.3)
    found = combine_fluxes(flux, excluded=np.array(times) > 1.0)
    assert found.flux == 600.0
    assert found.reasons.count("saturated") == 9
