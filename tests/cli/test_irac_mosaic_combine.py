"""`--combine clipped`, `--resample drizzle` and `--pixfrac`, against the truth and against Lanczos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from truthkit.faultkit import N_DEEP, PRODUCT, deep_field, mosaic
from truthkit.measures import constant_sky_error, star_errors
from truthkit.runs import CLEAN_FIELD, CONSTANT_FIELD, make_mosaic, simulate

pytestmark = pytest.mark.xdist_group("mosaic-cli")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shape = {"n_aors": 1, "dithers_per_aor": 8, "field_size_arcmin": 0.5}
    return simulate(tmp_path_factory.mktemp("stars") / "frames", seed=11, **shape, **CLEAN_FIELD)


@pytest.mark.parametrize(
    ("options", "cards"),
    [
        (("--combine", "clipped"), {"COMBINE": "clipped", "CLIPSIG": 4.0, "RESAMPLE": "LANCZOS3"}),
        (("--resample", "drizzle"), {"COMBINE": "weighted", "RESAMPLE": "DRIZZLE", "PIXFRAC": 1.0}),
        (("--resample", "drizzle", "--pixfrac", "0.7"), {"RESAMPLE": "DRIZZLE", "PIXFRAC": 0.7}),
        (("--resample", "drizzle", "--combine", "clipped"), {"COMBINE": "clipped", "RESAMPLE": "DRIZZLE"}),
    ],
)
def test_the_sky_is_that_of_the_plain_mosaic_within_its_noise(
    options: tuple[str, ...], cards: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    for name, more in (("plain", ()), ("other", options)):
        done = mosaic(deep_field(base), "-o", tmp_path / name, *more)
        assert done.code == 0, done.stderr
    with fits.open(tmp_path / "plain" / PRODUCT) as plain, fits.open(tmp_path / "other" / PRODUCT) as other:
        assert {key: other[0].header[key] for key in cards} == cards
        deep = (plain["COV"].data == N_DEEP) & (other["COV"].data == N_DEEP)
        assert deep.mean() > 0.4
        difference = (other["SCI"].data - plain["SCI"].data)[deep] / plain["UNC"].data[deep]
        assert abs(np.median(difference)) < 0.05
        assert 0 < np.median(np.abs(difference)) < 1.0
        covered = other["COV"].data > 0
        assert np.array_equal(covered, np.isfinite(other["SCI"].data))
        assert np.array_equal(covered, np.isfinite(other["UNC"].data))
        assert (other["UNC"].data[covered] > 0).all()
        # The pixels share what was spread over them: more noise in an aperture than they tell by themselves.
        assert 1.0 < other["SCI"].header["CORRFAC"] < 3.0


@pytest.mark.parametrize("overrides", [{"combine": "clipped"}, {"resample": "drizzle", "pixfrac": 0.8}])
def test_a_constant_sky_is_conserved(overrides: dict[str, Any], tmp_path: Path) -> None:
    shape = {"n_aors": 1, "dithers_per_aor": 3, "truth_image": False, "field_size_arcmin": 0.5}
    frames = simulate(tmp_path / "frames", **shape, **CONSTANT_FIELD)
    level = float(Table.read(frames / "truth" / "truth_frames.ecsv")["background"][0])
    made = make_mosaic(frames, tmp_path / "out", background="none", **overrides)
    assert constant_sky_error(made, level) < 1e-6
    assert made.coverage.max() == 3


@pytest.mark.parametrize(
    "overrides",
    [
        {"combine": "clipped"},
        {"resample": "drizzle"},
        {"resample": "drizzle", "pixfrac": 0.6, "combine": "clipped"},
    ],
)
def test_fluxes_and_positions_of_stars_are_unbiased(
    overrides: dict[str, Any], stars: Path, tmp_path: Path
) -> None:
    errors = star_errors(make_mosaic(stars, tmp_path, **overrides), stars / "truth")
    assert errors.n >= 25
    assert abs(errors.flux_bias) < 0.003 + 2 * errors.flux_bias_error
    assert errors.flux_bias_error < 0.004
    assert errors.position_bias_mas < 15


def test_smaller_drops_are_less_correlated(base: Path, tmp_path: Path) -> None:
    factor = []
    for pixfrac in ("1", "0.5"):
        assert mosaic(
            deep_field(base), "-o", tmp_path / pixfrac, "--resample", "drizzle", "--pixfrac", pixfrac
        )
        factor.append(fits.getheader(tmp_path / pixfrac / PRODUCT, "SCI")["CORRFAC"])
    assert factor[1] < factor[0] - 0.1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--resample", "drizzle", "--combine", "median-exptime"], "cannot be drizzled"),
        (["--pixfrac", "0"], "pixfrac"),
        (["--pixfrac", "1.5"], "pixfrac"),
        (["--resample", "nearest"], "resample"),
        (["--set", "irac.mosaic.clip_sigma=1"], "clip_sigma"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], said: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
