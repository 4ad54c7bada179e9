"""What the WISE simulator writes: tree, headers, frame table, truth, and that workers do not matter."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from truthkit.runs import settings

from photomitrus_cli.errors import ConfigError, OutputExistsError
from photomitrus_cli.run.context import Context, RunControl
from photomitrus_cli.run.parallel import local_executor
from photomitrus_cli.simulate.cardtext import long_card
from photomitrus_cli.simulate.wise import run
from photomitrus_cli.simulate.wiseclock import utc_text
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseinventory import ipac_text

TINY: dict[str, Any] = {"frame_px": 32, "n_scans": 2, "max_frames": 2, "truth_frames": True, "bands": [3, 4]}


def config(output: Path, **changes: Any) -> WiseSimulation:
    values = TINY | {"output": output} | changes
    return settings({f"wise.simulate.{key}": value for key, value in values.items()}).wise.simulate


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("survey") / "out"
    run(config(output), Context())
    return output


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_the_tree_is_the_archives(survey: Path) -> None:
    names = {name for name in contents(survey) if "-1b.fits" in name}
    assert "2a/01772a/143/01772a143-w3-int-1b.fits" in names
    assert "2a/01772a/143/01772a143-w4-unc-1b.fits.gz" in names
    assert len(names) == 2 * 2 * 2 * 4


def test_images_have_the_archives_types_and_sizes(survey: Path) -> None:
    folder = survey / "2a/01772a/143"
    for band, side in ((3, 32), (4, 16)):
        for kind, dtype, packed in (("int", "f4", ""), ("unc", "f4", ".gz"), ("msk", "i4", ".gz")):
            data = fits.getdata(folder / f"01772a143-w{band}-{kind}-1b.fits{packed}")
            assert data.shape == (side, side)
            assert data.dtype.str == f">{dtype}"


def test_headers_are_like_the_archives(survey: Path) -> None:
    path = survey / "2a/01772a/143/01772a143-w3-int-1b.fits"
    header = fits.getheader(path)
    known = {
        "TELESCOP": "WISE",
        "BUNIT": "DN",
        "RADECSYS": "FK5",
        "FILETYPE": "intensity image frame",
        "SCAN": "01772a",
        "FRNUM": 143,
        "FRSETID": "01772a143",
        "SCANGRP": "2a",
        "CTYPE1": "RA---SIN-SIP",
        "MAGZP": 17.8,
        "EXPTIME": 8.8,
        "A_ORDER": 4,
        "CRPIX1": 16.5,
        "LONGSTRN": "OGIP 1.0",
    }
    assert {name: header[name] for name in known} == known
    raw = path.read_bytes()
    assert raw.index(b"END".ljust(80)) // 80 + 1 >= 423
    assert b"CONTINUE  '" in raw
    assert header["L0FILE"] == "/wise/fops/l0/2a/01772a/fr/143/01772a143-w3-int-0.fits.gz"
    sun = np.linalg.norm([header[f"SUN2SC{axis}"] for axis in "XYZ"])
    assert sun == pytest.approx(0.987, abs=0.001)
    assert header["SUNSEP"] == pytest.approx(90.0, abs=0.1)
    assert header["PXSCAL1"] == pytest.approx(-2.75848164 * 1016 / 32)
    assert "RADESYS" not in header
    values = fits.getdata(path)
    assert header["MODEINT"] == pytest.approx(float(np.nanmedian(values)), abs=0.01)
    mask = fits.getheader(path.with_name("01772a143-w3-msk-1b.fits.gz"))
    assert mask["FILETYPE"] == "processing bit mask"
    assert "BUNIT" not in mask


def test_the_frame_table_agrees_with_the_headers(survey: Path) -> None:
    table = Table.read(survey / "frames.tbl", format="ascii.ipac")
    assert len(table) == 8
    assert len(table.colnames) == 29
    for row in table:
        name = f"{row['scan_id']}{int(row['frame_num']):03d}-w{row['band']}-int-1b.fits"
        folder = survey / row["scangrp"] / row["scan_id"] / f"{int(row['frame_num']):03d}"
        header = fits.getheader(folder / name)
        for column, key in (
            ("crval1", "CRVAL1"),
            ("mjd_obs", "MJD_OBS"),
            ("moon_sep", "MOONSEP"),
            ("saa_sep", "GCD2SAA"),
            ("dtanneal", "DTANNEAL"),
            ("magzp", "MAGZP"),
            ("modeint", "MODEINT"),
        ):
            assert row[column] == pytest.approx(header[key], abs=1e-5)
        header["RADESYS"] = header.pop("RADECSYS")
        side = header["NAXIS1"]
        ra, dec = WCS(header).all_pix2world([0.5, side + 0.5], [0.5, 0.5], 1)
        assert [row["ra1"], row["ra2"]] == pytest.approx(ra, abs=1e-7)
        assert [row["dec1"], row["dec2"]] == pytest.approx(dec, abs=1e-7)


def test_strings_keep_their_zeros_in_the_frame_table() -> None:
    text = ipac_text([{"scan_id": "00012a", "frame_num": "007", "band": 3}])
    assert text.splitlines()[-1].split() == ["00012a", "007", "3"]
    assert len({len(line) for line in text.splitlines() if not line.startswith("\\")}) == 1


def test_the_truth_tells_what_the_frames_are_made_of(survey: Path) -> None:
    scans = Table.read(survey / "truth/truth_scans.ecsv")
    assert scans["scan_id"].tolist() == ["01772a", "01772a", "01773a", "01773a"]
    assert set(scans["frames"]) == {2}
    frames = Table.read(survey / "truth/truth_frames.ecsv")
    for row in frames:
        path = survey / row["file"]
        model = fits.getdata(path.with_name(path.name.replace("-int-", "-tru-")))
        assert row["median"] == pytest.approx(float(np.median(model)), abs=20.0)
        gain = scans["gain"][(scans["scan_id"] == row["scan_id"]) & (scans["band"] == row["band"])][0]
        assert model.min() == pytest.approx(row["level"] + row["light"], rel=0.1)
        assert row["light"] > gain * row["zodi"]
    hits = Table.read(survey / "truth/truth_hits.fits")
    assert len(hits) == frames["n_hits"].sum()
    stars = Table.read(survey / "truth/truth_stars.fits")
    assert len(np.unique(stars["id"][stars["band"] == 3])) == (stars["band"] == 3).sum()
    assert str(frames["light"].unit) == "DN"


def test_files_do_not_depend_on_the_workers(survey: Path, tmp_path: Path) -> None:
    with local_executor(2) as executor:
        run(config(tmp_path / "out"), Context(executor=executor))
    assert contents(tmp_path / "out") == contents(survey)


def test_plain_files_hold_what_packed_ones_do(survey: Path, tmp_path: Path) -> None:
    run(config(tmp_path / "out", packed="plain"), Context())
    plain, packed = contents(tmp_path / "out"), contents(survey)
    assert not any(name.endswith(".gz") for name in plain)
    for name, data in packed.items():
        if name.endswith(".gz"):
            assert plain[name.removesuffix(".gz")] == gzip.decompress(data)


def test_frames_of_another_simulation_are_never_mixed(survey: Path, tmp_path: Path) -> None:
    shutil.copytree(survey, tmp_path / "out")
    with pytest.raises(OutputExistsError, match="already holds"):
        run(config(tmp_path / "out"), Context())
    again = Context(control=RunControl(overwrite=True))
    with pytest.raises(OutputExistsError, match="another simulation"):
        run(config(tmp_path / "out", bands=[3]), again)
    assert contents(tmp_path / "out") == contents(survey)
    run(config(tmp_path / "out", seed=9), again)
    assert contents(tmp_path / "out").keys() == contents(survey).keys()


def test_a_plan_touches_nothing(tmp_path: Path) -> None:
    summary = run(config(tmp_path / "out"), Context(control=RunControl(dry_run=True)))
    assert summary.status == "planned"
    assert not (tmp_path / "out").exists()


def test_latitudes_without_frames_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no frame has its centre"):
        run(config(tmp_path / "out", latitude_deg=[0.0, 0.001]), Context())


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_has_nothing_to_say(survey: Path) -> None:
    files = [str(path) for path in sorted((survey / "2a/01772a/143").iterdir())]
    files += [str(path) for path in sorted((survey / "truth").glob("*.fits"))]
    done = subprocess.run(["fitsverify", "-q", *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("verification OK") == len(files)


def test_long_strings_are_continued() -> None:
    text = "x" * 150
    cards = long_card("TLMFILE", text)
    assert [len(card) for card in cards] == [80, 80, 80]
    assert fits.Header.fromstring("".join(cards))["TLMFILE"] == text


def test_times_are_rounded_to_milliseconds() -> None:
    assert utc_text(55206.0 + 0.9999999999) == "2010-01-11T00:00:00.000"
    assert utc_text(55206.5, " ") == "2010-01-10 12:00:00.000"
