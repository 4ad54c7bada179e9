"""Broken and unusual frames: the documented exit code and one line that names the file, or a reason."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import (
    N_FRAMES,
    PRODUCT,
    assert_same_product,
    copy_field,
    edit,
    frames,
    hashes,
    inputs_rows,
    mosaic,
    names,
    product_names,
    replace_card,
    second_channel,
    small_field,
    small_reference,
)

pytestmark = pytest.mark.xdist_group("mosaic-faults")

Break = Callable[[Path], object]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def field(base: Path, tmp_path: Path) -> Path:
    return copy_field(base, tmp_path / "field")


def cut(size: int) -> Break:
    return lambda path: path.write_bytes(path.read_bytes()[:size])


def flip_with_checksum(path: Path) -> None:
    with fits.open(path) as hdus:
        hdus[0].data = hdus[0].data.copy()
        hdus[0].writeto(path, overwrite=True, checksum=True)
    content = bytearray(path.read_bytes())
    content[-5000] ^= 0x10
    path.write_bytes(bytes(content))


def bomb(path: Path) -> None:
    """A sound header that declares 32 GB, in 50 kB of gzip."""
    header = path.read_bytes()[: -(-path.read_bytes().index(b"END" + b" " * 77) // 2880) * 2880]
    big = header.replace(b"NAXIS1  =                  256", b"NAXIS1  =                90000")
    big = big.replace(b"NAXIS2  =                  256", b"NAXIS2  =                90000")
    assert big != header
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(big + bytes(50_000_000)))
    path.unlink()


def zero_matrix(path: Path) -> None:
    edit(path, CD1_1=0.0, CD1_2=0.0, CD2_1=0.0, CD2_2=0.0)


def no_wcs(path: Path) -> None:
    edit(path, remove=("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"))


def without(key: str) -> Break:
    return lambda path: edit(path, remove=(key,))


def card(key: str, value: object) -> Break:
    return lambda path: replace_card(path, key, value)


BROKEN: dict[str, tuple[Break, str]] = {
    "truncated data": (lambda path: cut(path.stat().st_size - 9000)(path), "truncated"),
    "truncated header": (cut(4000), "no END card"),
    "empty file": (cut(0), "empty file"),
    "HTML page": (lambda path: path.write_text("<!DOCTYPE html><html>404 Not Found</html>"), "HTML"),
    "illegal BITPIX": (card("BITPIX", -31), "BITPIX is -31"),
    "huge NAXIS": (card("NAXIS1", 10**9), "declares 1024000000000 bytes"),
    "negative NAXIS": (card("NAXIS2", -256), "NAXIS2"),
    "flipped byte": (flip_with_checksum, "checksum mismatch"),
    "gz bomb": (bomb, "declares 32400000000 bytes"),
    "zero CD matrix": (zero_matrix, "the WCS has pixels of 0 x 0 arcsec"),
    "no WCS": (no_wcs, "no celestial WCS"),
    "no AORKEY": (without("AORKEY"), "AORKEY"),
    "no EXPTIME": (without("EXPTIME"), "EXPTIME"),
    "no FLUXCONV": (without("FLUXCONV"), "FLUXCONV"),
    "EXPTIME is text": (card("EXPTIME", "'long'"), "EXPTIME"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_ends_the_run_or_is_left_out_under_keep_going(
    name: str, field: Path, tmp_path: Path
) -> None:
    damage, cause = BROKEN[name]
    victim = frames(field)[1]
    damage(victim)
    before = hashes(field)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 3
    assert victim.name in done.error
    assert cause in done.error
    assert done.stdout == ""
    assert not names(tmp_path / "out") & product_names()

    done = mosaic(field, "-o", tmp_path / "out", "--keep-going")
    assert done.code == 6
    assert f"astromap: error: 1 of {N_FRAMES} units failed" in done.error
    failed = [row for row in inputs_rows(tmp_path / "out" / PRODUCT) if row["status"] == "failed"]
    assert [Path(row["file"]).name.partition(".gz")[0] for row in failed] == [victim.name]
    assert cause in failed[0]["reason"]
    assert f"frames: {N_FRAMES - 1} used, 0 skipped, 1 failed" in done.stdout
    assert hashes(field) == before


UNUSABLE: dict[str, tuple[Break, str]] = {
    "all NaN": (lambda path: edit(path, data=np.full((256, 256), np.nan, "f4")), "no usable pixel"),
    "EXPTIME zero": (card("EXPTIME", 0.0), "EXPTIME is 0 s"),
    "EXPTIME negative": (card("EXPTIME", -26.8), "EXPTIME is -26.8 s"),
    "short": (card("EXPTIME", 0.4), "below 15 s"),
    "other unit": (card("BUNIT", "'DN/s'"), "BUNIT is 'DN/s'"),
    "subarray": (lambda path: edit(path, data=np.ones((64, 32, 32), "f4")), "not a full-array frame"),
    "FLUXCONV negative": (card("FLUXCONV", -0.1), "FLUXCONV -0.1 is not positive"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_frame_is_skipped_with_its_reason(name: str, field: Path, tmp_path: Path) -> None:
    damage, reason = UNUSABLE[name]
    victim = frames(field)[2]
    damage(victim)
    before = hashes(field)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert f"{N_FRAMES - 1} used, 1 skipped, 0 failed" in done.stdout
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  skipped: ")]
    assert str(victim) in line
    assert reason in line
    skipped = [row for row in inputs_rows(tmp_path / "out" / PRODUCT) if row["status"] == "skipped"]
    assert [(row["file"], reason in row["reason"]) for row in skipped] == [(str(victim), True)]
    assert hashes(field) == before


@pytest.mark.parametrize("name", UNUSABLE)
def test_nothing_left_is_exit_code_4(name: str, field: Path, tmp_path: Path) -> None:
    damage, reason = UNUSABLE[name]
    for frame in frames(field):
        damage(frame)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 4
    assert reason in done.error
    assert not names(tmp_path / "out") & product_names()


def test_no_frames_and_only_another_channel(field: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = mosaic(tmp_path / "empty", "-o", tmp_path / "out")
    assert done.code == 4
    assert f"no file ending in _cbcd.fits in {tmp_path / 'empty'}" in done.error
    done = mosaic(field, "-o", tmp_path / "out", "--channel", "2")
    assert done.code == 4
    assert f"{N_FRAMES} frames of other channels" in done.error
    assert not (tmp_path / "out").exists()


def test_a_frame_of_another_channel_may_lack_what_only_its_own_mosaic_needs(
    base: Path, field: Path, tmp_path: Path
) -> None:
    second_channel(field)
    edit(frames(field / "second")[0], remove=("FLUXCONV", "EXPTIME"))
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert_same_product(tmp_path / "out" / PRODUCT, small_reference(base) / PRODUCT, moved=True)
    done = mosaic(field, "-o", tmp_path / "out", "--channel", "2")
    assert done.code == 3
    assert "EXPTIME" in done.error


def test_the_same_exposure_counts_once(base: Path, field: Path, tmp_path: Path) -> None:
    """A copy, a link and a reprocessed version; the newest pipeline counts, and 18.25 is newer than 18.7."""
    (field / "copies").mkdir()
    first, second, third = frames(field)[:3]
    shutil.copy(first, field / "copies" / first.name)
    (field / "copies" / second.name).symlink_to(second)
    edit(third, CREATOR="S18.25.0")
    old = field / "copies" / third.name
    shutil.copy(third, old)
    edit(old, CREATOR="S18.7.0", data=np.full((256, 256), 7.0, "f4"))
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    rows = inputs_rows(tmp_path / "out" / PRODUCT)
    skipped = {row["file"]: row["reason"] for row in rows if row["status"] == "skipped"}
    assert len(rows) == N_FRAMES + 2
    assert skipped[str(old)] == f"the same exposure as {third}"
    assert {Path(file).name for file in skipped} == {first.name, third.name}
    with fits.open(tmp_path / "out" / PRODUCT) as ours, fits.open(small_reference(base) / PRODUCT) as other:
        assert ours["SCI"].data.tobytes() == other["SCI"].data.tobytes()
        assert ours["COV"].data.max() == N_FRAMES


def test_a_glob_of_a_whole_archive_folder_takes_only_the_frames(
    base: Path, field: Path, tmp_path: Path
) -> None:
    """`r*/ch1/bcd/*.fits` names uncertainties and masks too."""
    done = mosaic(*sorted(field.rglob("*.fits")), "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert_same_product(tmp_path / "out" / PRODUCT, small_reference(base) / PRODUCT, moved=True)


@pytest.mark.parametrize(("kind", "word"), [("cbunc", "unc"), ("bimsk", "imask"), ("brmsk", "rmask")])
def test_missing_companions(kind: str, word: str, field: Path, tmp_path: Path) -> None:
    victim = frames(field)[0]
    Path(str(victim).replace("_cbcd", f"_{kind}")).unlink()
    done = mosaic(field, "-o", tmp_path / "estimate")
    assert done.code == 0, done.stderr
    row = next(row for row in inputs_rows(tmp_path / "estimate" / PRODUCT) if row["file"] == str(victim))
    assert row["status"] == "used"
    assert row[f"{word}_source"] == ("estimated" if word == "unc" else "absent")
    done = mosaic(field, "-o", tmp_path / "refuse", "--missing", "refuse")
    assert done.code == 3
    assert f"{victim}: has no {word}" in done.error
    done = mosaic(field, "-o", tmp_path / "refuse", "--missing", "refuse", "--keep-going")
    assert done.code == 6
    done = mosaic(field, "-o", tmp_path / "drop", "--missing", "drop")
    assert done.code == 0
    assert f"skipped: {victim}: has no {word}" in done.stdout


@pytest.mark.parametrize("kind", ["cbunc", "bimsk", "brmsk"])
@pytest.mark.parametrize("damage", ["shape", "truncated", "header"])
def test_broken_companions(kind: str, damage: str, field: Path, tmp_path: Path) -> None:
    victim = frames(field, kind)[3]
    if damage == "shape":
        edit(victim, data=np.ones((128, 128), "i2" if kind != "cbunc" else "f4"))
    else:
        cut(victim.stat().st_size - 3000 if damage == "truncated" else 1000)(victim)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 3
    assert victim.name in done.error
    done = mosaic(field, "-o", tmp_path / "out", "--keep-going")
    assert done.code == 6
    assert f"{N_FRAMES - 1} used, 0 skipped, 1 failed" in done.stdout


def test_a_mask_of_real_numbers_is_refused_by_name(field: Path, tmp_path: Path) -> None:
    victim = frames(field, "bimsk")[0]
    edit(victim, data=np.zeros((256, 256), "f4"))
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 3
    assert victim.name in done.error


def test_list_files(base: Path, field: Path, tmp_path: Path) -> None:
    listed = field / "frames.txt"
    listed.write_text("\n".join(["# frames", *(str(p.relative_to(field)) for p in frames(field)), ""]))
    done = mosaic(listed, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert_same_product(tmp_path / "out" / PRODUCT, small_reference(base) / PRODUCT, moved=True)
    listed.write_text("no/such_cbcd.fits\n")
    done = mosaic(listed, "-o", tmp_path / "new")
    assert done.code == 3
    assert "frames.txt: lists" in done.error
    assert "no/such_cbcd.fits: no such file" in done.error


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"\xff\xfe\x00\x01binary", "neither a folder"),
        (b"<html>\n<body>not a list</body>\n", "neither a folder"),
        (b"a\x00b\n", "neither a folder"),
        (b"x" * 5000, "no such file"),
        (b"list.txt\n", "leads back to itself"),
        (b"other.txt\n", "leads back to itself"),
        (b"\n# nothing\n", "no file ending in"),
    ],
)
def test_what_is_no_list_of_frames(content: bytes, cause: str, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes(content)
    (tmp_path / "other.txt").write_text("list.txt\n")
    done = mosaic(listed, "-o", tmp_path / "out")
    assert done.code == (4 if "nothing" in content.decode("latin-1") else 3)
    assert cause in done.error
    assert "list.txt" in done.error


def test_folders_linked_into_each_other_are_searched_once(base: Path, field: Path, tmp_path: Path) -> None:
    for folder in sorted(path for path in field.rglob("*") if path.is_dir()):
        (folder / "up").symlink_to(field)
        (folder / "self").symlink_to(folder)
        (folder / "circle_cbcd").symlink_to(folder / "circle_cbcd")
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert_same_product(tmp_path / "out" / PRODUCT, small_reference(base) / PRODUCT, moved=True)


def test_a_folder_that_cannot_be_read(field: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("photomitrus_cli.irac.findfiles.os.scandir", refuse)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 3
    assert f"{field}: the folder cannot be read: Permission denied" in done.error


def test_an_input_that_does_not_exist(tmp_path: Path) -> None:
    done = mosaic(tmp_path / "nowhere", "-o", tmp_path / "out")
    assert done.code == 3
    assert f"{tmp_path / 'nowhere'}: no such file or folder" in done.error


def test_products_may_lie_among_the_inputs(base: Path, field: Path) -> None:
    before = hashes(field)
    for more in ((), ("--overwrite",)):
        done = mosaic(field, "-o", field, *more)
        assert done.code == 0, done.stderr
    assert names(field) - {path.parts[0] for path in map(Path, before)} == product_names()
    assert_same_product(field / PRODUCT, small_reference(base) / PRODUCT, moved=True)
    assert {key: value for key, value in hashes(field).items() if key in before} == before


@pytest.mark.parametrize("make", ["symlink", "hardlink"])
def test_a_product_that_is_an_input_is_refused(make: str, field: Path, tmp_path: Path) -> None:
    """Even a frame that this mosaic leaves out."""
    edit(frames(field)[0], BUNIT="DN")
    (tmp_path / "out").mkdir()
    name = tmp_path / "out" / PRODUCT
    if make == "symlink":
        name.symlink_to(frames(field)[0])
    else:
        name.hardlink_to(frames(field)[0])
    before = hashes(field)
    done = mosaic(field, "-o", tmp_path / "out", "--overwrite")
    assert done.code == 2
    assert "the output is the input" in done.error
    assert hashes(field) == before


def test_links_in_the_place_of_a_product(base: Path, tmp_path: Path) -> None:
    """The target is replaced and the link kept; a link to nowhere or a folder is refused before the work."""
    field, out = small_field(base), tmp_path / "out"
    out.mkdir()
    (tmp_path / "kept.fits").write_bytes(b"old")
    (out / PRODUCT).symlink_to(tmp_path / "kept.fits")
    assert mosaic(field, "-o", out).code == 5
    assert mosaic(field, "-o", out, "--overwrite").code == 0
    assert (out / PRODUCT).is_symlink()
    assert_same_product(tmp_path / "kept.fits", small_reference(base) / PRODUCT)
    (tmp_path / "kept.fits").unlink()
    done = mosaic(field, "-o", out, "--overwrite")
    assert done.code == 1
    assert "symbolic link that leads nowhere" in done.error
    assert "INFO" not in done.stderr
    (out / PRODUCT).unlink()
    (out / PRODUCT).mkdir()
    done = mosaic(field, "-o", out, "--overwrite")
    assert done.code == 1
    assert "is a folder" in done.error


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_file_in_the_place_of_the_folder(more: tuple[str, ...], base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = mosaic(small_field(base), "-o", tmp_path / "out", *more)
    assert done.code == 1
    assert f"{tmp_path / 'out'}: cannot be written: is a file, not a folder" in done.error
    assert done.stdout == ""
    assert (tmp_path / "out").read_text() == "mine"


def test_a_centre_beyond_a_turn(base: Path, tmp_path: Path) -> None:
    done = mosaic(small_field(base), "-o", tmp_path / "out", "--center", "800 12")
    assert done.code == 2
    assert "'800 12' is not a sky position: its right ascension is not within -180 and 360" in done.error
