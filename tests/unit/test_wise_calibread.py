"""Scan maps as columns and as samples: what is kept, in which order, on which side of the Sun."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from truthkit.scanmaps import HALF_ORBIT, START, meridian, scan_columns, write_scan

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.calibplan import plan_scans
from photomitrus_cli.wise.calibread import assemble
from photomitrus_cli.wise.coaddproducts import UNITS
from photomitrus_cli.wise.samples import FLAGGED
from photomitrus_cli.wise.scancolumns import ScanColumns, read_scan, scan_columns_of
from photomitrus_cli.wise.skyplaces import sky_places


def scan_of(name: str, pixels: NDArray[np.int64], mjd: NDArray[np.float64]) -> ScanColumns:
    order = np.argsort(pixels)
    sky = PartialMap(16, "galactic", pixels[order], scan_columns(mjd[order]), UNITS)
    return scan_columns_of(name, sky)


def astropy_sun(mjd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give the Sun's ecliptic longitude (mean, J2000), deg."""
    from astropy.coordinates import SkyCoord, get_sun
    from astropy.time import Time
    from astropy.utils import iers

    with iers.conf.set_temp("auto_download", False):
        sun = get_sun(Time(mjd, format="mjd", scale="utc"))
    # As a direction: with its distance it would be turned to how the Sun's system sees it.
    lon = SkyCoord(sun.ra, sun.dec, frame="icrs").barycentricmeanecliptic.lon.deg
    return np.asarray(lon, np.float64)


def test_usable_pixels_come_in_the_order_of_time_with_the_template_of_each(tmp_path: Path) -> None:
    mjd = START + np.array([0.03, 0.01, np.nan, 0.02, 0.01, 0.04, 0.05, 0.06])
    value = np.array([1.0, 2.0, 3.0, np.nan, 5.0, 6.0, 7.0, 8.0])
    sigma = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.0, np.nan, 0.8])
    hits = np.array([9, 8, 7, 6, 5, 4, 3, 0], np.int32)
    columns = scan_columns(mjd, VALUE=value, SIGMA=sigma, HITS=hits, MASK=np.arange(8, dtype=np.int32))
    write_scan(tmp_path, "01772a", sky=PartialMap(16, "galactic", np.arange(8) * 100, columns, UNITS))
    plan = plan_scans([tmp_path], 3)
    scan = read_scan(plan.scans[0], plan, lambda pixels, times: np.stack([pixels + 0.5, times - START]))
    assert scan.pixels.tolist() == [100, 400, 0]
    assert scan.value.tolist() == [2.0, 5.0, 1.0]
    assert scan.mjd.tolist() == (START + np.array([0.01, 0.01, 0.03])).tolist()
    assert scan.hits.tolist() == [8, 5, 9]
    assert scan.mask.tolist() == [1, 4, 0]
    np.testing.assert_array_equal(scan.sigma, np.array([0.2, 0.5, 0.1], np.float32), strict=True)
    np.testing.assert_array_equal(scan.zodi[0], np.array([100.5, 400.5, 0.5], np.float32), strict=True)
    np.testing.assert_allclose(scan.zodi[1], [0.01, 0.01, 0.03], rtol=1e-6)
    assert (scan.name, len(scan), scan.n_dropped) == ("01772a", 3, 5)


def test_a_template_that_is_none(tmp_path: Path) -> None:
    write_scan(tmp_path, "01772a")
    plan = plan_scans([tmp_path], 3)
    with pytest.raises(ValueError, match="01772a: a template of shape"):
        read_scan(plan.scans[0], plan, lambda pixels, _: np.zeros(pixels.size, np.float32))
    with pytest.raises(ValueError, match="01772a: the template has values that are not finite"):
        read_scan(plan.scans[0], plan, lambda pixels, _: np.full((1, pixels.size), np.nan, np.float32))


def test_a_file_that_changed_after_it_was_planned(tmp_path: Path) -> None:
    write_scan(tmp_path, "01772a")
    plan = plan_scans([tmp_path], 3)
    write_scan(tmp_path, "01772a", nside=32)
    with pytest.raises(InputError, match="changed while the run was going on"):
        read_scan(plan.scans[0], plan)
    columns = scan_columns(START + np.zeros(3))
    del columns["MASK"]
    write_scan(tmp_path, "01772a", sky=PartialMap(16, "galactic", np.arange(3), columns, UNITS))
    with pytest.raises(InputError, match="has no column MASK"):
        read_scan(plan.scans[0], plan)


