"""Which scan maps a calibration takes, and which it refuses with one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truthkit.scanmaps import HALF_ORBIT, START, scan_columns, write_scan

from photomitrus_cli.errors import AstromapError, ConfigError, InputError, NoDataError
from photomitrus_cli.io.healpixfile import PartialMap, write_partial_map
from photomitrus_cli.wise.calibplan import plan_scans
from photomitrus_cli.wise.coaddproducts import UNITS
from photomitrus_cli.wise.scanrefs import CalibPlan


def names(plan: CalibPlan) -> list[str]:
    return [scan.name for scan in plan.scans]


def one_line(error: AstromapError, *parts: object) -> None:
    """Make sure that the message is one line, says where, and what to do."""
    text = str(error)
    assert "\n" not in text
    assert error.hint
    for part in parts:
        assert str(part) in text


def five_pixels() -> PartialMap:
    columns = scan_columns(START + np.linspace(0.0, HALF_ORBIT, 5))
    return PartialMap(16, "galactic", np.arange(5) * 7, columns, UNITS)


def test_scans_are_found_in_the_order_of_time_and_other_files_are_none(tmp_path: Path) -> None:
    late = write_scan(tmp_path, "01774a", start=START + 0.2)
    early = write_scan(tmp_path, "01775b", start=START + 0.1, status="partial")
    write_scan(tmp_path, "01774a", band=4)
    foreign = tmp_path / "w3_01774a_zodi.fits"
    write_partial_map(foreign, five_pixels(), cards=[("OBJECT", "01774a", "scan")], name="ZODI")
    everything = tmp_path / "w3_all.fits"
    write_partial_map(everything, five_pixels(), cards=[("BAND", 3, "")], name="COADD")
    copied = tmp_path / "w3_copy.fits"
    copied.write_bytes(late.read_bytes())
    plan = plan_scans([tmp_path], 3)
    assert names(plan) == ["01775b", "01774a"]
    assert [scan.path for scan in plan.scans] == [early, late]
    assert [scan.partial for scan in plan.scans] == [True, False]
    assert set(plan.ignored) == {foreign, everything, copied}
    assert (plan.band, plan.nside, plan.system, plan.magzp) == (3, 16, "galactic", 17.8)
    first = plan.scans[0]
    assert (first.mjd_first, first.mjd_last) == (START + 0.1, START + 0.1 + HALF_ORBIT)
    assert (first.n_pixels, first.n_bytes) == (5, early.stat().st_size)
    assert plan.n_samples == 10
    assert plan.memory_bytes(6) > plan.memory_bytes(0) > 0
    for path in (foreign, everything):
        with pytest.raises(InputError) as caught:
            plan_scans([path], 3)
        one_line(caught.value, path, "is no scan map")


def test_a_file_that_is_named_twice_counts_once_and_a_scan_in_two_places_not(tmp_path: Path) -> None:
    path = write_scan(tmp_path / "a", "01772a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert names(plan_scans([tmp_path / "a", path, tmp_path / "link"], 3)) == ["01772a"]
    again = write_scan(tmp_path / "b", "01772a", start=START + 1.0)
    with pytest.raises(InputError) as caught:
        plan_scans([tmp_path / "a", tmp_path / "b"], 3)
    one_line(caught.value, path, again, "01772a")


def test_scans_are_chosen_by_name_and_only_those_are_judged(tmp_path: Path) -> None:
    for k in range(3):
        write_scan(tmp_path, f"0177{k}a", start=START + k)
    write_scan(tmp_path, "01779a", nside=32)
    (tmp_path / "w3_01780a.fits").write_bytes(b"no FITS file")
    assert names(plan_scans([tmp_path], 3, ["01772a", "01770a"])) == ["01770a", "01772a"]
    with pytest.raises(ConfigError) as caught:
        plan_scans([tmp_path], 3, ["01772a", "01772b"])
    one_line(caught.value, tmp_path, "01772b", "did you mean 01772a?")
    with pytest.raises(InputError, match="01780a"):
        plan_scans([tmp_path], 3)


def renamed(folder: Path) -> Path:
    return write_scan(folder, "01772a").rename(folder / "w3_mine.fits")


def without_manifest(folder: Path) -> Path:
    path = write_scan(folder, "01772a")
    path.with_name("w3_01772a.manifest.json").unlink()
    return path


def broken_manifest(folder: Path) -> Path:
    path = write_scan(folder, "01772a")
    path.with_name("w3_01772a.manifest.json").write_text('{"status": "comp')
    return path


def of_another_manifest(folder: Path) -> Path:
    path = write_scan(folder, "01772a")
    path.write_bytes(path.read_bytes() + bytes(2880))
    return path


def calibrated(folder: Path) -> Path:
    sky = five_pixels()
    return write_scan(folder, "01772a", sky=replace(sky, units={**sky.units, "VALUE": "MJy sr-1"}))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (without_manifest, "incomplete"),
        (broken_manifest, "is no manifest"),
        (of_another_manifest, "is not the file"),
        (renamed, "was renamed"),
        (calibrated, "MJy sr-1"),
        (lambda folder: write_scan(folder, "01772a", band=4), "band 4, not 3"),
        (lambda folder: write_scan(folder, "mjd55238", group="day"), "the map of a day"),
        (lambda folder: write_scan(folder, "week55237", group="week"), "the map of a week"),
    ],
)
def test_a_map_that_is_not_what_is_needed(tmp_path: Path, make: Callable[[Path], Path], told: str) -> None:
    with pytest.raises(InputError) as caught:
        plan_scans([make(tmp_path)], 3)
    one_line(caught.value, tmp_path, told)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ({"nside": 32}, "nside 32"),
        ({"system": "ecliptic"}, "system ecliptic"),
        ({"magzp": False}, "zero point not normalised"),
        ({"magzp_nominal": (20.0, 19.0, 17.5, 13.0)}, "zero point 17.5 mag"),
    ],
)
def test_maps_that_do_not_fit_together(tmp_path: Path, override: dict[str, Any], told: str) -> None:
    first = write_scan(tmp_path, "01772a")
    other = write_scan(tmp_path, "01773a", start=START + 1.0, **override)
    with pytest.raises(InputError) as caught:
        plan_scans([tmp_path], 3)
    one_line(caught.value, first, other, told)


def test_the_map_of_a_day_in_a_folder_of_scans_is_told_by_its_name_where_comments_are_lost(
    tmp_path: Path,
) -> None:
    path = write_scan(tmp_path, "mjd55238", group="day")
    content = path.read_bytes()
    card = b"OBJECT  = 'mjd55238'           / day"
    assert card in content
    path.write_bytes(content.replace(card, card[:-5].ljust(len(card))))
    write_scan(tmp_path, "01772a")
    with pytest.raises(InputError, match="the map of a day"):
        plan_scans([tmp_path], 3)


def test_other_settings_of_the_coadd_are_told(tmp_path: Path) -> None:
    for k, weights in enumerate(["frame", "frame", "pixel"]):
        write_scan(tmp_path, f"0177{k}a", weights=weights)
    assert plan_scans([tmp_path], 3).mixed == ("WEIGHTS of the scan maps differs: frame in 2, pixel in 1",)


def test_a_long_end_of_the_manifest_is_read_whole(tmp_path: Path) -> None:
    path = write_scan(tmp_path, "01772a", config="x" * 50_000)
    manifest = path.with_name("w3_01772a.manifest.json")
    content = json.loads(manifest.read_text())
    # Many files of a product, as the reader of the end must expect them one day.
    content["outputs"] += [{"name": f"{k}.csv", "n_bytes": k, "crc32": "0"} for k in range(300)]
    manifest.write_text(json.dumps(content, indent=2))
    assert names(plan_scans([tmp_path], 3)) == ["01772a"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(NoDataError) as caught:
        plan_scans([tmp_path], 2)
    one_line(caught.value, tmp_path, "band 2")
    with pytest.raises(InputError) as missing:
        plan_scans([tmp_path / "no"], 3)
    one_line(missing.value, tmp_path / "no", "no such folder or file")
    (tmp_path / "w3_a.fits").mkdir()
    with pytest.raises(InputError, match="w3_a"):
        plan_scans([tmp_path], 3)
