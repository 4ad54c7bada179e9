"""`--background` and `--delta-dark` against the levels and patterns that were simulated."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from truthkit.faultkit import (
    DEEP,
    N_DEEP,
    PRODUCT,
    deep_field,
    edit,
    inputs_rows,
    mosaic,
    small_field,
)
from truthkit.runs import simulate

pytestmark = pytest.mark.xdist_group("mosaic-cli")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def made(field: Path, out: Path, *options: str) -> Path:
    done = mosaic(field, "-o", out, *options)
    assert done.code == 0, done.stderr
    return out / PRODUCT


def truth_of(field: Path, rows: list[dict[str, object]], column: str) -> NDArray[np.float64]:
    """What was simulated for each frame, in the order of the table INPUTS."""
    table = Table.read(field / "truth" / "truth_frames.ecsv")
    by_name = {Path(str(row["file"])).name: float(row[column]) for row in table}
    return np.array([by_name[Path(str(row["file"])).name] for row in rows], dtype=np.float64)


def blocks(image: NDArray[np.float64], side: int = 6) -> NDArray[np.float64]:
    """Means of square blocks without gaps."""
    ny, nx = (length // side for length in image.shape)
    means = image[: ny * side, : nx * side].reshape(ny, side, nx, side).mean(axis=(1, 3))
    return np.asarray(means[np.isfinite(means)])


@pytest.mark.parametrize("background", ["median", "mode", "overlap"])
def test_the_level_of_each_frame_is_that_simulated(background: str, base: Path, tmp_path: Path) -> None:
    field = deep_field(base)
    product = made(field, tmp_path, "--background", background)
    rows = inputs_rows(product)
    assert fits.getheader(product)["BACKGRND"] == background
    errors = np.array([row["sky"] for row in rows]) - truth_of(field, rows, "background")
    sigma = max(float(row["sky_sigma"]) for row in rows)
    # The median of frames with stars is a little above their sky; the differences of frames are what counts.
    assert np.abs(errors).max() < 0.25 * sigma
    assert np.ptp(errors) < 0.05 * sigma
    assert np.ptp(truth_of(field, rows, "background")) > sigma


def test_offsets_of_the_overlap_solution_are_those_simulated(base: Path, tmp_path: Path) -> None:
    field = deep_field(base)
    done = mosaic(field, "-o", tmp_path, "--background", "overlap")
    assert f"  overlap pairs: {N_DEEP * (N_DEEP - 1) // 2}" in done.stdout.splitlines()
    assert "  overlap groups: 1" in done.stdout.splitlines()
    rows = inputs_rows(tmp_path / PRODUCT)
    offset = np.array([row["offset"] for row in rows])
    error = np.array([row["offset_error"] for row in rows])
    true = truth_of(field, rows, "background")
    assert {int(row["overlap_group"]) for row in rows} == {0}
    assert abs(offset.mean()) < 1e-9
    assert np.ptp(true) > 20 * error.max()
    pulls = (offset - (true - true.mean())) / error
    assert np.abs(pulls).max() < 5
    assert np.sqrt(np.mean(pulls**2)) > 0.1


def test_separate_fields_are_separate_groups(base: Path, tmp_path: Path) -> None:
    """A second field 20 arcmin away shares no sky with the first."""
    near = deep_field(base)
    far = simulate(tmp_path / "far", **DEEP | {"center_ra_deg": 150.45, "first_aorkey": 50000000})
    done = mosaic(near, far, "-o", tmp_path / "out", "--background", "overlap", "--reject", "none")
    assert done.code == 0, done.stderr
    assert "  overlap groups: 2" in done.stdout.splitlines()
    groups: dict[int, set[int]] = {}
    for row in inputs_rows(tmp_path / "out" / PRODUCT):
        groups.setdefault(int(row["aorkey"]), set()).add(int(row["overlap_group"]))
    assert sorted(map(sorted, groups.values())) == [[0], [1]]


def test_matched_levels_leave_no_steps(base: Path, tmp_path: Path) -> None:
    """The scatter of the frames about their mean is that of the noise, unlike with the levels left in."""
    scatter = {}
    for background in ("none", "overlap"):
        product = made(deep_field(base), tmp_path / background, "--background", background)
        with fits.open(product) as hdus:
            deep = hdus["COV"].data == N_DEEP
            scatter[background] = float(np.median(hdus["STD"].data[deep] / hdus["UNC"].data[deep]))
    # A frame's own scatter is its noise after interpolation, sqrt(n) times that of the mean.
    assert scatter["overlap"] == pytest.approx(np.sqrt(N_DEEP), rel=0.2)
    assert scatter["none"] > 1.3 * scatter["overlap"]


def test_the_mesh_takes_off_a_gradient(tmp_path: Path) -> None:
    sky = {"star_density_arcmin2": 0.5, "n_galaxies": 0, "gradient_mjy_sr_deg": [2.0, 1.0]}
    field = simulate(tmp_path / "field", **DEEP | sky)
    spans = {}
    for background in ("median", "mesh"):
        product = made(field, tmp_path / background, "--background", background)
        with fits.open(product) as hdus:
            sci = hdus["SCI"].data[60:-60, 60:-60]
            assert hdus["COV"].data[60:-60, 60:-60].min() > 0
            spans[background] = float(np.median(sci[:, -30:]) - np.median(sci[:, :30]))
    assert abs(spans["median"]) > 0.05
    assert abs(spans["mesh"]) < 0.1 * abs(spans["median"])


def test_the_mesh_size_matters_and_is_checked(base: Path, tmp_path: Path) -> None:
    planes = []
    for size in ("32", "128"):
        keys = ("--background", "mesh", "--set", f"irac.mosaic.mesh_size_px={size}")
        planes.append(fits.getdata(made(deep_field(base), tmp_path / size, *keys), "SCI"))
    assert not np.array_equal(planes[0], planes[1], equal_nan=True)
    done = mosaic(deep_field(base), "-o", tmp_path / "x", "--set", "irac.mosaic.mesh_size_px=4")
    assert done.code == 2
    assert "mesh_size_px" in done.error


def test_delta_dark_takes_off_what_the_frames_share(tmp_path: Path) -> None:
    """Stripes on the detector: without them, with them, and taken off as a pattern."""
    # Steps larger than the wings of stars, which would be shared by the frames too.
    steps = {"dither_rms_arcsec": 20.0, "star_density_arcmin2": 1.0, "n_galaxies": 0}
    sound = simulate(tmp_path / "sound", **DEEP | steps)
    stripes = np.where(np.arange(256) // 64 % 2, 0.03, -0.03).astype(np.float32)
    spoilt = tmp_path / "spoilt"
    shutil.copytree(sound, spoilt)
    for path in spoilt.rglob("*_cbcd.fits"):
        edit(path, data=fits.getdata(path) + stripes)
    images = {}
    for name, field, options in (
        ("truth", sound, ()),
        ("spoilt", spoilt, ()),
        ("repaired", spoilt, ("--delta-dark",)),
    ):
        product = made(field, tmp_path / name, "--reject", "none", *options)
        with fits.open(product) as hdus:
            images[name] = np.where(hdus["COV"].data >= N_DEEP // 2, hdus["SCI"].data, np.nan)
            assert hdus["PRIMARY"].header["DELTADRK"] is (name == "repaired")
    # Means of blocks: the pattern itself has the noise of so few frames.
    errors = {name: blocks(images[name] - images["truth"]) for name in ("spoilt", "repaired")}
    assert errors["spoilt"].size > 400
    assert errors["spoilt"].std() > 0.015
    assert errors["repaired"].std() < 0.3 * errors["spoilt"].std()
    assert abs(np.median(errors["repaired"])) < 0.001


def test_delta_dark_leaves_short_observations_alone(base: Path, tmp_path: Path) -> None:
    """Three frames make no pattern."""
    plain = made(small_field(base), tmp_path / "plain")
    dark = made(small_field(base), tmp_path / "dark", "--delta-dark")
    for name in ("SCI", "COV"):
        ours, theirs = fits.getdata(dark, name), fits.getdata(plain, name)
        np.testing.assert_array_equal(ours, theirs)
