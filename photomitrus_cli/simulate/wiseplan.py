"""When and where a simulated WISE looks: half-orbit scans at constant distance from the Sun, 11 s a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.sphere import local_axes, spherical, unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wisebodies import equatorial_axes, moon_direction, separation_deg, sun_ecliptic
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiselevels import band_levels
from photomitrus_cli.simulate.wisescanframes import (
    DAY_S,
    FIRST_FRAME_S,
    FRAME_INTERVAL_S,
    FramePlan,
    ScanPlan,
    frame_seconds,
)

Floats = NDArray[np.float64]

# The South Atlantic Anomaly as a circle whose edge roughly gives the distances of two real headers, deg.
_SAA_CENTRE_DEG = (-45.0, -25.0)
_SAA_RADIUS_DEG = 33.0


def moon_at(config: WiseSimulation, mjd: float) -> Floats:
    """Return the Moon's direction (ecliptic): where the configuration puts it, or where it is."""
    if config.moon_ecliptic_deg is not None:
        return unit_vectors(*config.moon_ecliptic_deg)
    return moon_direction(mjd)


def plan_scans(config: WiseSimulation) -> list[ScanPlan]:
    """List the scans of a simulation.

    Parameters
    ----------
    config : WiseSimulation

    Returns
    -------
    list of ScanPlan
        In the order of time, on alternate sides of the Sun; every eighth has the letter b.
    """
    length = 180.0 * 60.0 / config.scan_rate_arcmin_s / DAY_S
    scans = []
    for index in range(0, config.n_scans * config.scan_step, config.scan_step):
        rng = stream(config.seed, Purpose.WISE_SCAN, index)
        begin = config.start_mjd + index * length
        bad = bool(rng.uniform() < config.bad_scan_fraction)
        levels = band_levels(config, index, begin, rng)
        letter = "b" if index % 8 == 7 else "a"
        scans.append(
            ScanPlan(
                index=index,
                scan_id=f"{config.first_scan + index:05d}{letter}",
                side=1 if index % 2 else -1,
                begin_mjd=begin,
                end_mjd=begin + length,
                qual_scan=0 if bad else 10,
                levels=levels,
            )
        )
    return scans


def _pointing(config: WiseSimulation, scan: ScanPlan, seconds: Floats) -> tuple[Floats, Floats]:
    """Directions and directions of motion, ecliptic unit vectors of shape (3, n)."""
    along = scan.side * np.radians(config.scan_rate_arcmin_s / 60.0 * seconds - 90.0)
    sun = np.array([sun_ecliptic(scan.begin_mjd + second / DAY_S)[0] for second in seconds])
    towards, across = unit_vectors(sun, 0.0), scan.side * unit_vectors(sun + 90.0, 0.0)
    pole = np.array([0.0, 0.0, 1.0])[:, None]
    elongation = np.radians(config.elongation_deg)
    circle = np.cos(along) * across + np.sin(along) * pole
    direction = np.cos(elongation) * towards + np.sin(elongation) * circle
    motion = scan.side * (np.cos(along) * pole - np.sin(along) * across)
    return direction, motion


def saa_separation(ra_deg: Floats, dec_deg: Floats, mjd: Floats) -> Floats:
    """Return the distance from the edge of the Anomaly, deg; the telescope looks straight up."""
    turn = 280.46061837 + 360.98564737 * (mjd - 51544.5)
    above = unit_vectors(ra_deg - turn, dec_deg)
    return separation_deg(above, unit_vectors(*_SAA_CENTRE_DEG)) - _SAA_RADIUS_DEG


def plan_frames(config: WiseSimulation, scan: ScanPlan) -> list[FramePlan]:
    """List the exposures of a scan between the latitudes asked for.

    Parameters
    ----------
    config : WiseSimulation
    scan : ScanPlan

    Returns
    -------
    list of FramePlan
        Every so many-th by ``frame_step``, in time order, at most ``max_frames``.
    """
    duration = (scan.end_mjd - scan.begin_mjd) * DAY_S
    seconds = np.arange(FIRST_FRAME_S, duration, FRAME_INTERVAL_S)
    direction, motion = _pointing(config, scan, seconds)
    lon, lat = spherical(direction)
    low, high = config.latitude_deg
    chosen = np.flatnonzero((lat >= low) & (lat <= high))[:: config.frame_step][: config.max_frames]
    axes = equatorial_axes()
    direction, motion = axes @ direction[:, chosen], axes @ motion[:, chosen]
    ra, dec = spherical(direction)
    mjd = scan.begin_mjd + seconds[chosen] / DAY_S
    saa = saa_separation(ra, dec, mjd)
    frames = []
    for place, index in enumerate(chosen.tolist()):
        moon = axes @ moon_at(config, float(mjd[place]))
        rng = stream(config.seed, Purpose.WISE_FRAME, scan.index, index)
        frames.append(
            FramePlan(
                scan=scan,
                index=index,
                mjd=float(mjd[place]),
                ra_deg=float(ra[place]),
                dec_deg=float(dec[place]),
                pa_deg=_position_angle(-motion[:, place], float(ra[place]), float(dec[place])),
                lon_deg=float(lon[index]),
                lat_deg=float(lat[index]),
                moon_sep=float(separation_deg(direction[:, place], moon)),
                saa_sep=float(saa[place]),
                qual_frame=0 if rng.uniform() < config.bad_frame_fraction else 10,
            )
        )
    return frames


def _position_angle(vector: Floats, ra_deg: float, dec_deg: float) -> float:
    east, north, _ = local_axes(ra_deg, dec_deg)
    return float(np.degrees(np.arctan2(vector @ east, vector @ north)) % 360.0)


def pointing_at(config: WiseSimulation, scan: ScanPlan, index: int) -> tuple[float, float, float]:
    """Return right ascension, declination and position angle, deg, of any exposure of a scan."""
    direction, motion = (
        equatorial_axes() @ item for item in _pointing(config, scan, np.array([frame_seconds(index)]))
    )
    ra, dec = (float(item[0]) for item in spherical(direction))
    return ra, dec, _position_angle(-motion[:, 0], ra, dec)


def plan_survey(config: WiseSimulation) -> list[FramePlan]:
    """List every exposure of a simulation, scan by scan, without simulating it."""
    return [frame for scan in plan_scans(config) for frame in plan_frames(config, scan)]
