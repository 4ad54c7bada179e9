"""Quality gates: numbers held against limits, each with one line that says what it means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Gate:
    """One verdict.

    Attributes
    ----------
    name : str
        Short, for tables and headers.
    value, limit : float
        What is and what may be; NaN where nothing could be measured.
    passed : bool
    line : str
        One line for people.
    """

    name: str
    value: float
    limit: float
    passed: bool
    line: str


@dataclass(frozen=True)
class GateLimits:
    """What a solution must reach; lengths in arcsec.

    Attributes
    ----------
    rms_catalogue : float
        Largest scatter against the catalogue, of one coordinate.
    rms_frames : float
        Largest weighted scatter of the frames about each other, of one coordinate.
    matched : float
        Smallest part of the catalogue stars with a detection.
    matched_area : float
        The same in the worst of 4 x 4 areas of the detector, or of several together where single ones have
        too few stars to tell.
    area_chance : float
        Probability of a smaller part by accident that makes an area too small to tell.
    corner_residual : float
        Largest mean residual at a corner, above twice its error.
    corner_error : float
        Largest predicted error of the geometry at a corner.
    chance : float
        Largest probability that the match of a frame is an accident.
    frames : int
        Smallest number of frames left.
    pixels : float
        Largest `rms_frames` in pixels, which counts where pixels are small.
    coarse : float
        Error at a corner, pixels, that will do where pixels are large.
    relative_chance, relative_matched : float
        In the place of `chance` and `matched` for frames held against one of themselves: a single frame has
        few stars, and objects that others do not show.
    light_mag : float
        Largest loss of light of the clearest frame, magnitudes.
    """

    rms_catalogue: float = 0.3
    rms_frames: float = 0.15
    matched: float = 0.5
    matched_area: float = 0.2
    area_chance: float = 1e-4
    corner_residual: float = 0.15
    corner_error: float = 0.15
    chance: float = 1e-6
    frames: int = 3
    pixels: float = 0.5
    coarse: float = 0.04
    relative_chance: float = 1e-3
    relative_matched: float = 0.25
    light_mag: float = 1.0


def at_most(name: str, what: str, value: float, limit: float, unit: str = "") -> Gate:
    """Pass a number that is not above its limit.

    Parameters
    ----------
    name, what : str
        Short name; what the number is, in words.
    value, limit : float
        A value of NaN fails.
    unit : str, optional
        Written behind the numbers.

    Returns
    -------
    Gate
    """
    return _gate(name, what, (value, limit), value <= limit, ("at most", unit))


def at_least(name: str, what: str, value: float, limit: float, unit: str = "") -> Gate:
    """Pass a number that is not below its limit; otherwise as `at_most`.

    Parameters
    ----------
    name, what : str
    value, limit : float
    unit : str, optional

    Returns
    -------
    Gate
    """
    return _gate(name, what, (value, limit), value >= limit, ("at least", unit))


def _gate(name: str, what: str, numbers: tuple[float, float], passed: bool, words: tuple[str, str]) -> Gate:
    value, limit = numbers
    told = "not measured" if math.isnan(value) else f"{value:.3g}{words[1]}"
    line = f"{what}: {told} ({words[0]} {limit:g}{words[1]})"
    return Gate(name, float(value), float(limit), bool(passed), line)


def failed(gates: Sequence[Gate]) -> list[Gate]:
    """Give the gates that did not pass."""
    return [gate for gate in gates if not gate.passed]
