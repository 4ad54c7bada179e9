"""Tests of scans, the level of the sky and the settings of `wise calibrate`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truthkit.runs import settings

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.healpix import pixel_directions, ring_pixels, rotation_from_fk5
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibfigures import ScanFigures
from photomitrus_cli.wise.calibfit import Examined, pixel_means
from photomitrus_cli.wise.calibread import assemble
from photomitrus_cli.wise.calibscans import NO_PIXELS, ScanRules, judge_scans
from photomitrus_cli.wise.calibsolve import choices_of
from photomitrus_cli.wise.calibzero import reference_at, zero_shift
from photomitrus_cli.wise.samples import Samples
from photomitrus_cli.wise.scancolumns import scan_columns_of

N = 40
RULES = ScanRules(30, 0.9, 6.0, 6.0, 6.0, 0.1)
DRIFT = 1.0 + 0.5 * np.sin(np.arange(N))


def examined() -> tuple[Examined, np.ndarray]:
    """Give scans without a fault that scatter a little."""
    rng = np.random.default_rng(1)
    gain = 74.0 * (1.0 + 0.1 * np.linspace(0.0, 1.0, N))
    counts = np.full(N, 100)
    rms = 0.01 * (1.0 + 0.1 * rng.standard_normal(N))
    figures = ScanFigures(counts, counts.copy(), rms, np.ones(N), np.full(N, 0.99))
    return Examined(figures, gain * (1.0 + 0.02 * rng.standard_normal(N)), rms.copy()), gain


def test_scans_that_fit_stay() -> None:
    one, gain = examined()
    assert judge_scans(one, gain, DRIFT, np.zeros(N), np.ones(N, bool), RULES) == [""] * N


def test_every_test_of_scans_refuses_with_its_reason() -> None:
    one, gain = examined()
    figures, contradicted, accepted = one.figures, np.zeros(N), np.ones(N, bool)
    figures.n_samples[1] = figures.n_used[1] = 0
    figures.n_used[2] = 29
    figures.correlation[3] = 0.85
    figures.correlation[4] = np.nan
    one.spread[5] = 0.03
    one.own_gain[6] *= 1.3
    one.own_gain[7] = np.nan
    contradicted[8] = 0.2
    one.spread[9] = 0.03
    accepted[9] = False
    drift = DRIFT.copy()
    drift[10] = 10.0
    told = judge_scans(one, gain, drift, contradicted, accepted, RULES)
    words = {
        1: NO_PIXELS, 2: "29 map pixels in the fit, fewer than 30", 3: "r^2 with zodiacal light 0.850",
        4: "r^2", 5: "above other scans", 6: "from its neighbours", 7: "from its neighbours",
        8: "contradict 20 %", 10: "offsets of 10 DN along it",
    }  # fmt: skip
    assert {k for k, reason in enumerate(told) if reason} == words.keys()
    for k, word in words.items():
        assert word in told[k]


def test_gains_that_change_slowly_are_no_outliers() -> None:
    """The course is local: 10 % over the survey are not held against its ends."""
    one, gain = examined()
    steep = replace(one, own_gain=gain.copy())
    assert not any(judge_scans(steep, gain, DRIFT, np.zeros(N), np.ones(N, bool), RULES))


def test_means_of_pixels_pass_over_what_has_no_weight() -> None:
    index = np.array([0, 0, 2, 2], np.int32)
    mean, sigma = pixel_means(index, np.array([1.0, 4.0, np.nan, 7.0]), np.array([2.0, 1.0, 0.0, 4.0]), 3)
    np.testing.assert_allclose(mean, [2.0, np.nan, 7.0])
    np.testing.assert_allclose(sigma, [3.0**-0.5, np.nan, 0.5])


def some_samples(nside: int = 8, system: str = "galactic") -> Samples:
    pixels = np.arange(0, 12 * nside**2, 3)
    count = len(pixels)
    columns: dict[str, Any] = {
        "VALUE": np.ones(count), "SIGMA": np.ones(count), "HITS": np.ones(count, np.int32),
        "MJD": 55238.0 + 1e-5 * np.arange(count), "MASK": np.zeros(count, np.int32),
    }  # fmt: skip
    return assemble([scan_columns_of("a", PartialMap(nside, system, pixels, columns))], nside, system)


@pytest.mark.parametrize(
    ("nside", "system"), [(8, "galactic"), (8, "ecliptic"), (32, "ecliptic"), (4, "galactic")]
)
def test_reference_maps_of_other_pixels(nside: int, system: str) -> None:
    """A smooth pattern comes through, whatever the pixels; of finer maps the mean."""
    samples = some_samples()
    turn = rotation_from_fk5("galactic") @ rotation_from_fk5(system).T
    pixels = np.arange(12 * nside**2)
    values = (turn @ pixel_directions(pixels, nside))[2]
    reference = PartialMap(nside, system, pixels, {"OTHER": np.zeros(len(pixels)), "SKY": values})
    got = reference_at(reference, samples, Path("x"))
    want = pixel_directions(samples.pixels, 8)[2]
    assert np.isfinite(got).all()
    assert np.abs(got - want).max() < (
        1e-12 if (nside, system) == (8, "galactic") else 0.02 if nside == 32 else 0.3
    )
    if nside == 32:
        where = ring_pixels(turn @ pixel_directions(pixels, nside), 8)
        np.testing.assert_allclose(got[5], values[where == samples.pixels[5]].mean())


def test_the_shift_is_a_mean_over_fitted_pixels_that_both_have(tmp_path: Path) -> None:
    from photomitrus_cli.io.healpixfile import write_partial_map

    samples = some_samples()
    sky = np.arange(len(samples.pixels), dtype=float)
    fitted = sky < 20
    pixels = samples.pixels[10:]
    reference = sky[10:] + 0.5
    reference[3] = np.nan
    path = tmp_path / "map.fits"
    write_partial_map(path, PartialMap(8, "galactic", pixels, {"I": reference}))
    assert zero_shift(path, sky, fitted, samples) == pytest.approx(0.5)
    assert zero_shift("cosecant", sky, fitted, samples) == 0.0
    assert zero_shift(-0.25, sky, fitted, samples) == -0.25


def test_settings_of_levels_and_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    key = "wise.calibrate"
    for value, want in (
        ("cosecant", "cosecant"),
        ("-0.5", -0.5),
        (0.5, 0.5),
        ("a/b.fits", tmp_path / "a/b.fits"),
    ):
        assert settings({f"{key}.zero": value}).wise.calibrate.zero == want
    chosen = settings({f"{key}.modes.ring": 0, f"{key}.baseline_dn": 3.0}).wise.calibrate
    choices = choices_of(chosen, ("cloud", "band1", "band2", "band3"))
    assert dict(choices.modes) == {"sides": 0.02, "asymmetry": 0.02, "bands": 0.2}
    assert (choices.baseline_dn, choices.gain_walk) == (3.0, None)
    with pytest.raises(ConfigError, match="the mode bands changes band2, which the template does not have"):
        choices_of(chosen, ("cloud", "band1"))
