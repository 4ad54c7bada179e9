"""The table of images of a photometry run: one row per image, target and aperture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.irac.measure import Flag
from photomitrus_cli.irac.photaors import Judged
from photomitrus_cli.irac.photflux import Fluxes
from photomitrus_cli.irac.photsettings import PhotSettings
from photomitrus_cli.irac.targets import Target

if TYPE_CHECKING:
    from astropy.table import Table

Columns = Mapping[str, NDArray[Any]]
# Flags of the original's own columns, Y or N.
_SEED_FLAGS = {
    "Coord Conversion Issue": Flag.NO_POSITION,
    "Centroiding Issue": Flag.CENTROID_FAILED,
    "Bad Center Guess": Flag.FAR_FROM_TARGET,
    "Not In FOV": Flag.OFF_FIELD,
    "Ap Out Of Bound": Flag.OFF_EDGE | Flag.OFF_FIELD,
}


@dataclass(frozen=True)
class Measurements:
    """Everything that the tables are made of.

    Attributes
    ----------
    columns : mapping of str to ndarray, shape (n,)
        As measured.
    fluxes : Fluxes
    judged : Judged
    targets : tuple of Target
    settings : PhotSettings
    """

    columns: Columns
    fluxes: Fluxes
    judged: Judged
    targets: tuple[Target, ...]
    settings: PhotSettings

    def radii(self, aperture: int) -> str:
        """Write an aperture as in the tables: 10,12,20."""
        return ",".join(f"{radius:g}" for radius in self.settings.apertures[aperture])


@dataclass(frozen=True)
class PhotColumn:
    """A column of a table.

    Attributes
    ----------
    name, unit, description : str
        The unit may be empty.
    values : callable
        Gives a value of each row.
    """

    name: str
    unit: str
    description: str
    values: Callable[[Measurements], Any]


def _plain(field: str) -> Callable[[Measurements], Any]:
    return lambda one: one.columns[field]


def _flux(field: str) -> Callable[[Measurements], Any]:
    return lambda one: getattr(one.fluxes, field)


def _file_numbers(one: Measurements) -> NDArray[np.int64]:
    """Give each image its number within AOR, target and aperture, from 1."""
    counts: dict[tuple[int, ...], int] = {}
    names = ("target", "aorkey", "channel", "aperture")
    numbers = []
    for key in zip(*(one.columns[name].tolist() for name in names), strict=True):
        counts[key] = counts.get(key, 0) + 1
        numbers.append(counts[key])
    return np.array(numbers, dtype=np.int64)


def _seed_flag(flag: Flag) -> Callable[[Measurements], Any]:
    return lambda one: np.where((one.columns["flags"] & int(flag)) != 0, "Y", "N")


def _flag_words(one: Measurements) -> list[str]:
    words = {}
    for flags in np.unique(one.columns["flags"]).tolist():
        names = [str(flag.name) for flag in Flag if flag in Flag(flags)]
        words[flags] = "|".join(names)
    found = [words[flags] for flags in one.columns["flags"].tolist()]
    return [
        f"{text}|ABOVE_LIMIT".lstrip("|") if above else text
        for text, above in zip(found, one.fluxes.above_limit.tolist(), strict=True)
    ]


def _target(field: str) -> Callable[[Measurements], Any]:
    return lambda one: [getattr(one.targets[number], field) for number in one.columns["target"].tolist()]


_PX_FLUX = "MJy pix / sr"
_IMAGE = (
    PhotColumn("File#", "", "number of the image within AOR, target and aperture", _file_numbers),
    *(
        PhotColumn(name, "", f"Y where this happened: {name.lower()}", _seed_flag(flag))
        for name, flag in _SEED_FLAGS.items()
    ),
    PhotColumn("Xc", "pix", "centroid x, 0-based, native pixels", _plain("x")),
    PhotColumn("Yc", "pix", "centroid y, 0-based, native pixels", _plain("y")),
    PhotColumn("Fx", "pix", "full width at half maximum along x", _plain("fwhm_x")),
    PhotColumn("Fy", "pix", "full width at half maximum along y", _plain("fwhm_y")),
    PhotColumn("Time[MJD]", "d", "MJD_OBS", _plain("mjd")),
    PhotColumn("Raw_Flux", _PX_FLUX, "sum in the aperture", _plain("raw")),
    PhotColumn(
        "Bkg_Flux",
        _PX_FLUX,
        "background in the aperture",
        lambda one: one.columns["raw"] - one.columns["net"],
    ),
    PhotColumn("Res_Flux", _PX_FLUX, "sum less background, before corrections", _plain("net")),
    PhotColumn("AORKEY", "", "key of the observation", _plain("aorkey")),
    PhotColumn("Target", "", "name of the target", _target("name")),
    PhotColumn("Channel", "", "IRAC channel", _plain("channel")),
    PhotColumn(
        "Aperture",
        "pix",
        "radius, inner and outer radius of the annulus, native pixels",
        lambda one: [one.radii(k) for k in one.columns["aperture"].tolist()],
    ),
    PhotColumn("File", "", "name of the frame", _plain("file")),
    PhotColumn("EXPID", "", "exposure number", _plain("expid")),
    PhotColumn("DCENUM", "", "number within the exposure", _plain("dcenum")),
    PhotColumn("Plane", "", "plane of a subarray cube, 0-based; -1 for a whole image", _plain("plane")),
    PhotColumn("Mission", "", "CRYO or WARM", lambda one: np.char.upper(one.fluxes.mission)),
    PhotColumn("Read Mode", "", "FULL or SUB", _plain("readmode")),
    PhotColumn("FTime (sec)", "s", "FRAMTIME", _plain("framtime_s")),
    PhotColumn("Xc_err", "pix", "standard error of Xc", _plain("x_err")),
    PhotColumn("Yc_err", "pix", "standard error of Yc", _plain("y_err")),
    PhotColumn("Offset", "pix", "distance of the centroid from the target by the WCS", _plain("offset_px")),
    PhotColumn("Background", "MJy / sr", "level of the annulus", _plain("background")),
    PhotColumn("Background_err", "MJy / sr", "standard error of the level", _plain("background_err")),
    PhotColumn("Sky_sigma", "MJy / sr", "scatter of the pixels of the annulus", _plain("sky_sigma")),
    PhotColumn("N_background", "", "pixels of the annulus used", _plain("n_background")),
    PhotColumn("Bad_area", "pix2", "area of the bad pixels in the aperture", _plain("bad_area")),
    PhotColumn(
        "Repaired_Flux", _PX_FLUX, "estimate of the light on bad pixels, part of Raw_Flux", _plain("repaired")
    ),
    PhotColumn(
        "Flux_uncorrected (mJy)",
        "mJy",
        "Res_Flux as a flux density, before corrections",
        _flux("uncorrected"),
    ),
    PhotColumn("R_al", "", "array-location response, divided by", _flux("r_al")),
    PhotColumn("R_pp", "", "pixel-phase response, divided by", _flux("r_pp")),
    PhotColumn("Ap_corr", "", "aperture correction, multiplied by", _flux("ap_corr")),
    PhotColumn(
        "Calibration", "", "factor for versions with a wrong FLUXCONV, multiplied by", _flux("calibration")
    ),
    PhotColumn("Flux (mJy)", "mJy", "corrected flux density", _flux("flux")),
    PhotColumn("Error (mJy)", "mJy", "its standard error: pixels, background, centroid", _flux("err")),
    PhotColumn(
        "Photon_err", _PX_FLUX, "part of the error: noise of the pixels in the aperture", _plain("photon_err")
    ),
    PhotColumn(
        "Background_part_err",
        _PX_FLUX,
        "part of the error: level of the background",
        _plain("background_part_err"),
    ),
    PhotColumn("Repair_err", _PX_FLUX, "part of the error: estimates for bad pixels", _plain("repair_err")),
    PhotColumn("Centroid_err", _PX_FLUX, "part of the error: place of the aperture", _plain("centroid_err")),
    PhotColumn("Phase_err (mJy)", "mJy", "part of the error: place within the pixel", _flux("phase_err")),
    PhotColumn("Flags", "", "what was noticed, by name", _flag_words),
    PhotColumn(
        "Used",
        "",
        "Y where the flux is part of that of its AOR",
        lambda one: np.where([not reason for reason in one.judged.reasons], "Y", "N"),
    ),
    PhotColumn("Reason", "", "why it is not", lambda one: one.judged.reasons),
)


def image_table(one: Measurements) -> Table:
    """Make the table of images.

    Parameters
    ----------
    one : Measurements

    Returns
    -------
    astropy.table.Table
        A row for each image, target and aperture.
    """
    return table_of(one, _IMAGE)


def table_of(one: Measurements, columns: Sequence[PhotColumn]) -> Table:
    """Make a table of measurements.

    Parameters
    ----------
    one : Measurements
    columns : sequence of PhotColumn

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column, Table

    made = [
        Column(column.values(one), name=column.name, unit=column.unit or None, description=column.description)
        for column in columns
    ]
    return Table(made, meta={"functions": list(one.fluxes.functions)})


def problem_aors(one: Measurements) -> list[int]:
    """Give the keys of the AORs that have a target without any usable frame in any frame time.

    Parameters
    ----------
    one : Measurements

    Returns
    -------
    list of int
        Ascending.
    """
    good: set[tuple[int, ...]] = set()
    every: set[tuple[int, ...]] = set()
    for group in one.judged.groups:
        first = group.rows[0]
        key = tuple(int(one.columns[name][first]) for name in ("aorkey", "target", "channel", "aperture"))
        every.add(key)
        if group.flux is not None:
            good.add(key)
    return sorted({key[0] for key in every - good})
