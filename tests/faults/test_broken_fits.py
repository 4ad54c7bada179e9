"""Broken inputs: each ends in one line that names the file and the cause, never in a traceback."""

from __future__ import annotations

import contextlib
import errno
import gzip
import io
import os
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.fitsread import read_cards, read_image


def valid(shape: tuple[int, int] = (60, 70), **cards: object) -> bytes:
    data = np.random.default_rng(3).normal(size=shape).astype("f4")
    stream = io.BytesIO()
    fits.PrimaryHDU(data, fits.Header(cards)).writeto(stream, checksum=True)
    return stream.getvalue()


def tiled(compression: str = "RICE_1") -> bytes:
    data = np.random.default_rng(3).integers(0, 999, (30, 40), "i4")
    stream = io.BytesIO()
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type=compression)])
    hdus.writeto(stream, checksum=True)
    return stream.getvalue()


VALID = valid()


def read_or_refused(read: Callable[[Path], object], path: Path) -> None:
    """Read a damaged file: any error but a clean one fails the test."""
    message = str(path)
    with contextlib.suppress(InputError):
        try:
            read(path)
        except InputError as error:
            message = str(error)
            raise
    assert message.startswith(str(path))
    assert "\n" not in message


def refused(path: Path, content: bytes, *, planned: bool) -> str:
    """Read a file that must be refused, in the plan too when that can know; return the message."""
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
    if planned:
        with pytest.raises(InputError) as early:
            read_cards(path)
        assert str(early.value) == str(caught.value)
    else:
        read_cards(path)
    return str(caught.value)


@pytest.mark.parametrize("kept", [8640, 2880, 2881, 19000])
def test_truncated_data(tmp_path: Path, kept: int) -> None:
    assert f"truncated: {kept} of 20160 bytes" in refused(tmp_path / "a.fits", VALID[:kept], planned=True)


def test_truncated_data_in_a_gzip_file_with_a_sound_end(tmp_path: Path) -> None:
    message = refused(tmp_path / "a.fits.gz", gzip.compress(VALID[:8640]), planned=False)
    assert "truncated: 8640 of 20160 bytes" in message


def test_truncated_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(VALID)
    assert "truncated gzip data" in refused(tmp_path / "a.fits.gz", packed[: len(packed) // 2], planned=True)


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(VALID))
    packed[-6] ^= 1
    assert "cannot be read: CRC check failed" in refused(tmp_path / "a.fits.gz", bytes(packed), planned=True)
    refused(tmp_path / "a.fits.gz", b"\x1f\x8b\x08" + bytes(5000), planned=True)
    refused(tmp_path / "a.fits.gz", b"\x1f\x8b", planned=True)


@pytest.mark.parametrize("kept", [80, 400, 2000])
def test_truncated_header(tmp_path: Path, kept: int) -> None:
    text = refused(tmp_path / "a.fits", VALID[:kept].replace(b"END     ", b"FIN     "), planned=True)
    assert f"truncated header: no END card in {kept} bytes" in text


def test_empty_file(tmp_path: Path) -> None:
    assert "empty file" in refused(tmp_path / "a.fits", b"", planned=True)
    assert "does not start with SIMPLE" in refused(tmp_path / "a.fits.gz", gzip.compress(b""), planned=True)


def test_endless_header(tmp_path: Path) -> None:
    text = refused(tmp_path / "a.fits", VALID[:80] + b" " * 13_000_000, planned=True)
    assert "no END card" in text


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"<!DOCTYPE html><html><body>404 Not Found</body></html>", "HTML"),
        (b"\n  <?xml version='1.0'?><VOTABLE/>", "HTML or XML"),
        (b"hello", "does not start with SIMPLE"),
        (b"BZh91AY&SY" + bytes(100), "packed with bzip2"),
        (b"PK\x03\x04" + bytes(100), "packed with zip"),
        (bytes(5760), "does not start with SIMPLE"),
        (VALID.replace(b"SIMPLE  =                    T", b"SIMPLE  =                    F"), "SIMPLE is F"),
    ],
    ids=["HTML", "XML", "text", "bzip2", "zip", "zeros", "SIMPLE is F"],
)
def test_not_fits(tmp_path: Path, content: bytes, cause: str) -> None:
    assert cause in refused(tmp_path / "a.fits", content, planned=True)


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        (
            "BITPIX  =                  -32",
            "BITPIX  =                  -31",
            "BITPIX is -31, not one of 8, 16",
        ),
        ("BITPIX  =                  -32", "BITPIX  =                 'f4'", "BITPIX is 'f4', not a whole"),
        ("BITPIX  =                  -32", "BITTEN  =                  -32", "BITPIX is missing"),
        ("NAXIS   =                    2", "NAXIS   =                   -1", "NAXIS is -1"),
        ("NAXIS   =                    2", "NAXIS   =                  999", "NAXIS is 999"),
        ("NAXIS   =                    2", "NAXIS   =                    3", "NAXIS3 is missing"),
        ("NAXIS   =                    2", "NAXIS   =                    0", "holds no image"),
        ("NAXIS1  =                   70", "NAXIS1  =                  -70", "NAXIS1 is -70: negative"),
        ("NAXIS1  =                   70", "NAXIS1  =                 70.5", "NAXIS1 is 70.5, not a whole"),
        ("NAXIS1  =                   70", "NAXIS1  =                    0", "holds no image"),
        (
            "NAXIS1  =                   70",
            "NAXIS1  =              1000000",
            "truncated: 20160 of 240004800 bytes",
        ),
        (
            "NAXIS1  =                   70",
            "NAXIS1  = 99999999999999999999",
            "more than the limit of 2147483648",
        ),
    ],
)
def test_illegal_mandatory_card(tmp_path: Path, old: str, new: str, cause: str) -> None:
    content = VALID.replace(old.encode(), new.encode())
    assert content != VALID
    assert cause in refused(tmp_path / "a.fits", content, planned=True)


