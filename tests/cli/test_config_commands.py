"""`astromap config init | show | validate`."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.faultkit import Ran, program, run_here, run_program


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(*words: object) -> Ran:
    return run_here("config", *words)


def test_init_show_validate(tmp_path: Path) -> None:
    assert run_program(program(), "config", "init", cwd=tmp_path).code == 0
    text = (tmp_path / "astromap.yaml").read_text()
    assert "# Pixel scale of the mosaic, arcsec" in text
    assert config("init").code == 5
    assert (tmp_path / "astromap.yaml").read_text() == text
    assert config("validate").code == 0
    shown = config("show", "irac.mosaic", "--sources", "--set", "irac.mosaic.channel=2")
    assert "irac.mosaic.channel = 2  # --set irac.mosaic.channel" in shown.stdout
    assert f'irac.mosaic.filetype = "cbcd"  # {tmp_path / "astromap.yaml"}:' in shown.stdout


def test_shown_configuration_can_be_given_back(tmp_path: Path) -> None:
    done = run_program(program(), "config", "show", cwd=tmp_path)
    assert done.code == 0, done.stderr
    (tmp_path / "shown.yaml").write_text(done.stdout)
    assert config("validate", "--config", "shown.yaml").code == 0


def test_validate_names_file_line_and_nearest_key(tmp_path: Path) -> None:
    (tmp_path / "astromap.yaml").write_text("irac:\n  mosaic:\n    pixelscale_arcsec: 1\n")
    done = config("validate")
    assert done.code == 2
    assert done.stdout == ""
    assert "astromap.yaml:3" in done.stderr
    assert "did you mean 'pixel_scale_arcsec'" in done.stderr


def test_unknown_key_of_show() -> None:
    done = config("show", "irac.nothing")
    assert done.code == 2
    assert "irac.nothing" in done.stderr
    for typed, meant in (("irac.mosaik", "irac.mosaic"), ("prime.stack.sigam", "prime.stack.sigma")):
        done = config("show", typed)
        assert done.code == 2
        assert f"there is no configuration key '{typed}' (did you mean '{meant}'?)" in done.stderr


def test_a_bare_file_of_validate_is_told_how_to_be_given() -> None:
    Path("bad.yaml").write_text("irac: 1\n")
    done = config("validate", "bad.yaml")
    assert done.code == 2
    assert "unexpected extra argument (bad.yaml): give files as --config FILE" in done.stderr
    assert "extra argument" not in (wrong := config("validate", "--konfig", "bad.yaml").stderr)
    assert "No such option '--konfig'" in wrong


def test_a_local_file_that_is_none_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "astromap.yaml").mkdir()
    done = config("validate")
    assert (done.code, done.stdout) == (2, "")
    assert f"{tmp_path / 'astromap.yaml'}: is a folder" in done.stderr
    (tmp_path / "astromap.yaml").rmdir()
    (tmp_path / "astromap.yaml").symlink_to("nowhere.yaml")
    done = config("validate")
    assert (done.code, done.stdout) == (2, "")
    assert "is a link to nothing" in done.stderr
