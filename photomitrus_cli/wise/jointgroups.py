"""Groups of neighbouring scans: the second level of a joint calibration's preconditioner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.scancoarse import coarse_matrix
from photomitrus_cli.imaging.scanoutliers import order_by_pixel
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Unknowns

Floats = NDArray[np.float64]

# Scans of one side of the Sun whose fields overlap: 47' of field at 4' from orbit to orbit.
_TOGETHER = 12
# The matrix of the groups is inverted as a whole: 6000 unknowns take 0.3 GB and seconds.
_MOST_UNKNOWNS = 6000
# Levels of the smooth sky with at most so many numbers belong to the second level.
_MOST_NUMBERS = 500
_RIDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Groups:
    """Which scans move together.

    Attributes
    ----------
    group : ndarray of int32, shape (S,)
    n_groups : int
    starts : ndarray of int64, shape (P + 1,)
    order : ndarray of int64, shape (n,)
        Samples pixel by pixel.
    scan : ndarray of int32, shape (n,)
    """

    group: NDArray[np.int32]
    n_groups: int
    starts: NDArray[np.int64]
    order: NDArray[np.int64]
    scan: NDArray[np.int32]

    def factor(self, system: System) -> Callable[[Unknowns], Unknowns]:
        """Give the inverse of the matrix on the groups, as a function from unknowns to unknowns."""
        from scipy.linalg import cho_factor, cho_solve

        matrix = self._matrix(system)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(matrix), 1e-300))
        matrix *= scale[:, None]
        matrix *= scale
        matrix[np.diag_indices_from(matrix)] += _RIDGE
        factored = cho_factor(matrix, lower=False, overwrite_a=True, check_finite=False)

        def apply(x: Unknowns) -> Unknowns:
            """Solve on the groups."""
            return self._spread(scale * cho_solve(factored, scale * self._collect(x), check_finite=False), x)

        return apply

    def _coarse_levels(self, system: System) -> list[int]:
        levels = system.priors.levels
        return [k for k, level in enumerate(levels) if level.n_blocks <= _MOST_NUMBERS]

    def _matrix(self, system: System) -> Floats:
        from scipy.sparse import csr_array, hstack

        design, priors = system.design, system.priors
        side = design.n_nodes + 1
        chosen = [priors.levels[k] for k in self._coarse_levels(system)]
        n_scan, n_modes = self.n_groups * side, design.modes.shape[1]
        sizes = [level.n_blocks for level in chosen]
        matrix = np.zeros((n_scan + n_modes + sum(sizes),) * 2)
        sky = csr_array(hstack([level.spread_out for level in chosen], format="csr"))
        coarse_matrix(
            self.starts, self.order, self.scan, self.group, design.node, design.part, system.slope,
            design.modes, system.weight, system.gain, system.full, system.share,
            sky.indptr.astype(np.int32), sky.indices.astype(np.int32), sky.data.astype(np.float64),
            design.n_nodes, self.n_groups, matrix,
        )  # fmt: skip
        counts = np.bincount(self.group, minlength=self.n_groups)
        for q in range(self.n_groups):
            member = (self.group == q).astype(float)
            pull = np.bincount(self.group, weights=priors.gain.product(member), minlength=self.n_groups)
            row = q * side
            matrix[row, row:n_scan:side] += pull[q:]
            matrix[row + 1 : row + side, row + 1 : row + side] += np.triu(counts[q] * priors.node_precision)
        diagonal = np.concatenate(
            [priors.mode_precision, *(np.full(level.n_blocks, level.precision) for level in chosen)]
        )
        matrix[np.diag_indices_from(matrix)] += np.concatenate([np.zeros(n_scan), diagonal])
        return matrix

    def _collect(self, x: Unknowns) -> Floats:
        both = np.concatenate([x.log_gain[:, None], x.nodes], axis=1)
        groups = np.zeros((self.n_groups, both.shape[1]))
        np.add.at(groups, self.group, both)
        smooth = [one for one in x.smooth if len(one) <= _MOST_NUMBERS]
        return np.concatenate([groups.ravel(), x.amplitudes, *smooth])

    def _spread(self, coarse: Floats, like: Unknowns) -> Unknowns:
        side = like.nodes.shape[1] + 1
        n_scan = self.n_groups * side
        groups = coarse[:n_scan].reshape(self.n_groups, side)[self.group]
        at = n_scan + len(like.amplitudes)
        smooth = []
        for one in like.smooth:
            if len(one) <= _MOST_NUMBERS:
                smooth.append(coarse[at : at + len(one)])
                at += len(one)
            else:
                smooth.append(np.zeros(len(one)))
        return Unknowns(
            groups[:, 0], groups[:, 1:], coarse[n_scan : n_scan + len(like.amplitudes)], tuple(smooth)
        )


def make_groups(
    side: NDArray[np.int8], scan: NDArray[np.int32], index: NDArray[np.int32], n_pixels: int, n_nodes: int
) -> Groups:
    """Group scans that follow each other on one side of the Sun.

    Parameters
    ----------
    side : ndarray of int8, shape (S,)
    scan : ndarray of int32, shape (n,)
    index : ndarray of int32, shape (n,)
        Pixel of each sample.
    n_pixels, n_nodes : int
    """
    most = max(2, _MOST_UNKNOWNS // (n_nodes + 1))
    size = max(_TOGETHER, -(-len(side) // most))
    group = np.zeros(len(side), np.int32)
    n_groups = 0
    for one in np.unique(side):
        mine = np.flatnonzero(side == one)
        group[mine] = n_groups + np.arange(len(mine)) // size
        n_groups = int(group[mine[-1]]) + 1
    starts = np.zeros(n_pixels + 1, np.int64)
    order = np.empty(len(index), np.int64)
    order_by_pixel(index, np.ones(len(index), bool), starts, order)
    return Groups(group, n_groups, starts, order, scan)
