"""Files of a calibrated band: what is in them, what their headers say, colours of differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.healpixfile import UNSEEN, PartialMap, read_partial_map
from photomitrus_cli.report.colours import count_table, signed_table
from photomitrus_cli.report.skymap import draw_columns, signed_stretch
from photomitrus_cli.wise.calibdifferences import Difference
from photomitrus_cli.wise.calibmaps import MASK_BITS
from photomitrus_cli.wise.calibproducts import product_of, write_difference, write_full_sky

FACTS = {"pixels": 2, "mean": 0.5, "rms": 1.25, "chi2": 1.5, "chi2_typical": 0.75}
CARDS: list[Card] = [("BAND", 3, "band"), ("GAUGE", "mean sky at the poles", "")]


def sky_map() -> PartialMap:
    """Make a map of three pixels, the second of which no scan was mapped in."""
    names = ("SKY", "TOTAL", "SIGMA", "ZODI")
    columns = {name: np.array([k - 2.0, np.nan, k + 3.0]) for k, name in enumerate(names)}
    columns["SCANS"] = np.array([3, 0, 1], np.int32)
    return PartialMap(4, "galactic", np.array([3, 7, 100]), columns, {"SKY": "MJy/sr"}, {"SKY": "brightness"})


def difference() -> Difference:
    columns = {"DIFF": np.array([-1.0, 2.0]), "SIGMA": np.array([1.0, 1.0])}
    sky = PartialMap(4, "galactic", np.array([3, 7]), columns, {"DIFF": "MJy/sr"})
    return Difference("oddeven", "odd orbits less even orbits", sky, dict(FACTS))


def test_the_full_sky_keeps_what_is_below_zero_and_says_what_its_bits_are(tmp_path: Path) -> None:
    record = write_full_sky(tmp_path, 3, sky_map(), CARDS, picture=True)
    assert record.path == tmp_path / "w3_fullsky.fits"
    with fits.open(record.path, checksum=True) as hdus:
        header, rows, unit = hdus[0].header, np.array(hdus[1].data), hdus[1].columns["SKY"].unit
        assert hdus[1].name == "FULLSKY"
    assert rows["SKY"].tolist() == [-2.0, UNSEEN, 3.0]
    assert unit == "MJy/sr"
    assert header["GAUGE"] == "mean sky at the poles"
    assert [header[f"BIT{bit}"] for bit in range(10)] == list(MASK_BITS.values())
    assert [header.comments[f"BIT{bit}"] for bit in (0, 9)] == ["value 1 of MASK", "value 512 of MASK"]
    with Image.open(tmp_path / "w3_fullsky.png") as image:
        assert image.format == "PNG"


def test_a_difference_says_how_large_it_is(tmp_path: Path) -> None:
    record = write_difference(tmp_path, 4, difference(), CARDS, picture=False)
    assert record is not None
    assert [path.name for path in tmp_path.iterdir()] == ["w4_oddeven.fits"]
    header = fits.getheader(record.path)
    told = {"JACKKNIF": "odd orbits less even orbits", "DIFFMEAN": 0.5, "DIFFRMS": 1.25, "DIFFCHI2": 1.5}
    assert {key: header[key] for key in told} == told
    assert (header["DIFFCHIM"], header["BAND"]) == (0.75, 3)
    assert read_partial_map(record.path).columns["DIFF"].tolist() == [-1.0, 2.0]


def test_a_difference_of_nothing_leaves_no_old_file(tmp_path: Path) -> None:
    write_difference(tmp_path, 3, difference(), CARDS, picture=True)
    assert len(list(tmp_path.iterdir())) == 2
    assert write_difference(tmp_path, 3, replace(difference(), map=None), CARDS, picture=True) is None
    assert not list(tmp_path.iterdir())


def test_the_product_lists_maps_tables_and_pictures(tmp_path: Path) -> None:
    maps = ["w3_fullsky", "w3_half", "w3_oddeven", "w3_updown"]
    tables = ["w3_calibration.ecsv", "w3_residuals.ecsv"]
    plain = product_of(tmp_path, 3, pictures=False)
    assert list(plain.files) == [f"{name}.fits" for name in maps] + tables
    assert plain.manifest == tmp_path / "w3_calibrate.manifest.json"
    some = product_of(tmp_path, 3, pictures=True, differences=("half",))
    charts = ["w3_calibration.png", "w3_residuals.png", "w3_stripes.png"]
    want = ["w3_fullsky.fits", "w3_half.fits", *tables, "w3_fullsky.png", "w3_half.png", *charts]
    assert list(some.files) == want


def test_zero_is_white_whatever_the_extremes() -> None:
    stretch = signed_stretch(np.concatenate([np.linspace(-1.0, 3.0, 1000), [np.nan, 500.0]]))
    assert stretch.low == -stretch.high
    assert stretch.high == pytest.approx(2.92, abs=0.03)
    table = signed_table().astype(int)
    assert table[round(255 * stretch.share(0.0))].min() > 240
    assert table[0, 2] > table[0, 0] + 50
    assert table[255, 0] > table[255, 2] + 50
    nothing = signed_stretch(np.array([np.nan]))
    assert (nothing.low, nothing.high) == (-1.0, 1.0)


def test_only_signed_columns_have_two_colours(tmp_path: Path) -> None:
    pixels = np.arange(12 * 8**2)
    columns = {"DIFF": np.where(pixels % 2 == 0, -1.0, 1.0), "SIGMA": np.linspace(1.0, 2.0, pixels.size)}
    draw_columns(
        tmp_path / "a.png",
        PartialMap(8, "galactic", pixels, columns),
        ("DIFF", "SIGMA"),
        title="",
        signed=("DIFF",),
    )
    with Image.open(tmp_path / "a.png") as image:
        picture = np.array(image)
    left, right = np.split(picture, 2, axis=1)
    for end in signed_table()[[0, 255]]:
        assert (left == end).all(axis=2).any()
        assert not (right == end).all(axis=2).any()
    assert (right == count_table()[128]).all(axis=2).any()
