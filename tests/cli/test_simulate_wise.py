"""`astromap simulate wise` through its entry point."""

from __future__ import annotations

from pathlib import Path

from truthkit.faultkit import hashes, run_here

TINY = ["--frame-px", "32", "--scans", "2", "--max-frames", "1", "-j", "1"]


def test_the_command_writes_a_survey_and_tells_of_it(tmp_path: Path) -> None:
    done = run_here("simulate", "wise", str(tmp_path / "out"), *TINY, "--band", "1", "--band", "4")
    assert done.code == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"simulated 4 frames in {tmp_path / 'out'}")
    written = set(hashes(tmp_path / "out"))
    assert {"frames.tbl", "astromap.yaml", "truth/truth_scans.ecsv"} <= written
    assert sum("-w1-" in name for name in written) == sum("-w4-" in name for name in written) == 6
    for line in lines:
        if line.strip().startswith("product:"):
            assert Path(line.partition(": ")[2].strip()).is_file()


def test_seeds_choose_the_frames(tmp_path: Path) -> None:
    for folder, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        assert run_here("simulate", "wise", str(tmp_path / folder), *TINY, "--seed", seed).code == 0
    a, b, c = (hashes(tmp_path / folder) for folder in "abc")
    assert a == b
    frame = next(name for name in a if "-int-" in name)
    assert a[frame] != c[frame]


def test_an_existing_survey_is_kept_unless_asked(tmp_path: Path) -> None:
    words = ("simulate", "wise", str(tmp_path / "out"), *TINY)
    assert run_here(*words).code == 0
    before = hashes(tmp_path)
    done = run_here(*words, "--seed", "2")
    assert done.code == 5
    assert "already holds simulated frames" in done.error
    assert hashes(tmp_path) == before
    assert run_here(*words, "--seed", "2", "--overwrite").code == 0
    assert hashes(tmp_path) != before


def test_a_wrong_latitude_is_one_clear_line(tmp_path: Path) -> None:
    done = run_here("simulate", "wise", str(tmp_path / "out"), "--latitude", "5", "-5")
    assert done.code == 2, done.error
    assert "latitude" in done.error
    assert not (tmp_path / "out").exists()


def test_the_folder_is_ready_for_the_filter(tmp_path: Path) -> None:
    assert run_here("simulate", "wise", str(tmp_path / "out"), *TINY).code == 0
    output, config = tmp_path / "filtered", tmp_path / "out" / "astromap.yaml"
    words = ("--config", str(config), "--preset", "none", "-o", str(output))
    done = run_here("wise", "filter", *words)
    assert done.code == 0, done.error
    rows = (output / "filtered_df_band3.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3
    assert str(tmp_path / "out" / "2a" / "01772a" / "143" / "01772a143-w3-int-1b.fits") in rows[1]
