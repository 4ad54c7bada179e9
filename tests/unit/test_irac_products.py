"""The mosaic's file: planes, units, the table of inputs."""

from __future__ import annotations

from urllib.parse import unquote

import numpy as np
import pytest

from photomitrus_cli.imaging.grid import Grid, grid_for_footprints
from photomitrus_cli.irac.products import PLANES, ascii_text, inputs_table, mosaic_hdus
from photomitrus_cli.irac.tiles import MASK_BITS
from photomitrus_cli.run.config import build, collect
from photomitrus_cli.run.provenance import RunRecord
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.settings import SECTIONS, AstromapConfig

USED = {
    "exptime": 26.8,
    "mjd": 53800.5,
    "framtime": None,
    "unc_source": "estimated",
    "imask_source": "absent",
    "rmask_source": "file",
}
RECORDS = [
    UnitRecord("a.fits", "used", "", USED | {"aorkey": 17577216, "weight": 2.5}),
    UnitRecord("b.fits", "used", "", USED | {"mjd": None, "unc_source": "file"}),
    UnitRecord("né/c.fits", "skipped", "the same exposure as né/a.fits"),
    UnitRecord("d.fits", "failed", "empty file"),
]


@pytest.fixture
def grid() -> Grid:
    return grid_for_footprints(np.array([[10.0, 10.001]]), np.array([[-5.0, -4.999]]), 0.6)


def test_every_frame_has_its_row_and_absent_numbers_are_not_zero() -> None:
    table = inputs_table(RECORDS)
    assert list(table["status"]) == ["used", "used", "skipped", "failed"]
    assert list(table["reason"]) == ["", "", "the same exposure as n%C3%A9/a.fits", "empty file"]
    assert table["weight"][0] == 2.5
    assert np.isnan(table["weight"][1:]).all()
    assert np.isnan(table["mjd"][1])
    assert list(table["aorkey"]) == [17577216, -1, -1, -1]
    assert str(table["exptime"].unit) == "s"
    assert all(column.description for column in table.columns.values())


def test_a_table_without_frames_has_its_columns() -> None:
    assert len(inputs_table([])) == 0
    assert "file" in inputs_table([]).colnames


@pytest.mark.parametrize("text", ["/plain/path_1 [raw] 100%.fits", 'it\'s "so"; $x & y', ""])
def test_plain_names_stay_as_they_are(text: str) -> None:
    assert ascii_text(text) == text


@pytest.mark.parametrize("text", ["né", "星 100%/a b.fits", "line\nbreak", "\x1b[31mred", "né%20"])
def test_other_names_are_written_as_in_a_url(text: str) -> None:
    stored = ascii_text(text)
    assert stored.isascii()
    assert stored.isprintable()
    assert unquote(stored) == text


def test_the_file_says_what_it_holds(grid: Grid) -> None:
    config = build(AstromapConfig, collect(SECTIONS, use_local=False))
    planes = {name: np.zeros(grid.shape, dtype) for name, dtype in PLANES.items()}
    record = RunRecord("0123456789abcdef" * 4, "", "2026-01-02T03:04:05+00:00", units=RECORDS)
    hdus = mosaic_hdus(planes, grid, config.irac.mosaic, record, correlation=2.25)
    assert [hdu.name for hdu in hdus] == ["PRIMARY", *PLANES, "INPUTS"]
    header = hdus[0].header
    for key, value in (
        ("DATE", "2026-01-02T03:04:05"),
        ("NFRAMES", 2),
        ("NSKIPPED", 1),
        ("NFAILED", 1),
        ("NUNCEST", 1),
        ("NNOIMASK", 2),
        ("NNORMASK", 0),
        ("IMASKBIT", 32520),
        ("RMASKBIT", 15),
        ("MJD-BEG", 53800.5),
        ("MJD-END", 53800.5 + 26.8 / 86400),
        ("WAVELEN", 3.6),
        ("CORRFAC", 2.25),
    ):
        assert header[key] == value, key
    assert hdus["SCI"].header["UJYPIX"] == pytest.approx(8.461595, rel=1e-6)
    for bit, meaning in MASK_BITS.items():
        assert hdus["MASK"].header[f"BIT{bit}"] == meaning
    for hdu in hdus[1:7]:
        assert hdu.data.dtype.newbyteorder("=") == PLANES[hdu.name]
        assert hdu.header["CRVAL1"] == hdus["SCI"].header["CRVAL1"]


def test_without_times_there_are_no_time_cards(grid: Grid) -> None:
    config = build(AstromapConfig, collect(SECTIONS, use_local=False))
    planes = {name: np.zeros(grid.shape, dtype) for name, dtype in PLANES.items()}
    record = RunRecord("k", "", "2026-01-02T03:04:05+00:00", units=[RECORDS[1]])
    header = mosaic_hdus(planes, grid, config.irac.mosaic, record, correlation=1.0)[0].header
    assert "MJD-BEG" not in header
