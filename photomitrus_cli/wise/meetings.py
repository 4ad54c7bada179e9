"""The values of frames in the map pixels where several scans meet, and those of the other scans there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.mapsums import Contribution

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Meetings:
    """Rows of one frame and one map pixel each, in the order of frames; arrays of shape (n,).

    Attributes
    ----------
    frame : ndarray of int64
        Index of the frame.
    place : ndarray of int64
        Of the map pixel in the sums of the frame.
    pixel : ndarray of int64
        Map pixels, numbered from 0.
    group : ndarray of int64
        Pairs of a map pixel and a scan, numbered from 0.
    scan : ndarray of int64
        Index of the scan.
    value, weight, variance : ndarray of float64
        Mean, DN, its weight in the map, DN^-2, and the variance of its noise, DN^2.
    hits : ndarray of float64
        Detector pixels used.
    sky : ndarray of float64
        Variance of the detector pixels beyond their noise, DN^2.
    """

    frame: Int
    place: Int
    pixel: Int
    group: Int
    scan: Int
    value: Float
    weight: Float
    variance: Float
    hits: Float
    sky: Float

    @property
    def size(self) -> int:
        """Number of rows."""
        return self.frame.size

    def take(self, rows: Bool | Int) -> Meetings:
        """Give some of the rows, with the same numbers of pixels and groups.

        Parameters
        ----------
        rows : ndarray of bool, shape (n,), or of indices

        Returns
        -------
        Meetings
        """
        return Meetings(*(getattr(self, name)[rows] for name in self.__slots__))

    def others(self, weight: Float, values: Float) -> Float:
        """Give the weighted mean of the rows of the same map pixel that are of other scans.

        Parameters
        ----------
        weight, values : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN where no other scan has a weight.
        """
        total = self.elsewhere(weight)
        return self.elsewhere(weight * values) / np.where(total > 0.0, total, np.nan)

    def elsewhere(self, values: Float) -> Float:
        """Sum up the rows of the same map pixel that are of other scans.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        if not self.size:
            return np.zeros(0)
        all_scans = np.bincount(self.pixel, weights=values)
        own = np.bincount(self.group, weights=values)
        result: Float = np.subtract(all_scans[self.pixel], own[self.group], dtype=np.float64)
        return result

    def scans_here(self, active: Bool) -> Int:
        """Count the scans in the map pixel of each row.

        Parameters
        ----------
        active : ndarray of bool, shape (n,)
            Rows that count.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        groups, first = np.unique(self.group[active], return_index=True)
        if not groups.size:
            return np.zeros(self.size, np.int64)
        count = np.bincount(self.pixel[active][first], minlength=int(self.pixel.max()) + 1)
        result: Int = count[self.pixel]
        return result


def find_meetings(frames: Sequence[Contribution], scan: Int, least: int) -> Meetings:
    """Collect the values of frames where several scans meet.

    Parameters
    ----------
    frames : sequence of Contribution
        Refused ones are passed over.
    scan : ndarray of int64, shape (number of frames,)
        Index of the scan of each frame.
    least : int
        Number of scans in a map pixel.

    Returns
    -------
    Meetings
    """
    chosen = [k for k, frame in enumerate(frames) if frame.used]
    measured = [_measure(frames[k]) for k in chosen]
    place, pixels = (_joined([one[k] for one in measured], np.int64) for k in range(2))
    value, weight, variance, hits, sky = (
        _joined([one[k] for one in measured], np.float64) for k in range(2, 7)
    )
    frame = np.repeat(np.array(chosen, np.int64), [one[0].size for one in measured])
    # As large as all that is joined.
    del measured
    pixel = np.unique(pixels, return_inverse=True)[1].astype(np.int64)
    n_scans = int(scan.max(initial=0)) + 1
    group = np.unique(pixel * n_scans + scan[frame], return_inverse=True)[1].astype(np.int64)
    found = Meetings(frame, place, pixel, group, scan[frame], value, weight, variance, hits, sky)
    return found.take(found.scans_here(np.ones(found.size, bool)) >= least)


def _joined(many: list[NDArray[Any]], kind: type) -> NDArray[Any]:
    return np.concatenate(many) if many else np.zeros(0, kind)


def _measure(frame: Contribution) -> tuple[Int, Int, Float, Float, Float, Float, Float]:
    """Give place, map pixel, mean, weight, variance, hits and variance of the sky where there are hits."""
    sums, scale = frame.sums, frame.scale
    place = np.flatnonzero(sums.hits)
    hits = sums.hits[place].astype(np.float64)
    total = sums.sum_w[place]
    mean = sums.sum_wx[place] / total
    noise = sums.sum_wwvv[place] / total
    # With w = 1 / unc^2 the sum of w^2 unc^2 is that of w, and the mean w unc^2 is 1 / w.
    noise_inside = noise if np.array_equal(hits, total) else hits / total
    sky = sums.sum_wxx[place] / total - mean**2 - noise_inside
    return (
        place,
        sums.pixels[place],
        frame.level + scale * mean,
        frame.weight * total,
        scale**2 * noise / total,
        hits,
        scale**2 * np.maximum(sky, 0.0),
    )
