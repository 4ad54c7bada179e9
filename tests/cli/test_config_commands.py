"""`astromap config init | show | validate`."""

from __future__ import annotations

from pathlib import Path


def test_init_show_validate(astromap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert astromap("config", "init").returncode == 0
    text = (tmp_path / "astromap.yaml").read_text()
    assert "# Pixel scale of the mosaic, arcsec" in text
    assert astromap("config", "init").returncode == 5
    assert (tmp_path / "astromap.yaml").read_text() == text
    assert astromap("config", "validate").returncode == 0
    shown = astromap("config", "show", "irac.mosaic", "--sources", "--set", "irac.mosaic.channel=2")
    assert "irac.mosaic.channel = 2  # --set irac.mosaic.channel" in shown.stdout
    assert f'irac.mosaic.filetype = "cbcd"  # {tmp_path / "astromap.yaml"}:' in shown.stdout


def test_shown_configuration_can_be_given_back(astromap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "shown.yaml").write_text(astromap("config", "show").stdout)
    assert astromap("config", "validate", "--config", "shown.yaml").returncode == 0


def test_validate_names_file_line_and_nearest_key(astromap, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "astromap.yaml").write_text("irac:\n  mosaic:\n    pixelscale_arcsec: 1\n")
    done = astromap("config", "validate")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "astromap.yaml:3" in done.stderr
    assert "did you mean 'pixel_scale_arcsec'" in done.stderr


def test_unknown_key_of_show(astromap) -> None:  # type: ignore[no-untyped-def]
    done = astromap("config", "show", "irac.nothing")
    assert done.returncode == 2
    assert "irac.nothing" in done.stderr
