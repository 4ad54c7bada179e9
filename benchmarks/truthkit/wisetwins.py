"""What a scan coadd is timed against: reading its files, the seed's algorithm, plain NumPy with healpy.

Run as ``python -m truthkit.wisetwins reading|seed|vector TABLE`` each is a process of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from truthkit.wisescan import frame_paths


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


def read_frames(paths: Sequence[Path]) -> None:
    """Read the three files of every frame with astropy, and nothing else."""
    from astropy.io import fits

    for path in paths:
        for one in three_files(path):
            fits.getdata(one)


def main() -> None:
    """Run one of them over the frames of a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=["reading", "seed", "vector"])
    parser.add_argument("table", type=Path)
    parser.add_argument("--nside", type=int, default=256)
    parser.add_argument("--save", type=Path, help="keep the map (.npz)")
    arguments = parser.parse_args()
    paths = frame_paths(arguments.table)
    if arguments.which == "reading":
        read_frames(paths)
        return
    # Neither pays for the other's imports.
    if arguments.which == "seed":
        from truthkit.wiseseed import seed_scan as scan
    else:
        from truthkit.wisevector import vector_scan as scan
    made = scan(paths, arguments.nside)
    if arguments.save:
        np.savez(arguments.save, **vars(made))


if __name__ == "__main__":
    main()
