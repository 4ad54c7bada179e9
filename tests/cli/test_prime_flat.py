"""`astromap prime flat` on the twilights of a night: what the flat is worth, and what is refused."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit import twilight
from truthkit.faultkit import Ran, edit, hashes, names, run_here
from truthkit.twilight import EDGE, EVENING, ramp, response

from photomitrus_cli.prime.flatnames import choose_flat

MFLAT = "mflat.J.20241017.C1.fits"


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return twilight.night(tmp_path / "night")


def flat(parent: Path, *args: object) -> Ran:
    return run_here("prime", "flat", "-parent", parent, "-j", 1, *args)


def test_the_flat_is_the_response(night: Path) -> None:
    before = hashes(night)
    done = flat(night)
    assert done.code == 0, done.stderr
    assert {name: digest for name, digest in hashes(night).items() if name in before} == before
    assert names(night / "mflats") == {
        MFLAT,
        MFLAT.replace(".fits", ".manifest.json"),
        MFLAT.replace(".fits", ".config.yaml"),
    }
    with fits.open(night / "mflats" / MFLAT) as hdus:
        values, header, pairs = hdus[0].data, hdus[0].header, hdus["INPUTS"].data
        assert (header["NPAIRS"], header["BAND"], header["CHIP"], header["FILTER2"]) == (5, "J", 1, "J")
        # Evening and morning are paired each for itself, fading and growing light.
        assert [(row["first"][5:8], row["second"][5:8]) for row in pairs] == [
            ("100", "188"), ("122", "210"), ("144", "232"), ("900", "944"), ("922", "966")
        ]  # fmt: skip
        assert (pairs["level"][:3] > 0).all()
        assert (pairs["level"][3:] < 0).all()
    # The first frame is beyond what 22 reads hold, and counts: it has 6.
    assert np.isfinite(values).all()
    true = response()[EDGE:-EDGE, EDGE:-EDGE]
    error = values / (true / np.median(true)) - 1.0
    assert np.std(error) < 0.004
    assert np.abs(np.median(error)) < 2e-4
    units = {
        Path(unit["name"]).name[5:8]: unit
        for unit in json.loads((night / "mflats" / MFLAT.replace(".fits", ".manifest.json")).read_text())[
            "units"
        ]
    }
    assert units["166"]["reason"].startswith("without a partner")
    assert units["100"]["values"]["partner"] == "00000188C1.ramp.fits"
    assert "500" not in units
    assert choose_flat(night / "mflats", "J", 1, date(2024, 10, 18)).name == MFLAT


def test_existing_flats_are_kept_resumed_or_replaced(night: Path) -> None:
    planned = flat(night, "--dry-run")
    assert planned.code == 0, planned.stderr
    assert "5 pairs of 11 frames" in planned.stdout
    assert not (night / "mflats").exists()
    assert flat(night).code == 0
    first = hashes(night / "mflats")
    refused = flat(night)
    assert refused.code == 5
    assert MFLAT in refused.error
    kept = flat(night, "--resume")
    assert kept.code == 0
    assert "up to date" in kept.stdout
    assert "5 pairs of 11 frames" in kept.stdout
    assert hashes(night / "mflats") == first
    assert flat(night, "--overwrite").code == 0
    assert hashes(night / "mflats")[MFLAT] == first[MFLAT]
    # An input that has changed is reason to make it again.
    edit(night / "C1" / "00000122C1.ramp.fits", OBSERVER="somebody")
    again = flat(night, "--resume")
    assert "master flats: done" in again.stdout


def test_every_band_and_chip_has_its_flat(night: Path, tmp_path: Path) -> None:
    for k in range(4):
        when = EVENING + timedelta(seconds=1000 + 70 * k)
        ramp(night, 2000 + k, when, 900.0 * 0.7**k, FILTER2="H")
        ramp(night, 2000 + k, when, 900.0 * 0.7**k, FILTER2="H", CHIP=2)
    out = tmp_path / "out"
    done = flat(night, "-o", out, "-j", 2)
    assert done.code == 0, done.stderr
    made = {name for name in names(out) if name.endswith(".fits")}
    assert made == {MFLAT, "mflat.H.20241017.C1.fits", "mflat.H.20241017.C2.fits"}
    assert "a median of 2 pairs" in done.stdout
    assert flat(night, "-o", tmp_path / "one", "-chip", 2, "-band", "h").code == 0
    assert {name for name in names(tmp_path / "one") if name.endswith(".fits")} == {
        "mflat.H.20241017.C2.fits"
    }
    assert (
        fits.getdata(tmp_path / "one" / "mflat.H.20241017.C2.fits").tobytes()
        == fits.getdata(out / "mflat.H.20241017.C2.fits").tobytes()
    )


def test_several_nights_make_a_flat_of_their_own_name(night: Path) -> None:
    for k in range(4):
        ramp(night, 3000 + k, EVENING + timedelta(days=9, seconds=70 * k), 900.0 * 0.7**k)
    assert flat(night).code == 0
    assert "sflat.J.20241017-20241026.C1.fits" in names(night / "mflats")
    assert choose_flat(night / "mflats", "J", 1, date(2024, 10, 20)).name.startswith("sflat")


def test_a_broken_frame_is_refused_or_left_out(night: Path) -> None:
    path = night / "C1" / "00000122C1.ramp.fits"
    path.write_bytes(path.read_bytes()[:20000])
    done = flat(night)
    assert done.code == 3
    assert path.name in done.error
    assert not [name for name in names(night / "mflats") if name.endswith(".fits")]
    done = flat(night, "--keep-going")
    assert done.code == 6
    assert "  chip 1, J: 5 pairs of 10 frames, light " in done.stdout
    manifest = json.loads((night / "mflats" / MFLAT.replace(".fits", ".manifest.json")).read_text())
    assert manifest["status"] == "partial"
    assert any(unit["status"] == "failed" and path.name in unit["name"] for unit in manifest["units"])


def test_a_saturated_frame_is_skipped_for_its_own_fault(night: Path) -> None:
    full = "00000122C1.ramp.fits"
    with fits.open(night / "C1" / full, mode="update") as hdus:
        hdus[0].data[:] = 65535
    done = flat(night)
    assert done.code == 0, done.stderr
    manifest = json.loads((night / "mflats" / MFLAT.replace(".fits", ".manifest.json")).read_text())
    units = {Path(unit["name"]).name: unit for unit in manifest["units"]}
    partner = units[units[full]["values"]["partner"]]
    assert (units[full]["status"], partner["status"]) == ("skipped", "skipped")
    assert units[full]["reason"] == "all of its pixels are saturated or invalid"
    assert partner["reason"] == "all pixels of its partner are saturated or invalid"
    assert sum(unit["status"] == "used" for unit in units.values()) == 8


def test_what_cannot_make_a_flat_is_told(night: Path, tmp_path: Path) -> None:
    done = run_here("prime", "flat")
    assert (done.code, "-parent" in done.error) == (2, True)
    for command in ("flat", "stack"):
        done = run_here("prime", command, "-parent", tmp_path / "nowhere", "-chip", "all")
        assert (done.code, "nowhere: no such folder (-parent names" in done.error) == (3, True)
    done = flat(night, "-band", "H")
    assert (done.code, "none of them a flat in H" in done.error) == (4, True)
    done = flat(night, "-chip", 3)
    assert (done.code, "no such folder" in done.error) == (3, True)
    sky = tmp_path / "sky"
    for k in range(4):
        ramp(sky, 10 + k, EVENING, 500.0, OBJNAME="GRB", OBJTYPE="Object")
    done = flat(sky)
    assert done.code == 4
    assert "--frames all" in done.error
    # Frames of one light are no flats, whatever they are called; only noise differs.
    alone = tmp_path / "alone"
    ramp(alone, 1, EVENING, 500.0)
    done = flat(alone)
    assert done.code == 4
    assert "no two of one twilight" in done.error
