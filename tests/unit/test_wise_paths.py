"""Paths of frames: templates, roots, packed files, and names that would leave the data root."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.wise.paths import NOWHERE, locate, path_rule, refuse_unsafe
from photomitrus_cli.wise.rowwriter import csv_rows

SEED = "{root}/{scangrp}/{scan_id}/{frame_num}/{scan_id}{frame_num}-w{band}-int-1b.fits"


def words(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    return np.array([text.encode() for text in texts])


def test_the_template_of_the_archive(tmp_path: Path) -> None:
    rule = path_rule(SEED, [tmp_path])
    got = rule.paths(words("5b", "2a"), words("00805b", "01772a"), words("089", "127"), 3, 0)
    assert got.tolist() == [
        f"{tmp_path}/5b/00805b/089/00805b089-w3-int-1b.fits".encode(),
        f"{tmp_path}/2a/01772a/127/01772a127-w3-int-1b.fits".encode(),
    ]


def test_roots_are_made_absolute_and_may_have_any_letter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    rule = path_rule("{root}/{scan_id}_{frame_num}.fits", [Path("Daten für W3")])
    got = rule.paths(words("5b"), words("00805b"), words("089"), 3, 0)
    assert got[0].decode() == f"{tmp_path}/Daten für W3/00805b_089.fits"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{root}/{disk}/{scan_id}{frame_num}.fits", "'{disk}' is unknown"),
        ("{root}/{scan_id!r}{frame_num}.fits", "is unknown"),
        ("{root}/{frame_num:03d}{scan_id}.fits", "is unknown"),
        ("/data/{scan_id}{frame_num}.fits", "has to begin with {root}/"),
        ("{root}/../{scan_id}{frame_num}.fits", "leads out of the data root"),
        ("{root}/{scan_id}.fits", "needs {scan_id} and {frame_num}"),
        ("{root}/{scan_id}{frame_num", "template"),
    ],
)
def test_templates_that_cannot_work(template: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        path_rule(template, [Path("/data")])
    assert message in str(caught.value)


def test_a_root_that_cannot_be_written_into_a_table() -> None:
    with pytest.raises(ConfigError, match="cannot be written into a table"):
        path_rule(SEED, [Path('/data "old"')])


@pytest.mark.parametrize("word", ["..", "a/b", "", "a b", "5b\n", "/"])
def test_words_that_leave_the_root(word: str) -> None:
    with pytest.raises(InputError, match=r"t, row 2: .* would lead out of the data root"):
        refuse_unsafe(words("5b", word, "5b"), lambda row: f"t, row {row + 1}")
    refuse_unsafe(words("5b", "5b", "0a"), str)


def test_files_are_found_plain_packed_and_in_the_first_root(tmp_path: Path) -> None:
    for name in ("a/1.fits", "a/2.fits.gz", "b/1.fits", "b/3.fits", "b/2.fits"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a/4.fits").mkdir()
    candidates = [words(*(f"{tmp_path}/{root}/{n}.fits" for n in range(1, 5))) for root in "ab"]
    place, packed = locate(candidates)
    assert place.tolist() == [0, 0, 1, NOWHERE]
    assert packed.tolist() == [False, True, False, False]
    place, _ = locate([candidates[0][:0]])
    assert place.size == 0


def test_csv_cells_with_commas_and_quotes() -> None:
    text = csv_rows([words("a", "b,c"), words("", 'd"e'), words("ä", "")])
    assert text.decode() == 'a,,ä\n"b,c","d""e",\n'
