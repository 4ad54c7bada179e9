"""What is kept of a simulated WISE frame: its rows of the frame table and of the truth, stars and hits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from photomitrus_cli.simulate.truthtables import Columns
from photomitrus_cli.simulate.wiseframe import Frame
from photomitrus_cli.simulate.wiseinventory import inventory_row
from photomitrus_cli.simulate.wisescanframes import FramePlan


@dataclass(frozen=True, eq=False)
class FrameTruth:
    """What is kept of a frame once it is written.

    Attributes
    ----------
    file : str
        Intensity image, relative to the output folder.
    inventory, row : dict
        Its line in the frame table and in the truth.
    stars, asteroids, hits : dict of str to ndarray
        Columns of the other truth tables.
    """

    file: str
    inventory: dict[str, object]
    row: dict[str, object]
    stars: Columns
    asteroids: Columns
    hits: Columns


def frame_truth(plan: FramePlan, band: int, frame: Frame, file: str) -> FrameTruth:
    """Collect what is true of a frame.

    Parameters
    ----------
    plan : FramePlan
    band : int
    frame : Frame
    file : str
        Relative to the output folder.

    Returns
    -------
    FrameTruth
    """
    return FrameTruth(
        file,
        inventory_row(plan, band, frame),
        _row(plan, band, frame, file),
        _stars(band, frame),
        _asteroids(plan, band, frame),
        _hits(plan, band, frame),
    )


def _row(plan: FramePlan, band: int, frame: Frame, file: str) -> dict[str, object]:
    return {
        "file": file,
        "scan_id": plan.scan.scan_id,
        "frame_num": plan.frame_num,
        "band": band,
        "mjd": plan.mjd,
        "ra": plan.ra_deg,
        "dec": plan.dec_deg,
        "pa": plan.pa_deg,
        "lon": plan.lon_deg,
        "lat": plan.lat_deg,
        "level": plan.offset(band) + frame.frame_offset,
        "frame_offset": frame.frame_offset,
        "zodi": frame.zodi,
        "light": frame.light,
        "stray_low": frame.stray_low,
        "stray_high": frame.stray_high,
        "moon_sep": plan.moon_sep,
        "median": frame.median,
        "qual_frame": plan.qual_frame,
        "n_stars": frame.stars.id.size,
        "n_saturated": frame.n_saturated,
        "n_latents": frame.n_latents,
        "n_hits": frame.hits.pixel.size,
        "n_asteroids": frame.asteroids.id.size,
        "trail": frame.trail,
    }


def _stars(band: int, frame: Frame) -> Columns:
    stars = frame.stars
    ra, dec = frame.wcs.pixel_to_sky(stars.x, stars.y)
    return {"id": stars.id, "band": np.full(ra.size, band), "ra": ra, "dec": dec, "flux": stars.flux_jy}


def _keys(plan: FramePlan, band: int, count: int) -> Columns:
    values = {"scan_id": plan.scan.scan_id, "frame_num": plan.frame_num, "band": band}
    return {name: np.full(count, value) for name, value in values.items()}


def _asteroids(plan: FramePlan, band: int, frame: Frame) -> Columns:
    found = frame.asteroids
    ra, dec = frame.wcs.pixel_to_sky(found.x, found.y)
    own = {"id": found.id, "x": found.x, "y": found.y, "ra": ra, "dec": dec, "flux": found.flux_jy}
    return {**_keys(plan, band, ra.size), **own, "total": found.total_dn}


def _hits(plan: FramePlan, band: int, frame: Frame) -> Columns:
    hits, side = frame.hits, frame.intensity.shape[0]
    own: Columns = {
        "x": (hits.pixel % side).astype(np.int16),
        "y": (hits.pixel // side).astype(np.int16),
        "dn": hits.dn.astype(np.float32),
        "kind": hits.kind,
        "flagged": hits.flagged,
    }
    return {**_keys(plan, band, hits.pixel.size), **own}