@pytest.mark.parametrize("system", ["galactic", "ecliptic", "equatorial"])
def test_scans_are_ahead_or_behind_and_go_up_or_down(system: str) -> None:
    """Half orbits 90 deg from the Sun around the year, and arcs close to a pole, where longitudes spread."""
    starts = START + np.linspace(0.0, 365.0, 12)
    sun = astropy_sun(starts)
    scans: list[ScanColumns] = []
    side = [1, -1] * 6
    ascending = [True, True, False] * 4
    for k, start in enumerate(starts.tolist()):
        pixels, share = meridian(float(sun[k]) - 90.0 * side[k], 32, system, ascending=ascending[k])
        keep = slice(None) if k < 6 else slice(-8, None)
        scans.append(scan_of(str(k), pixels[keep], start + HALF_ORBIT * share[keep]))
    samples = assemble(scans, 32, system)
    assert samples.side.tolist() == side
    assert samples.ascending.tolist() == ascending
    np.testing.assert_allclose(samples.scan_mjd()[:6], starts[:6] + HALF_ORBIT / 2, atol=1e-3)


def test_the_sun_is_where_astropy_has_it() -> None:
    mjd = np.linspace(55197.0, 60700.0, 97)
    off = sun_longitude(mjd) - astropy_sun(mjd)
    assert np.abs((off + 180.0) % 360.0 - 180.0).max() < 0.01


def test_scans_meet_in_pixels_and_one_without_samples_stays() -> None:
    rng = np.random.default_rng(3)
    scans = [
        scan_of(str(k), rng.permutation(3072)[:count], START + k + rng.random(count))
        for k, count in enumerate([0, 300, 1, 0, 500, 0])
    ]
    samples = assemble(scans, 16, "galactic")
    assert samples.names == tuple("012345")
    assert samples.first.tolist() == [0, 0, 300, 301, 301, 801, 801]
    for k, scan in enumerate(scans):
        mine = slice(samples.first[k], samples.first[k + 1])
        np.testing.assert_array_equal(samples.pixels[samples.index[mine]], scan.pixels)
        for name in ("value", "sigma", "hits", "mjd"):
            np.testing.assert_array_equal(getattr(samples, name)[mine], getattr(scan, name), strict=True)
    everywhere = np.concatenate([scan.pixels for scan in scans])
    assert samples.pixels.tolist() == sorted(set(everywhere.tolist()))
    places = sky_places(samples.pixels, 16, "galactic")
    np.testing.assert_array_equal(samples.longitude, places.longitude.astype(np.float32), strict=True)
    np.testing.assert_array_equal(samples.latitude, places.latitude.astype(np.float32), strict=True)
    np.testing.assert_array_equal(
        samples.galactic_latitude, places.galactic_latitude.astype(np.float32), strict=True
    )
    assert np.flatnonzero(samples.side == 0).tolist() == [0, 3, 5]
    assert samples.index.dtype == np.int32
    assert samples.zodi.shape == (0, 801)


def test_bits_of_the_coadd_exclude_samples() -> None:
    mask = np.array([0, 1, 2, 4, 6], np.int32)
    columns = scan_columns(START + np.arange(5) / 1000.0, MASK=mask)
    scan = scan_columns_of("a", PartialMap(16, "galactic", np.arange(5), columns))
    assert not assemble([scan], 16, "galactic").excluded.any()
    found = assemble([scan], 16, "galactic", flag_bits=2 | 8).excluded
    assert found.tolist() == [0, 0, FLAGGED, 0, FLAGGED]
    assert found.dtype == np.uint8


def test_a_scan_without_samples_has_no_template() -> None:
    nothing = scan_columns(START + np.arange(3.0), HITS=np.zeros(3, np.int32))
    sky = PartialMap(16, "galactic", np.arange(3), scan_columns(START + 4.0 + np.arange(3.0)), UNITS)
    scans = [
        scan_columns_of(name, replace(sky, columns=columns), lambda pixels, _: pixels[None, :] / pixels[1])
        for name, columns in (("a", nothing), ("b", dict(sky.columns)))
    ]
    samples = assemble(scans, 16, "galactic", ("cloud",))
    assert samples.zodi.tolist() == [[0.0, 1.0, 2.0]]
    assert samples.first.tolist() == [0, 0, 3]


def test_scans_without_any_sample_and_wrong_components() -> None:
    with pytest.raises(NoDataError, match="none of the 1 scan maps"):
        assemble([scan_of("a", np.empty(0, np.int64), np.empty(0))], 16, "galactic")
    with pytest.raises(ValueError, match="2 components cloud, ring"):
        assemble([scan_of("a", np.arange(3), np.arange(3.0))], 16, "galactic", ("cloud", "ring"))
