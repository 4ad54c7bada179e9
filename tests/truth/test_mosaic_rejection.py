"""Hits that no mask knows of: what rejection leaves of them in a mosaic, and what it takes from stars."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from truthkit.hits import (
    HIT_FIELD,
    LIMIT,
    bright_sources,
    residuals,
    star_changes,
    struck_pixels,
    touched_pixels,
)
from truthkit.runs import Mosaic, make_mosaic, simulate

pytestmark = pytest.mark.xdist_group("truth")

# Frames on a pixel, and arcsec from a source of 20 uJy.
DEEP, FAR = 10, 5.0


@dataclass(frozen=True)
class Pair:
    """The same frames with and without hits."""

    struck: Path
    quiet: Path


@pytest.fixture(scope="module", params=[("cryo", 0.15), ("warm", 0.0)], ids=["cryo", "warm"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    mission, pointing = request.param
    folder = tmp_path_factory.mktemp("pair")
    field = {
        **HIT_FIELD,
        "seed": 7,
        "mission": mission,
        "sip": mission,
        "pointing_rms_arcsec": pointing,
        "dithers_per_aor": 12,
        "field_size_arcmin": 0.5,
    }
    return Pair(
        simulate(folder / "struck", **field), simulate(folder / "quiet", **field, cosmic_ray_rate=0.0)
    )


@pytest.fixture(scope="module")
def quiet(pair: Pair, tmp_path_factory: pytest.TempPathFactory) -> Mosaic:
    return make_mosaic(pair.quiet, tmp_path_factory.mktemp("quiet"))


def test_no_hit_is_left_where_there_is_no_star(pair: Pair, quiet: Mosaic, tmp_path: Path) -> None:
    struck = make_mosaic(pair.struck, tmp_path)
    touched = touched_pixels(struck, struck_pixels(pair.struck, 10.0))
    left = residuals(struck, quiet, touched, bright_sources(pair.struck, 20.0))
    # At the edges one or two frames see the sky.
    assert left.lost < 1e-4 * left.pull.size
    deep = left.part(left.coverage >= DEEP)
    sky = deep.part(deep.distance > FAR)
    assert sky.pull.size > 50_000
    assert sky.worst <= LIMIT
    # A hit on the core of a star can hide behind what its pixel-phase does, and no more than that.
    stars = deep.part(deep.distance <= FAR)
    assert stars.beyond < 0.01 * stars.pull.size
    assert stars.share.max() < 0.05
    shallow = left.part((left.coverage >= 4) & (left.coverage < DEEP) & (left.distance > FAR))
    assert shallow.beyond < 1e-3 * shallow.pull.size


def test_without_rejection_hits_stay(pair: Pair, quiet: Mosaic, tmp_path: Path) -> None:
    struck = make_mosaic(pair.struck, tmp_path, reject="none")
    left = residuals(struck, quiet, touched_pixels(struck, struck_pixels(pair.struck, 10.0)))
    assert left.worst > 50
    assert left.beyond > 0.1 * left.pull.size


def test_stars_keep_their_light(pair: Pair, quiet: Mosaic, tmp_path: Path) -> None:
    kept = make_mosaic(pair.quiet, tmp_path, reject="none")
    faint, bright = star_changes(kept, quiet, pair.quiet / "truth", (10.0, 50.0, np.inf))
    for change in (faint, bright):
        assert change.n > 20
        assert abs(change.mean) < 0.002
        assert change.worst < 0.01
    assert np.array(quiet.inputs["n_rejected"]).max() < 20
