"""Where zodiacal light is seen from: the Earth, or the spacecraft as the headers of its frames state it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.healpix import rotation_from_fk5

Float = NDArray[np.float64]

COLUMNS = ("sun2sc_x", "sun2sc_y", "sun2sc_z")


class Track(NamedTuple):
    """Positions of the spacecraft along a scan.

    Attributes
    ----------
    mjd : ndarray of float64, shape (k,)
        UTC, d, ascending.
    positions : ndarray of float64, shape (3, k)
        Heliocentric, ecliptic (mean, J2000), AU.
    """

    mjd: Float
    positions: Float

    def at(self, mjd: ArrayLike) -> Float:
        """Interpolate linearly in time: between two frames the way bends by 1e-7 AU.

        Parameters
        ----------
        mjd : array_like of float64, shape (n,)
            d; before the first frame and after the last one their places count.

        Returns
        -------
        ndarray of float64, shape (3, n)
        """
        when = np.asarray(mjd, np.float64)
        return np.array([np.interp(when, self.mjd, axis) for axis in self.positions])


def earth_positions(mjd: ArrayLike) -> Float:
    """Give the positions of the Earth (astropy's builtin ephemeris; nothing is downloaded).

    Parameters
    ----------
    mjd : array_like of float64, shape (n,)
        UTC, d.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Heliocentric, ecliptic (mean, J2000), AU.
    """
    from astropy.coordinates import get_body_barycentric
    from astropy.time import Time

    times = Time(np.asarray(mjd, np.float64), format="mjd", scale="utc")
    earth, sun = (get_body_barycentric(body, times, ephemeris="builtin") for body in ("earth", "sun"))
    return to_ecliptic((earth - sun).xyz.to_value("AU"))


def to_ecliptic(positions: Float) -> Float:
    """Turn equatorial vectors (ICRS or FK5, which differ by 0.02") to the mean ecliptic of J2000.

    Parameters
    ----------
    positions : ndarray of float64, shape (3, n)

    Returns
    -------
    ndarray of float64, shape (3, n)
    """
    return rotation_from_fk5("ecliptic") @ positions


def read_tracks(tables: Iterable[Path], scans: Iterable[str]) -> dict[str, Track]:
    """Read the positions of the spacecraft from tables of frames that ``wise coadd`` has written.

    Parameters
    ----------
    tables : iterable of Path
        ECSV with the columns group, mjd and sun2sc_x, _y, _z (AU, equatorial J2000).
    scans : iterable of str
        Names of maps.

    Returns
    -------
    dict of str to Track
        One for each of them.

    Raises
    ------
    InputError
        When a table cannot be read or lacks a column, or a scan has no frame with a position.
    """
    wanted, paths = set(scans), list(tables)
    tracks: dict[str, Track] = {}
    for path in paths:
        if missing := wanted - tracks.keys():
            tracks |= _tracks_of(path, missing)
    if missing := wanted - tracks.keys():
        searched = ", ".join(map(str, paths)) or "there is no table of frames"
        raise InputError(
            f"observer header: no position {COLUMNS[0]} of scan {min(missing)} ({searched})",
            hint="wise coadd writes w<B>_frames.ecsv beside the maps; --observer earth does without",
        )
    return tracks


def _tracks_of(path: Path, wanted: set[str]) -> dict[str, Track]:
    """Give what one table has of the scans."""
    from astropy.table import Table

    try:
        table = Table.read(path, format="ascii.ecsv")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as a table of frames (ECSV)") from error
    for name in ("group", "mjd", *COLUMNS):
        if name not in table.colnames:
            raise InputError(
                f"{path}: has no column {name}, which observer header needs",
                hint="an older wise coadd wrote it: make the maps again, or use --observer earth",
            )
    groups = np.asarray(table["group"], str)
    mjd = np.asarray(table["mjd"], np.float64)
    equatorial = np.array([np.asarray(table[name], np.float64) for name in COLUMNS])
    known = np.isfinite(mjd) & np.isfinite(equatorial).all(axis=0)
    tracks = {}
    for name in wanted:
        rows = np.flatnonzero((groups == name) & known)
        if rows.size:
            rows = rows[np.argsort(mjd[rows], kind="stable")]
            tracks[name] = Track(mjd[rows], to_ecliptic(equatorial[:, rows]))
    return tracks
