"""Reference stars of a field: epoch, errors, circles, magnitudes, the cache, and queries that fail."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import Table

from photomitrus_cli.errors import ConfigError, NoDataError, WriteError
from photomitrus_cli.io.refcat import Photometry, RefCat, read_refcat
from photomitrus_cli.prime.ownfield import own_catalogue
from photomitrus_cli.prime.refcache import cached, default_folder, keep
from photomitrus_cli.prime.refcatalogue import catalogue_at, read_catalogue
from photomitrus_cli.prime.refonline import online_catalogue, online_plan, with_magnitudes
from photomitrus_cli.prime.refquery import CATALOGUES, HINT, query
from photomitrus_cli.prime.skyfield import Field, field_around

FIELD = Field(150.0, -30.0, 0.4)


def gaia_table(n: int = 40, seed: int = 1) -> Table:
    rng = np.random.default_rng(seed)
    table = Table(
        {
            "RA_ICRS": 150.0 + rng.uniform(-0.3, 0.3, n),
            "DE_ICRS": -30.0 + rng.uniform(-0.3, 0.3, n),
            "e_RA_ICRS": np.full(n, 0.1),
            "e_DE_ICRS": np.full(n, 0.1),
            "pmRA": np.full(n, 400.0),
            "pmDE": np.full(n, -300.0),
            "Gmag": np.linspace(12.0, 19.0, n),
        }
    )
    for name in ("e_RA_ICRS", "e_DE_ICRS"):
        table[name].unit = "mas"
    for name in ("pmRA", "pmDE"):
        table[name].unit = "mas/yr"
    return table


def survey_table(gaia: Table) -> Table:
    """Every second star of Gaia, where it was in 1999.5, in another order."""
    stars = gaia[::-2]
    years = 1999.5 - 2016.0
    dec = stars["DE_ICRS"] + years * stars["pmDE"] / 3.6e6
    ra = stars["RA_ICRS"] + years * stars["pmRA"] / 3.6e6 / np.cos(np.radians(dec))
    return Table(
        {
            "RAJ2000": ra,
            "DEJ2000": dec,
            "Jmag": stars["Gmag"] - 2.0,
            "e_Jmag": 0.02 * ra / ra,
            "Qflg": ["AAA"] * len(ra),
        }
    )


class Service:
    """A stand-in for astroquery: what it was asked, and an answer or a failure for each catalogue."""

    def __init__(self, answers: dict[str, Table | Exception | Callable[[], Any]]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        service = self

        class Vizier:
            def __init__(self, *, vizier_server: str, **options: Any) -> None:
                assert (options["row_limit"], options["timeout"] < 60.0) == (-1, True)
                assert "ra" in options["columns"][0].lower() or "2MASS" in options["columns"]
                self.server = vizier_server

            def query_region(
                self, centre: SkyCoord, *, radius: Any, catalog: str, cache: bool
            ) -> list[Table]:
                assert not cache
                assert (centre.ra.deg, radius.to_value("deg")) == pytest.approx((FIELD.ra, FIELD.radius))
                service.asked.append((catalog, self.server))
                answer = service.answers[catalog]
                if isinstance(answer, Exception):
                    raise answer
                if callable(answer) and not isinstance(answer, Table):
                    answer = answer()
                return [] if answer is None else [answer]

        modules = {
            name: ModuleType(name) for name in ("astroquery", "astroquery.exceptions", "astroquery.vizier")
        }
        failures: Any = modules["astroquery.exceptions"]
        for name in ("TimeoutError", "RemoteServiceError", "TableParseError"):
            setattr(failures, name, type(name, (Exception,), {}))
        root: Any = modules["astroquery"]
        root.__spec__ = ModuleSpec("astroquery", None)
        root.exceptions = failures
        vizier: Any = modules["astroquery.vizier"]
        vizier.Vizier = Vizier
        for name, module in modules.items():
            monkeypatch.setitem(sys.modules, name, module)


GAIA, TWOMASS = CATALOGUES["gaia"].table, CATALOGUES["2mass"].table


def test_one_query_serves_smaller_fields_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gaia = gaia_table()
    service = Service({GAIA: gaia, TWOMASS: survey_table(gaia)})
    service.install(monkeypatch)
    assert online_plan(FIELD, "J", tmp_path).startswith("Gaia DR3 and 2MASS to be asked for at VizieR")
    assert not service.asked
    stars = online_catalogue(FIELD, 2026.0, "J", folder=tmp_path)
    assert online_plan(FIELD, "J", tmp_path) == f"Gaia DR3 and 2MASS kept in {tmp_path}"
    assert online_plan(FIELD, "Y", tmp_path).startswith(f"Gaia DR3 kept in {tmp_path}; VHS DR5 to be asked")
    assert [name for name, _ in service.asked] == [GAIA, TWOMASS]
    assert (stars.size, stars.origin, stars.mag_name, stars.year) == (40, "Gaia DR3 + 2MASS", "Jmag", 2026.0)
    known = np.isfinite(stars.mag)
    np.testing.assert_array_equal(known, np.arange(40) % 2 == 1)
    np.testing.assert_allclose(stars.mag[known], np.asarray(gaia["Gmag"])[known] - 2.0)
    np.testing.assert_allclose(stars.brightness[known], stars.mag[known])
    moved = (np.asarray(stars.dec) - np.asarray(gaia["DE_ICRS"])) * 3600.0
    np.testing.assert_allclose(moved, -3.0, atol=1e-3)
    np.testing.assert_allclose(stars.err, 1e-4)

    monkeypatch.setitem(sys.modules, "astroquery", None)
    smaller = Field(150.1, -29.95, 0.2)
    again = online_catalogue(smaller, 2026.0, "J", folder=tmp_path)
    inside = smaller.distances(stars.ra, stars.dec) <= 0.2
    assert 0 < again.size == inside.sum() < 40
    np.testing.assert_array_equal(again.ra, stars.ra[inside])
    np.testing.assert_array_equal(again.mag, stars.mag[inside])
    with pytest.raises(NoDataError, match=r"no reference stars: Gaia DR3 within 0\.4 deg around 150\.5"):
        online_catalogue(Field(150.5, -30.0, 0.4), 2026.0, "J", folder=tmp_path)


def test_offline_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "astroquery", None)
    caplog.set_level("INFO")
    with pytest.raises(NoDataError) as info:
        online_catalogue(FIELD, 2026.0, "J", folder=tmp_path)
    assert str(info.value) == (
        "no reference stars: Gaia DR3 within 0.4 deg around 150.0000 -30.0000 is not to be had: "
        f"astroquery is not installed ({HINT})"
    )
    assert "--refcat FILE" in HINT
    assert not list(tmp_path.iterdir())
    assert caplog.messages == []


def test_every_server_is_tried_and_the_last_reason_told(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service({GAIA: ConnectionError("no route to host\nlong story")})
    service.install(monkeypatch)
    with pytest.raises(NoDataError, match=r"not to be had: vizier\S+: no route to host \(give") as info:
        query(CATALOGUES["gaia"], FIELD)
    assert "\n" not in str(info.value)
    assert len({server for _, server in service.asked}) == 2


def test_a_server_that_never_answers_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    Service({GAIA: lambda: time.sleep(3.0)}).install(monkeypatch)
    start = time.monotonic()
    with pytest.raises(NoDataError, match=r"no answer within 0\.\d+ s"):
        query(CATALOGUES["gaia"], FIELD, timeout=0.2)
    assert time.monotonic() - start < 2.0


def test_no_stars_are_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Service({GAIA: lambda: None}).install(monkeypatch)
    with pytest.raises(NoDataError, match="Gaia DR3 has no stars within"):
        online_catalogue(FIELD, 2026.0, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_without_magnitudes_there_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    Service({GAIA: gaia_table(), TWOMASS: OSError("down")}).install(monkeypatch)
    stars = online_catalogue(FIELD, 2026.0, "H", folder=tmp_path)
    assert (stars.size, stars.origin) == (40, "Gaia DR3")
    assert np.isnan(stars.mag).all()
    assert np.isfinite(stars.brightness).all()
    (warning,) = (record.getMessage() for record in caplog.records if record.levelno == logging.WARNING)
    assert warning.startswith("no magnitudes of 2MASS: ")
    with pytest.raises(ConfigError, match="ukidss: unknown catalogue"):
        online_catalogue(FIELD, 2026.0, "H", folder=tmp_path, photometry=["ukidss"])


def test_damaged_answers_are_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service({GAIA: gaia_table()})
    service.install(monkeypatch)
    online_catalogue(FIELD, 2026.0, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:2880])
    assert online_catalogue(FIELD, 2026.0, folder=tmp_path).size == 40
    assert len(service.asked) == 2
    assert online_catalogue(FIELD, 2026.0, folder=tmp_path).size == 40
    assert len(service.asked) == 2


def test_which_answers_cover_a_field(tmp_path: Path) -> None:
    wide = keep(tmp_path, "gaia-dr3", Field(359.9, 0.0, 0.6), gaia_table(1))
    narrow = keep(tmp_path, "gaia-dr3", Field(0.1, 0.0, 0.5), gaia_table(1))
    keep(tmp_path, "2mass", Field(0.0, 0.0, 2.0), gaia_table(1))
    (tmp_path / "gaia-dr3_mine.fits").touch()
    assert cached(tmp_path, "gaia-dr3", Field(0.0, 0.0, 0.3)) == [narrow, wide]
    assert cached(tmp_path, "gaia-dr3", Field(359.8, 0.0, 0.3)) == [wide]
    assert cached(tmp_path, "gaia-dr3", Field(0.1, 0.0, 0.5)) == [narrow]
    assert cached(tmp_path, "gaia-dr3", Field(0.1, 0.0, 0.9)) == []
    assert cached(tmp_path / "none", "gaia-dr3", FIELD) == []
    assert read_refcat(narrow).ra.size == 1
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="file"):
        keep(tmp_path / "file", "gaia-dr3", FIELD, gaia_table(1))


def test_the_folder_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "astromap" / "catalogues"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "astromap" / "catalogues"


def test_fields_across_the_origin_and_the_pole() -> None:
    field = field_around([359.9, 0.1], [10.0, 10.0], 0.4)
    assert field.ra == pytest.approx(0.0, abs=1e-9) or field.ra == pytest.approx(360.0)
    assert field.radius == pytest.approx(0.1 * np.cos(np.radians(10.0)) + 0.4 + 5.0 / 60.0, abs=1e-5)
    pole = field_around([0.0, 90.0, 180.0, 270.0], [89.9] * 4, 0.0, 0.0)
    assert (pole.dec, pole.radius) == pytest.approx((90.0, 0.1))
    ra, dec = np.array([10.0, 200.0, 0.0]), np.array([89.99, 89.5, -90.0])
    expected = SkyCoord(ra, dec, unit="deg").separation(SkyCoord(30.0, 89.9, unit="deg")).deg
    np.testing.assert_allclose(Field(30.0, 89.9, 1.0).distances(ra, dec), expected, atol=1e-9)


def test_stars_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "stars.csv"
    table = Table(
        {"ra": [150.0, 150.0, 151.0, np.nan], "dec": [-30.0, -30.0, -30.0, 0.0], "J": [12.0, 12.0, 13.0, 9.0]}
    )
    table.write(path)
    stars = read_catalogue(path, FIELD, 2026.0, "J")
    assert (stars.size, stars.mag[0], stars.origin, stars.relative) == (1, 12.0, "stars.csv", False)
    assert read_catalogue(path, Field(150.0, -30.0, 1.0), 2026.0).near(151.0, -30.0, 0.1).size == 1
    with pytest.raises(
        NoDataError, match=r"stars\.csv: none of 2 stars is within 0.4 deg around 10.0.*140 deg off"
    ):
        read_catalogue(path, Field(10.0, 60.0, 0.4), 2026.0)


def test_magnitudes_go_to_the_nearest_star_only_and_where_none_is_known() -> None:
    ra, dec = 10.0 + np.array([0.0, 0.5, 50.0, 100.0]) / 3600.0, np.zeros(4)
    zero, nan = np.zeros(4), np.full(4, np.nan)
    first = Photometry("K", np.array([np.nan, np.nan, 9.0, np.nan]), nan)
    stars = RefCat(ra, dec, zero, zero, nan, nan, band=first)
    there = ra[:3] + np.array([0.2, 400.0, 0.1]) / 3600.0
    other = RefCat(there, dec[:3], zero[:3], zero[:3], nan[:3], nan[:3])
    band = with_magnitudes(stars, other, Photometry("Ks", np.array([1.0, 2.0, 3.0]), np.full(3, 0.1))).band
    assert band is not None
    np.testing.assert_array_equal(band.mag, [1.0, np.nan, 9.0, np.nan])
    assert band.name == "K, Ks"


def test_the_field_as_its_own_reference() -> None:
    stars = own_catalogue([-1.0, 5.0, np.nan], [0.0, 1.0, 2.0], 0.1, [3.0, 2.0, 1.0], 2026.0)
    assert (stars.size, stars.relative, stars.ra[0], stars.err[0]) == (2, True, 359.0, 0.1)
    assert np.isnan(stars.mag).all()
    np.testing.assert_array_equal(stars.brightness, [3.0, 2.0])
    assert stars.mjd == pytest.approx(61041.0)
    with pytest.raises(NoDataError, match="its reference"):
        own_catalogue([np.nan], [0.0], 0.1, [1.0], 2026.0)


@pytest.mark.real
def test_real_gaia_tables(real_data: Path) -> None:
    path = real_data / "star-catalogues" / "legacypipe-testcase6" / "chunk-03687.fits"
    gaia, table = read_refcat(path), Table.read(path)
    stars = catalogue_at(gaia, 2024.5, path.name)
    motion = np.asarray(table["pmdec"].filled(0.0), np.float64)
    np.testing.assert_allclose((stars.dec - gaia.dec) * 3.6e6, 9.0 * motion, atol=0.02)
    bright = (gaia.mag > 14.0) & (gaia.mag < 17.0) & (gaia.pm_dec != 0.0)
    assert stars.size == 897
    assert np.median(stars.err[bright]) < 0.003 < 0.06 < stars.err[gaia.pm_dec == 0.0].min()
    assert (gaia.pm_dec == 0.0).sum() > 10

    columns = {"ra": "gra", "dec": "gde"}
    field = real_data / "nir" / "wircam-h2-lhs3473" / "gaia_matched_lhs3473.csv"
    assert read_catalogue(field, Field(294.65, 35.2, 1.0), 2014.0, columns=columns).size > 1000


@pytest.mark.real
def test_the_same_stars_in_real_tycho_and_gaia_tables(real_data: Path) -> None:
    folder = real_data / "star-catalogues" / "legacypipe-testcase6"
    gaia, tycho = read_refcat(folder / "chunk-03687.fits"), read_refcat(folder / "tycho2.kd.fits", "J")
    assert tycho.band is not None
    band = with_magnitudes(gaia, tycho, tycho.band).band
    assert band is not None
    colour = (gaia.mag - band.mag)[np.isfinite(band.mag)]
    # Gaia's G less J of stars is 0 to 4 mag.
    assert colour.size >= 3
    assert ((colour > 0.0) & (colour < 4.0)).all()
