"""`--align` and `--align-frames` against the pointing errors that were simulated."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from truthkit.faultkit import N_DEEP, PRODUCT, deep_field, inputs_rows, mosaic, names

pytestmark = pytest.mark.xdist_group("mosaic-cli")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def catalogue(field: Path, path: Path, *, east_arcsec: float = 0.0) -> Path:
    """The true positions of the stars, all of them shifted."""
    stars = Table.read(field / "truth" / "truth_sources.ecsv")
    ra = stars["ra"] + east_arcsec / 3600 / np.cos(np.radians(stars["dec"]))
    lines = [f"{a:.9f},{d:.9f}" for a, d in zip(ra, stars["dec"], strict=True)]
    path.write_text("ra,dec\n" + "\n".join(lines) + "\n")
    return path


def corrections(field: Path, product: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Found and true corrections of each frame, arcsec, shape (n, 2)."""
    rows = inputs_rows(product)
    truth = Table.read(field / "truth" / "truth_frames.ecsv")
    errors = {Path(str(row["file"])).name: (row["dra_cosdec"], row["ddec"]) for row in truth}
    found = np.array([(row["align_dra"], row["align_ddec"]) for row in rows])
    return found, -np.array([errors[Path(row["file"]).name] for row in rows], dtype=np.float64)


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_frames_move_onto_the_catalogue(shift: float, base: Path, tmp_path: Path) -> None:
    field = deep_field(base)
    refcat = catalogue(field, tmp_path / "stars.csv", east_arcsec=shift)
    done = mosaic(field, "-o", tmp_path / "out", "--align", refcat)
    assert done.code == 0, done.stderr
    assert "  aligned to: stars.csv" in done.stdout.splitlines()
    assert f"  aligned frames: {N_DEEP} by their stars, 0 with their AOR, 0 not" in done.stdout.splitlines()
    header = fits.getheader(tmp_path / "out" / PRODUCT)
    assert (header["ALIGN"], header["REFCAT"]) == ("catalogue", "stars.csv")
    rows = inputs_rows(tmp_path / "out" / PRODUCT)
    found, true = corrections(field, tmp_path / "out" / PRODUCT)
    assert np.abs(true).max() > 0.3
    assert np.abs(found - true - [shift, 0.0]).max() < 0.05
    assert {row["align_source"] for row in rows} == {"stars"}
    assert all(int(row["align_stars"]) >= 10 and 0 < row["align_rms"] < 0.3 for row in rows)
    assert all(0 < row["align_error"] < 0.05 for row in rows)


def test_frames_are_aligned_with_each_other(base: Path, tmp_path: Path) -> None:
    field = deep_field(base)
    done = mosaic(field, "-o", tmp_path, "--align-frames")
    assert done.code == 0, done.stderr
    header = fits.getheader(tmp_path / PRODUCT)
    assert header["ALIGN"] == "frames"
    assert "REFCAT" not in header
    found, true = corrections(field, tmp_path / PRODUCT)
    # Only differences are known: the mean correction is zero.
    assert np.abs(found.mean(axis=0)).max() < 0.01
    assert np.abs(found - (true - true.mean(axis=0))).max() < 0.05


def test_stars_are_sharper_once_aligned(base: Path, tmp_path: Path) -> None:
    """More light in the brightest pixels, none lost in the whole, fewer pixels rejected."""
    field = deep_field(base)
    refcat = catalogue(field, tmp_path / "stars.csv")
    peaks = {}
    for name, options in (("header", ()), ("aligned", ("--align", refcat))):
        assert mosaic(field, "-o", tmp_path / name, "--reject", "none", *options).code == 0
        sci = np.nan_to_num(fits.getdata(tmp_path / name / PRODUCT, "SCI"))
        peaks[name] = np.sort(sci.ravel())[-50:].sum()
    assert peaks["aligned"] > 1.02 * peaks["header"]


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_catalogue_of_another_sky_is_refused(more: tuple[str, ...], base: Path, tmp_path: Path) -> None:
    (tmp_path / "far.csv").write_text("ra,dec\n10,10\n11,11\n")
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--align", tmp_path / "far.csv", *more)
    assert done.code == 4, done.stdout
    assert f"{tmp_path / 'far.csv'}: none of 2 stars is within 0." in done.error
    assert re.search(r" deg around \d+\.\d{4} [+-]\d+\.\d{4}, the nearest \d+ deg off", done.error)
    assert names(tmp_path / "out") == set()


def test_a_catalogue_without_the_stars_of_the_frames_leaves_the_header_positions(
    base: Path, tmp_path: Path
) -> None:
    """Near the field, but on no frame."""
    (first, *_) = Table.read(deep_field(base) / "truth" / "truth_sources.ecsv")
    (tmp_path / "far.csv").write_text(f"ra,dec\n{first['ra']},{first['dec'] + 0.2}\n")
    done = mosaic(deep_field(base), "-o", tmp_path / "far", "--align", tmp_path / "far.csv")
    assert done.code == 0, done.stderr
    assert f"{N_DEEP} frames could not be aligned and keep their header positions" in done.stdout
    assert mosaic(deep_field(base), "-o", tmp_path / "plain").code == 0
    for plane in ("SCI", "UNC", "COV"):
        ours, theirs = (fits.getdata(tmp_path / name / PRODUCT, plane) for name in ("far", "plain"))
        np.testing.assert_array_equal(ours, theirs)
    rows = inputs_rows(tmp_path / "far" / PRODUCT)
    assert {row["align_source"] for row in rows} == {"none"}


def test_both_ways_at_once_are_refused(base: Path, tmp_path: Path) -> None:
    refcat = catalogue(deep_field(base), tmp_path / "stars.csv")
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--align", refcat, "--align-frames")
    assert done.code == 2
    assert "--align and --align-frames: give one of them" in done.error
    assert not (tmp_path / "out").exists()


BROKEN = {
    "absent.csv": (None, 3, "does not exist"),
    "garbage.csv": (bytes(range(256)) * 20, 3, "garbage.csv"),
    "garbage.fits": (b"SIMPLE  = nothing", 3, "no END card"),
    "columns.csv": (b"a,b\n1,2\n", 3, "no columns with right ascension and declination"),
    "text.csv": (b"ra,dec\nx,y\n", 3, "not numbers"),
    "nothing.csv": (b"", 3, "nothing.csv"),
    "empty.csv": (b"ra,dec\n", 4, "none of 0 rows has a position"),
    "holes.csv": (b"ra,dec\n,\nnan,nan\n", 4, "none of 2 rows has a position"),
    "stars.dat": (b"ra,dec\n1,2\n", 3, "unknown format"),
    "": (None, 3, "is a folder, not a reference catalogue"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_catalogue_is_found_out_before_the_work(name: str, base: Path, tmp_path: Path) -> None:
    content, code, said = BROKEN[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = mosaic(deep_field(base), "-o", tmp_path / "out", "--align", tmp_path / name)
    assert done.code == code, done.stderr
    assert said in done.error
    assert str(tmp_path / name) in done.error
    assert names(tmp_path / "out") == set()


def test_a_catalogue_that_changes_makes_another_product(base: Path, tmp_path: Path) -> None:
    refcat = catalogue(deep_field(base), tmp_path / "stars.csv")
    words = [deep_field(base), "-o", tmp_path / "out", "--align", refcat]
    assert mosaic(*words).code == 0
    assert mosaic(*words, "--resume").stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    catalogue(deep_field(base), refcat, east_arcsec=0.2)
    assert mosaic(*words, "--resume").stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
