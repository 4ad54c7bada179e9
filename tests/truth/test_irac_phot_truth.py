"""Photometry of simulated fields against the simulator's truth (reduced variants of ``make truth``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.photometry import robust_sigma
from truthkit.runs import CLEAN_FIELD, simulate

from photomitrus_cli.irac.phot import photometer

pytestmark = pytest.mark.xdist_group("truth")

# Stars so far apart that none lights the annulus of another, and none of the accidents that reject a frame:
# what is left is noise.
FIELD = CLEAN_FIELD | {
    "grid_spacing_arcsec": 65.0,
    "n_aors": 1,
    "dithers_per_aor": 10,
    "field_size_arcmin": 0.0,
    "dither_rms_arcsec": 8.0,
    "frame_times_s": [30.0],
    "flux_convention": "aperture",
    "cosmic_ray_rate": 0.0,
    "bad_pixels_nan": 0,
    "bad_pixels_hot": 0,
    "truth_image": False,
    "header_cards": 100,
}
# Above the noise by a hundred, below saturation.
FLUX = {1: (3000.0, 9000.0), 2: (3000.0, 9000.0), 3: (10000.0, 30000.0), 4: (20000.0, 50000.0)}


def simulated(folder: Path, channel: int, mission: str, **more: Any) -> tuple[Path, Table]:
    low, high = FLUX[channel]
    values = FIELD | {"flux_min_ujy": low, "flux_max_ujy": high} | more
    simulate(folder, channel=channel, mission=mission, sip=mission, seed=3 + channel, **values)
    return folder, Table.read(folder / "truth" / "truth_sources.ecsv")


def measure(folder: Path, stars: Table, **keys: Any) -> Table:
    """Measure all stars on all frames; give the images that were used, with the true fluxes."""
    pairs = Table({"AOR Filepath": ["."] * len(stars), "ra": stars["ra"], "dec": stars["dec"]})
    pairs["name"] = [str(number) for number in stars["id"]]
    pairs.write(folder / "pairs.ecsv", overwrite=True)
    _, images, _ = photometer([folder / "pairs.ecsv"], filetype="cbcd", **keys)
    flux = dict(zip(map(str, stars["id"]), stars["flux"], strict=True))
    used = images[images["Used"] == "Y"]
    used["truth"] = [flux[name] / 1000.0 for name in used["Target"]]
    return used


@pytest.mark.parametrize(("channel", "mission"), [(1, "cryo"), (2, "warm"), (3, "cryo"), (4, "cryo")])
def test_fluxes_are_true_and_scatter_as_their_errors_say(channel: int, mission: str, tmp_path: Path) -> None:
    folder, stars = simulated(tmp_path / "field", channel, mission)
    used = measure(folder, stars, apertures=[(10, 12, 20)], functions="seed", centroid="fixed")
    assert len(used) > 150
    ratio = np.array(used["Flux (mJy)"] / used["truth"])
    assert abs(np.median(ratio) - 1.0) < 0.0015
    pulls = np.array((used["Flux (mJy)"] - used["truth"] * np.median(ratio)) / used["Error (mJy)"])
    # Of 240 values the scatter is known to 5 %.
    assert pulls.std() == pytest.approx(1.0, abs=0.15)


def test_the_responses_are_taken_off(tmp_path: Path) -> None:
    """Without the corrections the fluxes scatter by per cents, with them by their noise; no sign is wrong."""
    folder, stars = simulated(tmp_path / "field", 1, "warm", flux_min_ujy=8000.0, flux_max_ujy=20000.0)
    keys: dict[str, Any] = {"apertures": [(10, 12, 20)], "functions": "seed", "centroid": "fixed"}
    spread = {}
    switches: dict[str, dict[str, Any]] = {
        "raw": {"array_location": False, "pixel_phase": False},
        "al": {"pixel_phase": False},
        "both": {},
    }
    for name, more in switches.items():
        used = measure(folder, stars, **keys, **more)
        spread[name] = robust_sigma(np.array(used["Flux (mJy)"] / used["truth"]))
    assert spread["raw"] > 0.015
    assert spread["both"] < 0.15 * spread["raw"]
    assert spread["both"] < spread["al"] < spread["raw"]


def test_small_apertures_and_centroids(tmp_path: Path) -> None:
    """By first moments the phase is known less well; the aperture correction is of another point spread."""
    folder, stars = simulated(tmp_path / "field", 2, "warm")
    used = measure(folder, stars, apertures=[(3, 3, 7)], functions="seed")
    ratio = np.array(used["Flux (mJy)"] / used["truth"])
    assert abs(np.median(ratio) - 1.0) < 0.01
    assert robust_sigma(ratio) < 0.008
    assert np.median(used["Offset"]) < 0.05
