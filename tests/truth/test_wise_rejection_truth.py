"""What rejection finds of hits, passers-by and moonlight (reduced variants of ``make truth``)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truthkit.wisehits import hits_and_losses, share_found
from truthkit.wisekit import STRUCK, coadd_settings, simulate
from truthkit.wisepassers import moonlit, passers

pytestmark = pytest.mark.xdist_group("truth")


@pytest.mark.parametrize("band", [1, 3])
def test_hits_go_and_stars_stay(band: int, tmp_path: Path) -> None:
    more = {"cosmic_rays_mpx": 300.0, "spike_flagged": 0.5, "negative_spikes": 0.0}
    frames = simulate(
        tmp_path / "slice",
        **{**STRUCK, **more},
        bands=[band],
        seed=4,
        n_scans=1,
        max_frames=3,
        frame_px=508,
        latitude_deg=(20.0, 40.0),
    )
    hits, lost = hits_and_losses(frames, coadd_settings(frames, band=band))
    sky = hits.star < 3.0
    for chosen, least in ((sky & hits.lone, (0.9, 0.98, 0.98)), (sky & ~hits.lone, (0.5, 0.85, 0.93))):
        for low, high, share in zip((5.0, 10.0, 30.0), (10.0, 30.0, np.inf), least, strict=True):
            found, n = share_found(hits, low, high, chosen)
            assert n > 15
            assert found >= share
    assert lost.sky_lost < 3e-5 * lost.sky
    assert lost.light < 1e-3
    assert lost.changed <= 0.003 * lost.stars
    assert lost.stars > 20


def test_nothing_is_found_when_switched_off(tmp_path: Path) -> None:
    frames = simulate(tmp_path / "slice", **STRUCK, seed=4, n_scans=1, max_frames=1, frame_px=254)
    hits, lost = hits_and_losses(frames, coadd_settings(frames, spikes=False))
    assert hits.height.size > 5
    assert not hits.found.any()
    assert (lost.sky_lost, lost.star_lost) == (0, 0)


def test_passers_by_go_where_scans_meet(tmp_path: Path) -> None:
    found = passers(
        tmp_path,
        2048,
        bands=[3],
        seed=6,
        n_scans=8,
        max_frames=1,
        frame_px=254,
        latitude_deg=(20.0, 40.0),
        n_asteroids=8,
        trail_fraction=0.25,
        trail_dn=(600.0,) * 4,
        asteroid_flux_jy=0.5,
    )
    assert found.touched > 30
    assert found.left_without > 5.0
    assert abs(found.left) < 1.0
    assert found.beyond < 0.15 * found.beyond_without
    assert found.quiet_left_out <= 0.002 * found.quiet
    assert abs(found.chi2 - 1.0) < 0.15


def test_moonlit_frames_are_refused(tmp_path: Path) -> None:
    """Near the Moon its light has a gradient of its own; farther away no single scan can tell it."""
    found = moonlit(
        tmp_path / "moon",
        bands=[3],
        seed=6,
        n_scans=1,
        latitude_deg=(-45.0, 45.0),
        frame_px=128,
        moon_ecliptic_deg=(238.0, 5.0),
        cirrus=0.05,
    )
    assert found.frames["bright"] > 20
    assert found.refused["bright"] > 0.4 * found.frames["bright"]
    assert found.refused["dark"] <= 0.02 * found.frames["dark"]
    assert found.level < 0.7 * found.level_without
