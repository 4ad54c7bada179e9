"""Partial HEALPix maps in files: what comes back, and what is refused with one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from isal import isal_zlib

from photomitrus_cli.errors import InputError, NoDataError, WriteError
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.healpixfile import UNSEEN, PartialMap, read_partial_map, write_partial_map

TYPES = ["u1", "i2", "i4", "i8", "f4", "f8"]


def coadd(nside: int = 256, system: str = "galactic", seed: int = 1) -> PartialMap:
    rng = np.random.default_rng(seed)
    pixels = np.unique(rng.integers(0, 12 * nside**2, 300))
    count = pixels.size
    value = rng.normal(2700.0, 0.01, count)
    value[::7] = np.nan
    return PartialMap(
        nside,
        system,
        pixels,
        {
            "VALUE": value,
            "SIGMA": rng.random(count),
            "HITS": rng.integers(0, 9, count).astype(np.int32),
            "MIN": np.where(np.isnan(value), np.nan, value).astype(np.float32),
        },
        {"VALUE": "DN", "SIGMA": "DN", "MIN": "DN"},
        {"VALUE": "weighted mean", "HITS": "detector pixels"},
        (("SCANID", "01234a", "scan"), ("BAND", 3, ""), ("MAGZP", 17.8, "mag")),
    )


def assert_same(found: PartialMap, expected: PartialMap) -> None:
    assert (found.nside, found.system) == (expected.nside, expected.system)
    np.testing.assert_array_equal(found.pixels, expected.pixels)
    assert found.pixels.dtype == np.int64
    assert list(found.columns) == list(expected.columns)
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found.columns[name], values, strict=True)
    assert dict(found.units) == dict(expected.units)
    assert dict(found.descriptions) == dict(expected.descriptions)
    assert [card[:2] for card in found.cards] == [card[:2] for card in expected.cards]


@pytest.mark.parametrize("system", ["galactic", "ecliptic", "equatorial"])
@pytest.mark.parametrize("nside", [8, 256, 8192, 16384])
def test_a_map_comes_back_as_it_was(tmp_path: Path, nside: int, system: str) -> None:
    path, sky = tmp_path / "scan.fits", coadd(nside, system)
    record = write_partial_map(path, sky, cards=[("ORIGIN", "astromap", "")])
    content = path.read_bytes()
    assert (record.path, record.n_bytes, record.crc32) == (path, len(content), isal_zlib.crc32(content))
    found = read_partial_map(path)
    assert_same(found, sky)
    write_partial_map(path, found, cards=[("ORIGIN", "astromap", "")])
    again = read_partial_map(path)
    assert_same(again, sky)
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_map_gives_the_same_bytes_and_gzip_is_read(tmp_path: Path) -> None:
    for name in ("a.fits", "b.fits"):
        write_partial_map(tmp_path / name, coadd())
    content = (tmp_path / "a.fits").read_bytes()
    assert content == (tmp_path / "b.fits").read_bytes()
    (tmp_path / "a.fits.gz").write_bytes(gzip.compress(content))
    assert_same(read_partial_map(tmp_path / "a.fits.gz"), coadd())


@pytest.mark.parametrize("kind", TYPES)
def test_types_stay_and_what_has_no_value_is_unseen_in_the_file(tmp_path: Path, kind: str) -> None:
    values = np.array([1, 2, 3], kind)
    if kind[0] == "f":
        values[1] = np.nan
    path = tmp_path / "map.fits"
    write_partial_map(path, PartialMap(2, "ecliptic", np.array([0, 5, 47]), {"X": values}))
    with fits.open(path, checksum=True) as opened:
        stored = opened[1].data["X"].copy()
    assert stored.tolist() == [1, np.dtype(kind).type(UNSEEN) if kind[0] == "f" else 2, 3]
    np.testing.assert_array_equal(read_partial_map(path).columns["X"], values, strict=True)


def test_one_pixel_and_none(tmp_path: Path) -> None:
    one = PartialMap(1, "galactic", np.array([11]), {"VALUE": np.array([2.5])})
    write_partial_map(tmp_path / "one.fits", one)
    assert_same(read_partial_map(tmp_path / "one.fits"), one)
    with pytest.raises(NoDataError, match="nothing is written"):
        write_partial_map(tmp_path / "none.fits", replace(one, pixels=np.empty(0, np.int64)))
    assert not (tmp_path / "none.fits").exists()


def test_cards_of_the_form_are_not_taken_over(tmp_path: Path) -> None:
    wrong: list[Card] = [
        ("NSIDE", 64, ""),
        ("ttype1", "x", ""),
        ("NAXIS2", 7, ""),
        ("COORDSYS", "C", ""),
        ("SCAN", "b", ""),
    ]
    sky = replace(coadd(), cards=wrong)
    write_partial_map(tmp_path / "map.fits", sky, cards=[("NAXIS", 3, ""), ("RUN", "r", "")])
    assert_same(read_partial_map(tmp_path / "map.fits"), replace(sky, cards=[("SCAN", "b", "")]))
    assert fits.getval(tmp_path / "map.fits", "RUN") == "r"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nside": 48}, "NSIDE is 48, not a power of two"),
        ({"nside": 0}, "NSIDE is 0"),
        ({"nside": 2}, "is none of the 48"),
        ({"pixels": np.array([-1, 3])}, "pixel -1 is none"),
        ({"pixels": np.array([4, 3])}, "3 follows 4"),
        ({"pixels": np.array([4, 4])}, "4 stands twice"),
        ({"system": "G"}, "unknown system 'G'"),
        ({"columns": {"X": np.zeros(3)}}, "3,"),
        ({"columns": {"X": np.zeros(2, bool)}}, "bool"),
    ],
)
def test_maps_that_are_none_are_not_written(tmp_path: Path, change: dict[str, object], message: str) -> None:
    sky = PartialMap(8, "galactic", np.array([3, 100]), {"X": np.zeros(2)})
    with pytest.raises(ValueError, match=message):
        write_partial_map(tmp_path / "map.fits", replace(sky, **change))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WriteError, match="cannot be written"):
        write_partial_map(tmp_path / "no" / "map.fits", coadd())


def file_with(
    tmp_path: Path, cards: dict[str, object], pixels: object = None, further: list[Column] | None = None
) -> Path:
    """Write a table of another hand; None drops a card."""
    head = {"PIXTYPE": "HEALPIX", "ORDERING": "RING", "NSIDE": 8, "INDXSCHM": "EXPLICIT", "COORDSYS": "G"}
    chosen = [(key, value, "") for key, value in (head | cards).items() if value is not None]
    numbers = np.asarray([3, 100] if pixels is None else pixels)
    columns = [Column("PIX", numbers), *(further or [Column("X", np.zeros(len(numbers)))])]
    path = tmp_path / "map.fits"
    fits.HDUList([fits.PrimaryHDU()]).writeto(path)
    path.write_bytes(path.read_bytes() + table_unit("T", columns, chosen))  # type: ignore[arg-type]
    return path


def test_maps_of_other_hands_are_read(tmp_path: Path) -> None:
    path = file_with(tmp_path, {"COORDSYS": "CELESTIAL", "INDXSCHM": None}, np.array([0, 767], "i2"))
    found = read_partial_map(path)
    assert (found.system, found.pixels.tolist(), list(found.columns)) == ("equatorial", [0, 767], ["X"])


@pytest.mark.parametrize(
    ("cards", "pixels", "message"),
    [
        ({"PIXTYPE": None}, None, "holds no HEALPix table"),
        ({"PIXTYPE": 7}, None, "holds no HEALPix table"),
        ({"ORDERING": "NESTED"}, None, "ORDERING is 'NESTED'; only RING is read"),
        ({"ORDERING": None}, None, "ORDERING is missing"),
        ({"NSIDE": 12}, None, "NSIDE is 12, not a power of two"),
        ({"NSIDE": -8}, None, "NSIDE is -8"),
        ({"NSIDE": "8"}, None, "NSIDE is '8', not a whole number"),
        ({"NSIDE": None}, None, "NSIDE is missing"),
        ({"NSIDE": 2}, None, "pixel 100 is none of the 48 of NSIDE 2"),
        ({"INDXSCHM": "IMPLICIT"}, None, "without pixel numbers"),
        ({"OBJECT": "FULLSKY"}, None, "without pixel numbers"),
        ({"COORDSYS": "X"}, None, "COORDSYS is 'X'"),
        ({"COORDSYS": None}, None, "COORDSYS is missing"),
        ({}, [5, 4], "4 follows 5"),
        ({}, [5, 5], "5 stands twice"),
        ({}, [-1, 5], "pixel -1"),
        ({}, [1.0, 5.0], "does not hold pixel numbers"),
        ({}, np.empty(0, np.int64), "has no pixels"),
        ({"TZERO2": 5.0}, None, "is scaled"),
    ],
)
def test_files_that_are_no_partial_map(
    tmp_path: Path, cards: dict[str, object], pixels: object, message: str
) -> None:
    path = file_with(tmp_path, cards, pixels)
    with pytest.raises(InputError, match=message) as caught:
        read_partial_map(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    path = file_with(tmp_path, {}, None, [Column("X", np.zeros(2)), Column("X", np.zeros(2))])
    with pytest.raises(InputError, match="same name"):
        read_partial_map(path)


def swap(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-4000], "truncated"),
        (lambda content: content[: 2880 + 500], "truncated header"),
        (lambda _: b"", "empty file"),
        (lambda content: b"<html>" + content, "HTML"),
        (lambda content: content[:-5000] + b"\x01" + content[-4999:], "checksum mismatch"),
        (lambda content: gzip.compress(content)[:-300], "truncated"),
        (swap(b"NSIDE   =                  256", b"NSIDE   =                  512"), "checksum mismatch"),
        (swap(b"TFORM2  = 'D       '", b"TFORM2  = 'E       '"), "checksum mismatch"),
        (swap(b"DATASUM", b"DATASUX"), None),
        (lambda c: swap(b"DATASUM", b"DATASUX")(swap(b"'D  ", b"'E  ")(c)), "rows of 28 bytes hold columns"),
        (lambda c: swap(b"DATASUM", b"DATASUX")(swap(b"'D  ", b"'2E ")(c)), "only single numbers and text"),
        (lambda c: swap(b"DATASUM", b"DATASUX")(swap(b"'D  ", b"'1PE")(c)), "only single numbers and text"),
        (swap(b"TFIELDS =                    5", b"TFIELDS =                 5000"), "checksum mismatch"),
    ],
)
def test_damaged_files(tmp_path: Path, damage: Callable[[bytes], bytes], message: str | None) -> None:
    path = tmp_path / "map.fits"
    write_partial_map(path, coadd())
    path.write_bytes(damage(path.read_bytes()))
    if message is None:
        assert_same(replace(read_partial_map(path), cards=()), replace(coadd(), cards=()))
        return
    with pytest.raises(InputError, match=message):
        read_partial_map(path)


def test_absurd_tables(tmp_path: Path) -> None:
    path = tmp_path / "map.fits"
    write_partial_map(path, coadd())
    bare = swap(b"DATASUM", b"DATASUX")(path.read_bytes())
    path.write_bytes(swap(b"TFIELDS =                    5", b"TFIELDS =                 5000")(bare))
    with pytest.raises(InputError, match="not a legal binary table"):
        read_partial_map(path)
    path.write_bytes(swap(b"PCOUNT  =                    0", b"PCOUNT  =         999999999999")(bare))
    with pytest.raises(InputError, match="more than the limit"):
        read_partial_map(path)


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_partial_map(tmp_path / "map.fits")
