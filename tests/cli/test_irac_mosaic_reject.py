"""Own rejection of outliers and its masks, against the same field without cosmic rays."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import (
    DEEP,
    N_DEEP,
    PRODUCT,
    deep_field,
    hashes,
    inputs_rows,
    mosaic,
    names,
    product_names,
)
from truthkit.runs import simulate

pytestmark = pytest.mark.xdist_group("mosaic-cli")

MASKS = "ch1_rejected"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def struck(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A field with cosmic rays that no mask flags, and the same without."""
    folder = tmp_path_factory.mktemp("struck")
    sharp = DEEP | {"rmask_completeness": 0.0, "hot_flagged_fraction": 1.0, "pointing_rms_arcsec": 0.0}
    return {
        "struck": simulate(folder / "struck", **sharp),
        "spared": simulate(folder / "spared", **sharp | {"cosmic_ray_rate": 0.0}),
    }


def sci(field: Path, out: Path, *options: str) -> np.ndarray:
    done = mosaic(field, "-o", out, *options)
    assert done.code == 0, done.stderr
    return np.asarray(fits.getdata(out / PRODUCT, "SCI"), dtype=np.float64)


@pytest.mark.parametrize("options", [(), ("--reject", "none", "--combine", "clipped")])
def test_cosmic_rays_are_gone(options: tuple[str, ...], struck: dict[str, Path], tmp_path: Path) -> None:
    truth = sci(struck["spared"], tmp_path / "truth", "--reject", "none")
    spoilt = sci(struck["struck"], tmp_path / "spoilt", "--reject", "none")
    cleaned = sci(struck["struck"], tmp_path / "cleaned", *options)
    with fits.open(tmp_path / "truth" / PRODUCT) as hdus:
        deep, unc = hdus["COV"].data == N_DEEP, hdus["UNC"].data
    hit = deep & (np.abs(spoilt - truth) > 5 * unc)
    assert hit.sum() > 2000
    left = np.abs(cleaned - truth)
    assert (left[hit] > 5 * unc[hit]).mean() < 0.1
    # What was not hit loses almost nothing.
    spared = deep & (np.abs(spoilt - truth) < 0.5 * unc)
    assert np.median(left[spared] / unc[spared]) < 0.3
    assert abs(np.median((cleaned - truth)[spared] / unc[spared])) < 0.05


def test_rejection_is_told_and_can_be_left_out(struck: dict[str, Path], tmp_path: Path) -> None:
    done = mosaic(struck["struck"], "-o", tmp_path / "two")
    rows = inputs_rows(tmp_path / "two" / PRODUCT)
    total = sum(int(row["n_rejected"]) for row in rows)
    assert f"  own rejection: {total} pixels, {total / N_DEEP:.0f} per frame" in done.stdout.splitlines()
    assert all(int(row["n_rejected"]) > 100 for row in rows)
    assert fits.getheader(tmp_path / "two" / PRODUCT)["REJSIG"] == 5.0
    done = mosaic(struck["struck"], "-o", tmp_path / "none", "--reject", "none")
    assert "own rejection" not in done.stdout
    assert {int(row["n_rejected"]) for row in inputs_rows(tmp_path / "none" / PRODUCT)} == {-1}
    done = mosaic(struck["struck"], "-o", tmp_path / "lax", "--reject-sigma", "50")
    lax = sum(int(row["n_rejected"]) for row in inputs_rows(tmp_path / "lax" / PRODUCT))
    assert 0 < lax < 0.7 * total


def test_rejection_masks_hold_what_was_rejected(base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path, "--rejection-masks")
    assert done.code == 0, done.stderr
    rows = inputs_rows(tmp_path / PRODUCT)
    expected = {
        f"I1_{row['aorkey']}_{row['expid']:04d}_{row['dcenum']:04d}_rej.fits": int(row["n_rejected"])
        for row in rows
    }
    assert names(tmp_path) == product_names() | {MASKS}
    found = {}
    for path in (tmp_path / MASKS).iterdir():
        with fits.open(path, checksum=True) as hdus:
            mask = hdus[0].data
            assert mask.shape == (256, 256)
            assert mask.dtype == np.uint8
            assert mask.max() <= 1
            assert hdus[0].header["CONTENT"] == "rejected pixels"
            found[path.name] = int(mask.sum())
    assert found == expected
    assert sum(found.values()) > 0
    manifest = json.loads((tmp_path / "ch1_mosaic.manifest.json").read_text())
    sums = {entry["name"]: entry["crc32"] for entry in manifest["outputs"]}
    for name in expected:
        assert f"  product: {tmp_path / MASKS / name}" in done.stdout.splitlines()
        assert sums[f"{MASKS}/{name}"] == f"{zlib.crc32((tmp_path / MASKS / name).read_bytes()):08x}"


def test_masks_change_nothing_else(base: Path, tmp_path: Path) -> None:
    plain = sci(deep_field(base), tmp_path / "plain")
    masks = sci(deep_field(base), tmp_path / "masks", "--rejection-masks")
    np.testing.assert_array_equal(plain, masks)


def test_existing_masks_are_guarded(base: Path, tmp_path: Path) -> None:
    assert mosaic(deep_field(base), "-o", tmp_path, "--rejection-masks").code == 0
    for path in tmp_path.glob("ch1_mosaic*"):
        path.unlink()
    victim = min((tmp_path / MASKS).iterdir())
    victim.write_bytes(b"mine")
    before = hashes(tmp_path)
    done = mosaic(deep_field(base), "-o", tmp_path, "--rejection-masks")
    assert done.code == 5
    assert f"{victim} exists" in done.error
    assert hashes(tmp_path) == before
    assert mosaic(deep_field(base), "-o", tmp_path, "--rejection-masks", "--overwrite").code == 0
    assert victim.stat().st_size > 65536


def test_a_dry_run_lists_the_masks(base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--rejection-masks", "--dry-run")
    assert done.code == 0
    assert done.stdout.count(f"  would write: {tmp_path / 'out' / MASKS}/I1_") == N_DEEP
    assert not (tmp_path / "out").exists()


def test_a_frame_that_is_left_out_has_no_mask_and_the_product_is_complete(tmp_path: Path, base: Path) -> None:
    field = simulate(tmp_path / "field", **DEEP)
    victim = sorted(field.rglob("*_cbcd.fits"))[2]
    with fits.open(victim, mode="update") as hdus:
        hdus[0].data[:] = np.nan
    done = mosaic(field, "-o", tmp_path / "out", "--rejection-masks")
    assert done.code == 0, done.stderr
    assert len(list((tmp_path / "out" / MASKS).iterdir())) == N_DEEP - 1
    again = mosaic(field, "-o", tmp_path / "out", "--rejection-masks", "--resume")
    assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    assert again.stdout.splitlines()[1:] == done.stdout.splitlines()[1:]
    min((tmp_path / "out" / MASKS).iterdir()).unlink()
    again = mosaic(field, "-o", tmp_path / "out", "--rejection-masks", "--resume")
    assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reject", "none", "--rejection-masks"], "--rejection-masks needs --reject two-pass"),
        (["--reject-sigma", "2"], "reject_sigma"),
        (["--reject", "three-pass"], "reject"),
    ],
)
def test_what_makes_no_sense_is_refused(words: list[str], said: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(deep_field(base), "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
