"""Scans and frames of a simulated WISE as they are planned, with what follows from their times."""

from __future__ import annotations

from dataclasses import dataclass

from photomitrus_cli.simulate.wiselevels import BandLevel

FRAME_INTERVAL_S = 11.0
FIRST_FRAME_S = 5.0
_BIN_S = 10.0

DAY_S = 86400.0
_ANNEAL_DAY = 0.1285  # anneals end twice a day, first at 03:05 as in a header of 2010-01-10
_ANNEAL_PERIOD_DAY = 0.5


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """One half orbit.

    Attributes
    ----------
    index : int
        0-based number of half orbits since the first scan.
    scan_id : str
        Five digits and a letter.
    side : int
        +1: ahead of the Sun in longitude, northwards; -1: behind it, southwards.
    begin_mjd, end_mjd : float
        UTC.
    qual_scan : int
        10 (best) or 0.
    levels : dict of int to BandLevel
        By band.
    """

    index: int
    scan_id: str
    side: int
    begin_mjd: float
    end_mjd: float
    qual_scan: int
    levels: dict[int, BandLevel]

    @property
    def scangrp(self) -> str:
        """Name of the folder of scans: the last two characters."""
        return self.scan_id[-2:]


@dataclass(frozen=True, slots=True)
class FramePlan:
    """One exposure of all bands.

    Attributes
    ----------
    scan : ScanPlan
    index : int
        0-based number of the exposure in the whole scan.
    mjd : float
        Its middle, UTC.
    ra_deg, dec_deg, pa_deg : float
        Centre (FK5 J2000) and position angle of the second axis of W1, east of north.
    lon_deg, lat_deg : float
        Ecliptic (J2000) place of the centre.
    moon_sep, saa_sep : float
        Distance to the Moon; to the edge of the South Atlantic Anomaly, negative inside, deg.
    qual_frame : int
        10 (best) or 0.
    """

    scan: ScanPlan
    index: int
    mjd: float
    ra_deg: float
    dec_deg: float
    pa_deg: float
    lon_deg: float
    lat_deg: float
    moon_sep: float
    saa_sep: float
    qual_frame: int

    @property
    def seconds(self) -> float:
        """Time since the begin of the scan."""
        return frame_seconds(self.index)

    @property
    def number(self) -> int:
        """FRNUM: the 10 s bin of the scan that the exposure falls in, from 1."""
        return int(self.seconds // _BIN_S) + 1

    @property
    def frame_num(self) -> str:
        """The number as in file names."""
        return f"{self.number:03d}"

    @property
    def name(self) -> str:
        """Scan and frame number, the name of the frame set."""
        return self.scan.scan_id + self.frame_num

    @property
    def dtanneal(self) -> float:
        """Seconds since the last anneal."""
        return ((self.mjd - _ANNEAL_DAY) % _ANNEAL_PERIOD_DAY) * DAY_S

    def offset(self, band: int) -> float:
        """Offset of the scan with its drift and jump at the time of the frame, DN."""
        scan = self.scan
        phase = (self.mjd - scan.begin_mjd) / (scan.end_mjd - scan.begin_mjd)
        return scan.levels[band].offset_at(phase)


def frame_seconds(index: int) -> float:
    """Return the middle of an exposure in seconds after the begin of the scan."""
    return FIRST_FRAME_S + FRAME_INTERVAL_S * index
