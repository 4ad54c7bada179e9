"""What the PRIME simulator writes: names, headers, calibration, truth, and that workers do not matter."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.time import Time
from truthkit.faultkit import hashes
from truthkit.runs import settings

from photomitrus_cli.errors import OutputExistsError
from photomitrus_cli.run.context import Context, RunControl
from photomitrus_cli.run.parallel import local_executor
from photomitrus_cli.simulate import primecalib
from photomitrus_cli.simulate.prime import run
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeheaders import alt_az, sexagesimal
from photomitrus_cli.simulate.primeplan import plan_frames
from photomitrus_cli.simulate.primetruth import read_wcs

TINY: dict[str, Any] = {
    "scale": 16,
    "n_frames": 4,
    "chips": [1, 4],
    "star_density_deg2": 2000.0,
    "twilight": 4,
}


def config(output: Path, **changes: Any) -> PrimeSimulation:
    values = TINY | {"output": output} | changes
    return settings({f"prime.simulate.{key}": value for key, value in values.items()}).prime.simulate


@pytest.fixture(scope="module")
def dithers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("dithers") / "J_Band"
    run(config(output), Context())
    return output


def test_the_tree_is_that_of_the_pipeline(dithers: Path) -> None:
    names = set(hashes(dithers))
    assert {f"C{chip}/{1599131 + 22 * k:08d}C{chip}.ramp.fits" for chip in (1, 4) for k in range(4)} <= names
    assert {f"mflats/mflat.J.20241017.C{chip}.fits" for chip in (1, 4)} <= names
    assert {"weightmaps/badpixmask_c1.fits", "weightmaps/badpixmask_c4.fits", "refcat.ecsv"} <= names
    assert sum(name.startswith("twilight/C1/") for name in names) == 4
    tables = ("frames.ecsv", "stars.ecsv", "grid.fits", "hits.fits", "galaxies.fits")
    assert {f"truth/truth_{name}" for name in tables} <= names
    assert len(names) == 2 * (4 + 2 + 4) + 6


def test_tables_say_what_their_columns_are(dithers: Path) -> None:
    tables = [dithers / "refcat.ecsv", *(dithers / "truth").glob("*.ecsv")]
    assert len(tables) == 3
    for path in tables:
        table = Table.read(path)
        assert [name for name in table.colnames if not table[name].description] == [], path.name


def test_headers_have_the_cameras_keywords(dithers: Path) -> None:
    with fits.open(dithers / "C4" / "01599153C4.ramp.fits") as hdus:
        header, data = hdus[0].header, hdus[0].data
        assert data.shape == (256, 256)
        assert data.dtype.str == ">f4"
    plan = plan_frames(config(dithers))[1]
    assert (header["RA-D"], header["DEC-D"]) == pytest.approx(plan.header_deg, abs=1e-7)
    told = SkyCoord(header["RA"], header["DEC"], unit=("hourangle", "deg"))
    assert told.separation(SkyCoord(*plan.header_deg, unit="deg")).arcsec < 0.02
    assert (header["CHIP"], header["FILTER1"], header["FILTER2"], header["NFRAMES"]) == (4, "Open", "J", 22)
    assert (header["EXPTIME"], header["ROTOFF"], header["OBJTYPE"]) == (60.06, 48.0, "Science")
    assert Time(header["DATE-BEG"]).mjd == pytest.approx(plan.mjd, abs=1e-8)
    assert header["GAIN"] == 1.8 * 256.0


@pytest.mark.parametrize(("rotoff", "written"), [("text", "n/a"), ("arcsec", 496800.0), ("degrees", 138.0)])
def test_the_rotator_is_told_as_real_headers_do(tmp_path: Path, rotoff: str, written: object) -> None:
    changes = {
        "chips": [1],
        "n_frames": 3,
        "twilight": 0,
        "band": "Z",
        "rotation_deg": 138.0,
        "rotoff": rotoff,
    }
    run(config(tmp_path / "out", **changes), Context())
    header = fits.getheader(tmp_path / "out" / "C1" / "01599131C1.ramp.fits")
    assert header["ROTOFF"] == written
    assert (header["FILTER1"], header["FILTER2"]) == ("Z", "Open")


def test_angles_are_written_and_turned_right() -> None:
    assert sexagesimal(23.9999999999, 3, signed=False) == "24:00:00.000"
    assert sexagesimal(-0.5, 2, signed=True) == "-00:30:00.00"
    # At noon of J2000 the sidereal time at Greenwich was 280.46 deg.
    alt, az = alt_az(280.4606 + 20.8107, -42.3789, 51544.5)
    assert (alt, az) == pytest.approx((80.0, 180.0), abs=0.01)
    later, west = alt_az(280.4606 + 20.8107, -42.3789, 51544.5 + 1.0 / 24.0)
    assert later < alt
    assert 180.0 < west < 360.0


def test_the_flat_is_nearly_true_and_the_mask_knows_the_bad(dithers: Path) -> None:
    simulation = config(dithers)
    flat = fits.getdata(dithers / "mflats" / "mflat.J.20241017.C4.fits").astype(float)
    good = fits.getdata(dithers / "weightmaps" / "badpixmask_c4.fits")
    assert flat.shape == good.shape == (254, 254)
    assert set(np.unique(good)) == {0, 1}
    true = primecalib.flat_field(simulation, 4)
    ratio = (flat / np.where(true > 0, true, 1.0))[good == 1]
    assert ratio.std() == pytest.approx(0.003 / 16.0, rel=0.05)
    assert np.median(flat) == pytest.approx(1.0, abs=1e-3)
    assert np.all(flat[good == 0] >= 0.0)


def test_twilight_ramps_give_the_flat_by_differences(dithers: Path) -> None:
    files = sorted((dithers / "twilight" / "C4").iterdir())
    ramps = [fits.getdata(path)[1:-1, 1:-1].astype(float) for path in files]
    assert fits.getheader(files[0])["OBJNAME"] == "FLAT"
    pairs = [bright - faint for bright, faint in zip(ramps[:2], ramps[2:], strict=True)]
    made = np.median([pair / np.median(pair) for pair in pairs], axis=0)
    true, good = (
        primecalib.flat_field(config(dithers), 4),
        fits.getdata(dithers / "weightmaps/badpixmask_c4.fits"),
    )
    error = (made - true)[good == 1]
    assert np.abs(np.median(error)) < 5e-4
    assert error.std() < 1.5e-3
    # One ramp alone has the warm light in it.
    alone = (ramps[3] / np.median(ramps[3]) - true)[good == 1]
    assert alone.std() > 2.0 * error.std()


def test_the_truth_gives_the_mapping_of_each_frame(dithers: Path) -> None:
    frames = Table.read(dithers / "truth" / "truth_frames.ecsv", format="ascii.ecsv")
    grid = Table.read(dithers / "truth" / "truth_grid.fits")
    assert len(frames) == 8
    for row in frames:
        wcs = read_wcs(dithers, int(row["chip"]), str(row["serial"]))
        nodes = grid[(grid["chip"] == row["chip"]) & (grid["serial"] == row["serial"])]
        assert len(nodes) == 33 * 33
        x, y = wcs.sky_to_pixel(nodes["ra"], nodes["dec"])
        assert np.abs([x - nodes["x"], y - nodes["y"]]).max() < 1e-6
        assert (nodes["x"].min(), nodes["y"].max()) == (0.0, 253.0)
        assert (dithers / row["file"]).is_file()
    with pytest.raises(KeyError, match="no frame 00000001 of chip 1"):
        read_wcs(dithers, 1, "00000001")


def test_the_truth_knows_stars_and_hits(dithers: Path) -> None:
    stars = Table.read(dithers / "truth" / "truth_stars.ecsv", format="ascii.ecsv")
    zero_point = stars.meta["zero_point"]
    assert np.asarray(stars["flux"]) == pytest.approx(
        10.0 ** (0.4 * (zero_point - np.asarray(stars["Jmag"])))
    )
    assert stars["n_frames"].max() <= 8
    wcs = read_wcs(dithers, 1, "01599131")
    x, y = wcs.sky_to_pixel(stars["ra"], stars["dec"])
    on = (x > -0.5) & (x < 253.5) & (y > -0.5) & (y < 253.5)
    frames = Table.read(dithers / "truth" / "truth_frames.ecsv", format="ascii.ecsv")
    assert on.sum() == frames["n_stars"][(frames["chip"] == 1) & (frames["serial"] == "01599131")][0]
    hits = Table.read(dithers / "truth" / "truth_hits.fits")
    assert len(hits) == frames["n_hits"].sum()


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="needs fitsverify")
def test_files_are_valid(dithers: Path) -> None:
    for path in sorted(dithers.rglob("*.fits")):
        done = subprocess.run(["fitsverify", "-q", str(path)], capture_output=True, text=True, check=False)
        assert done.stdout.startswith("verification OK"), done.stdout


def test_workers_do_not_matter(dithers: Path, tmp_path: Path) -> None:
    with local_executor(2) as executor:
        run(config(tmp_path / "out"), Context(executor=executor))
    assert hashes(tmp_path / "out") == hashes(dithers)


def test_another_simulation_is_not_mixed_in(dithers: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(dithers, output)
    before = hashes(output)
    with pytest.raises(OutputExistsError, match="already holds"):
        run(config(output), Context())
    again = Context(control=RunControl(overwrite=True))
    with pytest.raises(OutputExistsError, match="frames of another simulation"):
        run(config(output, chips=[1]), again)
    assert hashes(output) == before
    run(config(output), again)
    assert hashes(output) == before
