"""Every way to resample and combine: star fluxes and blank apertures against the truth."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.choices import BLANK_CHOICES, FLUX_CHOICES, Choice, blank, stars
from truthkit.runs import BLANK_FIELD, CLEAN_FIELD, simulate

pytestmark = pytest.mark.xdist_group("truth")

SMALL = {"n_aors": 2, "dithers_per_aor": 6, "field_size_arcmin": 1.0}
# `make truth` measures all of them.
MEANS = [
    one
    for one in FLUX_CHOICES
    if one.combine != "median-exptime" and one.reject == "two-pass" and one.resample != "drizzle 1"
]
BLANK = [one for one in BLANK_CHOICES if one.resample != "drizzle 0.7"]


@pytest.fixture(scope="module")
def star_field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return simulate(tmp_path_factory.mktemp("stars") / "frames", seed=12, **SMALL, **CLEAN_FIELD)


@pytest.fixture(scope="module")
def blank_field(tmp_path_factory: pytest.TempPathFactory) -> Path:
    field = {**SMALL, **BLANK_FIELD, "seed": 5, "sip": "cryo", "mission": "cryo"}
    return simulate(tmp_path_factory.mktemp("blank") / "frames", **field)


@pytest.mark.parametrize("one", MEANS, ids=str)
def test_star_fluxes_are_unbiased(star_field: Path, tmp_path: Path, one: Choice) -> None:
    errors = stars(one.make(star_field, tmp_path), star_field / "truth", one)
    assert errors.n >= 60
    assert abs(errors.flux_bias) < 0.003 + 2 * errors.flux_bias_error
    assert errors.flux_bias_error < 0.002
    assert errors.position_bias_mas < 12


@pytest.mark.parametrize("one", BLANK, ids=str)
def test_blank_apertures_scatter_as_stated(blank_field: Path, tmp_path: Path, one: Choice) -> None:
    sky, _ = blank(one.make(blank_field, tmp_path), blank_field / "truth", 2000)
    assert sky.n > 700
    assert sky.sigma_ratio == pytest.approx(1.0, abs=0.10 + sky.sigma_ratio_error)
