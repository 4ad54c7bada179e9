"""A solution after solving and refusing by turns, and what it was made without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibfit import Fitted

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class ScanNumbers:
    """Of each scan, of the last solution that it was in; arrays of shape (S,).

    Attributes
    ----------
    gain, offset, drift : ndarray of float64
        DN per MJy/sr; mean offset and rms of the offsets about it, DN.
    n_used : ndarray of int64
        Samples that count for what follows.
    residual_rms, chi2, correlation : ndarray of float64
        As in `ScanFigures`.
    """

    gain: Floats
    offset: Floats
    drift: Floats
    n_used: NDArray[np.int64]
    residual_rms: Floats
    chi2: Floats
    correlation: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Cycled:
    """A solution, and what it was made without.

    Attributes
    ----------
    solution : Solved
    fitted : Fitted
    excluded : ndarray of uint8, shape (n,)
        Bits of `photomitrus_cli.wise.samples`, by the last solution; a few of them may be newer than it.
    accepted : ndarray of bool, shape (S,)
    reasons : list of str, S of them
        Why a scan was refused.
    numbers : ScanNumbers
    n_cycles : int
    settled : bool
        Whether the last solution left nothing to refuse.
    """

    solution: Any
    fitted: Fitted
    excluded: Bits
    accepted: Flags
    reasons: list[str]
    numbers: ScanNumbers
    n_cycles: int
    settled: bool
