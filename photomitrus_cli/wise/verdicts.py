"""What frames of a scan are judged by, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.overlaps import (
    Cells,
)

Float = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JudgeRules:
    """When a frame is refused.

    Attributes
    ----------
    min_used : float
        Least part of the pixels that can be used.
    level_sigma, level_floor : float
        A level may be off by so many robust sigmas of the scan, and by so many sigmas of a pixel.
    gradient_sigma, gradient_floor : float
        The same for gradients, per 1000 pixels.
    moon_sigma : float
        Limit of median - 16th percentile, in robust sigmas of frames far from the Moon.
    moon_contrast : float
        Smooth moonlight counts when without it residuals near the Moon are larger by this factor,
    moon_light : float
        and in a frame where it is more than so many sigmas of a pixel.
    moon_near_deg : float
        The tests of the Moon are for frames nearer to it than this, deg.
    moon_all : bool
        Whether that of the percentile is for all frames.
    moon_frames : int
        How many frames far from the Moon, those next in time, it compares with.
    min_cells : int
        Fewer cells in common do not make an overlap.
    """

    min_used: float = 0.3
    level_sigma: float = 6.0
    level_floor: float = 0.1
    gradient_sigma: float = 6.0
    gradient_floor: float = 0.25
    moon_sigma: float = 5.0
    moon_contrast: float = 2.0
    moon_light: float = 0.5
    moon_near_deg: float = 30.0
    moon_all: bool = False
    moon_frames: int = 60
    min_cells: int = 20


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is known of a frame; all values at the nominal zero point.

    Attributes
    ----------
    name : str
    mjd : float
        d.
    level, sigma : float
        Median and robust scatter of the pixels, DN.
    grad_x, grad_y, plane_rms : float
        Of the plane through the cells: DN per 1000 pixels, and DN.
    med16 : float
        Median less 16th percentile of the pixels, DN.
    moon_sep, saa_sep : float
        deg; NaN when not known.
    used_share : float
        Part of the pixels that can be used.
    cells : Cells
    elon, elat : float
        Ecliptic coordinates of the middle, deg; NaN when not known.
    """

    name: str
    mjd: float
    level: float
    sigma: float
    grad_x: float
    grad_y: float
    plane_rms: float
    med16: float
    moon_sep: float
    saa_sep: float
    used_share: float
    cells: Cells
    elon: float = np.nan
    elat: float = np.nan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of a frame, and by which numbers; NaN where something could not be measured.

    Attributes
    ----------
    used : bool
    reason : str
        Of ``few pixels``, ``moon``, ``gradient``, ``level`` those that hold, joined by commas; empty
        when used.
    note : str
        What could not be tested of a frame near the Moon; else empty.
    overlap_dn : float
        Level above the frames before and after, in the cells in common, DN.
    level_dn, overlap_sigma : float
        Level above the scan around it, added up over overlaps, DN and robust sigmas of the scan.
    gradient_excess, gradient_sigma : float
        Gradient beyond the running median of the scan, DN per 1000 pixels and robust sigmas.
    gradient_support : float
        Gradient that the overlaps show and the sky therefore does not have, DN per 1000 pixels.
    moon_sigma : float
        Median - 16th percentile, robust sigmas above that of frames far from the Moon.
    moon_dn : float
        Smooth moonlight by the fit along the scan, DN.
    moon_contrast : float
        How much larger the residuals near the Moon are without it; one number of the scan.
    """

    used: bool
    reason: str
    note: str
    overlap_dn: float
    level_dn: float
    overlap_sigma: float
    gradient_excess: float
    gradient_sigma: float
    gradient_support: float
    moon_sigma: float
    moon_dn: float
    moon_contrast: float


def column_of(frames: Sequence[FrameFacts], name: str) -> Float:
    """Give one number of all frames.

    Parameters
    ----------
    frames : sequence of FrameFacts
    name : str

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    return np.array([getattr(frame, name) for frame in frames], np.float64)
