"""The smooth sky's own matrix, inverted: the part of a joint calibration's preconditioner that scans lack."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointsystem import System

Floats = NDArray[np.float64]

# So many pixels for each number of the finest level tell the matrix well enough to iterate with.
_PIXELS_EACH = 8
_RIDGE = 1e-9


def sky_inverse(system: System) -> Callable[[tuple[Floats, ...]], tuple[Floats, ...]]:
    """Factor the normal matrix of all levels of the smooth sky, gains and offsets held fixed.

    Nodes of neighbouring cells and of different levels take each other's place, so that the diagonal alone
    says little of the inverse. The matrix is sparse: a node meets its neighbours and the few coarse ones.

    Parameters
    ----------
    system : System

    Returns
    -------
    function
        From the numbers of the levels (gradients) to numbers of the levels.
    """
    from scipy.sparse import csr_array, diags_array, hstack
    from scipy.sparse.linalg import splu

    levels = system.priors.levels
    sizes = [level.n_blocks for level in levels]
    step = max(1, len(system.full) // (_PIXELS_EACH * max(sizes)))
    weight = step * system.left_weight[::step]
    seen = np.flatnonzero(weight > 0)
    spread_out = hstack([csr_array(level.spread_out)[::step][seen] for level in levels], format="csr")
    weighted = spread_out.multiply(weight[seen, None]).tocsr()
    matrix = csr_array(spread_out.T @ weighted)
    precision = np.concatenate(
        [np.full(size, level.precision) for size, level in zip(sizes, levels, strict=True)]
    )
    diagonal = matrix.diagonal() + precision
    # A free number that no sample reaches would leave the matrix singular.
    matrix = matrix + diags_array(precision + np.maximum(_RIDGE * diagonal, 1e-300))
    factored = splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    ends = np.cumsum(sizes)[:-1]

    def apply(smooth: tuple[Floats, ...]) -> tuple[Floats, ...]:
        """Solve for the numbers of all levels."""
        return tuple(np.split(factored.solve(np.concatenate(smooth)), ends))

    return apply
