"""From sums of pixels to flux densities: every correction as a factor, every error as a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.irac.apcorr import calibration_factor, lookup, mjy_per_sum
from photomitrus_cli.irac.choice import Chosen, choose, factors
from photomitrus_cli.irac.photsettings import Aperture, PhotSettings
from photomitrus_cli.irac.saturation import is_saturated

Float = NDArray[np.float64]
Columns = Mapping[str, NDArray[Any]]
Mission = Literal["cryo", "warm"]

# The cryogen ran out on 2009-05-15.
CRYO_END_MJD = 54966.0
SUBARRAY = "SUB"
_STEP_PX = 0.01
# The response within the pixel also moves centroids: fluxes of bright simulated stars in channel 1 scatter as
# if both axes had this error beside that of the noise, pixels.
_CENTROID_FLOOR_PX = 0.009
# Relative scatter of the light of a noise-free star in apertures of 3 px and less with the place within its
# pixel, beside that of the response, by channel (simulated stars, 3 3 7). From 4 px on it is below 0.05 %.
_EDGE_RADIUS_PX = 3.5
_EDGE_SCATTER = {1: 0.0008, 2: 0.0010, 3: 0.0019, 4: 0.0011}


@dataclass(frozen=True, eq=False)
class Fluxes:
    """Flux densities of all rows, shape (n,).

    Attributes
    ----------
    mission : ndarray of str
        ``cryo`` or ``warm``, by the date of each frame; without a date warm.
    r_al, r_pp : ndarray of float64
        Responses that the flux was divided by; 1 where switched off.
    ap_corr : ndarray of float64
        Aperture correction that it was multiplied by; 1 where switched off.
    calibration : ndarray of float64
        Factor for pipeline versions with a wrong FLUXCONV; 1 for all others.
    uncorrected : ndarray of float64
        Net flux in mJy before all of these.
    flux, err : ndarray of float64
        mJy.
    phase_err : ndarray of float64
        Part of the error by the place within the pixel, mJy: the error of the position in the pixel-phase
        response, and what undersampling does to small apertures.
    above_limit : ndarray of bool
        Whether the flux is above what saturates the brightest pixel in the frame time.
    functions : tuple of str
        What was used, each once, for log and tables.
    """

    mission: NDArray[np.str_]
    r_al: Float
    r_pp: Float
    ap_corr: Float
    calibration: Float
    uncorrected: Float
    flux: Float
    err: Float
    phase_err: Float
    above_limit: NDArray[np.bool_]
    functions: tuple[str, ...]


@dataclass(frozen=True)
class _Group:
    """Rows that share all factors but those of the position."""

    rows: NDArray[np.intp]
    channel: int
    mission: Mission
    subarray: bool
    aperture: int


def calibrate(columns: Columns, settings: PhotSettings) -> Fluxes:
    """Correct and convert all rows.

    ``flux = net x area x 1e9 / 206265^2 x ap_corr x calibration / (R_al R_pp)``, in mJy (IRAC Instrument
    Handbook, sections 4.5, 4.7, 4.10).

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        Of `photomitrus_cli.irac.photrows.columns_of`.
    settings : PhotSettings

    Returns
    -------
    Fluxes

    Raises
    ------
    ConfigError
        When there is no aperture correction or no function for a group of frames.
    """
    n = columns["net"].size
    mission = np.array([_mission(mjd) for mjd in columns["mjd"].tolist()], dtype=np.str_)
    r_al, r_pp, ap_corr, scale, relative = np.ones(n), np.ones(n), np.ones(n), np.ones(n), np.zeros(n)
    above = np.zeros(n, dtype=np.bool_)
    used: dict[str, None] = {}
    for group in _groups(columns, mission):
        rows = group.rows
        chosen = _chosen(group, settings)
        used[_telling(group, chosen, settings.apertures)] = None
        x, y = columns["x"][rows], columns["y"][rows]
        r_al[rows], r_pp[rows] = _responses(x, y, group, chosen, settings)
        relative[rows] = _phase_error(
            x, y, columns["x_err"][rows], columns["y_err"][rows], group, chosen, settings
        )
        ap_corr[rows] = _aperture_correction(group, settings)
        scale[rows] = mjy_per_sum(group.channel)
    calibration = np.array(
        [
            calibration_factor(str(c), int(k))
            for c, k in zip(columns["creator"], columns["channel"], strict=True)
        ],
        dtype=np.float64,
    )
    uncorrected = columns["net"] * scale
    factor = ap_corr * calibration / (r_al * r_pp)
    flux = uncorrected * factor
    phase_err = np.abs(flux) * relative
    err = np.hypot(columns["net_err"] * scale * np.abs(factor), phase_err)
    for group in _groups(columns, mission):
        rows = group.rows
        if group.mission == "cryo" or group.channel <= 2:
            above[rows] = is_saturated(flux[rows], group.channel, columns["framtime_s"][rows], group.mission)
    return Fluxes(
        mission, r_al, r_pp, ap_corr, calibration, uncorrected, flux, err, phase_err, above, tuple(used)
    )


def check_corrections(frames: Iterable[tuple[int, float]], settings: PhotSettings) -> None:
    """Make sure before the work that all corrections exist.

    Parameters
    ----------
    frames : iterable of (int, float)
        Channel and MJD of each frame.
    settings : PhotSettings

    Raises
    ------
    ConfigError
        As `calibrate`.
    """
    for channel, mission in sorted({(channel, _mission(mjd)) for channel, mjd in frames}):
        for aperture in range(len(settings.apertures)):
            for subarray in (False, True):
                group = _Group(np.empty(0, dtype=np.intp), channel, mission, subarray, aperture)
                _chosen(group, settings)
            _aperture_correction(group, settings)


def _mission(mjd: float) -> Mission:
    return "cryo" if mjd < CRYO_END_MJD else "warm"


def _groups(columns: Columns, mission: NDArray[np.str_]) -> Iterator[_Group]:
    """Give the rows of each channel, mission, read mode and aperture, in a fixed order."""
    subarray = columns["readmode"] == SUBARRAY
    keys = list(
        zip(
            columns["channel"].tolist(),
            mission.tolist(),
            subarray.tolist(),
            columns["aperture"].tolist(),
            strict=True,
        )
    )
    for channel, phase, small, aperture in sorted(set(keys)):
        rows = np.flatnonzero(
            (columns["channel"] == channel)
            & (mission == phase)
            & (subarray == small)
            & (columns["aperture"] == aperture)
        )
        yield _Group(rows, channel, phase, small, aperture)


def _chosen(group: _Group, settings: PhotSettings) -> Chosen:
    """Choose the response functions of a group."""
    if group.mission == "warm" and group.channel > 2:
        # No such data were taken; whoever has some anyway gets them uncorrected, and is told.
        return choose("warm", group.channel, functions="none")
    chosen = choose(
        group.mission,
        group.channel,
        subarray=group.subarray,
        aperture=settings.apertures[group.aperture],
        functions=settings.functions,
        spectrum=settings.spectrum,
    )
    if not settings.array_location:
        chosen = replace(chosen, array="none")
    if not settings.pixel_phase:
        chosen = replace(chosen, phase="none", aperture=None)
    return chosen


def _telling(group: _Group, chosen: Chosen, apertures: Sequence[Aperture]) -> str:
    radii = "/".join(f"{radius:g}" for radius in apertures[group.aperture])
    mode = "subarray" if group.subarray else "full array"
    return f"channel {group.channel} {group.mission} {mode}, aperture {radii}: {chosen}"


def _responses(
    x: Float, y: Float, group: _Group, chosen: Chosen, settings: PhotSettings
) -> tuple[Float, Float]:
    return factors(x, y, group.channel, chosen, subarray=group.subarray, coefficients=settings.coefficients)


def _phase_error(
    x: Float, y: Float, x_err: Float, y_err: Float, group: _Group, chosen: Chosen, settings: PhotSettings
) -> Float:
    """Give the relative error of a flux by the place within the pixel: response, and edge of the aperture."""

    def phase(dx: float, dy: float) -> Float:
        """Give the response to the place within the pixel, some pixels from where the stars are."""
        return _responses(x + dx, y + dy, group, chosen, settings)[1]

    slope_x = (phase(_STEP_PX, 0.0) - phase(-_STEP_PX, 0.0)) / (2.0 * _STEP_PX)
    slope_y = (phase(0.0, _STEP_PX) - phase(0.0, -_STEP_PX)) / (2.0 * _STEP_PX)
    pairs = ((slope_x, x_err), (slope_y, y_err))
    # A position without an error (fixed) is taken at its word.
    parts = (np.where(err > 0.0, slope * np.hypot(err, _CENTROID_FLOOR_PX), 0.0) for slope, err in pairs)
    edge = _EDGE_SCATTER[group.channel] if settings.apertures[group.aperture][0] < _EDGE_RADIUS_PX else 0.0
    return np.asarray(np.hypot(np.hypot(*parts) / phase(0.0, 0.0), edge))


def _aperture_correction(group: _Group, settings: PhotSettings) -> float:
    choice = settings.aperture_correction
    if choice == "none":
        return 1.0
    if choice != "auto":
        return choice[group.aperture]
    return lookup(group.mission, group.channel, *settings.apertures[group.aperture])
