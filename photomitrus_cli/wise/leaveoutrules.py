"""What the comparison of a scan with the others may leave out, and what it has left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LeaveOutRules:
    """When a frame is left out of a map pixel.

    Attributes
    ----------
    sigma : float
        Limit of the difference from the other scans, in its standard deviations.
    refuse_share : float
        A frame is refused when more than this part of its map pixels is left out
    refuse_pixels : int
        and no fewer of them: at nside 256 a frame has twenty, and one asteroid must not cost all of it.
    coherent : float
        How far the mean of a part of a map pixel may be from that of the whole, per part that is missing, in
        standard deviations of the sky inside the map pixel. 1.7 is a slope seen from one of its ends.
    scattered : float
        Part of a map pixel that may be missing here and there, by bad pixels, and not at one end.
    border : float
        Variance of what a map pixel has of the stars on its border, as detector pixels fall on other places,
        in units of the squared light of all its stars. For one star and a border along the rows it is
        0.4^2 / 12 = 0.013, of a saw tooth as high as a Gaussian PSF of 1 px is in one direction; measured,
        0.02, as stars just outside are not among those known.
    beam_px : float
        Detector pixels that are not independent of each other: 4 pi s^2 of a Gaussian PSF of 1 px.
    rounds : int
        How often offsets are measured, at most; fewer when they no longer move.
    """

    sigma: float = 5.0
    refuse_share: float = 0.05
    refuse_pixels: int = 3
    coherent: float = 1.0
    scattered: float = 0.02
    border: float = 0.02
    beam_px: float = 12.6
    rounds: int = 50


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was left out.

    Attributes
    ----------
    left : list of ndarray of bool
        For each frame one value per pixel of its sums.
    refused : list of bool
        Frames of which too much was left out.
    tested : list of int
        Map pixels of each frame that could be tested.
    worst : list of float
        Largest difference of each frame, standard deviations; NaN where nothing was tested.
    offsets : list of float
        What was taken off each frame, for the comparison and for nothing else, DN; NaN where nothing was
        tested.
    scan_offsets : dict of str to float
        Median of the offsets of each scan that could be tested, DN.
    scan_scatter : dict of str to float
        Scatter of each scan about the others beyond what noise and sky explain, DN; part of the standard
        deviation of its differences.
    """

    left: list[Bool]
    refused: list[bool]
    tested: list[int]
    worst: list[float]
    offsets: list[float]
    scan_offsets: dict[str, float]
    scan_scatter: dict[str, float]
