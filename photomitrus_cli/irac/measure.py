"""Aperture photometry of one target in one image: centroid, backgrounds, sums, errors, flags."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntFlag
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.annulus import Background, Statistic, annulus_background
from photomitrus_cli.imaging.aperture import ApertureSum, sum_apertures
from photomitrus_cli.imaging.centroid import (
    GAUSSIAN_HALF,
    MOMENT_REACH,
    Centroid,
    fixed_centroid,
    gaussian_centroid,
    moment_centroid,
)
from photomitrus_cli.imaging.stamp import Stamp, cut_stamp

Bool = NDArray[np.bool_]
Response = Callable[[float, float], float]

_MIN_BACKGROUND = 10
# Step of the numerical derivatives by position, px.
_STEP_PX = 0.05


class Flag(IntFlag):
    """What is special about a measurement."""

    OFF_FIELD = 1
    CENTROID_FAILED = 2
    FAR_FROM_TARGET = 4
    OFF_EDGE = 8
    BAD_IN_APERTURE = 16
    BAD_IN_CORE = 32
    SATURATED = 64
    FEW_BACKGROUND = 128
    ANNULUS_CUT = 256
    NOT_REPAIRED = 512
    NO_POSITION = 1024
    NO_MASK = 2048


@dataclass(frozen=True)
class Aperture:
    """Radii of an aperture and of its annulus, pixels; inner < outer."""

    radius: float
    inner: float
    outer: float


@dataclass(frozen=True)
class Rules:
    """How to measure.

    Attributes
    ----------
    centroid : {"moment", "gaussian", "fixed"}
    background : {"clipped", "median", "mean"}
        See `photomitrus_cli.imaging.annulus.annulus_background`.
    max_offset : float
        Largest distance of the centroid from the target along x or y, pixels.
    min_annulus : float
        Part of the annulus that must lie on the frame; 1 for all of it.
    repair : bool
        Whether the light on bad pixels is estimated; else it is lost.
    """

    centroid: Literal["moment", "gaussian", "fixed"] = "moment"
    background: Statistic = "clipped"
    max_offset: float = 2.0
    min_annulus: float = 0.5
    repair: bool = True


@dataclass(frozen=True)
class ApertureFlux:
    """The flux in one aperture; fluxes and errors in image units times pixels.

    Attributes
    ----------
    aperture : Aperture
    raw, flux : float
        Sum in the aperture; the same without the background. NaN where there is none, see the flags.
    background, background_error, sigma : float
        Level, its standard error and the scatter of the annulus, image units.
    n_background, n_background_bad : int
        Pixels of the annulus that were used; bad ones.
    bad_area, lost : float
        Area of the bad pixels in the aperture, pixels; what the estimates for them add to `raw`.
    error : float
        Standard error of `flux`: its parts in quadrature, with the covariance of sum and background where
        aperture and annulus share pixels.
    error_photon, error_background, error_repair, error_centroid : float
        Its parts: pixels of the aperture, by the uncertainty frame; background times area; estimates for bad
        pixels; position.
    flags : Flag
    """

    aperture: Aperture
    raw: float
    flux: float
    background: float
    background_error: float
    sigma: float
    n_background: int
    n_background_bad: int
    bad_area: float
    lost: float
    error: float
    error_photon: float
    error_background: float
    error_repair: float
    error_centroid: float
    flags: Flag


@dataclass(frozen=True)
class Measured:
    """One target in one image.

    Attributes
    ----------
    centroid : Centroid
    apertures : tuple of ApertureFlux
        In the order asked for.
    flags : Flag
        Of the target; those of an aperture are with it and contain these.
    """

    centroid: Centroid
    apertures: tuple[ApertureFlux, ...]
    flags: Flag


def measure_target(
    sci: NDArray[np.floating],
    unc: NDArray[np.floating] | None,
    bad: Bool | None,
    saturated: Bool | None,
    x0: float,
    y0: float,
    apertures: Sequence[Aperture],
    rules: Rules | None = None,
    response: Response | None = None,
) -> Measured:
    """Measure a target in one image.

    Only the surroundings of the target are looked at. A target off the frame, without a centroid, or whose
    centroid is far from the position asked for, has no flux.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Image, for IRAC in MJy/sr; pixels not finite are bad.
    unc : ndarray of float, shape (ny, nx), or None
        Standard errors. Where it is not a positive number the error of the opposite pixel stands in, and the
        scatter of the background where that is not known either.
    bad, saturated : ndarray of bool, shape (ny, nx), or None
        Pixels not to be used; saturated ones, which are used unless bad too, but flagged.
    x0, y0 : float
        The target, 0-based pixels.
    apertures : sequence of Aperture
    rules : Rules, optional
    response : callable, optional
        Factor by which the flux will be divided, as a function of x and y, pixels: its slope then enters
        the error by the centroid.

    Returns
    -------
    Measured
    """
    rules = rules or Rules()
    ny, nx = sci.shape
    if not (-0.5 <= x0 < nx - 0.5 and -0.5 <= y0 < ny - 0.5):
        return _no_flux(_NOWHERE, apertures, Flag.OFF_FIELD)
    reach = max([aperture.outer for aperture in apertures], default=0.0) + rules.max_offset
    half = max(math.ceil(reach) + 2, MOMENT_REACH + math.ceil(rules.max_offset), 2 * GAUSSIAN_HALF)
    stamp = cut_stamp(sci, unc, bad, x0, y0, half)
    centroid = _FINDERS[rules.centroid](stamp, x0, y0)
    if not centroid.converged:
        return _no_flux(centroid, apertures, Flag.CENTROID_FAILED)
    if max(abs(centroid.x - x0), abs(centroid.y - y0)) > rules.max_offset:
        return _no_flux(centroid, apertures, Flag.FAR_FROM_TARGET)
    distances = _saturated_distances(saturated, stamp, centroid)
    known: dict[tuple[float, float], Background] = {}
    found = []
    for aperture in apertures:
        radii = (aperture.inner, aperture.outer)
        if radii not in known:
            known[radii] = annulus_background(stamp, centroid.x, centroid.y, *radii, rules.background)
        one = _measure_aperture(stamp, centroid, aperture, known[radii], rules, response)
        if distances.size and distances.min() < aperture.radius:
            one = replace(one, flags=one.flags | Flag.SATURATED)
        found.append(one)
    return Measured(centroid, tuple(found), Flag(0))


_NOWHERE = fixed_centroid(math.nan, math.nan)
_FINDERS: dict[str, Callable[[Stamp, float, float], Centroid]] = {
    "moment": moment_centroid,
    "gaussian": gaussian_centroid,
    "fixed": lambda _, x, y: fixed_centroid(x, y),
}


def _no_flux(centroid: Centroid, apertures: Sequence[Aperture], flags: Flag) -> Measured:
    nan = math.nan
    found = (
        ApertureFlux(one, nan, nan, nan, nan, nan, 0, 0, 0.0, 0.0, nan, nan, nan, nan, nan, flags)
        for one in apertures
    )
    return Measured(centroid, tuple(found), flags)


def _saturated_distances(saturated: Bool | None, stamp: Stamp, centroid: Centroid) -> NDArray[np.float64]:
    """Distances of the nearest points of saturated pixels from the centroid, px."""
    if saturated is None:
        return np.empty(0)
    ny, nx = stamp.sci.shape
    near = saturated[stamp.bottom : stamp.bottom + ny, stamp.left : stamp.left + nx]
    if not near.any():
        return np.empty(0)
    rows, columns = np.nonzero(near)
    x, y = stamp.local(centroid.x, centroid.y)
    aside, above = np.maximum(abs(columns - x) - 0.5, 0.0), np.maximum(abs(rows - y) - 0.5, 0.0)
    return np.asarray(np.hypot(aside, above))


def _measure_aperture(
    stamp: Stamp,
    centroid: Centroid,
    aperture: Aperture,
    sky: Background,
    rules: Rules,
    response: Response | None,
) -> ApertureFlux:
    (light,) = sum_apertures(
        stamp,
        centroid.x,
        centroid.y,
        [aperture.radius],
        level=sky.level,
        sigma=sky.sigma,
        say=sky.say,
    )
    flags = _flags(light, sky, rules)
    repair = light.repair_variance
    raw, area = light.total, light.area
    if not rules.repair:
        raw, area, repair = (light.good if light.inside else math.nan), light.area - light.bad_area, 0.0
    flux = math.nan if flags & (Flag.OFF_EDGE | Flag.FEW_BACKGROUND) else raw - sky.level * area
    background = (area * sky.error) ** 2
    position = _centroid_variance(light, centroid, flux, response)
    # Light of shared pixels is in the sum and in the background, which takes part of its noise away again.
    total = max(light.variance + background - 2.0 * area * light.shared, 0.0) + repair + position
    parts = (total, light.variance, background, repair, position)
    errors = [math.sqrt(part) if math.isfinite(flux) else math.nan for part in parts]
    return ApertureFlux(
        aperture=aperture,
        raw=raw if math.isfinite(flux) else math.nan,
        flux=flux,
        background=sky.level,
        background_error=sky.error,
        sigma=sky.sigma,
        n_background=sky.n_used,
        n_background_bad=sky.n_bad,
        bad_area=light.bad_area,
        lost=light.total - light.good,
        error=errors[0],
        error_photon=errors[1],
        error_background=errors[2],
        error_repair=errors[3],
        error_centroid=errors[4],
        flags=flags,
    )


def _flags(light: ApertureSum, sky: Background, rules: Rules) -> Flag:
    flags = Flag(0)
    # A thousandth: of an annulus that touches the edge.
    if not light.inside or sky.on_frame < rules.min_annulus - 1e-3:
        flags |= Flag.OFF_EDGE
    elif sky.on_frame < 1.0 - 1e-3:
        flags |= Flag.ANNULUS_CUT
    if light.bad_area > 0.0:
        flags |= Flag.BAD_IN_APERTURE
    if light.bad_in_core:
        flags |= Flag.BAD_IN_CORE
    if sky.n_used < _MIN_BACKGROUND or not math.isfinite(sky.error):
        flags |= Flag.FEW_BACKGROUND
    elif light.inside and rules.repair and math.isnan(light.total):
        flags |= Flag.NOT_REPAIRED
    return flags


def _centroid_variance(
    light: ApertureSum, centroid: Centroid, flux: float, response: Response | None
) -> float:
    """Variance of the flux by that of the position: the aperture moves, and the response with it."""
    total = 0.0
    sides = ((_STEP_PX, 0.0, light.slope_x, centroid.x_err), (0.0, _STEP_PX, light.slope_y, centroid.y_err))
    for dx, dy, slope, error in sides:
        if not error > 0.0:
            continue
        if response is not None:
            high, low = response(centroid.x + dx, centroid.y + dy), response(centroid.x - dx, centroid.y - dy)
            total += ((slope - flux * math.log(high / low) / (2.0 * _STEP_PX)) * error) ** 2
        else:
            total += (slope * error) ** 2
    return total
