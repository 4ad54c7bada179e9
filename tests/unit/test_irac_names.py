"""Which files the user meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.irac.findfiles import find_files
from photomitrus_cli.irac.names import is_fits, stem_and_type, uncertainty_types

STEM = "SPITZER_I1_17577216_0011_0000_6"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    folder = tmp_path / "r17577216" / "ch1" / "bcd"
    folder.mkdir(parents=True)
    for kind in ("bcd", "cbcd", "bunc", "cbunc", "bimsk", "brmsk", "clean"):
        (folder / f"{STEM}_{kind}.fits").touch()
    (folder / f"{STEM}_cbcd.txt").touch()
    (folder / f".{STEM}_cbcd.fits").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "stem", "kind"),
    [
        (f"{STEM}_cbcd.fits", STEM, "cbcd"),
        (f"{STEM}_cbcd.fits.gz", STEM, "cbcd"),
        (f"{STEM}_bimsk.fits.fz", STEM, "bimsk"),
        ("plain.fits", "", "plain"),
    ],
)
def test_the_type_is_the_last_word(name: str, stem: str, kind: str) -> None:
    assert stem_and_type(Path("x") / name) == (stem, kind)
    assert is_fits(Path(name))


def test_other_suffixes_are_no_frames() -> None:
    assert not is_fits(Path("a_cbcd.txt"))
    assert not is_fits(Path("a_cbcd.fits.part"))


def test_each_type_has_its_own_uncertainties_first() -> None:
    assert uncertainty_types("bcd") == ("bunc", "cbunc")
    assert uncertainty_types("cbcd") == ("cbunc", "bunc")
    assert uncertainty_types("clean") == ("cbunc", "bunc")


def kinds(found: dict[str, list[Path]]) -> dict[str, list[str]]:
    return {kind: [stem_and_type(path)[1] for path in paths] for kind, paths in found.items()}


def test_folders_are_searched_below_and_hidden_files_left_out(archive: Path) -> None:
    found = kinds(find_files([archive.parents[2]], "cbcd"))
    assert found == {kind: [kind] for kind in ("cbcd", "cbunc", "bunc", "bimsk", "brmsk")}
    assert kinds(find_files([archive.parents[2]], "clean"))["clean"] == ["clean"]


def test_a_frame_named_itself_brings_its_companions(archive: Path) -> None:
    found = kinds(find_files([archive / f"{STEM}_cbcd.fits"], "cbcd"))
    assert found == {kind: [kind] for kind in ("cbcd", "cbunc", "bunc", "bimsk", "brmsk")}


def test_a_glob_of_everything_names_one_frame(archive: Path) -> None:
    assert kinds(find_files(sorted(archive.glob("S*.fits")), "cbcd"))["cbcd"] == ["cbcd", "clean"]
    assert kinds(find_files(sorted(archive.glob("*b*c*.fits")), "bcd"))["bcd"] == ["bcd"]


def test_a_file_of_ones_own_naming_is_a_frame(archive: Path) -> None:
    mine = archive / "my frame.fits"
    mine.touch()
    assert find_files([mine], "cbcd")["cbcd"] == [mine]


def test_each_file_counts_once(archive: Path) -> None:
    frame = archive / f"{STEM}_cbcd.fits"
    (archive / f"Z_{STEM}_cbcd.fits").symlink_to(frame)
    assert find_files([archive, frame, archive.parent], "cbcd")["cbcd"] == [frame]


def test_lists_nest_and_are_relative_to_themselves(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "inner.txt").write_text(
        f"\ufeff# the frame\n{archive.relative_to(tmp_path)}\n\n", encoding="utf-8"
    )
    (tmp_path / "outer.lst").write_text("inner.txt\ninner.txt\n")
    assert len(find_files([tmp_path / "outer.lst"], "cbcd")["cbcd"]) == 1


def test_lists_that_lead_in_circles_end(tmp_path: Path) -> None:
    for name, content in (("a.txt", "b.txt\n"), ("b.txt", "./c.txt\n"), ("c.txt", "../x/a.txt\n")):
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / name).write_text(content)
    with pytest.raises(InputError, match=r"a\.txt: the list leads back to itself"):
        find_files([tmp_path / "x" / "a.txt"], "cbcd")


def test_a_list_names_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("gone.fits\n")
    with pytest.raises(InputError, match=r"a\.txt: lists .*gone\.fits: no such file or folder"):
        find_files([tmp_path / "a.txt"], "cbcd")


def test_too_large_for_a_list(tmp_path: Path) -> None:
    with (tmp_path / "a.dat").open("wb") as stream:
        stream.truncate(60_000_000)
    with pytest.raises(InputError, match="too large for a list"):
        find_files([tmp_path / "a.dat"], "cbcd")
