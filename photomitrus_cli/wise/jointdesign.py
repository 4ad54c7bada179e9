"""What a joint calibration fits to samples: offsets along the scans and modes of the zodiacal template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointsky import SkyShape, sky_shape
from photomitrus_cli.wise.jointunknowns import Design
from photomitrus_cli.wise.samples import Samples
from photomitrus_cli.wise.templatemodes import MODES

Floats = NDArray[np.float64]

# How far a scan moves over the sky in a day, deg: SCRATEY of the headers, 3.757 arcmin/s.
SCAN_DEG_PER_DAY = 3.757 / 60.0 * 86400.0
# Offsets are numbered by a byte.
_MAX_NODES = 250
# Length over which what the offsets do not follow is taken for common to all samples.
_CELL_DEG = 2.5


@dataclass(frozen=True, slots=True)
class Choices:
    """How the joint calibration is done.

    Attributes
    ----------
    baseline_deg : float
        Distance of the offsets along a scan, deg; 0 for one offset per scan.
    baseline_length_deg : float
        Over which the offsets are correlated, deg.
    baseline_dn : float or None
        Rms of the offsets about their mean, DN; None measures it.
    gain_walk : float or None
        Rms relative change of the gain in a day; None measures it.
    gain_jitter : float or None
        Rms relative scatter of the gain from scan to scan beyond that; None measures it.
    modes : mapping of str to float
        Modes of the template (`MODES`) and the rms of each amplitude that is expected.
    robust_sigma : float
        Residuals beyond this many sigmas count less (Huber 1964).
    max_rounds : int
    """

    baseline_deg: float
    baseline_length_deg: float
    baseline_dn: float | None
    gain_walk: float | None
    gain_jitter: float | None
    modes: Mapping[str, float]
    robust_sigma: float
    max_rounds: int


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be fitted.

    Attributes
    ----------
    samples : Samples
    choices : Choices
    design : Design
    template : ndarray, shape (n,)
        Sum of the components, MJy/sr.
    shape : SkyShape
    scan : ndarray of int32, shape (n,)
        The scan of each sample.
    days : ndarray, shape (S,)
        Times of the scans, ascending.
    cell : ndarray of int32, shape (n,)
        Pieces of 2.5 deg of the scans, numbered through.
    """

    samples: Samples
    choices: Choices
    design: Design
    template: Floats
    shape: SkyShape
    scan: NDArray[np.int32]
    days: Floats
    cell: NDArray[np.int32]

    def zodi(self, amplitudes: Floats) -> Floats:
        """Give the template with its amplitudes, MJy/sr, shape (n,)."""
        total = self.template.copy()
        for j, amplitude in enumerate(amplitudes.tolist()):
            total += amplitude * self.design.modes[:, j]
        return total


def make_problem(samples: Samples, choices: Choices) -> Problem:
    """Lay out everything that does not change during the solution.

    Parameters
    ----------
    samples : Samples
    choices : Choices
    """
    design, template = lay_out(samples, choices)
    shape = sky_shape(samples.pixels, samples.nside, samples.galactic_latitude)
    days = samples.scan_mjd()
    # A scan without samples has no time: it takes that of the one before, or of the first.
    known = np.maximum.accumulate(np.where(np.isfinite(days), days, -np.inf))
    days = np.where(np.isfinite(known), known, np.nanmin(days))
    scan = samples.scan_of_sample()
    along = np.floor(_along(samples) / _CELL_DEG).astype(np.int64)
    cell = np.unique(scan * (along.max(initial=0) + 1) + along, return_inverse=True)[1].astype(np.int32)
    return Problem(samples, choices, design, template, shape, scan, days, cell)


def lay_out(samples: Samples, choices: Choices) -> tuple[Design, Floats]:
    """Lay out offsets and modes.

    Parameters
    ----------
    samples : Samples
    choices : Choices

    Returns
    -------
    design : Design
    template : ndarray, shape (n,)
        Sum of the components, MJy/sr.
    """
    template = np.asarray(samples.zodi.sum(axis=0, dtype=np.float64))
    node, part, n_nodes = _nodes(samples, choices.baseline_deg)
    modes = np.empty((len(samples), len(choices.modes)), np.float32)
    for j, name in enumerate(choices.modes):
        modes[:, j] = _mode(name, samples, template)
    design = Design(samples.first, samples.index, node, part, modes, n_nodes, len(samples.pixels))
    return design, template


def _mode(name: str, samples: Samples, template: Floats) -> NDArray[np.floating]:
    if name == "sides":
        return template * np.repeat(samples.side, np.diff(samples.first))
    if name == "asymmetry":
        return template * np.sin(2.0 * np.radians(samples.latitude.astype(np.float64)))[samples.index]
    rows = [k for k, component in enumerate(samples.components) if component in MODES[name]]
    return np.asarray(samples.zodi[rows].sum(axis=0))


def _along(samples: Samples) -> Floats:
    """Give how far each scan has come, deg, shape (n,)."""
    starts = samples.mjd[np.minimum(samples.first[:-1], len(samples) - 1)]
    return np.asarray((samples.mjd - np.repeat(starts, np.diff(samples.first))) * SCAN_DEG_PER_DAY)


def _nodes(samples: Samples, spacing: float) -> tuple[NDArray[np.uint8], NDArray[np.float32], int]:
    """Place the offsets along the scans: before each sample, how far on, and how many."""
    if spacing == 0.0:
        return np.zeros(len(samples), np.uint8), np.zeros(len(samples), np.float32), 2
    along = _along(samples) / spacing
    n_nodes = min(int(np.floor(along.max(initial=0.0))) + 2, _MAX_NODES)
    node = np.minimum(along.astype(np.int64), n_nodes - 2)
    part = np.clip(along - node, 0.0, 1.0)
    return node.astype(np.uint8), part.astype(np.float32), n_nodes


def offsets_of(design: Design, scan: NDArray[np.int32], nodes: Floats) -> Floats:
    """Interpolate offsets to the samples, DN, shape (n,).

    Parameters
    ----------
    design : Design
    scan : ndarray of int32, shape (n,)
        The scan of each sample.
    nodes : ndarray, shape (S, K)
        DN.
    """
    node = design.node.astype(np.int64)
    part = design.part.astype(np.float64)
    return np.asarray(nodes[scan, node] * (1.0 - part) + nodes[scan, node + 1] * part)
