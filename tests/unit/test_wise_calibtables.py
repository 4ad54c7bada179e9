"""Tables of a calibration: what is written is read back, and figures are those of plain sums."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import GeocentricMeanEcliptic, SkyCoord, get_sun
from astropy.table import Table
from astropy.time import Time

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise.calibfigures import elongations, residual_table, scan_figures
from photomitrus_cli.wise.calibtableread import read_calibration
from photomitrus_cli.wise.calibtables import COLUMNS, ScanTable, write_calibration, write_residuals
from photomitrus_cli.wise.samples import Samples

META = {
    "band": 3,
    "gauge": "the mean sky within 5 deg of the poles is 0.21 MJy/sr",
    "amplitudes": {"cloud": [1.02, 0.004], "ring": [0.9, 0.1]},
}
SERIALIZED = "# - __serialized_columns__:\n#     gain: 5\n# schema: astropy-2.0"


def scan_table() -> ScanTable:
    rng = np.random.default_rng(1)
    numbers = {f.name: rng.normal(size=4) for f in fields(ScanTable)}
    numbers["gain_sigma"][3] = np.nan
    numbers["baseline"] = rng.normal(size=(4, 3))
    numbers["baseline"][3] = np.nan
    return ScanTable(
        **{name: column for name, column in numbers.items() if COLUMNS[name][0] == "f8"},
        scan=np.array(["01770a", "01771a", "01772b", "12345a"]),
        side=np.array([1, -1, 1, 0]),
        ascending=np.array([True, False, True, False]),
        n_samples=np.array([2700, 0, 5, 2**33]),
        n_used=np.array([1, 0, 3, 4]),
        accepted=np.array([True, False, True, False]),
        reason=np.array(["", "r^2 of 0.3 is below 0.9", "", 'no samples; "x", y']),
    )


def samples_of(rng: np.random.Generator) -> Samples:
    """Make three scans, the second without samples, at places all over the sky."""
    n_pixels, first = 50, np.array([0, 300, 300, 500])
    n = int(first[-1])
    mjd = np.concatenate([55200.0 + np.linspace(0, 0.03, 300), 55290.0 + np.linspace(0, 0.03, 200)])
    return Samples(
        ("a", "b", "c"), first, 64, "ecliptic", np.arange(n_pixels),
        rng.integers(0, n_pixels, n).astype(np.int32),
        rng.normal(size=n), np.ones(n, np.float32), np.ones(n, np.int32), mjd, np.zeros(n, np.uint8),
        np.ones((1, n), np.float32), ("all",), rng.uniform(0, 360, n_pixels).astype(np.float32),
        rng.uniform(-89, 89, n_pixels).astype(np.float32), np.zeros(n_pixels, np.float32),
        np.array([1, 0, -1], np.int8), np.array([True, False, False]),
    )  # fmt: skip


def test_a_calibration_is_read_back_as_it_was(tmp_path: Path) -> None:
    path, want = tmp_path / "w3_calibration.ecsv", scan_table()
    write_calibration(path, want, META)
    got, meta = read_calibration(path)
    assert meta == META
    for field in fields(ScanTable):
        mine, its = getattr(got, field.name), getattr(want, field.name)
        np.testing.assert_array_equal(mine, its)
        assert mine.dtype.kind == its.dtype.kind, field.name
    table = Table.read(path, format="ascii.ecsv")
    assert table.colnames == list(COLUMNS)
    assert all(column.description for column in table.itercols())
    assert table["gain"].unit.to_string() == "DN sr / MJy"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: gain,", "name: gains,", "cannot be read as ECSV|no column 'gain'"),
        ("DN sr / MJy", "DN", "column 'gain' is in DN"),
        ("name: side, datatype: int64", "name: side, datatype: string", "'side' is not what it should be"),
        ("# %ECSV", "# %XCSV", "cannot be read as ECSV"),
        # What astropy stumbles over in a way of its own.
        ("# schema: astropy-2.0", SERIALIZED, "cannot be read as ECSV"),
    ],
)
def test_a_table_of_another_kind_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "w3_calibration.ecsv"
    write_calibration(path, scan_table(), META)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=told):
        read_calibration(path)


def test_a_missing_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path / "none.ecsv")


def test_figures_of_a_scan_are_those_of_its_fitted_samples() -> None:
    rng = np.random.default_rng(4)
    samples = samples_of(rng)
    n = len(samples)
    used, residual, weight = rng.random(n) < 0.7, rng.normal(0, 2, n), rng.uniform(0.1, 1, n)
    zodi = rng.uniform(10, 40, n).astype(np.float32)
    total = 1.1 * zodi + rng.normal(0, 3, n)
    got = scan_figures(samples, used, residual, weight, total, zodi)
    assert got.n_samples.tolist() == [300, 0, 200]
    for s, mine in ((0, slice(0, 300)), (2, slice(300, 500))):
        kept, left = used[mine], residual[mine][used[mine]]
        assert got.n_used[s] == kept.sum()
        assert got.residual_rms[s] == pytest.approx(np.sqrt(np.mean(left**2)))
        assert got.chi2[s] == pytest.approx(np.mean(left**2 * weight[mine][kept]))
        r = np.corrcoef(total[mine][kept], zodi[mine][kept])[0, 1]
        assert got.correlation[s] == pytest.approx(r**2)
    assert got.n_used[1] == 0
    assert np.isnan([got.residual_rms[1], got.chi2[1], got.correlation[1]]).all()


def test_elongations_are_those_of_another_ephemeris() -> None:
    samples = samples_of(np.random.default_rng(6))
    rows = [0, 150, 299, 300, 499]
    frame = GeocentricMeanEcliptic(equinox="J2000")
    for row in rows:
        at = samples.index[row]
        place = SkyCoord(samples.longitude[at], samples.latitude[at], unit="deg", frame=frame)
        sun = get_sun(Time(samples.mjd[row], format="mjd")).transform_to(frame)
        want = np.hypot(0.0, SkyCoord(sun.lon, sun.lat, frame=frame).separation(place).deg)
        assert elongations(samples)[row] == pytest.approx(want, abs=0.03)


def test_residuals_are_averaged_in_bins_of_each_side(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    samples = samples_of(rng)
    n = len(samples)
    residual, use = rng.normal(0.2, 1.0, n), rng.random(n) < 0.9
    residual[5] = np.nan
    table = residual_table(samples, residual, use)
    good = use & np.isfinite(residual)
    side = np.repeat([1, 0, -1], [300, 0, 200])
    for name, where, step in (
        ("latitude", samples.latitude[samples.index], 5.0),
        ("elongation", elongations(samples), 1.0),
    ):
        for one in (1, -1):
            rows = np.flatnonzero((table.against == name) & (table.side == one))
            np.testing.assert_allclose(table.high[rows] - table.low[rows], step)
            assert table.n[rows].sum() == (good & (side == one)).sum()
            for row in rows:
                mine = good & (side == one) & (where >= table.low[row]) & (where < table.high[row])
                assert table.n[row] == mine.sum() > 0
                assert table.mean[row] == pytest.approx(residual[mine].mean())
                assert table.rms[row] == pytest.approx(residual[mine].std(), abs=1e-12)
    write_residuals(tmp_path / "w3_residuals.ecsv", table, META)
    read = Table.read(tmp_path / "w3_residuals.ecsv", format="ascii.ecsv")
    np.testing.assert_array_equal(read["mean"], table.mean)
    assert read["mean"].unit.to_string() == "MJy / sr"
    assert read.meta["band"] == 3
