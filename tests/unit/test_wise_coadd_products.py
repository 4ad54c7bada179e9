"""The plan and the products of `wise coadd` on their own: names, columns, cards, the table of times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.io.healpixfile import UNSEEN, read_partial_map
from photomitrus_cli.run.config import build, collect
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import RunRecord, write_manifest
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.settings import SECTIONS, AstromapConfig
from photomitrus_cli.wise.coaddgroups import Group, product_of, product_of_everything
from photomitrus_cli.wise.coaddplan import CoaddPlan
from photomitrus_cli.wise.coaddproducts import MASK_BITS, map_of, write_products
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.coaddtables import COLUMNS, write_frame_table
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.mapsums import ScanSums

NAME = "01772a"
FACTS = {"n_used": 2, "n_refused": 1, "n_failed": 0, "mjd_first": 55238.25, "mjd_last": 55238.5}
RECORD = RunRecord("0" * 64, "wise: {}\n", "2026-01-02T03:04:05+00:00", facts=dict(FACTS))


def settings(output: Path, **more: Any) -> CoaddSettings:
    given = {"output": str(output), "nside": 64, "pictures": False} | more
    assignments = [f"wise.coadd.{key}={value}" for key, value in given.items()]
    layers = collect(SECTIONS, config_files=(), environment={}, assignments=assignments, options={})
    return build(AstromapConfig, layers).wise.coadd


def sums() -> ScanSums:
    """Three pixels, the middle one of which has only rejected detector pixels."""
    nan = np.nan
    return ScanSums(
        pixels=np.array([7, 9, 4000]),
        value=np.array([1.5, nan, -2.25]),
        sigma=np.array([0.1, nan, 0.3]),
        hits=np.array([12, 0, 5]),
        frames=np.array([2, 0, 1], np.int32),
        mjd=np.array([55238.3, nan, 55238.4]),
        low=np.array([1.0, nan, -3.0], np.float32),
        high=np.array([2.0, nan, 0.0], np.float32),
        weight=np.array([10.0, 0.0, 4.0]),
        mask=np.array([128, 128 | 1, 128 | 16], np.int32),
        east=np.array([-100.5, nan, 0.0], np.float32),
        north=np.array([7.25, nan, 1.0], np.float32),
    )


def made(output: Path, **more: Any) -> Path:
    chosen = settings(output, **more)
    group = Group(NAME, (), product_of(chosen, NAME))
    output.mkdir(exist_ok=True)
    [record] = write_products(group, map_of(sums(), chosen), RECORD, FACTS, chosen)
    assert record.n_bytes == record.path.stat().st_size
    return record.path


def test_a_map_keeps_its_numbers_and_marks_what_is_missing(tmp_path: Path) -> None:
    path = made(tmp_path / "out")
    assert path == tmp_path / "out" / f"w3_{NAME}.fits"
    with fits.open(path, checksum=True) as hdus:
        rows = np.array(hdus[1].data)
    want = sums()
    assert rows["PIXEL"].tolist() == [7, 9, 4000]
    assert rows["VALUE"].tolist() == [1.5, UNSEEN, -2.25]
    assert rows["MIN"].tolist() == [1.0, np.float32(UNSEEN), -3.0]
    assert rows["HITS"].tolist() == [12, 0, 5]
    assert rows["MASK"].tolist() == want.mask.tolist()
    assert [rows.dtype[name].kind + str(rows.dtype[name].itemsize) for name in ("VALUE", "MIN", "HITS")] == [
        "f8",
        "f4",
        "i4",
    ]
    read = read_partial_map(path)
    np.testing.assert_array_equal(read.columns["SIGMA"], want.sigma)
    np.testing.assert_array_equal(read.columns["MJD"], want.mjd)
    np.testing.assert_array_equal(read.columns["OFF_EAST"], want.east, strict=True)
    np.testing.assert_array_equal(read.columns["OFF_NORTH"], want.north, strict=True)
    assert read.units["OFF_NORTH"] == "arcsec"


def test_the_header_says_what_the_map_is_made_of(tmp_path: Path) -> None:
    header = fits.getheader(made(tmp_path, weights="pixel", mask_stars=True, magzp=False, band=4))
    told = {"BAND": 4, "NFRAMES": 2, "NREFUSED": 1, "NFAILED": 0, "WEIGHTS": "pixel", "STARS": False}
    told |= {"ZPNORM": False, "MAGZP": 0.0, "MJD-BEG": 55238.25, "MJD-END": 55238.5, "OBJECT": NAME}
    assert {key: header[key] for key in told} == told
    assert header["DATE"] == "2026-01-02T03:04:05"
    assert header["WAVELEN"] == pytest.approx(22.09, abs=0.2)
    assert [header[f"BIT{bit}"] for bit in range(8)] == [MASK_BITS[bit] for bit in range(8)]


def test_the_same_map_gives_the_same_bytes(tmp_path: Path) -> None:
    assert made(tmp_path / "a").read_bytes() == made(tmp_path / "b").read_bytes()


def test_the_table_of_times_has_pixels_with_data_only(tmp_path: Path) -> None:
    made(tmp_path, timestamps=True)
    text = (tmp_path / f"band_w3_orbit_{NAME}_pixel_timestamps.csv").read_text()
    assert text == (
        ",hp_pixel_index,pixel_value,pixel_unc,pixel_mjd_obs\n0,7,1.5,0.1,55238.3\n1,4000,-2.25,0.3,55238.4\n"
    )


def test_a_picture_is_drawn_of_a_map_of_few_pixels(tmp_path: Path) -> None:
    made(tmp_path, pictures=True)
    assert (tmp_path / f"w3_{NAME}.png").read_bytes().startswith(b"\x89PNG")


def test_an_old_manifest_does_not_survive_a_new_map(tmp_path: Path) -> None:
    write_text(tmp_path / f"w3_{NAME}.manifest.json", "{}")
    made(tmp_path)
    assert not (tmp_path / f"w3_{NAME}.manifest.json").exists()


@pytest.mark.parametrize(
    ("more", "name"),
    [
        ({}, "w3_frames.ecsv"),
        ({"group": "day"}, "w3_day_frames.ecsv"),
        ({"group": "week", "band": 1}, "w1_week_frames.ecsv"),
        ({"scans": "01772a"}, "w3_01772a_frames.ecsv"),
        ({"scans": "[01772a,01773b]"}, "w3_01772a_01773b_frames.ecsv"),
        ({"group": "day", "scans": "mjd55238"}, "w3_mjd55238_frames.ecsv"),
    ],
)
def test_runs_for_different_things_have_different_tables(
    more: dict[str, Any], name: str, tmp_path: Path
) -> None:
    assert CoaddPlan(settings(tmp_path, **more), tmp_path, ()).frame_table == tmp_path / name


def test_the_files_of_the_map_of_all_scans() -> None:
    product = product_of_everything(Path("x/all.fits"))
    assert (product.paths, product.manifest) == ([Path("x/all.fits")], Path("x/all.manifest.json"))


@pytest.mark.parametrize("name", ["all", "all.txt", "all.fits.gz", "all.FIT"])
def test_a_map_of_all_scans_is_a_fits_file(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"does not end in \.fits"):
        settings(tmp_path, all_scans_map=name)


def test_a_key_depends_on_what_decides_a_map_and_on_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "01772a001-w3-int-1b.fits"
    path.write_bytes(b"x")

    def key(mjd: float = 55238.0, moon: float = 40.0, **more: Any) -> str:
        chosen = settings(tmp_path / "out", **more)
        ref = FrameRef("01772a001", NAME, path, mjd, moon, 50.0)
        return Group(NAME, (ref,), product_of(chosen, NAME)).key(chosen)

    first = key()
    assert first == key(scans="01772a", all_scans_map="all.fits", frames="other.csv")
    changes: list[dict[str, Any]] = [
        *({"mjd": 55238.1}, {"moon": 41.0}, {"nside": 128}, {"system": "ecliptic"}, {"weights": "pixel"}),
        *({"masks": "wssa"}, {"missing": "drop"}, {"spikes": False}, {"judge": False}, {"pictures": True}),
        *({"group": "day"}, {"magzp": False}, {"mask_stars": True}, {"leave_out_sigma": 4}, {"band": 2}),
    ]
    keys = [key(**change) for change in changes]
    path.write_bytes(b"xy")
    keys.append(key())
    path.with_name("01772a001-w3-unc-1b.fits.gz").write_bytes(b"z")
    keys.append(key())
    path.unlink()
    keys.append(key())
    assert len({first, *keys}) == len(keys) + 1


def test_the_table_of_frames_tells_of_maps_and_of_groups_without_one(tmp_path: Path) -> None:
    chosen = settings(tmp_path)
    good, bad = (Group(name, (), product_of(chosen, name)) for name in ("01772a", "01773a"))
    values = {"scan_id": "01772a", "mjd": 55238.25, "n_used": 9, "level": None, "scale": 1.0}
    record = RunRecord("0", "wise: {}\n", "now", units=[UnitRecord("01772a001", "used", "", values)])
    good.product.paths[0].write_bytes(b"map")
    write_manifest(good.product, record, Context(), status="complete")
    unusable = {bad.name: [UnitRecord("01773a001", "skipped", 'no usable pixel, "at" all')]}
    plan = CoaddPlan(chosen, tmp_path, (good, bad))
    write_frame_table(plan, [good.name], unusable)
    table = Table.read(plan.frame_table, format="ascii.ecsv")
    assert table.colnames == list(COLUMNS)
    assert table["frame"].tolist() == ["01772a001", "01773a001"]
    assert table["reason"].tolist()[1] == 'no usable pixel, "at" all'
    assert table["n_used"].tolist() == [9, -1]
    assert np.isnan(table["level"]).all()
    assert (str(table["mjd"].unit), table.meta["nside"]) == ("d", 64)
