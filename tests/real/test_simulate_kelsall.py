"""The simulator's zodiacal light against the tables of the DIRBE Zodiacal Light Prediction Software."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from photomitrus_cli.simulate.kelsall import zodi_brightness

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

Floats = npt.NDArray[np.float64]
MJD_DAY_0 = 47891.0  # day 1 is 1 January 1990
BANDS = (1.25, 2.2, 3.5, 4.9, 12.0, 25.0, 60.0, 100.0, 140.0, 240.0)


def software_earth(day: float) -> Floats:
    """Where the software has the Earth: its longitudes count from the equinox of 1990."""
    anomaly = math.radians(356.637087 + 0.98560028 * day)
    sun = math.radians(-80.598349 + 0.98564736 * day + 1.912 * math.cos(2 * math.pi * (day - 94.8) / 365.25))
    radius = (1 - 0.01671254**2) / (1 + 0.01671254 * math.cos(anomaly))
    return np.array([-radius * math.cos(sun), -radius * math.sin(sun), 0.0])


def errors(real_data: Path, wavelength: float, *, own_earth: bool) -> Floats:
    """Relative differences from the table's ten lines of sight."""
    table = np.genfromtxt(real_data / "zodi" / "dirbe_zodi_tabulated.csv", delimiter=",", names=True)
    rows = table[table["wavelength_um"] == wavelength]
    assert rows.size == 10
    found = []
    for row in rows:
        lon, lat = np.radians([row["ecliptic_lon_deg"], row["ecliptic_lat_deg"]])
        direction = np.array([[np.cos(lat) * np.cos(lon)], [np.cos(lat) * np.sin(lon)], [np.sin(lat)]])
        day = float(row["day_of_1990"])
        observer = None if own_earth else software_earth(day)
        light = zodi_brightness(direction, MJD_DAY_0 + day, wavelength, observer=observer)[0]
        found.append(light / row["emission_MJy_sr"] - 1)
    return np.array(found)


@pytest.mark.parametrize("wavelength", BANDS)
def test_tables_are_met(real_data: Path, wavelength: float) -> None:
    assert np.max(np.abs(errors(real_data, wavelength, own_earth=True))) < 0.0075


@pytest.mark.parametrize("wavelength", BANDS)
def test_tables_are_met_closely_from_the_same_place(real_data: Path, wavelength: float) -> None:
    assert np.max(np.abs(errors(real_data, wavelength, own_earth=False))) < 0.002
