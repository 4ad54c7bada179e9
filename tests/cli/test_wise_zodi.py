"""`astromap wise zodi` as users run it: templates, cards, resuming, workers, choices."""

from __future__ import annotations

import json
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import Ran, names, run_here
from truthkit.wisefaults import SCANS, columns, content, reference

from photomitrus_cli.wise.skyplaces import seen_places
from photomitrus_cli.wise.zodimodel import zodi_components
from photomitrus_cli.wise.zodisettings import ZodiChoices

pytestmark = pytest.mark.xdist_group("wise-zodi")

COMPONENTS = ["CLOUD", "BAND1", "BAND2", "BAND3", "RING", "FEATURE"]
SUFFIXES = (".fits", ".manifest.json", ".config.yaml")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Templates of three scans in one process."""
    out = tmp_path_factory.mktemp("zodi")
    done = zodi(base, out)
    assert done.code == 0, done.stderr
    return out


def zodi(base: Path, out: Path, *args: object) -> Ran:
    return run_here("wise", "zodi", "--maps", reference(base), "-o", out, "-j", "1", *args)


def test_every_scan_map_gets_its_template(base: Path, made: Path) -> None:
    assert names(made) == {f"w3_{scan}_zodi{suffix}" for scan in SCANS for suffix in SUFFIXES}
    for scan in SCANS:
        rows, source = columns(made / f"w3_{scan}_zodi.fits"), columns(reference(base) / f"w3_{scan}.fits")
        assert list(rows.dtype.names or ()) == ["PIXEL", "ZODI", *COMPONENTS, "MJD"]
        np.testing.assert_array_equal(rows["PIXEL"], source["PIXEL"])
        np.testing.assert_array_equal(rows["MJD"], source["MJD"])
        np.testing.assert_allclose(sum(rows[name] for name in COMPONENTS), rows["ZODI"], rtol=1e-6)
        places = seen_places(rows["PIXEL"], 64, "galactic", source["OFF_EAST"], source["OFF_NORTH"])
        choices = ZodiChoices(
            band=3, model="dirbe", spectrum="bandpass", components=(), observer="earth", quadrature=100
        )
        direct = zodi_components(places.longitude, places.latitude, rows["MJD"], choices)
        np.testing.assert_allclose(rows["ZODI"], direct.sum(axis=0), rtol=1e-6)
        manifest = json.loads((made / f"w3_{scan}_zodi.manifest.json").read_text())
        assert [entry["path"] for entry in manifest["inputs"]] == [str(reference(base) / f"w3_{scan}.fits")]


def test_other_software_reads_it_and_the_header_tells_the_choices(made: Path) -> None:
    path = made / f"w3_{SCANS[0]}_zodi.fits"
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        primary, table = hdus[0].header, hdus[1].header
    assert [table[f"TUNIT{k}"] for k in range(2, 10)] == ["MJy/sr"] * 7 + ["d"]
    told = {key: primary[key] for key in ("ZMODEL", "ZSPECTR", "ZBAND", "ZOBSERV", "ZQUADRAT", "ZUNIT")}
    assert list(told.values()) == ["dirbe", "bandpass", 3, "earth", 100, "MJy/sr"]
    assert primary["ZWAVELEN"] == 11.5608
    assert primary["ZSOFT"].startswith("zodipy ")
    assert [primary[f"ZCOMP{k}"] for k in range(1, 7)] == [name.lower() for name in COMPONENTS]
    # Dust at 250 to 290 K in this band: f_c of black bodies is 0.87 to 0.92.
    assert 0.87 < primary["ZBPRATIO"] < 0.92
    assert (primary["OBJECT"], primary["BAND"]) == (SCANS[0], 3)
    light = healpy.read_map(path, field=0, partial=True)
    assert 20 < light[light != healpy.UNSEEN].mean() < 40


def test_workers_and_resuming_change_nothing(base: Path, made: Path, tmp_path: Path) -> None:
    """One template is lost, another one belongs to other settings."""
    done = run_here("wise", "zodi", "--maps", reference(base), "-o", tmp_path, "-j", "2")
    assert done.code == 0, done.stderr
    for scan in SCANS:
        assert content(tmp_path / f"w3_{scan}_zodi.fits") == content(made / f"w3_{scan}_zodi.fits")
    assert zodi(base, tmp_path).code == 5
    assert "up to date" in zodi(base, tmp_path, "--resume").stdout
    (tmp_path / f"w3_{SCANS[1]}_zodi.fits").unlink()
    done = zodi(base, tmp_path, SCANS[2], "--overwrite", "--spectrum", "mono")
    assert done.code == 0, done.stderr
    assert content(tmp_path / f"w3_{SCANS[2]}_zodi.fits") != content(made / f"w3_{SCANS[2]}_zodi.fits")
    done = zodi(base, tmp_path, "--resume")
    assert "up to date already: 1 of 3 templates" in done.stdout
    for scan in SCANS:
        assert content(tmp_path / f"w3_{scan}_zodi.fits") == content(made / f"w3_{scan}_zodi.fits")


def test_components_and_the_spacecraft(base: Path, made: Path, tmp_path: Path) -> None:
    words = (SCANS[0], "--component", "ring", "--component", "cloud", "--observer", "header")
    done = zodi(base, tmp_path, *words)
    assert done.code == 0, done.stderr
    assert "components: cloud, ring" in done.stdout
    rows, whole = (columns(folder / f"w3_{SCANS[0]}_zodi.fits") for folder in (tmp_path, made))
    assert list(rows.dtype.names or ()) == ["PIXEL", "ZODI", "CLOUD", "RING", "MJD"]
    assert fits.getheader(tmp_path / f"w3_{SCANS[0]}_zodi.fits")["ZOBSERV"] == "header"
    # 7000 km from the centre of the Earth.
    np.testing.assert_allclose(rows["CLOUD"], whole["CLOUD"], rtol=3e-4)
    assert (rows["CLOUD"] != whole["CLOUD"]).any()


def test_a_dry_run_writes_nothing(base: Path, tmp_path: Path) -> None:
    done = zodi(base, tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert "planned" in done.stdout
    assert f"w3_{SCANS[2]}_zodi.fits" in done.stdout
    assert not (tmp_path / "out").exists()
