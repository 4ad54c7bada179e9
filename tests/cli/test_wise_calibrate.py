"""`astromap wise calibrate` as users run it: maps and tables against the truth, levels, resuming."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from truthkit.calibsurvey import CalibSurvey, calib_survey, calibrate, manifest, true_sky
from truthkit.faultkit import hashes, names, program, run_program
from truthkit.wisefaults import columns, content

from photomitrus_cli.wise.calibtableread import read_calibration

pytestmark = pytest.mark.xdist_group("wise-calibrate")

Floats = NDArray[np.float64]

MAPS = ("fullsky", "half", "oddeven", "updown")
JUST_FITS = {"JACKKNIF": "DIFF is half of this", "BIT6": "value 64 of MASK"}
STRUCTURE = {"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "CHECKSUM", "DATASUM"}
FILES = {f"w3_{kind}.fits" for kind in MAPS} | {
    "w3_calibration.ecsv", "w3_residuals.ecsv", "w3_calibrate.manifest.json", "w3_calibrate.config.yaml",
}  # fmt: skip
COLUMNS = [
    "PIXEL", "SKY", "TOTAL", "SIGMA", "ZODI", "ZODI_SIGMA", "HITS", "SCANS", "MJD", "MIN", "MAX", "CHI2",
    "MASK",
]  # fmt: skip
BAD = {4: "r^2 with zodiacal light", 9: "from its neighbours", 13: "above other scans"}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def survey(base: Path) -> CalibSurvey:
    return calib_survey(base)


@pytest.fixture(scope="module")
def made(survey: CalibSurvey, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibration of all scans."""
    out = tmp_path_factory.mktemp("calibrated")
    done = calibrate(survey, out)
    assert done.code == 0, done.stderr
    assert "in the map: 16 scans, 0 refused, 0 failed" in done.stdout
    return out


def fitted(out: Path) -> NDArray[Any]:
    """Give the rows of the map that are far from the Galactic plane."""
    rows = columns(out / "w3_fullsky.fits")
    latitude = healpy.pix2ang(16, rows["PIXEL"], lonlat=True)[1]
    return np.asarray(rows[np.abs(latitude) > 10.0])


def test_gains_and_sky_are_the_true_ones(survey: CalibSurvey, made: Path) -> None:
    table, meta = read_calibration(made / "w3_calibration.ecsv")
    assert tuple(table.scan) == survey.names
    assert table.accepted.all()
    error = table.gain / survey.gain - 1.0
    assert np.abs(error).max() < 0.005
    assert error.std() < 0.0005
    # Gain and level of the sky hang together: what the gain has too much, offsets lack.
    assert np.abs(table.offset - survey.offset).max() < 15.0
    assert np.std(table.offset - survey.offset) < 2.0
    assert (table.gain_sigma > 0).all()
    assert (table.residual_rms < 0.02).all()
    assert set(meta["amplitudes"]) == {"sides", "asymmetry", "bands", "ring"}
    rows = fitted(made)
    wrong = rows["SKY"] - true_sky(rows["PIXEL"].astype(np.int64))
    assert abs(np.median(wrong)) < 0.15
    assert wrong.std() < 0.03
    np.testing.assert_allclose(rows["TOTAL"], rows["SKY"] + rows["ZODI"], rtol=1e-6)
    np.testing.assert_allclose(rows["ZODI_SIGMA"], 0.03 * rows["ZODI"], rtol=1e-5)


def test_products_headers_and_manifest(survey: CalibSurvey, made: Path) -> None:
    assert names(made) == FILES
    path = made / "w3_fullsky.fits"
    assert list(columns(path).dtype.names or ()) == COLUMNS
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        told, units = hdus[0].header, hdus[1].header
    assert [units[f"TUNIT{k}"] for k in range(2, 7)] == ["MJy/sr"] * 5
    want = {
        "BAND": 3, "NSCANS": 16, "NREFUSED": 0, "NFAILED": 0, "METHOD": "joint", "ZEROLVL": "cosecant",
        "ZEROADD": 0.0, "MODE1": "sides", "SYSERR": 0.03, "NDRAWS": 8, "ZMODEL": "dirbe", "ZSPECTR": "mono",
        "BIT9": "a refused scan reaches here",
    }  # fmt: skip
    assert {key: told[key] for key in want} == want
    assert told["GAINMED"] == pytest.approx(np.median(survey.gain), rel=0.005)
    assert told["AMPSIG1"] > 0
    sky = healpy.read_map(path, field=0, partial=True)
    rows = columns(path)
    np.testing.assert_allclose(sky[rows["PIXEL"]], rows["SKY"], rtol=1e-6)
    assert fits.getheader(made / "w3_half.fits")["JACKKNIF"].startswith("scans before")
    residuals = Table.read(made / "w3_residuals.ecsv", format="ascii.ecsv")
    assert set(residuals["against"]) == {"latitude", "elongation"}
    record = manifest(made)
    assert record["status"] == "complete"
    assert len(record["inputs"]) == 16
    assert {"zodipy", "speclite"} <= record["versions"].keys()


