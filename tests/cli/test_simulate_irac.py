"""`astromap simulate irac` through its entry point."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.faultkit import SMALL, hashes, mosaic, program, run_here, run_program

WORDS = [
    word
    for key, value in SMALL.items()
    for word in ("--set", f"irac.simulate.{key}={value}".replace("False", "false"))
]
ONE = ["--aors", "1", "--dithers", "1"]


def simulate(out: Path, *more: str) -> list[str]:
    return ["simulate", "irac", str(out), *WORDS, *ONE, *more]


def test_the_command_writes_an_archive_tree_with_its_truth(tmp_path: Path) -> None:
    done = run_program(program(), *simulate(tmp_path / "field"), cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == f"simulated 1 frames in {tmp_path / 'field'}"
    written = set(hashes(tmp_path / "field"))
    for line in lines[1:]:
        path = Path(line.rpartition(": ")[2])
        assert str(path.relative_to(tmp_path / "field")) in written
    stem = "r40000000/ch1/bcd/SPITZER_I1_40000000_0000_0000_2"
    frames = {f"{stem}_{kind}.fits" for kind in ("cbcd", "cbunc", "bimsk", "brmsk")}
    assert {name for name in written if not name.startswith("truth/")} == frames
    assert len(lines) - 1 == len(written - frames)


def test_equal_seeds_give_equal_frames(tmp_path: Path) -> None:
    for folder, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert run_here(*simulate(tmp_path / folder, "--seed", seed)).code == 0
    a, b, c = (hashes(tmp_path / folder) for folder in "abc")
    assert a == b
    frame = next(name for name in a if name.endswith("_cbcd.fits"))
    assert a[frame] != c[frame]


def test_an_existing_field_is_kept_unless_asked(tmp_path: Path) -> None:
    assert run_here(*simulate(tmp_path / "field")).code == 0
    before = hashes(tmp_path)
    done = run_here(*simulate(tmp_path / "field", "--seed", "2"))
    assert done.code == 5
    assert "already holds simulated frames" in done.error
    assert hashes(tmp_path) == before
    assert run_here(*simulate(tmp_path / "field", "--seed", "2", "--overwrite")).code == 0
    assert hashes(tmp_path) != before
    assert hashes(tmp_path).keys() == before.keys()


def test_frames_of_another_simulation_are_never_mixed(tmp_path: Path) -> None:
    assert run_here(*simulate(tmp_path / "field")).code == 0
    before = hashes(tmp_path)
    done = run_here(*simulate(tmp_path / "field", "--channel", "2", "--overwrite"))
    assert done.code == 5
    assert "frames of another simulation" in done.error
    assert hashes(tmp_path) == before


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--channel", "5"], "channel"),
        (["--channel", "3"], "took no data in the warm mission"),
        (["--dithers", "0"], "dithers_per_aor"),
        (["--mission", "hot"], "mission"),
        (["--set", "irac.simulate.star_density=3"], "did you mean"),
        (["--set", "irac.simulate.frame_times_s=[31.0]"], "31"),
    ],
)
def test_usage_errors(args: list[str], word: str, tmp_path: Path) -> None:
    done = run_here(*simulate(tmp_path / "field", *args))
    assert done.code == 2, done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "field").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run_here(*simulate(tmp_path / "file" / "field"))
    assert done.code == 1
    assert "cannot be written" in done.error


def test_a_simulated_field_makes_a_mosaic(tmp_path: Path) -> None:
    assert run_here(*simulate(tmp_path / "field")).code == 0
    done = mosaic(tmp_path / "field", "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert "frames: 1 used, 0 skipped, 0 failed" in done.stdout


def test_the_subarray_is_written_as_cubes(tmp_path: Path) -> None:
    more = ("--readmode", "sub", "--set", "irac.simulate.frame_times_s=[0.4]")
    done = run_here(*simulate(tmp_path / "field", *more))
    assert done.code == 0, done.stderr
    stem = "r40000000/ch1/bcd/SPITZER_I1_40000000_0000_0000_2"
    frames = {name for name in hashes(tmp_path / "field") if not name.startswith("truth/")}
    assert frames == {f"{stem}_{kind}.fits" for kind in ("bcd", "bunc", "bimsk")}
    assert "truth: planes" in done.stdout
    refused = run_here(*simulate(tmp_path / "other", "--readmode", "sub"))
    assert refused.code == 2
    assert "no subarray frame time of 30 s" in refused.error
