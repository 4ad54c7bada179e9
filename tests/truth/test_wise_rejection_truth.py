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
    more = {"cosmic_rays_mpx": 300.0, "spike_flagged": 0.5, "negative_spikes": 0.1}
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
    below = sky & (hits.height < -8.0)
    assert below.sum() > 15
    assert hits.found[below].mean() >= 0.98
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


@pytest.mark.parametrize("band", [1, 3])
def test_moonlit_frames_are_refused(band: int, tmp_path: Path) -> None:
    """Smooth light shows along the scan; without moonlight the same frames are used."""
    scan = {
        "bands": [band], "seed": 6, "n_scans": 1, "latitude_deg": (-42.0, 40.0), "frame_px": 64,
        "moon_ecliptic_deg": (238.0, 5.0),
    }  # fmt: skip
    found = moonlit(tmp_path / "moon", **scan)
    assert found.frames["bright"] > 50
    assert found.refused["bright"] >= 0.9 * found.frames["bright"]
    assert found.level < 0.1 * found.level_without
    assert found.far > 20
    assert found.far_refused == 0
    if band == 3:
        dark = moonlit(tmp_path / "dark", **scan, moon_dn=(0.0,) * 4)
        assert dark.near == found.near > 70
        assert dark.near_refused <= 0.05 * dark.near
        assert dark.far_refused == 0
