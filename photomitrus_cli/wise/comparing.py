"""The comparison of each scan with the others, one map pixel at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.meetings import Meetings
from photomitrus_cli.wise.overlaps import robust_sigma

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

# Fewer scans in a map pixel do not tell which of them is off.
MIN_SCANS = 3
_HALVINGS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """Rows without the offsets of their frames, to be compared with the other scans.

    Attributes
    ----------
    rows : Meetings
    value : ndarray of float64, shape (n,)
        Without the offset of the frame, DN.
    explained : ndarray of float64, shape (n,)
        Variance of the differences that noise and sky explain, DN^2.
    """

    rows: Meetings
    value: Float
    explained: Float

    def scatter(self, n_scans: int) -> Float:
        """Measure how far each scan scatters beyond what is explained.

        Parameters
        ----------
        n_scans : int

        Returns
        -------
        ndarray of float64, shape (n_scans,)
            DN; NaN for scans without rows.
        """
        difference = self.value - self.rows.others(self.rows.weight, self.value)
        result = np.full(n_scans, np.nan)
        for k in np.unique(self.rows.scan).tolist():
            here = self.rows.scan == k
            result[k] = _unexplained(difference[here], self.explained[here])
        return result

    def worst_first(self, scatter: Float, limit: float) -> tuple[Bool, Float]:
        """Mark the worst row of each map pixel, until none is beyond the limit or two scans are left.

        Parameters
        ----------
        scatter : ndarray of float64, shape (n_scans,)
            Part of the standard deviation of each scan, DN.
        limit : float
            Standard deviations.

        Returns
        -------
        bad : ndarray of bool, shape (n,)
        chi : ndarray of float64, shape (n,)
            Last difference of each row, standard deviations; NaN when two scans were left.
        """
        rows = self.rows
        bad, chi = np.zeros(rows.size, bool), np.full(rows.size, np.nan)
        todo = np.arange(rows.size)
        while todo.size:
            part = rows if todo.size == rows.size else rows.take(todo)
            own = self._chi(part, todo, ~bad[todo], scatter)
            chi[todo[~bad[todo]]] = own[~bad[todo]]
            worst = _worst_of_each(part.pixel, np.where(bad[todo], np.nan, own), limit)
            bad[todo[worst]] = True
            todo = todo[np.isin(part.pixel, part.pixel[worst])]
        return bad, chi

    def _chi(self, part: Meetings, at: Int, active: Bool, scatter: Float) -> Float:
        """Compare rows with the active ones of other scans; NaN where these are of fewer than two scans."""
        weight = np.where(active, part.weight, 0.0)
        difference = self.value[at] - part.others(weight, self.value[at])
        deviation = np.sqrt(self.explained[at] + scatter[part.scan] ** 2)
        return np.where(part.scans_here(active) >= MIN_SCANS, np.abs(difference) / deviation, np.nan)


def _worst_of_each(pixel: Int, chi: Float, limit: float) -> Int:
    """Give the row of the largest chi of each map pixel, where it is beyond the limit."""
    beyond = np.flatnonzero(chi >= limit)
    order = beyond[np.lexsort((beyond, -chi[beyond], pixel[beyond]))]
    return order[np.unique(pixel[order], return_index=True)[1]]


def _unexplained(difference: Float, explained: Float) -> float:
    """Give the s for which difference / sqrt(explained + s^2) has a robust sigma of 1, or 0."""
    if robust_sigma(difference / np.sqrt(explained)) <= 1.0:
        return 0.0
    low, high = 0.0, robust_sigma(difference)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if robust_sigma(difference / np.sqrt(explained + middle**2)) > 1.0:
            low = middle
        else:
            high = middle
    return high
