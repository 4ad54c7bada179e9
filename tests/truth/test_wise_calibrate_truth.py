"""Simulated frames through `wise filter`, `wise coadd` and `wise calibrate`, against the sky behind them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.calibtruth import HOLDING, calibrate, far_from_plane, map_errors, read_sky, scan_errors
from truthkit.framesurvey import coadd_survey, make_survey, true_sky

from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.wise.calibtableread import read_calibration
from photomitrus_cli.wise.samples import PLANET

pytestmark = pytest.mark.xdist_group("truth")

BAND, NSIDE = 3, 128
# Every sixth frame of eight scans; four of them meet Jupiter, the others pass the Moon.
MOON_DEG = (182.0, 45.0)
SURVEY: dict[str, Any] = {
    "n_scans": 8,
    "frame_step": 6,
    "frame_px": 32,
    "start_mjd": 55370.5,
    "moon_ecliptic_deg": list(MOON_DEG),
    "odd_scans": 1,
}


@dataclass(frozen=True)
class Made:
    """A survey and its calibration."""

    folder: Path
    maps: Path
    output: Path
    simulation: WiseSimulation
    sky: PartialMap


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("frames") / "survey"
    simulation = make_survey(folder, band=BAND, **SURVEY)
    maps = coadd_survey(folder, band=BAND, nside=NSIDE)
    output = calibrate(folder, maps, band=BAND, **HOLDING)
    return Made(folder, maps, output, simulation, read_sky(output, BAND))


def test_moonlit_frames_are_refused(made: Made) -> None:
    frames = Table.read(made.maps / f"w{BAND}_frames.ecsv", format="ascii.ecsv")
    truth = Table.read(made.folder / "truth" / "truth_frames.ecsv", format="ascii.ecsv")
    moonlight = {
        f"{row['scan_id']}{row['frame_num']}": float(row["stray_high"])
        for row in truth
        if row["moon_sep"] < 30
    }
    refused = {str(row["frame"]) for row in frames if row["status"] != "used"}
    used = {str(row["frame"]) for row in frames} - refused
    assert len(refused) > 30
    assert refused <= moonlight.keys()
    # The noise of a pixel is 23 DN, that of the mean of a frame 0.7 DN; the Moon itself is 2700 DN bright.
    assert max(moonlight.get(name, 0.0) for name in used) < 25.0


def test_scans_whose_offset_jumps_are_refused(made: Made) -> None:
    truth = Table.read(made.folder / "truth" / "truth_scans.ecsv", format="ascii.ecsv")
    table, _ = read_calibration(made.output / f"w{BAND}_calibration.ecsv")
    odd = {str(row["scan_id"]) for row in truth if row["jump"] != 0.0}
    assert len(odd) == 1
    assert set(table.scan[~table.accepted].tolist()) == odd
    assert "along it" in table.reason[~table.accepted][0]


def test_planets_are_left_out(made: Made) -> None:
    marked = (made.sky.columns["MASK"] & PLANET) != 0
    assert 3 <= marked.sum() < 40
    light = np.isfinite(made.sky.columns["SKY"])
    error = made.sky.columns["SKY"][light] - true_sky(made.simulation, BAND, made.sky.pixels[light], NSIDE)
    # A planet puts 2000 DN, 27 MJy/sr, into its middle.
    assert np.abs(error[far_from_plane(made.sky)[light]]).max() < 1.0


def test_sky_and_gains_are_the_true_ones(made: Made) -> None:
    found = map_errors(made.simulation, BAND, made.sky, far_from_plane(made.sky))
    assert found.n > 300
    # The zodiacal light that was taken off is 9 to 36 MJy/sr, and the true sky 0.3 to 0.9.
    assert found.rms < 0.1
    assert abs(found.monopole) < 0.3
    assert 0.4 < found.chi2_stated < 2.5
    scans = scan_errors(made.folder, made.output, BAND)
    assert abs(scans.gain_mean) < 0.01
    assert scans.gain_rms < 0.0015
    assert scans.offset_rms < 4.0
