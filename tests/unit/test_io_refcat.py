"""Reference catalogues: formats, names and units of columns, epochs, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.table import MaskedColumn, Table
from astropy.time import Time

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.refcat import RefCat, julian_year, read_refcat

GAIA = {
    "ra": [10.0, 359.9, 20.0],
    "dec": [-5.0, 89.0, 0.0],
    "pmra": [100.0, np.nan, 3.0],
    "pmdec": [-50.0, np.nan, 4.0],
    "phot_g_mean_mag": [12.0, 13.0, np.nan],
}
MAS_YR = units.mas / units.yr
FORMATS = {
    "cat.fits": "fits",
    "cat.ecsv": "ascii.ecsv",
    "cat.csv": "ascii.csv",
    "cat.vot": "votable",
    "cat.xml": "votable",
    "CAT.TBL": "ascii.ipac",
    "cat.fits.gz": "fits",
}


def written(folder: Path, columns: Mapping[str, object], name: str = "cat.ecsv") -> Path:
    path = folder / name
    Table(dict(columns)).write(path, format=FORMATS[name])
    return path


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_format_gives_the_same_catalogue(tmp_path: Path, name: str) -> None:
    cat = read_refcat(written(tmp_path, GAIA, name))
    np.testing.assert_array_equal(cat.ra, GAIA["ra"])
    np.testing.assert_array_equal(cat.dec, GAIA["dec"])
    np.testing.assert_array_equal(cat.pm_ra_cosdec, [100, 0, 3])
    np.testing.assert_array_equal(cat.pm_dec, [-50, 0, 4])
    np.testing.assert_array_equal(cat.epoch, 2016.0)
    np.testing.assert_array_equal(cat.mag, GAIA["phot_g_mean_mag"])
    assert cat.n_dropped == 0
    assert {v.dtype for v in (cat.ra, cat.dec, cat.pm_dec, cat.epoch, cat.mag)} == {np.dtype(np.float64)}


@pytest.mark.parametrize(
    "names",
    [
        *(("RA", "DEC"), ("RA_ICRS", "DE_ICRS"), ("RAJ2000", "DEJ2000"), ("ra_deg", "dec_deg")),
        *(("ALPHA_J2000", "DELTA_J2000"), ("RAdeg", "DEdeg"), ("_RAJ2000", "_DEJ2000"), ("s_ra", "s_dec")),
    ],
)
def test_names_of_positions(tmp_path: Path, names: tuple[str, str]) -> None:
    cat = read_refcat(written(tmp_path, {"n": [1], names[0]: [12.5], names[1]: [-3.0]}))
    assert (cat.ra[0], cat.dec[0]) == (12.5, -3.0)
    assert np.isnan([cat.epoch[0], cat.mag[0]]).all()
    assert cat.at_epoch(1990.0)[0][0] == pytest.approx(12.5, abs=1e-12)


def test_vizier_gaia_prefers_the_catalogue_position(tmp_path: Path) -> None:
    columns = {"_RAJ2000": [1.0], "_DEJ2000": [1.0], "RA_ICRS": [2.0], "DE_ICRS": [2.0]}
    motion = {"pmRA": [5.0], "pmDE": [7.0], "Gmag": [15.0]}
    cat = read_refcat(written(tmp_path, columns | motion))
    assert (cat.ra[0], cat.epoch[0], cat.pm_dec[0], cat.mag[0]) == (2.0, 2016.0, 7.0, 15.0)
    del columns["RA_ICRS"], columns["DE_ICRS"]
    assert read_refcat(written(tmp_path, columns | motion, "cat.csv")).epoch[0] == 2000.0


def test_epochs_and_units(tmp_path: Path) -> None:
    table = Table(
        {"ra": np.radians([30.0, 60.0]), "dec": [1.0, 2.0], "pmra": [0.1, 0.2], "pmdec": [1.0, 2.0]}
    )
    table["epoch"] = [2015.5, 57388.5]
    table["ra"].unit, table["pmra"].unit, table["pmdec"].unit = "rad", "arcsec / yr", "mas / yr"
    for name in ("cat.fits", "cat.ecsv", "cat.vot"):
        table.write(tmp_path / name, format=FORMATS[name])
        cat = read_refcat(tmp_path / name)
        np.testing.assert_allclose(cat.ra, [30, 60], rtol=1e-14)
        np.testing.assert_allclose(cat.pm_ra_cosdec, [100, 200])
        np.testing.assert_allclose(cat.pm_dec, [1, 2])
        np.testing.assert_allclose(cat.epoch, [2015.5, 2016.0], atol=1e-9)


def test_rows_without_a_position_are_dropped(tmp_path: Path) -> None:
    ra = MaskedColumn([1.0, 2.0, 3.0, -10.0], mask=[False, True, False, False])
    cat = read_refcat(written(tmp_path, {"ra": ra, "dec": [5.0, 5.0, np.nan, 6.0], "mag": [1, 2, 3, 4]}))
    np.testing.assert_array_equal(cat.ra, [1.0, 350.0])
    np.testing.assert_array_equal(cat.mag, [1, 4])
    assert cat.n_dropped == 2


@pytest.mark.parametrize("position", [(0.001, 10.0), (359.999, -80.0), (123.0, 89.9999), (200.0, -60.0)])
def test_proper_motion_as_astropy_has_it(position: tuple[float, float]) -> None:
    ra, dec = (np.array([v]) for v in position)
    pm_ra, pm_dec = np.array([3000.0]), np.array([-2000.0])
    cat = RefCat(ra, dec, pm_ra, pm_dec, np.array([2016.0]), ra)
    star = SkyCoord(
        ra, dec, unit="deg", pm_ra_cosdec=pm_ra * MAS_YR, pm_dec=pm_dec * MAS_YR, obstime=Time("J2016")
    )
    with warnings.catch_warnings():
        # It says that the star has no distance.
        warnings.filterwarnings("ignore", message=".*distance overridden")
        moved = star.apply_space_motion(new_obstime=Time("J2008.5"))
    got = SkyCoord(*cat.at_epoch(2008.5), unit="deg")
    assert got.separation(moved).arcsec[0] < 1e-3
    assert got.separation(star).arcsec[0] == pytest.approx(7.5 * np.hypot(3.0, 2.0), rel=1e-4)


def test_julian_year() -> None:
    assert julian_year(51544.5) == 2000.0
    assert julian_year(54726.76) == pytest.approx(Time(54726.76, format="mjd").jyear, abs=1e-9)


def test_unknown_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cat.ecsv: no columns .* among: lon, lat") as info:
        read_refcat(written(tmp_path, {"lon": [1.0], "lat": [2.0]}))
    assert info.value.hint


@pytest.mark.parametrize(
    ("columns", "error", "match"),
    [
        ({"ra": ["10:00:00"], "dec": ["-05:00:00"]}, InputError, "column ra holds values that are not"),
        ({"ra": [np.nan], "dec": [1.0]}, NoDataError, "none of 1 rows"),
        ({"ra": [1e5], "dec": [1.0]}, NoDataError, "none of 1 rows"),
        ({"ra": [1.0], "dec": [2.0], "pmra": ["x"]}, InputError, "column pmra"),
    ],
)
def test_columns_that_are_no_positions(
    tmp_path: Path, columns: dict[str, object], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        read_refcat(written(tmp_path, columns))


def test_hours_are_refused(tmp_path: Path) -> None:
    table = Table({"ra": [10.0], "dec": [1.0]})
    table["ra"].unit = "hourangle"
    table.write(tmp_path / "cat.ecsv")
    with pytest.raises(InputError, match="column ra is in hours"):
        read_refcat(tmp_path / "cat.ecsv")


@pytest.mark.parametrize("name", ["cat.fits", "cat.ecsv", "cat.csv", "cat.vot", "cat.tbl"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\x80garbage\n\n1,2,3\n", b"<VOTABLE><oops>"])
def test_broken_files_are_input_errors(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises((InputError, NoDataError), match=name):
        read_refcat(tmp_path / name)


def test_missing_files_and_unknown_formats(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no\.fits: the reference catalogue does not exist"):
        read_refcat(tmp_path / "no.fits")
    with pytest.raises(InputError, match=r"cat\.xlsx: .* unknown format"):
        read_refcat(tmp_path / "cat.xlsx")
