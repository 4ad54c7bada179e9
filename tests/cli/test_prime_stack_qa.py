"""What `astromap prime stack` tells of its quality: numbers for programs, pictures for people."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import pytest
from astropy.io import fits
from PIL import Image
from truthkit.faultkit import names
from truthkit.stackset import assert_same_stack, coadd_path, dithers, label, reference, stack, stack_names

pytestmark = pytest.mark.xdist_group("prime-stack")

PLATES = tuple(f"coadd.{label()}.{kind}.png" for kind in ("positions", "stars", "sky"))


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def numbers(folder: Path) -> dict[str, Any]:
    def refuse(word: str) -> NoReturn:
        raise AssertionError(f"{word} is no JSON")

    text = (folder / "stack" / f"coadd.{label()}.qa.json").read_text()
    found: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return found


def test_the_numbers_are_those_of_header_and_table(base: Path) -> None:
    found = numbers(reference(base))
    with fits.open(coadd_path(reference(base))) as hdus:
        header, table = hdus[0].header, hdus["INPUTS"].data
        rows = {name: table[name].tolist() for name in ("serial", "sky", "rms", "scale", "weight", "fwhm")}
    one, astrometry = found["stack"], found["astrometry"]
    assert (found["format"], found["version"]) == ("astromap prime stack qa", 1)
    assert (found["chip"], found["band"], found["frames_used"], found["frames_left_out"]) == (1, "J", 4, 0)
    assert one["zero_point"]["value"] == pytest.approx(header["MAGZP"])
    assert (one["fwhm_arcsec"], one["depth_mag"]) == pytest.approx((header["SEEING"], header["MAGLIM5"]))
    assert astrometry["status"] == header["ASTRSTAT"] == "good"
    assert astrometry["degree"] == header["ASTDEG"]
    assert all(gate["passed"] for gate in found["gates"])
    assert {"matched", "rms_catalogue", "corner_error"} < {gate["name"] for gate in found["gates"]}
    for name, column in rows.items():
        values = [frame[name] for frame in found["frames"]]
        assert values == (pytest.approx(column) if name != "serial" else [text.strip() for text in column])
    # Pixels of 8 arcsec, pointing errors of some arcsec that the fit removes.
    assert 1.0 < max(astrometry["shifts_arcsec"]) < 30.0
    assert 0.01 < astrometry["scatter_after_arcsec"] < 0.3
    zeros = [frame["zero_point"]["value"] for frame in found["frames"]]
    assert max(zeros) - min(zeros) < 0.1
    areas = found["areas"]["residuals"]
    assert sum(map(sum, areas["pairs"])) == astrometry["pairs"] > 100
    assert {len(areas[name]) for name in areas} == {len(areas["pairs"])}
    for picture in (reference(base) / "stack").glob("*.png"):
        with Image.open(picture) as image:
            assert min(image.size) > 300


def test_a_picture_that_fails_costs_a_warning_alone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Older pictures go, too: they are of another stack."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError("cannot open resource")

    (tmp_path / "stack").mkdir()
    (tmp_path / "stack" / PLATES[0]).write_bytes(b"of an older stack")
    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.prime.qafigures.draw_plates", fail)
        done = stack(dithers(base), "-o", tmp_path, "--report", tmp_path / "report")
    assert done.code == 0, done.stderr
    assert done.stdout.count("cannot open resource") == len(PLATES)
    assert names(tmp_path / "stack") == stack_names(1) - set(PLATES)
    assert_same_stack(tmp_path, reference(base))
    assert numbers(tmp_path)["gates"] == numbers(reference(base))["gates"]
    manifest = json.loads((tmp_path / "stack" / f"coadd.{label()}.manifest.json").read_text())
    assert manifest["status"] == "complete"
    page = (tmp_path / "report" / f"coadd.{label()}.html").read_text()
    assert page.count("<img") == 2
    assert page.index("cannot open resource") < page.index("<img")
    done = stack(dithers(base), "-o", tmp_path, "--resume", "--no-pictures")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "prime stack, J, chip 1: up to date")
    assert "cannot open resource" in done.stdout
