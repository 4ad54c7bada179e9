"""Levels of frames from their overlaps: true errors against stated ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truthkit.levels import LEVEL_FIELD, level_errors, offsets
from truthkit.runs import make_mosaic, simulate

pytestmark = pytest.mark.xdist_group("truth")

SMALL = {"n_aors": 4, "dithers_per_aor": 4, "field_size_arcmin": 3.0}


@pytest.mark.parametrize("completeness", [0.9, 0.0])
def test_offsets_have_the_errors_they_state(tmp_path: Path, completeness: float) -> None:
    """Of frames of 30 s and 100 s on a sloping sky with sources and hits."""
    squares, gains = [], []
    for seed, mission in ((1, "cryo"), (2, "warm"), (3, "cryo")):
        field = {**LEVEL_FIELD, **SMALL, "seed": seed, "mission": mission, "sip": mission}
        frames = simulate(tmp_path / f"frames{seed}", **field, rmask_completeness=completeness)
        mosaic = make_mosaic(frames, tmp_path / "overlap", background="overlap")
        medians = make_mosaic(frames, tmp_path / "median", reject="none")
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
