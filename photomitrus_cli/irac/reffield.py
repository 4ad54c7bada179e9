"""Whether the catalogue that frames are to be aligned with is of their part of the sky."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tangent import directions_of, positions_of
from photomitrus_cli.io.refcat import RefCat
from photomitrus_cli.io.reffield import refuse_other_field

Float = NDArray[np.float64]

# Around the frames: more than pointing errors and a century of the fastest star.
_MARGIN_DEG = 0.3


def refuse_other_sky(path: Path, catalogue: RefCat, corners: Float) -> None:
    """Refuse a catalogue none of whose stars is near the frames.

    Parameters
    ----------
    path : Path
        The catalogue's file.
    catalogue : RefCat
    corners : ndarray of float64, shape (2, ...)
        Right ascensions and declinations of the edges of all frames, degrees ICRS; NaN where unknown.

    Raises
    ------
    NoDataError
        With the circle that holds the frames, and the distance of the nearest star.
    """
    edges = directions_of(*corners).reshape(3, -1)
    edges = edges[:, np.isfinite(edges).all(axis=0)]
    if not edges.size:
        return
    mean = edges.mean(axis=1)
    centre = mean / np.linalg.norm(mean)
    radius = float(_degrees(edges, centre).max()) + _MARGIN_DEG
    ra, dec = (float(value) for value in positions_of(mean))
    distances = _degrees(directions_of(catalogue.ra, catalogue.dec), centre)
    refuse_other_field(path, distances, radius, f"{radius:.3g} deg around {ra:.4f} {dec:+.4f}")


def _degrees(directions: Float, centre: Float) -> Float:
    """Give the angles between directions, shape (3, n), and a centre; exact for small ones, too."""
    half = 0.5 * np.linalg.norm(directions.T - centre, axis=1)
    return np.asarray(np.degrees(2.0 * np.arcsin(np.minimum(half, 1.0))))
