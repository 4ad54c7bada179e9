"""Levels of frames from their overlaps: true errors against stated ones."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import edit
from truthkit.levels import LEVEL_FIELD, level_errors, offsets
from truthkit.runs import Mosaic, make_mosaic, simulate

pytestmark = pytest.mark.xdist_group("truth")

SMALL = {"n_aors": 4, "dithers_per_aor": 4, "field_size_arcmin": 3.0}
# Levels are measured on the frames; the mosaics serve for their tables alone.
COARSE: dict[str, Any] = {"pixel_scale_arcsec": 1.2}


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Mosaic]]:
    """Give frames of 30 s and 100 s of three fields, with a mosaic of their medians."""
    made = []
    for seed, mission in ((1, "cryo"), (2, "warm"), (3, "cryo")):
        base = tmp_path_factory.mktemp("levels")
        field = {**LEVEL_FIELD, **SMALL, "seed": seed, "mission": mission, "sip": mission}
        frames = simulate(base / "frames", **field, rmask_completeness=0.9)
        made.append((frames, make_mosaic(frames, base / "median", reject="none", **COARSE)))
    return made


def without_masks(frames: Path, target: Path) -> Path:
    """Copy frames, with masks that know of no hit."""
    shutil.copytree(frames, target)
    for path in target.rglob("*_brmsk.fits"):
        edit(path, data=np.zeros_like(fits.getdata(path)))
    return target


@pytest.mark.parametrize("masked", [True, False])
def test_offsets_have_the_errors_they_state(
    fields: list[tuple[Path, Mosaic]], tmp_path: Path, masked: bool
) -> None:
    """On a sloping sky with sources and hits, of which masks know most or none."""
    squares, gains = [], []
    for number, (field, medians) in enumerate(fields):
        frames = field if masked else without_masks(field, tmp_path / f"frames{number}")
        mosaic = make_mosaic(frames, tmp_path / str(number), background="overlap", **COARSE)
        error, stated, exptime = offsets(mosaic, frames / "truth")
        assert set(np.round(exptime, 1)) == {26.8, 93.6}
        assert (stated > 0).all()
        squares.append(np.mean(np.square(error / stated)))
        found = level_errors(mosaic, frames / "truth", medians)
        assert found.worst < 4
        gains.append(found.median_rms / found.rms)
    assert np.sqrt(np.mean(squares)) == pytest.approx(1.0, abs=0.25)
    # Medians of frames see different parts of the slope.
    assert min(gains) > 5
