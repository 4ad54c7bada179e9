"""What the slow twins of `wise coadd` read and make."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ScanMap:
    """A map of one scan, HEALPix RING, Galactic; the pixels that it reaches.

    Attributes
    ----------
    pixels : ndarray of int64, shape (m,)
        Ascending.
    value, sigma : ndarray of float64, shape (m,)
        DN.
    hits : ndarray of int64, shape (m,)
        Detector pixels.
    mjd : ndarray of float64, shape (m,)
        Weighted mean time.
    """

    pixels: NDArray[np.int64]
    value: NDArray[np.float64]
    sigma: NDArray[np.float64]
    hits: NDArray[np.int64]
    mjd: NDArray[np.float64]


def three_files(path: Path) -> tuple[Path, ...]:
    """Name intensity, uncertainty and mask of a frame: the plain file, the packed one when it is absent."""
    names = [path.name.replace("-int-", f"-{kind}-") for kind in ("int", "unc", "msk")]
    plain = [path.with_name(name) for name in names]
    return tuple(one if one.exists() else one.with_name(f"{one.name}.gz") for one in plain)
