"""Tables of the IDL program, of the archive and of real stars, against the response functions."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.irac.choice import Chosen, Mission, choose, factors
from photomitrus_cli.irac.corrections import Coefficients, array_location

Float = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]

NO_CORRECTION = Chosen("none", "none")
# Aperture of the tables of HD 165459 and of those of subarray stars.
FULL_APERTURE, SUBARRAY_APERTURE = (10.0, 12.0, 20.0), (5.0, 5.0, 10.0)
SUBARRAY_SET = "michaela_warm_sub_ch1"
# The subarray stars have three frames an observation more often than four.
FEWEST, FEWEST_SUBARRAY = 4, 3


@cache
def read_columns(path: Path) -> Columns:
    """Read a CSV table; cells stay text."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def numbers(column: NDArray[Any]) -> Float:
    """Turn cells into numbers, NaN where they are empty."""
    return np.array([float(cell) if cell else np.nan for cell in column])


def grid_differences(tables: Path, mission: Mission, coefficients: Coefficients) -> Float:
    """Compare corrected fluxes with those of the IDL program at the positions of the grid.

    Parameters
    ----------
    tables : Path
        Folder of the tables.
    mission : {'cryo', 'warm', 'hora', 'reach'}
        Of warm channels 3 and 4, which the program leaves alone, there is nothing to compare.
    coefficients : {'decimal', 'idl'}

    Returns
    -------
    ndarray of float64, shape (n,)
        Relative, absolute values.
    """
    grid = read_columns(tables / "aphot_corr_grid.csv")
    found = []
    for channel in (1, 2, 3, 4) if mission != "warm" else (1, 2):
        for subarray in (False, True):
            rows = (grid["mode"] == mission) & (grid["channel"] == str(channel))
            rows &= grid["subarray"] == str(int(subarray))
            x, y, flux, truth = (numbers(grid[name][rows]) for name in ("x", "y", "flux", "corrected"))
            chosen = choose(mission, channel, subarray=subarray)
            r_al, r_pp = factors(x, y, channel, chosen, subarray=subarray, coefficients=coefficients)
            found.append(np.abs(flux / (r_al * r_pp) / truth - 1.0))
    return np.concatenate(found)


def frame_differences(tables: Path, name: str, coefficients: Coefficients) -> dict[str, Float]:
    """Compare real fluxes corrected by the IDL program, relative, by column of its results.

    Parameters
    ----------
    tables : Path
    name : {'full', 'sub'}
        Of the table of frames of channel 1.
    coefficients : {'decimal', 'idl'}

    Returns
    -------
    dict of str to ndarray of float64
    """
    table = read_columns(tables / f"idl_perframe_{name}.csv")
    x, y, flux = (numbers(table[column]) for column in ("Xc", "Yc", "Res_Flux"))
    found = {}
    for column in (column for column in table if column.startswith("idl_")):
        subarray = column.endswith("_sub")
        chosen = choose("warm" if "warm" in column else "cryo", 1, subarray=subarray)
        r_al, r_pp = factors(x, y, 1, chosen, subarray=subarray, coefficients=coefficients)
        found[column] = np.abs(flux / (r_al * r_pp) / numbers(table[column]) - 1.0)
    return found


def image_differences(tables: Path, channel: int) -> Float:
    """Compare the cryogenic array location with the archive's image of its inverse, relative, by pixel."""
    image = fits.getdata(tables / "corrections" / f"ch{channel}_photcorr_rj.fits")
    y, x = np.mgrid[0:256, 0:256]
    inverse = 1.0 / array_location(x, y, channel, "cryo", coefficients="idl")
    return np.asarray(np.abs(image / (inverse / inverse.mean()) - 1.0))


def warm_image_differences(tables: Path, channel: int) -> Float:
    """Compare the warm array location of 2010 likewise; the image is in single precision."""
    image = fits.getdata(tables / "corrections" / f"ch{channel}_photcorr_warm2010_ap5.fits").astype(float)
    y, x = np.mgrid[0:256, 0:256]
    product = array_location(x, y, channel, "warm2010") * image
    return np.asarray(np.abs(product / product.mean() - 1.0))


def scatters(table: Columns, corrected: Float, fewest: int) -> Float:
    """Give the scatter within each observation.

    Parameters
    ----------
    table : mapping of str to ndarray
        Frames; ``row`` tells observations apart.
    corrected : ndarray of float, shape (n,)
        Fluxes, NaN where there is none.
    fewest : int
        Observations with fewer fluxes are left out.

    Returns
    -------
    ndarray of float64
        Sample standard deviation over mean, per cent, after one clip at 5 x 1.4826 median absolute
        deviations.
    """
    found = []
    for aor in np.unique(table["row"]):
        values = corrected[(table["row"] == aor) & np.isfinite(corrected)]
        if values.size < fewest:
            continue
        distance = np.abs(values - np.median(values))
        kept = values[distance <= 5 * 1.4826 * np.median(distance)]
        if kept.size > 1:
            found.append(100 * kept.std(ddof=1) / kept.mean())
    return np.array(found)


def hd165459_scatters(tables: Path, mission: Mission, channel: int, chosen: Chosen) -> Float:
    """Give the scatters of HD 165459 on full frames with some functions, per cent."""
    table = _of_set(read_columns(tables / "hd165459_frames.csv"), f"hd_{mission}_ch{channel}")
    r_al, r_pp = factors(numbers(table["x"]), numbers(table["y"]), channel, chosen)
    return scatters(table, numbers(table["flux"]) / (r_al * r_pp), FEWEST)


def subarray_scatters(tables: Path, chosen: Chosen) -> Float:
    """Give the scatters of the subarray stars (warm, channel 1) with some functions, per cent."""
    table = _of_set(read_columns(tables / "subarray_frames.csv"), SUBARRAY_SET)
    r_al, r_pp = factors(numbers(table["x"]), numbers(table["y"]), 1, chosen, subarray=True)
    return scatters(table, numbers(table["flux"]) / (r_al * r_pp), FEWEST_SUBARRAY)


def _of_set(table: Columns, name: str) -> Columns:
    return {column: cells[table["set"] == name] for column, cells in table.items()}


def radius_ratios(tables: Path, mission: str) -> dict[str, Float]:
    """Read the seed's aperture-corrected fluxes of HD 165459 over those of 10 px less 12-20 px.

    Parameters
    ----------
    tables : Path
    mission : {'cryo', 'warm'}

    Returns
    -------
    dict of str to ndarray of float64
        By aperture, written 3,3,7; one ratio per observation.
    """
    table = read_columns(tables / f"rad_test_hd_{mission}.csv")
    fluxes = {
        name.strip("()").replace(" ", ""): np.array([float(cell.split()[0]) for cell in cells])
        for name, cells in table.items()
        if name.startswith("(")
    }
    return {name: values / fluxes["10,12,20"] for name, values in fluxes.items()}
