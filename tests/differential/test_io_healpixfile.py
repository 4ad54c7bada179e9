"""Our HEALPix files as healpy, astropy and fitsverify see them, and those of healpy as we see them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import astropy_healpix
import healpy
import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map, write_partial_map

COLUMNS = {
    "VALUE": "f8", "SIGMA": "f8", "HITS": "i4", "FRAMES": "i4", "MJD": "f8", "MIN": "f4", "MAX": "f4",
    "WEIGHT": "f8", "MASK": "i4",
}  # fmt: skip
LETTERS = {"galactic": "G", "ecliptic": "E", "equatorial": "C"}


def coadd(nside: int, system: str, pixels: np.ndarray) -> PartialMap:
    rng = np.random.default_rng(4)
    columns = {}
    for name, kind in COLUMNS.items():
        values = 2700.0 + rng.normal(0.0, 30.0, pixels.size)
        columns[name] = values.astype(kind)
        if kind[0] == "f" and pixels.size > 1:
            columns[name][::5] = np.nan
    units = {"VALUE": "DN", "SIGMA": "DN", "MJD": "d", "MIN": "DN", "MAX": "DN"}
    described = {name: f"what {name} is" for name in COLUMNS}
    return PartialMap(nside, system, pixels, columns, units, described, (("SCANID", "00712a", "scan"),))


def some(nside: int, count: int = 90) -> np.ndarray:
    chosen = np.random.default_rng(nside).integers(0, 12 * nside**2, count)
    return np.unique(np.concatenate([chosen, [0, 12 * nside**2 - 1]]))


MAPS = {
    "plain": coadd(64, "galactic", some(64)),
    "fine": coadd(256, "equatorial", some(256)),
    "coarse": coadd(1, "ecliptic", np.array([4])),
    "whole sky": coadd(4, "galactic", np.arange(192)),
    "whole sky in ICRS": coadd(2, "equatorial", np.arange(48)),
}


@pytest.mark.parametrize("name", MAPS)
def test_healpy_reads_every_column(tmp_path: Path, name: str) -> None:
    sky, path = MAPS[name], tmp_path / "map.fits"
    write_partial_map(path, sky)
    expected = {}
    for column, values in sky.columns.items():
        full = np.full(12 * sky.nside**2, healpy.UNSEEN)
        full[sky.pixels] = np.where(np.isnan(values), healpy.UNSEEN, values.astype(np.float64))
        expected[column] = full
    fields = tuple(range(len(COLUMNS)))
    maps, header = healpy.read_map(path, field=fields, partial=True, h=True, dtype=None)
    for found, (column, full) in zip(maps, expected.items(), strict=True):
        masked = healpy.ma(np.asarray(found, np.float64))
        np.testing.assert_array_equal(masked.mask | np.zeros(full.size, bool), full == healpy.UNSEEN)
        np.testing.assert_array_equal(masked.compressed(), full[full != healpy.UNSEEN], err_msg=column)
    cards = dict(header)
    assert (cards["NSIDE"], cards["COORDSYS"]) == (sky.nside, LETTERS[sky.system])
    assert (cards["OBS_NPIX"], cards["LASTPIX"]) == (sky.pixels.size, 12 * sky.nside**2 - 1)


def test_healpy_reads_partial_maps_without_being_told(tmp_path: Path) -> None:
    sky = MAPS["plain"]
    write_partial_map(tmp_path / "map.fits", sky)
    found = healpy.read_map(tmp_path / "map.fits")
    assert found.size == 12 * 64**2
    np.testing.assert_array_equal(
        np.flatnonzero(found != healpy.UNSEEN), sky.pixels[~np.isnan(sky.columns["VALUE"])]
    )


@pytest.mark.parametrize(("nside", "kind"), [(8192, "J"), (16384, "K")])
def test_pixel_numbers_are_as_short_as_they_can_be(tmp_path: Path, nside: int, kind: str) -> None:
    pixels = np.array([0, 12 * nside**2 - 1])
    write_partial_map(tmp_path / "map.fits", PartialMap(nside, "galactic", pixels, {"X": np.zeros(2)}))
    with fits.open(tmp_path / "map.fits", checksum=True) as opened:
        assert opened[1].columns["PIXEL"].format == kind
        assert opened[1].data["PIXEL"].tolist() == pixels.tolist()


@pytest.mark.parametrize("name", ["whole sky", "whole sky in ICRS"])
def test_astropy_healpix_takes_maps_of_the_whole_sky(tmp_path: Path, name: str) -> None:
    sky, path = MAPS[name], tmp_path / "map.fits"
    write_partial_map(path, sky)
    frame = astropy_healpix.HEALPix.from_header(str(path), field=1)
    assert (frame.nside, frame.order) == (sky.nside, "ring")
    assert frame.frame.name == {"galactic": "galactic", "equatorial": "icrs"}[sky.system]


def test_astropy_healpix_takes_the_header_of_a_partial_map(tmp_path: Path) -> None:
    sky, path = MAPS["fine"], tmp_path / "map.fits"
    write_partial_map(path, sky)
    header = fits.getheader(path, 1)
    frame = astropy_healpix.HEALPix(header["NSIDE"], header["ORDERING"].lower())
    longitude, latitude = frame.healpix_to_lonlat(sky.pixels)
    theta, phi = healpy.pix2ang(sky.nside, sky.pixels)
    np.testing.assert_allclose(longitude.rad, phi, atol=1e-12)
    np.testing.assert_allclose(latitude.rad, np.pi / 2 - theta, atol=1e-12)


@pytest.mark.parametrize("name", MAPS)
def test_astropy_finds_types_units_and_descriptions(tmp_path: Path, name: str) -> None:
    sky, path = MAPS[name], tmp_path / "map.fits"
    write_partial_map(path, sky, name="coadd")
    with fits.open(path, checksum=True) as opened:
        opened.verify("exception")
        table = opened["COADD"]
        assert table.columns.names == ["PIXEL", *COLUMNS]
        forms = {"i4": "J", "f4": "E", "f8": "D"}
        assert table.columns.formats == ["J", *(forms[kind] for kind in COLUMNS.values())]
        assert [unit or "" for unit in table.columns.units][1:] == [
            sky.units.get(column, "") for column in COLUMNS
        ]
        assert [table.header[f"TCOMM{place + 2}"] for place in range(len(COLUMNS))] == list(
            sky.descriptions.values()
        )
        assert table.header["SCANID"] == "00712a"


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
@pytest.mark.parametrize("name", MAPS)
def test_fitsverify_has_no_complaint(tmp_path: Path, name: str) -> None:
    path = tmp_path / "map.fits"
    write_partial_map(path, MAPS[name], cards=[("ORIGIN", "astromap", "")])
    result = subprocess.run(["fitsverify", "-q", path], capture_output=True, text=True, check=False)
    assert "0 warnings and 0 errors" in result.stdout or "verification OK" in result.stdout, result.stdout


@pytest.mark.parametrize(("nside", "system"), [(8, "galactic"), (64, "ecliptic"), (128, "equatorial")])
def test_maps_that_healpy_writes(tmp_path: Path, nside: int, system: str) -> None:
    pixels = some(nside, 300)
    full = np.full(12 * nside**2, healpy.UNSEEN)
    full[pixels] = np.arange(pixels.size)
    other = full.copy()
    other[pixels[3]] = healpy.UNSEEN
    path = tmp_path / "map.fits"
    healpy.write_map(
        path, [full, other], partial=True, coord=LETTERS[system], column_names=["A", "B"],
        column_units=["DN", "s"], dtype=[np.float64, np.float32],
    )  # fmt: skip
    found = read_partial_map(path)
    assert (found.nside, found.system, dict(found.units)) == (nside, system, {"A": "DN", "B": "s"})
    np.testing.assert_array_equal(found.pixels, pixels)
    np.testing.assert_array_equal(found.columns["A"], np.arange(pixels.size))
    assert np.flatnonzero(np.isnan(found.columns["B"])).tolist() == [3]
    assert found.columns["B"].dtype == np.float32
