"""`astromap simulate prime` through its entry point."""

from __future__ import annotations

from pathlib import Path

from truthkit.faultkit import hashes, run_here

TINY = ["--scale", "16", "--frames", "3", "-j", "1"]


def test_the_command_writes_a_set_and_tells_of_it(tmp_path: Path) -> None:
    words = ("simulate", "prime", str(tmp_path / "J_Band"), *TINY, "--chip", "2", "--chip", "3")
    done = run_here(*words, "--no-bad-pixel-mask", "--distortion", "radial")
    assert done.code == 0, done.error
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"simulated 6 frames in {tmp_path / 'J_Band'}")
    written = set(hashes(tmp_path / "J_Band"))
    assert {"C2/01599131C2.ramp.fits", "C3/01599175C3.ramp.fits", "refcat.ecsv"} <= written
    assert not any("badpixmask" in name for name in written)
    for line in lines:
        if line.strip().startswith("product:"):
            assert Path(line.partition(": ")[2].strip()).is_file()


def test_seeds_choose_the_frames_and_existing_ones_are_kept(tmp_path: Path) -> None:
    words = ("simulate", "prime", str(tmp_path), *TINY)
    assert run_here(*words).code == 0
    before = hashes(tmp_path)
    done = run_here(*words, "--seed", "2")
    assert done.code == 5
    assert "already holds simulated frames" in done.error
    assert hashes(tmp_path) == before
    assert run_here(*words, "--seed", "2", "--overwrite").code == 0
    after = hashes(tmp_path)
    assert set(after) == set(before)
    assert after["C1/01599131C1.ramp.fits"] != before["C1/01599131C1.ramp.fits"]


def test_a_wrong_setting_is_one_clear_line(tmp_path: Path) -> None:
    done = run_here("simulate", "prime", str(tmp_path / "out"), "--frames", "2")
    assert done.code == 2
    assert "cloudy, trailed and mispointed" in done.error
    assert not (tmp_path / "out").exists()
