"""Which published response functions suit a measurement."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.corrections import (
    ArrayName,
    Coefficients,
    PhaseName,
    array_location,
    pixel_phase,
)
from photomitrus_cli.irac.responses import WARM2011_PHASE, Aperture

Mission = Literal["cryo", "warm", "hora", "reach"]
Functions = Literal["seed", "matched", "hora", "reach", "none"]
Spectrum = Literal["stellar", "red"]

UNIT_RESPONSE = "no correction is published for channels 3 and 4 of the warm mission"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The sets to correct with; `dataclasses.replace` switches one of them off with ``none``.

    Attributes
    ----------
    array, phase : str
        Sets of `photomitrus_cli.irac.corrections`.
    aperture : (float, float, float), optional
        Of a warm2011 pixel-phase set: radius and annulus radii that it was fitted with, px.
    phase_subarray : bool
        Whether the warm2011 set is the one fitted to subarray frames.
    """

    array: ArrayName
    phase: PhaseName
    aperture: Aperture | None = None
    phase_subarray: bool = False

    def __str__(self) -> str:
        """Say it as tables and logs do."""
        phase: str = self.phase
        if self.aperture is not None:
            radii = "/".join(f"{radius:g}" for radius in self.aperture)
            phase += f" {radii} {'subarray' if self.phase_subarray else 'full'}"
        return f"array location {self.array}, pixel phase {phase}"


def choose(
    mission: Mission,
    channel: int,
    *,
    subarray: bool = False,
    aperture: Aperture | None = None,
    functions: Functions = "seed",
    spectrum: Spectrum = "stellar",
) -> Chosen:
    """Choose the response functions of a measurement.

    ``seed`` takes the set that the archive's programme ``irac_aphot_corr`` takes. ``matched`` departs from it
    in the warm mission alone. Pixel phase: the warm2011 set of the nearest aperture, of the frame's readout
    mode in channel 2 and fitted to subarray frames in channel 1, where the fits to full frames do worse on
    stars in both modes (HD 165459, full array, aperture 10/12/20: median scatter within an observation 1.33 %
    against 1.16 %, seed 1.25 %). Array location: warm2010 on full frames (channel 2: 1.28 % against 1.53 %),
    warm on subarrays, where warm2010 is no better.

    Parameters
    ----------
    mission : {'cryo', 'warm', 'hora', 'reach'}
        Of the frame; hora and reach are the older calibrations of the cryogenic mission.
    channel : int
        1 to 4.
    subarray : bool
        Whether the frame is a subarray.
    aperture : (float, float, float), optional
        Radius, inner and outer radius of the annulus, px; matched needs it in the warm mission.
    functions : {'seed', 'matched', 'hora', 'reach', 'none'}
        The rule; hora and reach take these sets for frames of the cryogenic mission, none takes none.
    spectrum : {'stellar', 'red'}
        The array location is a matter of the spectrum: flat fields are made with the zodiacal light, and
        fluxes of sources as red as that need none (Hora et al. 2008, PASP 120, 1233).

    Returns
    -------
    Chosen

    Raises
    ------
    ConfigError
        For channels 3 and 4 of the warm mission, unless `functions` is none; for hora and reach in the warm
        mission; for radii that are none.
    """
    if functions == "none":
        return Chosen("none", "none")
    if channel not in (1, 2, 3, 4):
        raise ConfigError(f"IRAC has no channel {channel}", hint="1 to 4")
    if functions in ("hora", "reach"):
        mission = _early(mission, functions)
    if mission == "warm" and channel > 2:
        raise ConfigError(f"{UNIT_RESPONSE} (channel {channel})", hint="give the functions none")
    array: ArrayName = mission
    if functions != "matched" or mission != "warm":
        return Chosen("none" if spectrum == "red" else array, mission)
    if aperture is None:
        raise ConfigError(
            "the matched functions depend on the aperture", hint="give r, r_in and r_out in pixels"
        )
    array = mission if subarray else "warm2010"
    fitted_on_subarray = subarray or channel == 1
    nearest = nearest_aperture(channel, aperture, subarray=fitted_on_subarray)
    return Chosen("none" if spectrum == "red" else array, "warm2011", nearest, fitted_on_subarray)


def _early(mission: Mission, functions: Literal["hora", "reach"]) -> Mission:
    if mission == "warm":
        raise ConfigError(
            f"the functions {functions} are of the cryogenic mission, and this is a frame of the warm one",
            hint="seed or matched",
        )
    return functions


def nearest_aperture(channel: int, aperture: Aperture, *, subarray: bool) -> Aperture:
    """Give the aperture of the warm2011 pixel-phase sets nearest to another.

    Parameters
    ----------
    channel : int
        1 or 2.
    aperture : (float, float, float)
        Radius, inner and outer radius of the annulus, px.
    subarray : bool
        Among the fits to subarray frames, or else to full frames.

    Returns
    -------
    (float, float, float)
        The nearest radius by ratio; of those the nearest annulus.

    Raises
    ------
    ConfigError
        For radii that are none.
    """
    check_aperture(aperture)

    def distance(known: Aperture) -> tuple[float, float]:
        """Compare ratios; those of equal radii must be equal to the last bit."""
        steps = [abs(math.log(a / b)) for a, b in zip(aperture, known, strict=True)]
        return round(steps[0], 12), steps[1] + steps[2]

    return min(WARM2011_PHASE[channel, subarray], key=distance)


def check_aperture(aperture: Aperture) -> None:
    """Make sure that three numbers are the radii of an aperture and its annulus.

    Parameters
    ----------
    aperture : (float, float, float)
        Radius, inner and outer radius of the annulus, px.

    Raises
    ------
    ConfigError
        Unless 0 < r, 0 < r_in < r_out and all are finite.
    """
    radius, inner, outer = aperture
    if not (0 < radius < math.inf and 0 < inner < outer < math.inf):
        raise ConfigError(
            f"aperture {radius:g} {inner:g} {outer:g}: no radii of an aperture and its annulus",
            hint="r, r_in and r_out in pixels, r_in below r_out",
        )


def factors(
    x: ArrayLike,
    y: ArrayLike,
    channel: int,
    chosen: Chosen,
    *,
    subarray: bool = False,
    coefficients: Coefficients = "decimal",
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give both responses; ``corrected = observed / (r_al * r_pp)``.

    Parameters
    ----------
    x, y : array_like
        0-based positions on the frame, px.
    channel : int
        1 to 4.
    chosen : Chosen
        From `choose`.
    subarray : bool
        Whether the frame is a subarray.
    coefficients : {'decimal', 'idl'}
        See `photomitrus_cli.irac.corrections.array_location`.

    Returns
    -------
    r_al, r_pp : ndarray of float64
        Of the shape that x and y broadcast to; NaN where a position is NaN.

    Raises
    ------
    ConfigError
        When a set does not exist for the channel.
    """
    r_al = array_location(x, y, channel, chosen.array, subarray=subarray, coefficients=coefficients)
    r_pp = pixel_phase(
        x,
        y,
        channel,
        chosen.phase,
        aperture=chosen.aperture,
        subarray=chosen.phase_subarray,
        coefficients=coefficients,
    )
    return r_al, r_pp
