"""Pixels read by what the header told before: the same as in one go, and only of the same file."""

from __future__ import annotations

import gzip
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.fitsread import read_cards, read_header, read_image, read_pixels

RANDOM = np.random.default_rng(11)


def save(path: Path, dtype: str = "f4", checksum: bool = False, **cards: object) -> Path:
    """Write a primary image, with cards as they stand."""
    data = (RANDOM.normal(size=(20, 33)) * 50).astype(dtype)
    hdu = fits.PrimaryHDU(data)
    hdu.writeto(path, checksum=checksum, overwrite=True)
    text = "".join(str(fits.Card(key, value)) for key, value in cards.items())
    content = path.read_bytes()
    end = content.index(b"END     ")
    path.write_bytes(content[:end] + (text + "END").ljust(2880 - end).encode() + content[2880:])
    return path


def same(path: Path, **options: bool) -> None:
    cards, source = read_header(path)
    image = read_image(path, **options)
    pixels = read_pixels(pickle.loads(pickle.dumps(source)), **options)  # noqa: S301
    assert dict(cards) == dict(image.cards) == dict(read_cards(path))
    assert pixels.data.dtype == image.data.dtype
    assert pixels.data.dtype.isnative
    assert pixels.data.flags.writeable
    assert pixels.data.flags.c_contiguous
    assert pixels.data.flags.aligned
    np.testing.assert_array_equal(pixels.data, image.data)
    assert pixels.crc32 == image.crc32 == zlib.crc32(path.read_bytes())
    assert source.n_bytes == path.stat().st_size


@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "i8", "f4", "f8", "u2", "i1"])
@pytest.mark.parametrize("checksum", [False, True])
def test_types(tmp_path: Path, dtype: str, checksum: bool) -> None:
    path = tmp_path / "a.fits"
    fits.PrimaryHDU((RANDOM.normal(size=(20, 33)) * 50).astype(dtype)).writeto(path, checksum=checksum)
    same(path)
    assert read_header(path)[1].layout is not None


@pytest.mark.parametrize(
    "cards", [{"BSCALE": 2.0, "BZERO": 3.5}, {"BLANK": 7}, {"BLANK": 7, "BZERO": 32768.0}, {"BZERO": 32768.0}]
)
@pytest.mark.parametrize("blank", [True, False])
def test_scaling(tmp_path: Path, cards: dict[str, Any], blank: bool) -> None:
    same(save(tmp_path / "a.fits", "i2", **cards), blank=blank)


def test_what_takes_the_general_way(tmp_path: Path) -> None:
    path = save(tmp_path / "a.fits", "i2")
    (tmp_path / "b.fits.gz").write_bytes(gzip.compress(path.read_bytes()))
    same(tmp_path / "b.fits.gz")
    fits.CompImageHDU(np.arange(900, dtype="i2").reshape(30, 30)).writeto(tmp_path / "c.fits", checksum=True)
    same(tmp_path / "c.fits")
    assert read_header(tmp_path / "c.fits")[1].layout is None


def test_extensions_ahead_and_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(500.0))])
    images = [fits.ImageHDU(RANDOM.normal(size=(9, side)).astype("f4")) for side in (7, 300)]
    fits.HDUList([fits.PrimaryHDU(), table, *images]).writeto(path, checksum=True)
    same(path)
    assert read_header(path)[1].layout is not None
    monkeypatch.setattr("photomitrus_cli.io.fitsread._MAX_AHEAD", 5000)
    same(path)
    assert read_header(path)[1].layout is None


def test_padding_that_is_missing_and_blocks_that_are_too_many(tmp_path: Path) -> None:
    path = save(tmp_path / "a.fits")
    whole = path.read_bytes()
    for content in (whole[: 2880 + 20 * 33 * 4], whole + bytes(2880), whole + b"x" * 3_000_000):
        path.write_bytes(content)
        same(path)


def test_senseless_scaling_fails_with_the_pixels_and_not_with_the_header(tmp_path: Path) -> None:
    path = save(tmp_path / "a.fits", BSCALE=0.0)
    _, source = read_header(path)
    with pytest.raises(InputError, match="BSCALE is 0"):
        read_pixels(source)


@pytest.mark.parametrize("kind", ["plain", "packed"])
def test_a_file_that_changed_is_refused(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / "a.fits")
    if kind == "packed":
        path.write_bytes(gzip.compress(path.read_bytes()))
    _, source = read_header(path)
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    with pytest.raises(InputError, match=r"a\.fits: changed while the run was going on"):
        read_pixels(source)
    path.write_bytes(path.read_bytes() + b"x")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(InputError, match="changed while the run was going on"):
        read_pixels(source)
    path.unlink()
    with pytest.raises(InputError, match=r"a\.fits: cannot be read: No such file"):
        read_pixels(source)


@pytest.mark.parametrize("position", [100, 2900, -1])
def test_damage_shows_in_the_checksum(tmp_path: Path, position: int) -> None:
    """Damage of the header that leaves it readable, of the data, and of the padding."""
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(RANDOM.normal(size=(20, 33)).astype("f4")).writeto(path, checksum=True)
    content = bytearray(path.read_bytes())
    content[position] ^= 4
    if position == 100:
        content = bytearray(path.read_bytes().replace(b"conforms to", b"confirms to"))
    path.write_bytes(content)
    cards, source = read_header(path)
    assert cards.integer("NAXIS1") == 33
    with pytest.raises(InputError, match="checksum mismatch"):
        read_pixels(source)
    read_pixels(source, verify=False)


@pytest.mark.real
@pytest.mark.skipif("ASTROMAP_TEST_DATA" not in os.environ, reason="ASTROMAP_TEST_DATA is not set")
def test_real_frames() -> None:
    paths = sorted(Path(os.environ["ASTROMAP_TEST_DATA"]).glob("irac-*/**/*.fits"))[::4]
    assert len(paths) > 5
    for path in paths:
        same(path, blank=False)
