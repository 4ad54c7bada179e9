"""Maps of simulated WISE frames against the frames without noise (reduced variants of ``make truth``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truthkit.pages import with_chapters
from truthkit.wisedirect import add_up, agree, by_seed, direct_frames, pulls, total
from truthkit.wisekit import (
    CLEAN,
    coadd_settings,
    frames_of,
    make,
    read_truth,
    simulate,
    square_mean,
    sum_all,
)

pytestmark = pytest.mark.xdist_group("truth")

SLICE: dict[str, Any] = {
    **CLEAN,
    "n_scans": 2,
    "max_frames": 10,
    "latitude_deg": (20.0, 40.0),
    "frame_px": 128,
    "magzp_rms": 0.02,
}
# No light but stars, and an offset that nothing must clip.
FAINT: dict[str, Any] = {"zodi": 0.0, "galaxy_mjy_sr": (0.0,) * 4}


@pytest.mark.parametrize("band", [2, 4])
def test_errors_are_those_stated(band: int, tmp_path: Path) -> None:
    frames = simulate(tmp_path / "slice", **SLICE, bands=[band], seed=band)
    many = [coadd_settings(frames, band=band, nside=nside) for nside in (256, 1024)]
    found = direct_frames(frames_of(many[0]), many)
    for chosen, own in zip(many, found, strict=True):
        made = make(sum_all(chosen), chosen)
        assert all(one.status == "used" for one in made.results)
        sky, direct = made.map, add_up(own, made)
        same = agree(sky.pixels, sky.hits, sky.value, sky.sigma, direct)
        assert max(same.value, same.sigma) < 1e-9
        # Cells of 16 such large pixels are curved more than those of real frames (see the real frames' test).
        assert same.moved < 5e-4
        pulled = pulls(made, direct)
        mean, error = square_mean(pulled)
        assert abs(mean - 1.0) < 4.0 * error
        assert abs(pulled.mean()) < 4.0 / np.sqrt(pulled.size)
        assert error < 0.15


def test_levels_of_scans_stay(tmp_path: Path) -> None:
    """Gain, offset and drift are for the calibration: each scan keeps its own."""
    offsets = {"offset_low_dn": (0.0,) * 4, "offset_high_dn": (1000.0,) * 4}
    more = {"n_scans": 3, "gain_rms": 0.1, "magzp_rms": 0.0}
    frames = simulate(tmp_path / "slice", **{**SLICE, **offsets, **more}, seed=3)
    chosen = coadd_settings(frames, nside=256)
    summed, truth = sum_all(chosen), read_truth(frames, "frames")
    levels = []
    for scan in np.unique(truth["scan_id"]):
        own = [one for one in summed if one.ref.scan_id == scan]
        made = make(own, chosen)
        direct = add_up(direct_frames([one.ref for one in own], [chosen])[0], made)
        pulled = pulls(made, direct)
        assert abs(pulled.mean()) < 4.0 / np.sqrt(pulled.size)
        levels.append(float(np.median(made.map.value)))
        rows = truth[truth["scan_id"] == scan]
        assert levels[-1] == pytest.approx(np.median(rows["light"] + rows["level"]), rel=0.03)
    assert max(levels) - min(levels) > 100.0


def test_faint_skies_are_not_biased(tmp_path: Path) -> None:
    """Taking negative values for bad ones, as WISEmapper does, shows in the same number."""
    more = {"offset_low_dn": (0.0,) * 4, "offset_high_dn": (0.001,) * 4}
    frames = simulate(tmp_path / "slice", **{**SLICE, **FAINT, **more, "max_frames": 20}, seed=8)
    chosen = coadd_settings(frames, nside=1024)
    made = make(sum_all(chosen), chosen)
    refs = [one.ref for one in made.results]
    pulled = pulls(made, add_up(direct_frames(refs, [chosen])[0], made))
    assert pulled.size > 2000
    assert abs(pulled.mean()) < 0.1
    assert np.median(made.map.value) == pytest.approx(0.0, abs=3.0)
    seed = total(direct_frames(refs, [chosen], rule=by_seed)[0])
    assert np.mean((seed.value - seed.truth) / seed.sigma) > 2.5


def test_pinned_pixels_do_no_harm(tmp_path: Path) -> None:
    frames = simulate(tmp_path / "slice", **{**SLICE, "pinned_fraction": 0.04}, bands=[1], seed=9)
    chosen = coadd_settings(frames, band=1, nside=1024)
    made = make(sum_all(chosen), chosen)
    pulled = pulls(made, add_up(direct_frames([one.ref for one in made.results], [chosen])[0], made))
    mean, error = square_mean(pulled)
    assert abs(mean - 1.0) < 4.0 * error
    assert abs(pulled.mean()) < 4.0 / np.sqrt(pulled.size)


def test_weights_of_pixels_make_stars_fainter(tmp_path: Path) -> None:
    frames = simulate(tmp_path / "slice", **SLICE, bands=[1], seed=10)
    values = {}
    for weights in ("frame", "pixel"):
        chosen = coadd_settings(frames, band=1, nside=256, weights=weights, magzp=False)
        made = make(sum_all(chosen), chosen)
        direct = add_up(direct_frames([one.ref for one in made.results], [chosen])[0], made)
        assert abs(pulls(made, direct).mean()) < 0.3
        values[weights] = direct.truth[direct.hits > 100]
    assert np.mean(values["pixel"] - values["frame"]) < -1.0


def test_only_the_chapters_of_one_stage_are_replaced() -> None:
    page = "# Accuracy\n\nHead.\n\n## `a`: x\n\nold\n\n### part\n\n## `b`\n\nkept\n\n## `a`: y\n\nold\n"
    made = "## `a`: new\n\ntext\n"
    expected = "# Accuracy\n\nHead.\n\n## `a`: new\n\ntext\n\n## `b`\n\nkept\n"
    assert with_chapters(page, made, "`a`") == expected
    assert with_chapters(expected, made, "`a`") == expected
    assert with_chapters(page, "## `c`\n\nmore", "`c`") == page + "\n## `c`\n\nmore\n"