def test_errors_in_common_stand_beside_those_of_scans(made: Path) -> None:
    found = Table.read(made / "w3_calibration.ecsv", format="ascii.ecsv")
    for name, common in (("gain_sigma", "gain_common_sigma"), ("offset_sigma", "offset_common_sigma")):
        assert common in found[name].description
        assert found.meta[common] > 0
    header = fits.getheader(made / "w3_fullsky.fits")
    assert header["GAINSIG"] == pytest.approx(found.meta["gain_common_sigma"], rel=1e-12)
    assert header["ZEROSIG"] == pytest.approx(found.meta["zero_level_sigma"], rel=1e-12)


def test_cards_are_documented_and_not_cut_off(made: Path) -> None:
    reference = Path(__file__).parents[2] / "docs" / "columns.md"
    listed = set(re.findall(r"^\| `([^`]+)` \| .* \| keyword, ", reference.read_text(encoding="utf-8"), re.M))
    numbered = re.compile(r"(?<=[A-Z])\d$")
    for kind in MAPS:
        header = fits.getheader(made / f"w3_{kind}.fits")
        own = [card for card in header.cards if card.keyword not in STRUCTURE]
        names = {card.keyword for card in own if "BIT" not in card.keyword} - listed
        assert {numbered.sub("1", name) for name in names} <= listed
        full = {card.keyword: card.comment for card in own if len(card.image.rstrip()) == 80}
        assert full.items() <= JUST_FITS.items()


def test_bad_scans_are_refused_with_a_reason(base: Path, tmp_path: Path) -> None:
    """A lump of moonlight, a wrong gain, noise; and two wrong pixels, which do not make a bad scan."""

    def spoil(k: int, value: Floats, zodi: Floats) -> Floats:
        """Change some scans, DN."""
        rng = np.random.default_rng(k)
        if k == 4:
            return value + 3000.0 * np.exp(-0.5 * ((np.arange(len(value)) - 30) / 8.0) ** 2)
        if k == 9:
            return value + 0.25 * 74.0 * zodi
        if k == 13:
            return value + rng.normal(0.0, 30.0, len(value))
        if k == 14:
            value[[20, 40]] += 60.0
        return value

    survey = calib_survey(base, change=spoil, name="calib_spoilt")
    done = calibrate(survey, tmp_path)
    assert done.code == 0, done.stderr
    table, _ = read_calibration(tmp_path / "w3_calibration.ecsv")
    assert np.flatnonzero(~table.accepted).tolist() == sorted(BAD)
    for k, words in BAD.items():
        assert words in table.reason[k]
        assert f"skipped: {survey.names[k]}: {table.reason[k]}" in done.stdout
        assert np.isnan(table.gain_sigma[k])
    good = table.accepted
    assert np.abs(table.gain / survey.gain - 1.0)[good].max() < 0.005
    rows = fitted(tmp_path)
    wrong = rows["SKY"] - true_sky(rows["PIXEL"].astype(np.int64))
    assert wrong.std() < 0.03
    assert (rows["MASK"] & 512).any()
    assert np.count_nonzero(rows["MASK"] & 64) >= 1
    assert fits.getheader(tmp_path / "w3_fullsky.fits")["NREFUSED"] == len(BAD)


