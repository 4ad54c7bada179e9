"""Products: read back alike, legal, with units and checksums, the same bytes for the same content."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from photomitrus_cli.errors import WriteError
from photomitrus_cli.io.fitsread import read_image
from photomitrus_cli.io.fitswrite import image_hdu, table_hdu, write_fits
from photomitrus_cli.io.tables import write_csv, write_ecsv

DATA = np.random.default_rng(5).normal(size=(31, 17)).astype("f4")
LONG = "surface brightness in the band, relative to the zodiacal model of the day of the observation " * 2


def inputs() -> Table:
    table = Table({"frame": ["a.fits", "bb.fits"], "sky": [1.5, np.nan], "count": [1, 2]})
    table["sky"].unit = u.MJy / u.sr
    table["sky"].description = LONG
    table["count"].unit = u.def_unit("DN") / u.s
    table["count"].description = "raw count"
    table.meta["some long name"] = [1, 2]
    return table


def product() -> fits.HDUList:
    cards = [("EXPTIME", 26.8, "[s] exposure"), ("PIXSIZE", np.float64(-1.2345678901234567e-6), "[deg]")]
    compressed = fits.CompImageHDU((DATA * 100).astype("i2"), name="RAW", compression_type="RICE_1")
    return fits.HDUList(
        [
            image_hdu("PRIMARY", DATA, cards, "MJy/sr"),
            image_hdu("MASK", DATA > 0),
            image_hdu("CUBE", np.zeros((2, 3, 4), "i4"), fits.Header({"OBJECT": "M31"}), "DN"),
            table_hdu("INPUTS", inputs(), [("NINPUT", 2, "")]),
            compressed,
        ]
    )


@pytest.mark.parametrize("name", ["map.fits", "map.fits.gz"])
def test_product_reads_back(tmp_path: Path, name: str) -> None:
    record = write_fits(tmp_path / name, product())
    content = (tmp_path / name).read_bytes()
    assert record.path == tmp_path / name
    assert record.n_bytes == len(content)
    assert record.crc32 == zlib.crc32(content)
    assert content.startswith(b"\x1f\x8b") == name.endswith("gz")
    image = read_image(tmp_path / name)
    assert np.array_equal(image.data, DATA)
    assert image.cards["PIXSIZE"] == -1.2345678901234567e-6
    assert image.cards.text("BUNIT") == "MJy/sr"
    with fits.open(tmp_path / name) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "MASK", "CUBE", "INPUTS", "RAW"]
        assert hdus["MASK"].data.dtype == np.uint8
        assert np.array_equal(hdus["MASK"].data, DATA > 0)
        assert hdus["CUBE"].header["OBJECT"] == "M31"
        table = hdus["INPUTS"]
        assert [table.header.get(f"TUNIT{number}") for number in (1, 2, 3)] == [None, "MJy sr-1", "DN / s"]
        assert table.header["TCOMM2"] == LONG.strip()
        assert table.header["TCOMM3"] == "raw count"
        assert "TCOMM1" not in table.header
        np.testing.assert_array_equal(table.data["sky"], [1.5, np.nan])
        assert list(table.data["frame"]) == ["a.fits", "bb.fits"]
        assert np.array_equal(hdus["RAW"].data, (DATA * 100).astype("i2"))


def test_every_unit_has_a_checksum_that_astropy_confirms(tmp_path: Path) -> None:
    path = tmp_path / "map.fits"
    write_fits(path, product())
    with fits.open(path, checksum=True, disable_image_compression=True) as hdus:
        assert len(hdus) == 5
        for hdu in hdus:
            assert hdu.verify_checksum() == 1
            assert hdu.verify_datasum() == 1
            assert not any("20" in hdu.header.comments[key] for key in ("CHECKSUM", "DATASUM"))
    damaged = bytearray(path.read_bytes())
    damaged[path.read_bytes().index(b"EXPTIME")] = ord("F")
    path.write_bytes(damaged)
    with pytest.warns(match="Checksum verification failed"), fits.open(path, checksum=True) as hdus:
        hdus.readall()


@pytest.mark.parametrize("name", ["map.fits", "map.fits.gz"])
def test_same_content_same_bytes(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_fits(tmp_path / name, product())
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e6)
    (tmp_path / "other").mkdir()
    assert write_fits(tmp_path / "other" / name, product()).crc32 == first.crc32


def test_storage_cards_of_another_array_are_dropped(tmp_path: Path) -> None:
    header = fits.Header(
        {"BSCALE": 3.0, "BZERO": 1.0, "BLANK": 0, "CHECKSUM": 0, "EXTNAME": "OLD", "GAIN": 2.0}
    )
    write_fits(tmp_path / "a.fits", fits.HDUList([fits.PrimaryHDU(), image_hdu("SCI", DATA, header)]))
    image = read_image(tmp_path / "a.fits")
    assert np.array_equal(image.data, DATA)
    assert image.cards["GAIN"] == 2.0
    assert image.cards["EXTNAME"] == "SCI"
    assert header["BSCALE"] == 3.0


def test_illegal_header_is_refused_and_the_old_product_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.fits"
    path.write_bytes(b"old")
    hdu = fits.PrimaryHDU(DATA)
    hdu.header.append(fits.Card.fromstring("lower   =                    1"), end=True)
    with pytest.raises(WriteError, match=r"a\.fits: not a legal FITS header: .*keyword"):
        write_fits(path, fits.HDUList([hdu]))
    assert path.read_bytes() == b"old"
    assert [child.name for child in tmp_path.iterdir()] == ["a.fits"]
    with pytest.raises(ValueError, match="SKY is nan"):
        image_hdu("SCI", DATA, [("SKY", float("nan"), "")])


@pytest.mark.skipif(not shutil.which("fitsverify"), reason="fitsverify is not installed")
def test_fitsverify_has_nothing_to_say(tmp_path: Path) -> None:
    write_fits(tmp_path / "map.fits", product())
    run = subprocess.run(
        ["fitsverify", str(tmp_path / "map.fits")], capture_output=True, text=True, check=False
    )
    assert "found 0 warning(s) and 0 error(s)" in run.stdout, run.stdout


def test_ecsv_keeps_units_descriptions_and_gaps(tmp_path: Path) -> None:
    table = inputs()
    table["flag"] = MaskedColumn([3, 4], mask=[True, False])
    write_ecsv(tmp_path / "a.ecsv", table)
    back = Table.read(tmp_path / "a.ecsv", format="ascii.ecsv")
    assert back["sky"].unit == u.MJy / u.sr
    assert back["sky"].description == LONG
    np.testing.assert_array_equal(back["sky"], table["sky"])
    assert list(back["flag"].mask) == [True, False]


def test_csv(tmp_path: Path) -> None:
    table = Table({"a": MaskedColumn([0.1 + 0.2, 2.0], mask=[False, True]), "b": ["x,y", 'say "z"']})
    write_csv(tmp_path / "a.csv", table)
    assert (tmp_path / "a.csv").read_text() == 'a,b\n0.30000000000000004,"x,y"\n,"say ""z"""\n'


def test_gzip_product_has_no_name_or_time(tmp_path: Path) -> None:
    write_fits(tmp_path / "a.fits.gz", fits.HDUList([fits.PrimaryHDU(DATA)]))
    content = (tmp_path / "a.fits.gz").read_bytes()
    assert content[3:8] == bytes(5)
    assert len(gzip.decompress(content)) % 2880 == 0
