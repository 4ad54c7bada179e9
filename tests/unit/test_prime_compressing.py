"""Packed products: how much rounding costs, what is not lost, and that the file is a legal one."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.fitsread import read_image
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.prime.compressing import Packing, pack, write_units

SHAPE = (120, 400)
SIGMA = 3.0
CARDS: list[Card] = [("MAGZP", 29.606487773331093, "[mag]"), ("PATH", "x" * 90, ""), ("FLAG", True, "")]


def planes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    sci = rng.normal(0.0, SIGMA, SHAPE).astype(np.float32)
    sci[20:25, 100:105] += np.float32(5e4)
    sci[:2] = np.nan
    sci[50:60, 30:60] = np.nan
    sci[80:90, 200:250] = 0.0
    exposure = (60.06 * rng.integers(0, 9, SHAPE)).astype(np.float32)
    return {
        "PRIMARY": sci,
        "EXP": exposure,
        "COV": rng.integers(0, 300, SHAPE).astype(np.int16),
        "MASK": rng.integers(0, 200, SHAPE).astype(np.uint8),
    }


def write(path: Path, packing: Packing | None) -> None:
    arrays = planes()
    units = [ImageUnit(name, SHAPE, a.dtype.str[1:], CARDS, "adu") for name, a in arrays.items()]

    def fill(stream: StreamedFits) -> None:
        for name, array in arrays.items():
            stream.write_rows(name, 0, array)
        stream.append(table_unit("INPUTS", [Column("weight", np.array([0.1, np.nan]), "", "in the mean")]))

    scratch = path.with_name("scratch.fits")
    scratch.write_bytes(b"of a run that was killed")
    done = write_units(path, units, fill, packing, scratch=scratch, first="SCI", lossless=["EXP"])
    assert done.n_bytes == path.stat().st_size
    assert scratch.exists() == (packing is None)


def image(path: Path, name: str) -> np.ndarray:
    with fits.open(path) as hdus:
        return np.array(hdus[name].data)


@pytest.mark.parametrize("level", [4.0, 16.0])
def test_rice_rounds_to_a_part_of_the_noise(tmp_path: Path, level: float) -> None:
    path = tmp_path / "a.fits.fz"
    write(path, Packing("rice", level))
    sci, packed = planes()["PRIMARY"], image(path, "SCI")
    np.testing.assert_array_equal(np.isnan(packed), np.isnan(sci))
    assert (packed[sci == 0.0] == 0.0).all()
    away = (packed - sci)[np.isfinite(sci) & (sci != 0.0)].astype(float)
    # Of steps sigma / level wide, uniformly.
    assert np.std(away) == pytest.approx(SIGMA / level / np.sqrt(12.0), rel=0.06)
    assert np.abs(away).max() < 0.65 * SIGMA / level
    assert abs(away.mean()) < 4.0 * np.std(away) / np.sqrt(away.size)


@pytest.mark.parametrize("packing", [Packing("rice", 16.0), Packing("gzip", 16.0)])
def test_what_must_not_change_does_not(tmp_path: Path, packing: Packing) -> None:
    plain, path, again = tmp_path / "a.fits", tmp_path / "a.fits.fz", tmp_path / "b.fits.fz"
    write(plain, None)
    write(path, packing)
    pack(plain, again, packing, first="SCI", lossless=["EXP"])
    assert path.read_bytes() == again.read_bytes()
    # Also of another second.
    times = re.findall(rb"\x1f\x8b\x08\x00(....)", path.read_bytes(), re.DOTALL)
    assert len(times) >= SHAPE[0]
    assert set(times) == {bytes(4)}
    arrays = planes()
    for name in ("EXP", "COV", "MASK") if packing.kind == "rice" else ("SCI", "EXP", "COV", "MASK"):
        back, array = image(path, name), arrays["PRIMARY" if name == "SCI" else name]
        assert back.dtype.newbyteorder("=") == array.dtype
        np.testing.assert_array_equal(back, array)
    with fits.open(path) as hdus, fits.open(plain) as before:
        assert [hdu.name for hdu in hdus[1:]] == ["SCI", "EXP", "COV", "MASK", "INPUTS"]
        for key, value, _ in CARDS:
            assert hdus["SCI"].header[key] == value
        assert hdus["SCI"].header["BUNIT"] == "adu"
        assert hdus["INPUTS"].data.tobytes() == before["INPUTS"].data.tobytes()
    assert path.stat().st_size < (0.5 if packing.kind == "rice" else 0.85) * plain.stat().st_size
    # Our own reader, checksums verified.
    np.testing.assert_array_equal(read_image(path).data, image(path, "SCI"))


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_has_nothing_to_say(tmp_path: Path) -> None:
    for kind in ("rice", "gzip"):
        write(tmp_path / f"{kind}.fits.fz", Packing(kind, 8.0))
        run = subprocess.run(
            ["fitsverify", tmp_path / f"{kind}.fits.fz"], capture_output=True, text=True, check=False
        )
        assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout
