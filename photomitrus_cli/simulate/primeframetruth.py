"""What is kept of a simulated PRIME frame: its row of the truth, stars, hits and pixel positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primefacts import frame_shape
from photomitrus_cli.simulate.primeframe import Frame
from photomitrus_cli.simulate.primeplan import FramePlan
from photomitrus_cli.simulate.truthtables import Columns

GRID_NODES = 33


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is kept of a frame.

    Attributes
    ----------
    row : dict
        Line of the table of frames.
    stars : ndarray of int
        Indices into the stars of the field.
    grid, hits : dict of str to ndarray
        Rows of those tables.
    """

    row: dict[str, object]
    stars: NDArray[np.int64]
    grid: Columns
    hits: Columns


def frame_truth(config: PrimeSimulation, plan: FramePlan, chip: int, frame: Frame, file: str) -> FrameTruth:
    """Gather the truth of a frame.

    Parameters
    ----------
    config : PrimeSimulation
    plan : FramePlan
    chip : int
    frame : Frame
    file : str
        Relative to the output folder.

    Returns
    -------
    FrameTruth
    """
    side = frame_shape(config.scale).active
    row: dict[str, object] = {
        "file": file,
        "serial": plan.serial,
        "chip": chip,
        "mjd": plan.mjd,
        "ra_header": plan.header_deg[0],
        "dec_header": plan.header_deg[1],
        "ra_axis": plan.true_deg[0],
        "dec_axis": plan.true_deg[1],
        "rotation": plan.rotation_deg,
        "family": config.distortion,
        "scale": config.scale,
        "transparency": plan.transparency,
        "sky": plan.sky_adu,
        "sigma": frame.sigma,
        "pattern": plan.pattern,
        "fwhm": plan.fwhm_arcsec,
        "accident": plan.accident or "none",
        "satellite": plan.satellite,
        "n_stars": frame.stars.size,
        "n_hits": frame.hit_pixel.size,
        "n_invalid": frame.n_invalid,
    }
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(0.0, side - 1.0, GRID_NODES)] * 2))
    ra, dec = frame.wcs.pixel_to_sky(x, y)
    hits: Columns = {
        "x": (frame.hit_pixel % side).astype(np.int16),
        "y": (frame.hit_pixel // side).astype(np.int16),
        "adu": frame.hit_adu.astype(np.float32),
    }
    grid: Columns = {"x": x, "y": y, "ra": ra, "dec": dec}
    return FrameTruth(row, frame.stars, _keyed(plan, chip, grid), _keyed(plan, chip, hits))


def _keyed(plan: FramePlan, chip: int, columns: Columns) -> Columns:
    count = next(iter(columns.values())).size
    keys: Columns = {"serial": np.full(count, plan.serial), "chip": np.full(count, chip, dtype=np.int16)}
    return keys | columns
