"""Solving the linear system of a joint calibration by conjugate gradients with two preconditioners in one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointgroups import Groups
from photomitrus_cli.wise.jointskyinverse import sky_inverse
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Unknowns, unflatten

Floats = NDArray[np.float64]

MAX_STEPS = 2000
# Changes of chi^2 that are not worth a step, of all unknowns and for each. 1 would let any one of them be off
# by its error.
_ENOUGH, _ENOUGH_EACH = 5e-3, 1e-7


class Preconditioner:
    """Each scan by itself, plus the smooth sky by itself, plus groups of scans together.

    Scan by scan the matrix is inverted exactly, and so it is for the smooth sky. What changes alike in
    neighbouring scans, template amplitudes and the coarse levels of the smooth sky can take each other's
    place, which makes plain iterations slow; on these the matrix is inverted exactly, too (two levels,
    additive: Dryja & Widlund 1987; groups that move together: Nicolaides 1987).

    Parameters
    ----------
    system : System
    groups : Groups
    earlier : Preconditioner, optional
        Of a system with nearly the same weights, whose inverses for sky and groups will do.
    """

    def __init__(self, system: System, groups: Groups, earlier: Preconditioner | None = None) -> None:
        self._system = system
        design, priors = system.design, system.priors
        blocks = system.blocks()
        blocks[:, 0, 0] += priors.gain.diagonal()
        blocks[:, 1:, 1:] += priors.node_precision
        scale = np.sqrt(np.maximum(np.einsum("sii->si", blocks), 1e-300))
        # A scan without samples has no gain and no offset of its own; 1e-10 keeps its block invertible.
        scaled = blocks / (scale[:, :, None] * scale[:, None, :]) + 1e-10 * np.eye(blocks.shape[1])
        self.inverse = np.linalg.inv(scaled) / (scale[:, :, None] * scale[:, None, :])
        self._modes = np.zeros(design.modes.shape[1])
        self.factor: Callable[[Unknowns], Unknowns] = (
            groups.factor(system) if earlier is None else earlier.factor
        )
        self.sky: Callable[[tuple[Floats, ...]], tuple[Floats, ...]] = (
            sky_inverse(system) if earlier is None else earlier.sky
        )

    def __call__(self, flat: Floats) -> Floats:
        """Apply it to a residual."""
        system = self._system
        x = unflatten(flat, system.design, system.priors.levels)
        both = np.concatenate([x.log_gain[:, None], x.nodes], axis=1)
        mine = np.einsum("sij,sj->si", self.inverse, both)
        fine = Unknowns(mine[:, 0], mine[:, 1:], self._modes, self.sky(x.smooth))
        return fine.flat() + self.factor(x).flat()


def solve_linear(
    system: System,
    right: Floats,
    preconditioner: Preconditioner,
    tolerance: float,
) -> tuple[Floats, int]:
    """Solve the normal equations.

    Parameters
    ----------
    system : System
    right : ndarray, shape (N,)
    preconditioner : Preconditioner
    tolerance : float
        Of the residual, relative to the right side, both preconditioned. Where that is less, a residual is
        enough that would change chi^2 by 0.005, or by 1e-7 for each unknown: errors are larger.

    Returns
    -------
    x : ndarray, shape (N,)
    steps : int

    Raises
    ------
    NoDataError
        When it does not converge, which data without any constraint on the gains do.
    """
    x = np.zeros(system.size)
    residual = right.copy()
    z = preconditioner(residual)
    direction = z.copy()
    rz = float(residual @ z)
    target = max(tolerance**2 * rz, _ENOUGH, _ENOUGH_EACH * system.size)
    for step in range(MAX_STEPS):
        if rz <= target:
            return x, step
        along = system.product(direction)
        length = rz / float(direction @ along)
        x += length * direction
        residual -= length * along
        z = preconditioner(residual)
        rz, before = float(residual @ z), rz
        direction = z + (rz / before) * direction
    raise NoDataError(
        f"the calibration does not converge in {MAX_STEPS} steps: too few samples, or scans that do not meet"
    )
