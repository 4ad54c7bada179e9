"""What a scan coadd is timed against: reading its files, the seed's algorithm, plain NumPy with healpy.

Run as ``python -m truthkit.wisetwins reading|seed|vector TABLE`` each is a process of its own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from truthkit.twinmaps import three_files
from truthkit.wisescan import frame_paths


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