def test_the_level_of_the_sky(survey: CalibSurvey, tmp_path: Path) -> None:
    """A number is added; the mean of a map is taken over, here of one that has another level."""
    words = ("--method", "seed", "--overwrite")
    plain, added, brought = (tmp_path / name for name in ("plain", "added", "brought"))
    assert calibrate(survey, plain, *words).code == 0
    assert calibrate(survey, added, *words, "--zero", "0.25").code == 0
    done = calibrate(survey, brought, *words, "--zero", added / "w3_fullsky.fits")
    assert done.code == 0, done.stderr
    sky = [columns(out / "w3_fullsky.fits")["SKY"] for out in (plain, added, brought)]
    np.testing.assert_allclose(sky[1] - sky[0], 0.25, atol=1e-9)
    np.testing.assert_allclose(sky[2] - sky[0], 0.25, atol=1e-3)
    tables = [read_calibration(out / "w3_calibration.ecsv")[0] for out in (plain, added)]
    np.testing.assert_allclose(tables[1].offset - tables[0].offset, -0.25 * tables[0].gain, rtol=1e-9)
    header = fits.getheader(brought / "w3_fullsky.fits")
    assert header["ZEROLVL"] == "w3_fullsky.fits"
    assert header["ZEROADD"] == pytest.approx(0.25, abs=1e-3)


def test_resume_keeps_what_is_up_to_date_and_makes_the_rest_again(
    survey: CalibSurvey, tmp_path: Path
) -> None:
    words = ("--method", "seed")
    assert calibrate(survey, tmp_path, *words).code == 0
    before = hashes(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    done = calibrate(survey, tmp_path, *words)
    assert done.code == 5
    done = calibrate(survey, tmp_path, *words, "--resume")
    assert done.stdout.splitlines()[0] == "WISE band 3 calibration: up to date"
    assert "in the map: 16 scans" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == times
    (tmp_path / "w3_half.fits").write_bytes(b"damaged")
    done = calibrate(survey, tmp_path, *words, "--resume")
    assert done.stdout.splitlines()[0] == "WISE band 3 calibration: done"
    assert hashes(tmp_path)["w3_calibration.ecsv"] == before["w3_calibration.ecsv"]
    done = calibrate(survey, tmp_path, *words, "--resume", "--set", "wise.calibrate.lines.ecliptic_deg=60")
    assert done.stdout.splitlines()[0] == "WISE band 3 calibration: done"
    assert hashes(tmp_path)["w3_calibration.ecsv"] != before["w3_calibration.ecsv"]


def test_scans_can_be_added(survey: CalibSurvey, made: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert calibrate(survey, first, *survey.names[:12], "--zero", "0.5").code == 0
    done = calibrate(survey, second, "--start", first)
    assert done.code == 0, done.stderr
    warm, cold = (read_calibration(out / "w3_calibration.ecsv")[0] for out in (second, made))
    np.testing.assert_allclose(warm.gain, cold.gain, rtol=1e-3)
    np.testing.assert_allclose(warm.offset, cold.offset, atol=2.0)
    sky = [fitted(out)["SKY"] for out in (second, made)]
    np.testing.assert_allclose(sky[0], sky[1], atol=0.05)


def test_any_number_of_workers_gives_the_same_bytes(survey: CalibSurvey, tmp_path: Path) -> None:
    scans = survey.names[:8]
    words = (*scans, "--maps", survey.folder, "--spectrum", "mono", "--set", "wise.zodi.quadrature=20")
    one, two = tmp_path / "one", tmp_path / "two"
    for out, more in ((one, ("-j", "1", "--no-pictures", "--cache", two / "templates")), (two, ("-j", "2"))):
        # The libraries that count threads of their own must be told before they are loaded.
        done = run_program(program(), "wise", "calibrate", *words, "-o", out, *more)
        assert done.code == 0, done.stderr
    for kind in MAPS:
        assert content(one / f"w3_{kind}.fits") == content(two / f"w3_{kind}.fits")
    assert (one / "w3_calibration.ecsv").read_bytes() == (two / "w3_calibration.ecsv").read_bytes()
    charts = {f"w3_{kind}.png" for kind in (*MAPS, "calibration", "residuals", "stripes")}
    assert names(one) == FILES
    assert names(two) == FILES | charts | {"templates"}
    assert len(names(two / "templates")) == len(scans)


def test_a_dry_run_writes_nothing(survey: CalibSurvey, tmp_path: Path) -> None:
    done = calibrate(survey, tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert "planned" in done.stdout
    assert "w3_fullsky.fits" in done.stdout
    assert not (tmp_path / "out").exists()
