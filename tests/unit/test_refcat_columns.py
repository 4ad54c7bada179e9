"""Reference catalogues: columns that are recognised, units, errors, and what hostile tables end in."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from photomitrus_cli.errors import AstromapError, ConfigError, InputError, NoDataError
from photomitrus_cli.io.refcat import RefCat, read_refcat
from photomitrus_cli.io.refmotion import UNKNOWN_MOTION, StarErrors, moved

STAR = {"ra": [10.0], "dec": [-5.0]}


def read(folder: Path, columns: Mapping[str, object], band: str | None = None, **unit: str) -> RefCat:
    table = Table(dict(columns))
    for name, text in unit.items():
        table[name].unit = text
    table.write(folder / "cat.ecsv", overwrite=True)
    return read_refcat(folder / "cat.ecsv", band)


@pytest.mark.parametrize(
    ("names", "unit", "arcsec"),
    [
        (("ra_error", "dec_error"), None, 0.02e-3),
        (("ra_error", "dec_error"), "arcsec", 0.02),
        (("e_RA_ICRS", "e_DE_ICRS"), "mas", 0.02e-3),
        (("errMaj", "errMin"), "arcsec", 0.02),
        (("ERRA_WORLD", "ERRB_WORLD"), None, 72.0),
        (("sigma_ra", "sigma_dec"), None, 0.05),
        (("sigma_ra", "sigma_dec"), "deg", 72.0),
    ],
)
def test_errors_of_positions(tmp_path: Path, names: tuple[str, str], unit: str | None, arcsec: float) -> None:
    columns = {**STAR, names[0]: [0.02], names[1]: [0.02]}
    cat = read(tmp_path, columns, **(dict.fromkeys(names, unit) if unit else {}))
    assert cat.errors is not None
    np.testing.assert_allclose([cat.errors.ra[0], cat.errors.dec[0]], arcsec)


def test_errors_grow_with_those_of_the_motions() -> None:
    one = np.array([1.0, 0.0, 0.0])
    errors = StarErrors(0.03 * one, 0.04 * one, one, np.array([2.0, UNKNOWN_MOTION, 5.0]))
    after = errors.after(np.array([-10.0, 20.0, np.nan]))
    np.testing.assert_allclose(
        after, [np.sqrt(0.5 * (0.03**2 + 0.01**2 + 0.04**2 + 0.02**2)), 0.16 / np.sqrt(2.0), 0.0]
    )


def test_unknown_motions_and_missing_errors(tmp_path: Path) -> None:
    columns = {"ra": [1.0, 2.0], "dec": [3.0, 4.0], "pmra": [5.0, np.nan], "pmdec": [5.0, np.nan]}
    cat = read(tmp_path, {**columns, "pmra_error": [0.1, np.nan], "ra_error": [0.5, -1.0], "ruwe": [1, 1]})
    assert cat.errors is not None
    np.testing.assert_array_equal(cat.errors.pm_ra, [0.1, UNKNOWN_MOTION])
    np.testing.assert_array_equal(cat.errors.pm_dec, [0.0, UNKNOWN_MOTION])
    np.testing.assert_allclose(cat.errors.ra, [0.5e-3, 1e-3])
    np.testing.assert_array_equal(cat.epoch, 2016.0)


def test_single_precision_is_part_of_the_error(tmp_path: Path) -> None:
    Table({"ra": np.array([200.0], np.float32), "dec": [1.0]}).write(tmp_path / "cat.fits")
    errors = read_refcat(tmp_path / "cat.fits").errors
    assert errors is not None
    step = 2.0**-16 * 3600.0
    assert errors.ra[0] == pytest.approx(np.hypot(0.05, step / np.sqrt(12.0)))
    assert errors.dec[0] == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("columns", "band", "name", "mag", "error"),
    [
        ({"Jmag": [15.0], "e_Jmag": [0.1], "Kmag": [14.0]}, "J", "Jmag", 15.0, 0.1),
        ({"Jmag": [15.0], "Kmag": [14.0], "e_Kmag": [0.2]}, "Ks", "Kmag", 14.0, 0.2),
        ({"Ksap3": [14.0], "e_Ksap3": [0.3]}, "Ks", "Ksap3", 14.0, 0.3),
        ({"h_m": [13.0], "h_msigcom": [0.04]}, "H", "h_m", 13.0, 0.04),
        ({"MAG": [12.0], "MAGERR": [0.05]}, "J", "MAG", 12.0, 0.05),
        ({"J": [12.5], "J_err": [0.06]}, "J", "J", 12.5, 0.06),
        ({"Yap3": [16.0], "e_Yap3": [99.0]}, "Y", "Yap3", 16.0, np.nan),
        ({"Jmag": [-999.0], "e_Jmag": [0.1]}, "J", "Jmag", np.nan, np.nan),
    ],
)
def test_magnitudes_of_the_band(
    tmp_path: Path, columns: dict[str, object], band: str, name: str, mag: float, error: float
) -> None:
    found = read(tmp_path, {**STAR, **columns}, band).band
    assert found is not None
    assert found.name == name
    np.testing.assert_array_equal([found.mag[0], found.mag_err[0]], [mag, error])


@pytest.mark.parametrize("columns", [{"phot_g_mean_mag": [15.0], "mag": [14.0]}, {"Kmag": [14.0]}])
def test_other_bands_do_not_stand_in(tmp_path: Path, columns: dict[str, object]) -> None:
    cat = read(tmp_path, {**STAR, **columns}, "H")
    assert cat.band is None
    assert np.isfinite(cat.mag).all()


def test_columns_by_ucd(tmp_path: Path) -> None:
    table = Table({"a": [2.0], "b": [4.0], "c": [10.0], "d": [-5.0], "m": [15.5], "p": [7.0], "q": [8.0]})
    ucds = {
        "a": "pos.eq.ra",
        "b": "pos.eq.dec",
        "c": "pos.eq.ra;meta.main",
        "d": "pos.eq.dec;meta.main",
        "m": "phot.mag;em.IR.J",
        "p": "pos.pm;pos.eq.ra",
        "q": "pos.pm;pos.eq.dec",
    }
    for name, ucd in ucds.items():
        table[name].meta["ucd"] = ucd
    table.write(tmp_path / "cat.vot", format="votable")
    hdu = fits.table_to_hdu(table)
    for number, ucd in enumerate(ucds.values(), start=1):
        hdu.header[f"TUCD{number}"] = ucd
    hdu.writeto(tmp_path / "cat.fits")
    for name in ("cat.vot", "cat.fits"):
        cat = read_refcat(tmp_path / name, "J")
        assert cat.band is not None
        values = (cat.ra[0], cat.dec[0], cat.pm_ra_cosdec[0], cat.pm_dec[0], cat.band.mag[0])
        assert values == (10.0, -5.0, 7.0, 8.0, 15.5)
    table["c"].meta["ucd"] = "pos.eq.ra"
    table.write(tmp_path / "cat.vot", format="votable", overwrite=True)
    with pytest.raises(InputError, match=r"cat\.vot: several columns may be the ra: a, c"):
        read_refcat(tmp_path / "cat.vot")


@pytest.mark.parametrize("name", ["stars.cat", "stars.fits", "stars.ldac"])
def test_ldac_objects_behind_their_header(tmp_path: Path, name: str) -> None:
    head = fits.BinTableHDU.from_columns(
        [fits.Column("Field Header Card", "160A", dim="(80, 2)", array=[["SIMPLE  =", "END"]])],
        name="LDAC_IMHEAD",
    )
    columns = {"X_WORLD": 10.0, "Y_WORLD": -5.0, "ERRA_WORLD": 1e-5, "ERRB_WORLD": 1e-5, "MAG": 14.5}
    stars = Table({key: np.array([value], ">f8") for key, value in {**columns, "OBSDATE": 2015.5}.items()})
    objects = fits.table_to_hdu(stars)
    objects.name = "LDAC_OBJECTS"
    fits.HDUList([fits.PrimaryHDU(), head, objects]).writeto(tmp_path / name)
    cat = read_refcat(tmp_path / name, "J")
    assert cat.errors is not None
    assert cat.band is not None
    assert (cat.ra[0], cat.dec[0], cat.epoch[0], cat.band.mag[0]) == (10.0, -5.0, 2015.5, 14.5)
    assert cat.errors.ra[0] == pytest.approx(0.036)
    assert cat.ra.dtype.isnative


def test_named_columns_go_first(tmp_path: Path) -> None:
    path = tmp_path / "cat.csv"
    Table({"x": [1.0], "gra": [10.0], "gde": [-5.0], "ra": [3.0]}).write(path, format="ascii.csv")
    cat = read_refcat(path, columns={"ra": "gra", "dec": "gde"})
    assert (cat.ra[0], cat.dec[0]) == (10.0, -5.0)
    with pytest.raises(InputError, match=r"cat\.csv: no column nix for dec among: x, gra, gde, ra"):
        read_refcat(path, columns={"dec": "nix"})
    with pytest.raises(ConfigError, match="rascension"):
        read_refcat(path, columns={"rascension": "gra"})


def test_what_was_recognised_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read(tmp_path, {**STAR, "ruwe": [1.0], "pmra": [3.0], "odd": ["x"]}, pmra="mas/yr")
    (line,) = (record.getMessage() for record in caplog.records)
    assert line.endswith("cat.ecsv: 1 of 1 stars; ra=ra, dec=dec, pm_ra=pmra [mas / yr]; looks like gaia")


def test_motions_that_look_like_arcseconds_are_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    motions = np.linspace(0.001, 0.03, 20)
    read(tmp_path, {"ra": np.arange(20.0), "dec": np.arange(20.0), "pmra": motions, "pmdec": 100.0 * motions})
    unit, epoch = (record.getMessage() for record in caplog.records if record.levelname == "WARNING")
    assert epoch.endswith("cat.ecsv: has no epoch (ref_epoch), so its proper motions are not applied")
    assert unit.endswith("column pmra has no unit; its values, 0.015 in the median, are taken to be mas/yr")


@pytest.mark.parametrize(
    ("columns", "unit", "error", "match"),
    [
        ({"ra": [], "dec": []}, {}, NoDataError, "none of 0 rows has a position"),
        ({"ra": [np.nan], "dec": [np.nan]}, {}, NoDataError, "none of 1 rows"),
        ({"ra": [1e300, np.inf], "dec": [0.0, 0.0]}, {}, NoDataError, "none of 2 rows"),
        ({"ra": [1.0, 2.0], "dec": [10.0, 90.1]}, {}, InputError, "1 of 2 rows have impossible values"),
        (STAR, {"ra": "Jy"}, InputError, "column ra is in Jy, which cannot be turned into deg"),
        ({**STAR, "pmra": [1.0]}, {"pmra": "km/s"}, InputError, "column pmra is in km / s"),
        ({**STAR, "ra_error": [1.0]}, {"ra_error": "mag"}, InputError, "column ra_error is in mag"),
        ({"ra": [[1.0, 2.0]], "dec": [3.0]}, {}, InputError, "column ra holds several values a row"),
        ({**STAR, "RA": [10.1]}, {}, InputError, "columns ra and RA differ"),
        ({"ra_1": [10.0], "dec_1": [1.0], "ra_2": [1.0]}, {}, InputError, "among: ra_1, dec_1, ra_2"),
    ],
)
def test_hostile_tables_end_in_one_line(
    tmp_path: Path, columns: dict[str, object], unit: dict[str, str], error: type[AstromapError], match: str
) -> None:
    with pytest.raises(error, match=rf"cat\.ecsv: .*{match}") as info:
        read(tmp_path, columns, **unit)
    assert "\n" not in str(info.value)


def test_second_columns_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "cat.csv").write_text("ra,dec,ra\n1,2,3\n")
    with pytest.raises(InputError, match="columns ra and ra_1 differ, and either may be the ra"):
        read_refcat(tmp_path / "cat.csv")
    (tmp_path / "cat.csv").write_text("ra,dec,RA\n1,2,1\n")
    assert read_refcat(tmp_path / "cat.csv").ra[0] == 1.0


def test_complex_numbers_are_no_positions(tmp_path: Path) -> None:
    Table({"ra": np.array([1.0 + 1.0j, 2.0]), "dec": np.zeros(2)}).write(tmp_path / "stars.fits")
    with pytest.raises(InputError, match="column ra holds complex numbers"):
        read_refcat(tmp_path / "stars.fits")


def test_files_without_a_whole_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match=r"image\.fits: holds no table"):
        read_refcat(tmp_path / "image.fits")
    Table({"ra": np.zeros(9000), "dec": np.zeros(9000)}).write(tmp_path / "cut.fits")
    (tmp_path / "cut.fits").write_bytes((tmp_path / "cut.fits").read_bytes()[:60000])
    with pytest.raises(InputError, match=r"cut\.fits: truncated: 60000 of"):
        read_refcat(tmp_path / "cut.fits")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pandas", None)
    (tmp_path / "cat.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"cat\.parquet: reading this format needs another package"):
        read_refcat(tmp_path / "cat.parquet")


def test_motion_at_the_pole_and_across_the_origin() -> None:
    ra, dec = np.array([0.0, 359.9999999]), np.array([89.9999999, 0.0])
    east, north = np.array([0.0, 1000.0]), np.array([1000.0, 0.0])
    new_ra, new_dec = moved(ra, dec, east, north, np.array([3.6, 3.6]))
    # A star goes over the pole: 0.001 deg north of 1e-7 deg from it.
    assert new_dec[0] == pytest.approx(90.0 - 0.0009999, abs=1e-9)
    assert new_ra[0] == pytest.approx(180.0)
    assert new_ra[1] == pytest.approx(0.0009999, abs=1e-9)
