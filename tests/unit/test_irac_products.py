"""The mosaic's file: cards of its planes, units, the table of inputs."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.inputstable import ascii_text, column_units, inputs_unit
from photomitrus_cli.irac.products import PLANES, plane_cards, primary_cards
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
MORE = {"aorkey": 17577216, "weight": 2.5, "n_rejected": 12, "align_source": "stars", "align_dra": -0.25}
RECORDS = [
    UnitRecord("a.fits", "used", "", USED | MORE),
    UnitRecord("b.fits", "used", "", USED | {"mjd": None, "unc_source": "file"}),
    UnitRecord("né/c.fits", "skipped", "the same exposure as né/a.fits"),
    UnitRecord("d.fits", "failed", "empty file"),
]


@pytest.fixture
def grid() -> Grid:
    return grid_for_footprints(np.array([[10.0, 10.001]]), np.array([[-5.0, -4.999]]), 0.6)


def table_of(records: Sequence[UnitRecord]) -> fits.BinTableHDU:
    """The table as any reader of the file sees it."""
    content = bytes(fits.PrimaryHDU().header.tostring(), "ascii") + inputs_unit(records)
    assert len(content) % 2880 == 0
    hdus = fits.open(io.BytesIO(content), checksum=True)
    assert [hdu.name for hdu in hdus] == ["PRIMARY", "INPUTS"]
    return hdus["INPUTS"]


def mosaic_settings(**changes: Any) -> MosaicSettings:
    options = {f"irac.mosaic.{key}": value for key, value in changes.items()}
    return build(AstromapConfig, collect(SECTIONS, options=options, use_local=False)).irac.mosaic


def test_every_frame_has_its_row_and_absent_numbers_are_not_zero() -> None:
    hdu = table_of(RECORDS)
    table = hdu.data
    assert list(table["status"]) == ["used", "used", "skipped", "failed"]
    assert list(table["reason"]) == ["", "", "the same exposure as n%C3%A9/a.fits", "empty file"]
    assert table["weight"][0] == 2.5
    assert np.isnan(table["weight"][1:]).all()
    assert np.isnan(table["mjd"][1])
    assert list(table["aorkey"]) == [17577216, -1, -1, -1]
    assert list(table["n_rejected"]) == [12, -1, -1, -1]
    assert list(table["align_source"]) == ["stars", "", "", ""]
    assert table["align_dra"][0] == -0.25
    assert np.isnan(table["offset"]).all()
    assert hdu.columns["exptime"].unit == "s"
    names = list(table.names)
    assert {name: hdu.columns[name].unit for name in names if hdu.columns[name].unit} == column_units()
    described = [hdu.header.get(f"TCOMM{number}", "") for number in range(1, len(names) + 1)]
    assert all(described)


def test_a_table_without_frames_has_its_columns() -> None:
    hdu = table_of([])
    assert hdu.header["NAXIS2"] == 0
    assert hdu.columns.names == table_of(RECORDS).columns.names
    assert "file" in hdu.columns.names


@pytest.mark.parametrize("text", ["/plain/path_1 [raw] 100%.fits", 'it\'s "so"; $x & y', ""])
def test_plain_names_stay_as_they_are(text: str) -> None:
    assert ascii_text(text) == text


@pytest.mark.parametrize("text", ["né", "星 100%/a b.fits", "line\nbreak", "\x1b[31mred", "né%20"])
def test_other_names_are_written_as_in_a_url(text: str) -> None:
    stored = ascii_text(text)
    assert stored.isascii()
    assert stored.isprintable()
    assert unquote(stored) == text


def values(cards: Sequence[tuple[str, Any, str]]) -> dict[str, Any]:
    named = {key: value for key, value, _ in cards}
    assert len(named) == len(cards)
    assert all(len(key) <= 8 for key in named)
    return named


def test_the_headers_say_what_the_file_holds(grid: Grid) -> None:
    record = RunRecord("0123456789abcdef" * 4, "", "2026-01-02T03:04:05+00:00", units=RECORDS)
    header = values(primary_cards(mosaic_settings(), record, grid))
    for key, value in (
        ("DATE", "2026-01-02T03:04:05"),
        ("RUNKEY", "0123456789abcdef"),
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
    ):
        assert header[key] == value, key
    # Reserved; what it is is known when all is combined.
    assert header["CORRFAC"] == 0.0
    planes = {name: values(plane_cards(name, grid)) for name in PLANES}
    assert planes["SCI"]["UJYPIX"] == pytest.approx(8.461595, rel=1e-6)
    assert [name for name, cards in planes.items() if "CORRFAC" in cards] == ["SCI"]
    for bit, meaning in MASK_BITS.items():
        assert planes["MASK"][f"BIT{bit}"] == meaning
    for name, cards in planes.items():
        assert cards["CRVAL1"] == planes["SCI"]["CRVAL1"]
        assert cards["CTYPE1"] == "RA---TAN"
        assert cards["CONTENT"], name


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"COMBINE": "weighted", "REJECT": "two-pass", "REJSIG": 5.0, "RESAMPLE": "LANCZOS3"}),
        ({}, {"ALIGN": "header", "DELTADRK": False, "BACKGRND": "median", "WEIGHTS": "inverse-variance"}),
        ({}, {"CLIPSIG": None, "PIXFRAC": None, "REFCAT": None}),
        ({"reject": "none"}, {"REJECT": "none", "REJSIG": None}),
        ({"combine": "clipped", "clip_sigma": 3.5}, {"COMBINE": "clipped", "CLIPSIG": 3.5}),
        ({"resample": "drizzle", "pixfrac": 0.7}, {"RESAMPLE": "DRIZZLE", "PIXFRAC": 0.7}),
        ({"align": Path("/x/né.csv")}, {"ALIGN": "catalogue", "REFCAT": "n%C3%A9.csv"}),
        ({"align_frames": True, "delta_dark": True}, {"ALIGN": "frames", "DELTADRK": True}),
    ],
)
def test_the_primary_header_says_how_the_mosaic_was_made(
    changes: dict[str, Any], expected: dict[str, Any], grid: Grid
) -> None:
    record = RunRecord("k", "", "2026-01-02T03:04:05+00:00", units=RECORDS)
    header = values(primary_cards(mosaic_settings(**changes), record, grid))
    assert {key: header.get(key) for key in expected} == expected


def test_without_times_there_are_no_time_cards(grid: Grid) -> None:
    record = RunRecord("k", "", "2026-01-02T03:04:05+00:00", units=[RECORDS[1]])
    assert "MJD-BEG" not in values(primary_cards(mosaic_settings(), record, grid))
