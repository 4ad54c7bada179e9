"""Wrong tables and requests of `wise coadd`: one clear line, its exit code, nothing touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from truthkit.faultkit import hashes
from truthkit.wisefaults import (
    FRAMES,
    SCANS,
    TABLE,
    VICTIM,
    coadd,
    copy_survey,
    edit_table,
    part_of,
    survey,
)

pytestmark = pytest.mark.xdist_group("wise-coadd-faults")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return copy_survey(base, tmp_path / "in")


def lack(name: str) -> Callable[[list[dict[str, str]]], list[dict[str, str]]]:
    return lambda rows: [{key: value for key, value in row.items() if key != name} for row in rows]


def put(**what: str) -> Callable[[list[dict[str, str]]], list[dict[str, str]]]:
    return lambda rows: [*rows[:4], rows[4] | what, *rows[5:]]


TABLES: dict[str, tuple[Callable[[list[dict[str, str]]], list[dict[str, str]]], int, str]] = {
    "no scan_id": (lack("scan_id"), 3, "has no column scan_id"),
    "no frame_num": (lack("frame_num"), 3, "has no column frame_num"),
    "no mjd_obs": (lack("mjd_obs"), 3, "has no column mjd_obs"),
    "no full_filepath": (lack("full_filepath"), 3, "has no column full_filepath"),
    "a frame twice": (lambda rows: [*rows, rows[3]], 3, f"frame {SCANS[1]}{FRAMES[0]} is listed twice"),
    "other bands": (lambda rows: [row | {"band": "4"} for row in rows], 4, "has no frame of band 3"),
    "no such band": (put(band="7"), 3, "row 5: band 7"),
    "no time": (put(mjd_obs=""), 3, f"frame {VICTIM} has no mjd_obs"),
    "text for a time": (put(mjd_obs="late"), 3, "row 5: 'late' is not a number in column mjd_obs"),
    "no date": (put(mjd_obs="1e300"), 3, f"frame {VICTIM} has mjd_obs 1e+300, which is no date"),
    "no path": (put(full_filepath=""), 3, f"frame {VICTIM} has no full_filepath"),
    "a scan that leaves the folder": (put(scan_id="../xy"), 3, "row 5: '../xy' is no scan id"),
    "a frame of letters": (put(frame_num="1x4"), 3, "row 5: '1x4' is no frame number"),
}


@pytest.mark.parametrize("name", TABLES)
def test_wrong_tables(name: str, folder: Path, tmp_path: Path) -> None:
    edit, code, cause = TABLES[name]
    edit_table(folder, edit)
    done = coadd(folder, "-o", tmp_path / "out", "--day")
    assert done.code == code
    assert str(folder / TABLE) in done.error
    assert cause in done.error
    assert not (tmp_path / "out").exists()


def test_no_table(folder: Path, tmp_path: Path) -> None:
    (folder / TABLE).unlink()
    done = coadd(folder, "-o", tmp_path / "out")
    assert done.code == 3
    assert f"{folder / TABLE}: no such frame table or folder (astromap wise filter --band 3" in done.error
    (folder / TABLE).touch()
    assert "the frame table is empty" in coadd(folder, "-o", tmp_path / "out").error
    done = coadd(folder, "-o", tmp_path / "out", "--frames", folder, "--band", "1")
    assert (done.code, "holds no frames of w1" in done.error) == (4, True)
    frame = part_of(folder, "int")
    done = coadd(folder, "-o", tmp_path / "out", "--frames", frame)
    assert (done.code, f"{frame}: the frame table cannot be read" in done.error) == (3, True)


def test_a_frame_whose_companions_cannot_be_named(folder: Path, tmp_path: Path) -> None:
    part_of(folder, "int").rename(folder / "frame.fits")
    edit_table(folder, put(full_filepath="frame.fits"))
    done = coadd(folder, "-o", tmp_path / "out")
    assert done.code == 3
    assert "frame.fits: the name has no '-int-'" in done.error


REQUESTS: dict[str, tuple[list[str], str]] = {
    "unknown scan": (["99999z"], "has no scan 99999z in band 3 (it has 3, such as 01772a, 01773a, 01774a)"),
    "scan for a day": ([SCANS[0], "--day"], f"has no day {SCANS[0]} in band 3 (it has 1, such as mjd55238)"),
    "nside": (["--nside", "100"], "nside 100 is not a power of two"),
    "nside of nothing": (["--nside", "0"], "from 1 to 8192 (got 0)"),
    "nside too fine": (["--nside", "16384"], "from 1 to 8192 (got 16384)"),
    "limit": (["--set", "wise.coadd.spike_sigma=nan"], "spike_sigma"),
    "zero points": (["--set", "wise.coadd.magzp_nominal=[1, 2]"], "magzp_nominal"),
    "unknown key": (["--set", "wise.coadd.nsid=64"], "did you mean 'nside'?"),
    "map of all scans": (["--all-scans-map", "all.txt"], "all.txt does not end in .fits"),
    "both": (["--overwrite", "--resume"], "give one of them"),
}
USAGE: dict[str, tuple[list[str], str]] = {
    "band": (["--band", "5"], "5 is not in the range 1<=x<=4"),
    "system": (["--system", "fk4"], "'fk4' is not one of 'galactic', 'ecliptic', 'equatorial'"),
    "masks": (["--masks", "all"], "'all' is not one of"),
    "two groupings": (["--day", "--week"], "contradict each other"),
    "option": (["--nsides", "64"], "No such option '--nsides'"),
}


@pytest.mark.parametrize("name", [*REQUESTS, *USAGE])
def test_wrong_requests(name: str, base: Path, tmp_path: Path) -> None:
    words, cause = {**REQUESTS, **USAGE}[name]
    done = coadd(survey(base), "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert done.stdout == ""
    assert cause in (done.error if name in REQUESTS else done.stderr)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["int", "msk", "table", "map", "frames table"])
def test_an_output_that_is_an_input_is_refused(kind: str, folder: Path, tmp_path: Path) -> None:
    """By the name that the user chooses, or by links."""
    out = tmp_path / "out"
    out.mkdir()
    everything = tmp_path / "all.fits"
    if kind == "map":
        everything = out / f"w3_{SCANS[0]}.fits"
    elif kind == "frames table":
        (out / "w3_frames.ecsv").symlink_to(folder / TABLE)
    elif kind == "table":
        (out / f"w3_{SCANS[2]}.fits").hardlink_to(folder / TABLE)
    else:
        everything.symlink_to(part_of(folder, kind))
    before = hashes(folder)
    done = coadd(folder, "-o", out, "--overwrite", "--all-scans-map", everything)
    assert done.code == 2, done.stderr
    assert "the output is the input" in done.error
    assert hashes(folder) == before
