"""Light in circular apertures: exact overlap with pixels, estimates for bad pixels, variances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.circle import sum_circle
from photomitrus_cli.imaging.stamp import Stamp

Float = NDArray[np.float64]


@dataclass(frozen=True)
class ApertureSum:
    """The light in one circle.

    Attributes
    ----------
    radius : float
        Pixels.
    area : float
        Of the circle, pixels.
    good : float
        Sum over the good pixels alone: light on bad ones is lost.
    total : float
        Sum with estimates for bad pixels; NaN where there is none, and when the circle is not on the frame
        whole.
    variance : float
        Of `total`, from the variances of the pixels with their weights squared.
    repair_variance : float
        What the estimates add to it.
    shared : float
        Covariance of `total` with the background level.
    bad_area : float
        Of the bad pixels in the circle, pixels.
    bad_in_core : bool
        Whether a bad pixel lies within a pixel of the centre.
    inside : bool
        Whether the circle lies on the frame whole.
    slope_x, slope_y : float
        Derivatives of the sum by the position of the circle.
    """

    radius: float
    area: float
    good: float
    total: float
    variance: float
    repair_variance: float
    shared: float
    bad_area: float
    bad_in_core: bool
    inside: bool
    slope_x: float
    slope_y: float


def sum_apertures(
    stamp: Stamp,
    x: float,
    y: float,
    radii: Sequence[float],
    *,
    level: float = 0.0,
    sigma: float = 0.0,
    say: Float | None = None,
) -> tuple[ApertureSum, ...]:
    """Add up the light in circles around one centre.

    A pixel counts with the exact area of its part in the circle, w; the variance is the sum of w² var. The
    light on a bad pixel is estimated by interpolation at the position opposite the centre, heights above the
    background scaled as in a Gaussian core; where that is bad too, by the mean of the good pixels at the same
    distance.

    Parameters
    ----------
    stamp : Stamp
        The frame around the source: at least the largest circle.
    x, y : float
        Centre, 0-based pixels of the frame.
    radii : sequence of float
        Pixels.
    level, sigma : float, optional
        Background and its noise, image units: used for bad pixels, and for pixels without a known variance
        opposite to another such pixel.
    say : ndarray of float64, shape of the stamp, optional
        Derivative of the background level by each pixel, see `photomitrus_cli.imaging.annulus.Background`.

    Returns
    -------
    tuple of ApertureSum
        One for each radius, image units times pixels.
    """
    at_x, at_y = stamp.local(x, y)
    sky = (float(level), float(sigma) ** 2)
    weight, out = np.empty(stamp.sci.shape), np.empty(9)
    no_say = np.zeros(stamp.sci.shape) if say is None else say
    found = []
    for radius in radii:
        sum_circle(stamp.sci, stamp.var, stamp.bad, at_x, at_y, float(radius), *sky, no_say, weight, out)
        good, total, variance, repair, shared, bad_area, core, *slopes = out.tolist()
        inside = stamp.holds_circle(x, y, radius)
        if not inside:
            total = variance = repair = shared = math.nan
        area = math.pi * radius**2
        found.append(
            ApertureSum(
                radius, area, good, total, variance, repair, shared, bad_area, core > 0.0, inside, *slopes
            )
        )
    return tuple(found)