@pytest.mark.parametrize("position", [100, 2700, 2880, 10000, 19679])
def test_one_flipped_byte(tmp_path: Path, position: int) -> None:
    content = bytearray(VALID)
    content[position] ^= 4
    path = tmp_path / "a.fits"
    if position > 2000:
        assert "checksum mismatch" in refused(path, bytes(content), planned=False)
        read_image(path, verify=False)
    else:
        refused(path, bytes(content), planned=True)


def test_flipped_byte_in_a_compressed_image(tmp_path: Path) -> None:
    content = bytearray(tiled())
    content[-3000] ^= 4
    assert "checksum mismatch" in refused(tmp_path / "a.fits.fz", bytes(content), planned=False)


@pytest.mark.parametrize(
    ("old", "new", "cause"),
    [
        ("ZNAXIS1 =                   40", "ZNAXIS1 =                   -4", "NAXIS1 is -4"),
        ("ZNAXIS1 =                   40", "ZNAXIS1 =           4000000000", "more than the limit"),
        ("ZBITPIX =                   32", "ZBITPIX =                   31", "BITPIX is 31"),
        ("ZTILE1  =                   40", "ZTILE1  =                    0", "ZTILE1 is 0"),
        ("ZTILE2  =                    1", "ZTILE2  =             99999999", "ZTILE2 is 99999999"),
        ("ZCMPTYPE= 'RICE_1  '", "ZCMPTYPE= 'NICE_1  '", "compressed image is damaged"),
        ("ZNAXIS1 =                   40", "ZNAXIS1 =                   41", "compressed image is damaged"),
    ],
)
def test_senseless_compressed_image(tmp_path: Path, old: str, new: str, cause: str) -> None:
    path = tmp_path / "a.fits.fz"
    content = tiled().replace(old.encode(), new.encode()).replace(b"CHECKSUM=", b"CHUCKSUM=")
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause):
        read_image(path)


def test_hcompress_is_decoded_only_with_a_right_checksum(tmp_path: Path) -> None:
    path = tmp_path / "a.fits.fz"
    path.write_bytes(tiled("HCOMPRESS_1"))
    read_image(path, verify=False)
    content = bytearray(tiled("HCOMPRESS_1"))
    content[-2890] ^= 4
    path.write_bytes(content)
    with pytest.raises(InputError, match="checksum mismatch"):
        read_image(path, verify=False)
    path.write_bytes(tiled("HCOMPRESS_1").replace(b"DATASUM =", b"DATASUN ="))
    with pytest.raises(InputError, match="without a checksum are not trusted"):
        read_image(path)


