"""Wrong inputs and failing writes of `wise zodi`: one clear line, its exit code, nothing partial."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from truthkit.faultkit import Ran, names, run_here
from truthkit.wisefaults import SCANS, reference

from photomitrus_cli.errors import WriteError

pytestmark = pytest.mark.xdist_group("wise-zodi")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def maps(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(reference(base), tmp_path / "maps"))


def zodi(maps: Path, out: Path, *args: object) -> Ran:
    return run_here("wise", "zodi", "--maps", maps, "-o", out, "-j", "1", "--quadrature", "20", *args)


def test_what_is_no_scan_map_is_named(maps: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one = maps / f"w3_{SCANS[0]}.fits"
    fits.writeto(tmp_path / "image.fits", np.zeros((2, 2), np.float32))
    for args, code, words in (
        ((tmp_path / "absent",), 3, "no such folder or file"),
        ((one, "--band", "2"), 3, "is a map of band 3, not 2"),
        ((maps, "--band", "2"), 4, "no scan map of band 2"),
        ((tmp_path / "image.fits",), 3, "is no scan map"),
        ((maps, "09999a"), 2, "no map of scan 09999a"),
        ((maps, "--component", "blob"), 2, "has no component 'blob'"),
        ((maps, "--model", "planck15"), 2, "does not cover band 3"),
    ):
        done = zodi(args[0], out, *args[1:])
        assert done.code == code, done.stderr
        assert words in done.error
    assert not out.exists()


def test_positions_that_are_not_there(maps: Path, tmp_path: Path) -> None:
    table = Table.read(maps / "w3_frames.ecsv", format="ascii.ecsv")
    table.remove_column("sun2sc_y")
    table.write(maps / "w3_frames.ecsv", format="ascii.ecsv", overwrite=True)
    done = zodi(maps, tmp_path / "out", "--observer", "header")
    assert done.code == 3
    assert "w3_frames.ecsv: has no column sun2sc_y, which observer header needs" in done.error
    (maps / "w3_frames.ecsv").unlink()
    done = zodi(maps, tmp_path / "out", "--observer", "header")
    assert done.code == 3
    assert "there is no table of frames" in done.error
    assert zodi(maps, tmp_path / "out").code == 0


def test_a_broken_map_ends_the_run_unless_it_keeps_going(maps: Path, tmp_path: Path) -> None:
    """Damaged below the header, which the plan reads."""
    path, out = maps / f"w3_{SCANS[1]}.fits", tmp_path / "out"
    data = bytearray(path.read_bytes())
    data[-2880] ^= 0xFF
    path.write_bytes(data)
    done = zodi(maps, out)
    assert done.code == 3
    assert f"w3_{SCANS[1]}.fits" in done.error
    assert "checksum" in done.error
    done = zodi(maps, out, "--overwrite", "--keep-going")
    assert done.code == 6
    there = {f"w3_{scan}_zodi.fits" for scan in (SCANS[0], SCANS[2])}
    assert {name for name in names(out) if name.endswith(".fits")} == there
    failure = json.loads((out / f"w3_{SCANS[1]}_zodi.failed.json").read_text())
    assert failure["exit_code"] == 3


def test_a_template_without_a_manifest_does_not_stay(
    maps: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run need not be told to replace it; what may be of an earlier run stays."""
    out = tmp_path / "out"

    def fail(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.wise.zodimaps.write_manifest", fail)
        assert zodi(maps, out).code == 1
        assert {name for name in names(out) if not name.startswith(".")} == {
            f"w3_{SCANS[0]}_zodi.failed.json"
        }
    assert zodi(maps, out).code == 0
    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.wise.zodimaps.write_partial_map", fail)
        assert zodi(maps, out, "--overwrite").code == 1
    assert f"w3_{SCANS[0]}_zodi.fits" in names(out)
