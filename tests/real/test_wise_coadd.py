"""Maps of real WISE frames against astropy, healpy and sums in float64; and stars that two frames share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truthkit.wisedirect import add_up, agree, direct_frames
from truthkit.wisekit import coadd_settings, frames_of, make, run_coadd, sum_all
from truthkit.wisereal import flux_ratio

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

MAPS = [
    (256, "galactic"),
    (1024, "galactic"),
    (4096, "galactic"),
    (256, "equatorial"),
    (4096, "equatorial"),
    (1024, "ecliptic"),
]


@pytest.mark.parametrize("band", [1, 2, 3, 4])
def test_maps_are_sums_over_pixels(real_data: Path, tmp_path: Path, band: int) -> None:
    folder = real_data / "wise-l1b" / "allsky4band"
    many = [
        coadd_settings(folder, output=tmp_path, band=band, nside=nside, system=system, missing="estimate")
        for nside, system in MAPS
    ]
    refs = frames_of(many[0])
    assert len(refs) == 2
    for chosen, frames in zip(many, direct_frames(refs, many), strict=True):
        made = make(sum_all(chosen), chosen)
        assert [one.status for one in made.results] == ["used", "used"]
        sky = made.map
        found = agree(sky.pixels, sky.hits, sky.value, sky.sigma, add_up(frames, made))
        assert found.pixels > 20 * (chosen.nside / 256) ** 2
        assert found.value < 1e-9
        assert found.sigma < 1e-9
        assert found.borders <= 1e-3 * found.pixels
        assert found.moved < 1e-5
        # The frames overlap, and weights are near 1 / variance.
        assert np.count_nonzero(sky.frames == 2) > 0.15 * sky.pixels.size
        for one in made.results:
            assert one.numbers["weight"] == pytest.approx(one.numbers["sigma"] ** -2, rel=0.3)


def test_the_files_hold_the_maps(real_data: Path, tmp_path: Path) -> None:
    """One map per scan, read back by astropy."""
    folder = real_data / "wise-l1b" / "allsky4band"
    chosen = coadd_settings(folder, output=tmp_path, band=3, nside=1024, missing="estimate")
    product = run_coadd(folder, tmp_path, band=3, nside=1024, missing="estimate")
    assert sorted(product.maps) == ["00805b", "00808a"]
    for ref in frames_of(chosen):
        table = product.maps[ref.scan_id]
        columns = (np.asarray(table[name]) for name in ("PIXEL", "HITS", "VALUE", "SIGMA"))
        direct = direct_frames([ref], [chosen])[0][0]
        row = product.frames[product.frames["scan_id"] == ref.scan_id][0]
        scale = float(row["scale"])
        assert scale == pytest.approx(10.0 ** (0.4 * (17.8 - row["magzp"])), rel=1e-12)
        pixels, hits, value, sigma = columns
        found = agree(pixels, hits, value / scale, sigma / scale, direct)
        assert found.value < 1e-9
        assert found.sigma < 1e-9
        assert found.borders == 0
        assert direct.hits.sum() == row["n_used"]
        assert np.asarray(table["MJD"]) == pytest.approx(row["mjd"], abs=1e-9)


def test_stars_have_one_flux_in_both_frames(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "wise-l1b" / "allsky4band"
    chosen = coadd_settings(folder, output=tmp_path, band=1, missing="estimate")
    first, second = frames_of(chosen)
    found = flux_ratio(first, second, chosen)
    assert found.n >= 10
    assert abs(found.median - 1.0) < 0.01
    assert found.scatter < 0.06
    assert found.offset_arcsec < 0.5