def test_gzip_bomb_is_not_inflated(tmp_path: Path) -> None:
    """300 MB of zeros behind a small image, and a header that declares 8 GB."""
    squeezer = zlib.compressobj(9, wbits=31)
    packed = squeezer.compress(VALID) + b"".join(squeezer.compress(bytes(1 << 20)) for _ in range(300))
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(packed + squeezer.flush())
    tracemalloc.start()
    read_image(path)
    huge = VALID.replace(b"NAXIS1  =                   70", b"NAXIS1  =             33554432")
    path.write_bytes(gzip.compress(huge))
    with pytest.raises(InputError, match="declares 8053063680 bytes of data, more than the limit"):
        read_image(path)
    with pytest.raises(InputError, match="more than the limit of 1000"):
        read_cards(path, max_bytes=1000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_no_image(tmp_path: Path) -> None:
    stream = io.BytesIO()
    table = fits.BinTableHDU.from_columns([fits.Column("a", "D", array=np.arange(5.0))])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(stream)
    assert "holds no image" in refused(tmp_path / "a.fits", stream.getvalue(), planned=True)
    text = refused(tmp_path / "a.fits", stream.getvalue()[:5770], planned=True)
    assert "truncated: 5770 of 8640 bytes" in text


def test_missing_file_folder_pipe_and_odd_name(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    cases = {
        "absent.fits": "no such file",
        ".": "is a folder",
        "pipe": "not a regular file",
        "a\0b": "not a file name",
    }
    for name, cause in cases.items():
        for read in (read_cards, read_image):
            with pytest.raises(InputError, match=cause):
                read(tmp_path / name)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(VALID)

    def refuse(file: object) -> io.FileIO:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file))

    monkeypatch.setattr(io, "FileIO", refuse)
    with pytest.raises(InputError, match=r"a\.fits: cannot be opened: Permission denied"):
        read_cards(path)


def test_error_of_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(VALID)

    class BadDisk(io.FileIO):
        def readinto(self, _buffer: object, /) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(io, "FileIO", BadDisk)
    with pytest.raises(InputError, match=r"a\.fits: cannot be read: Input/output error"):
        read_image(path)


def test_file_that_shrinks_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(VALID)
    monkeypatch.setattr("photomitrus_cli.io.blocks._FIRST_READ", 2880)

    class Shrinking(io.FileIO):
        def readinto(self, buffer: object) -> int:
            count = super().readinto(buffer)  # type: ignore[arg-type]
            os.truncate(path, 8640)
            return count

    monkeypatch.setattr(io, "FileIO", Shrinking)
    with pytest.raises(InputError, match="truncated"):
        read_image(path)


SMALL = valid((4, 5), BSCALE=2.0, EXPTIME=2.0)
EXTENSION = (
    SMALL[:80]
    + b"".join(
        card.ljust(80).encode() for card in ("BITPIX  = 8", "NAXIS   = 0", "EXTEND  = T", "END")
    ).ljust(2800)
    + SMALL.replace(b"SIMPLE  =                    T", b"XTENSION= 'IMAGE   '         ".ljust(30))
)
EDITS = st.lists(st.tuples(st.integers(0, 5759), st.integers(0, 255)), min_size=1, max_size=6)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([SMALL, EXTENSION]), EDITS, st.booleans(), st.booleans())
@example(SMALL, [(0, 0)], True, False)
def test_any_bytes_are_read_or_refused(
    tmp_path: Path,
    content: bytes,
    edits: list[tuple[int, int]],
    packed: bool,
    verify: bool,
) -> None:
    damaged = bytearray(content)
    for position, byte in edits:
        damaged[position] = byte
    path = tmp_path / "a.fits"
    path.write_bytes(gzip.compress(damaged, 1) if packed else damaged)
    for read in (read_cards, lambda path: read_image(path, verify=verify, max_bytes=10**7)):
        read_or_refused(read, path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=3), st.integers(0, 500)
)
def test_damaged_gzip_is_read_or_refused(tmp_path: Path, edits: list[tuple[int, int]], lost: int) -> None:
    damaged = bytearray(gzip.compress(SMALL, 1, mtime=0))
    for position, byte in edits:
        damaged[position % len(damaged)] = byte
    path = tmp_path / "a.fits.gz"
    path.write_bytes(damaged[: len(damaged) - lost])
    read_or_refused(read_image, path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(2880, 5759), st.integers(32, 126)), min_size=1, max_size=3))
def test_damaged_header_of_a_compressed_image_is_read_or_refused(
    tmp_path: Path, edits: list[tuple[int, int]]
) -> None:
    damaged = bytearray(tiled("GZIP_1"))
    for position, byte in edits:
        damaged[position] = byte
    path = tmp_path / "a.fits.fz"
    path.write_bytes(damaged)
    read_or_refused(lambda path: read_image(path, verify=False, max_bytes=10**7), path)
