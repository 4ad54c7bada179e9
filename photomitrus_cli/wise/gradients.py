"""Gradients of frames that the scan around them does not have and that their overlaps contradict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.levelchain import chain, running_median
from photomitrus_cli.wise.overlaps import Link, robust_sigma

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Part of what the overlaps show that the plane of the frame must have.
_SUPPORT = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class GradientTest:
    """What was found of each frame; arrays of shape (n,).

    Attributes
    ----------
    bad : ndarray of bool
    excess : ndarray of float64
        Length of the gradient beyond the running median of the scan, DN per 1000 pixels.
    sigma : ndarray of float64
        The larger one of its two components, in robust sigmas of the scan.
    support : ndarray of float64
        Length of the gradient that the overlaps show against the neighbours, DN per 1000 pixels.
    steps : ndarray of float64
        Each frame less the one before, freed of the gradients found to be bad, DN.
    """

    bad: Bool
    excess: Float
    sigma: Float
    support: Float
    steps: Float


def judge_gradients(
    planes: Float, links: Sequence[Link], steps: Float, limit_sigma: float, floor: float, half: int
) -> GradientTest:
    """Test the gradients of the frames of a scan.

    Parameters
    ----------
    planes : ndarray of float64, shape (2, n)
        Gradients along x and y, DN per 1000 pixels.
    links : sequence of Link, n of them
    steps : ndarray of float64, shape (n,)
        Each frame less the one before it in their overlap, without what all frames have alike, DN.
    limit_sigma : float
        An excess may have so many robust sigmas of the scan,
    floor : float
        or this, DN per 1000 pixels.
    half : int
        Half width of the window of running medians, frames.

    Returns
    -------
    GradientTest
    """
    excess = np.array([plane - running_median(plane, half) for plane in planes])
    scatter = np.array([[robust_sigma(one)] for one in excess])
    axis, lever = _overlaps(links)
    shown = _shown(links, steps, axis, lever, half)
    limit = np.maximum(limit_sigma * scatter, floor)
    # A step to a neighbour may be the fault of that one, unless the frame's own plane agrees. Where the sky
    # itself is steep, planes cannot tell.
    agrees = (shown * excess > 0.0) & (np.abs(excess) >= _SUPPORT * np.abs(shown))
    steep = _steep(excess, shown, limit)
    bad = ((np.abs(shown) > limit) & (agrees | steep)).any(axis=0)
    # A steep sky adds to the plane, and a level that is off as well to what the overlaps show.
    own = np.where(bad, np.where(steep, shown, excess)[1 - axis], 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sigma = np.max(np.abs(excess) / scatter, axis=0)
    return GradientTest(bad, np.hypot(*excess), sigma, np.hypot(*shown), _levelled(steps, own * lever))


def _steep(excess: Float, shown: Float, limit: Float) -> Bool:
    """Tell where the sky is steep: the next frames on both sides that fit their overlaps have an excess."""
    fits = np.abs(shown) <= limit
    beyond = fits & (np.abs(excess) > limit)
    return _last(fits, beyond) & _last(fits[:, ::-1], beyond[:, ::-1])[:, ::-1]


def _last(fits: Bool, beyond: Bool) -> Bool:
    """Give for each place what holds at the last one before it that fits."""
    places = np.maximum.accumulate(np.where(fits, np.arange(fits.shape[1]), -1), axis=1)
    before = np.pad(places[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
    return np.take_along_axis(beyond, before, axis=1) & (before >= 0)


def _overlaps(links: Sequence[Link]) -> tuple[int, Float]:
    """Give the longer side of the overlaps, and how far apart the two of each frame are, 1000 pixels."""
    sides = [link.axis for link in links if link.n]
    begins, ends = (np.array([getattr(link, name) for link in links]) for name in ("after", "before"))
    # The overlap with the frame after is told by the link of that frame.
    return int(2 * sum(sides) > len(sides)), (np.append(ends[1:], np.nan) - begins) / 1000.0


def _shown(links: Sequence[Link], steps: Float, axis: int, lever: Float, half: int) -> Float:
    """Give the gradients along x and y that the frames have and the sky in their overlaps has not.

    Along the longer side of the overlaps, slopes of the differences are added up like levels are. Across it a
    frame with a gradient of its own stands above one neighbour and below the other.
    """
    slopes = np.array([link.slope if link.axis == axis else np.nan for link in links])
    along = chain(slopes, np.zeros(slopes.size, bool), half)
    across = 2.0 * smaller(-steps, -np.append(steps[1:], np.nan)) / lever
    return np.array((along, across) if axis == 0 else (across, along))


def _levelled(steps: Float, rise: Float) -> Float:
    """Take off what the rise of each frame from its one overlap to the other does to its steps."""
    half = np.nan_to_num(0.5 * rise)
    return steps + half + np.concatenate(([0.0], half[:-1]))


def smaller(one: Float, other: Float) -> Float:
    """Give of two numbers of the same sign the smaller one, else 0; NaN when either is.

    Parameters
    ----------
    one, other : ndarray of float64

    Returns
    -------
    ndarray of float64
    """
    return np.where(
        one * other > 0.0, np.sign(one) * np.minimum(np.abs(one), np.abs(other)), 0.0 * one * other
    )
