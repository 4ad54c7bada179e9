"""Tables of a filter run besides the frames: what each cut removes, and the scans that are left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.filterplan import BandRows

if TYPE_CHECKING:
    from astropy.table import Table

Int = NDArray[np.int64]
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Scans:
    """The scans of a band; arrays of shape (n_scans,), ordered by scan id.

    Attributes
    ----------
    scan_id : ndarray of str
    frames, frames_read : ndarray of int64
        Frames that are left, and those of the frame table.
    mjd_min, mjd_max : ndarray of float64
        Of the frames that are left, d (UTC).
    """

    scan_id: NDArray[np.str_]
    frames: Int
    frames_read: Int
    mjd_min: Float
    mjd_max: Float


def scans_of(columns: Mapping[str, NDArray[Any]], one: BandRows) -> Scans:
    """Group the frames of a band that are left by their scans.

    Parameters
    ----------
    columns : mapping of str to ndarray, shape (n,)
        With ``scan_id`` and ``mjd_obs``.
    one : BandRows

    Returns
    -------
    Scans
    """
    scan_id, places, frames_read = np.unique(
        columns["scan_id"][one.rows], return_inverse=True, return_counts=True
    )
    passed = one.passed[one.rows]
    places, mjd = places[passed], columns["mjd_obs"][one.passed]
    frames = np.bincount(places, minlength=scan_id.size)
    low, high = np.full(scan_id.size, np.nan), np.full(scan_id.size, np.nan)
    np.fmin.at(low, places, mjd)
    np.fmax.at(high, places, mjd)
    kept = frames > 0
    return Scans(scan_id[kept], frames[kept], frames_read[kept], low[kept], high[kept])


def scan_table(scans: Scans, band: int) -> Table:
    """Make the table of scans.

    Parameters
    ----------
    scans : Scans
    band : int

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column, Table

    made = [
        Column(scans.scan_id, "scan_id", description="Scan"),
        Column(scans.frames, "frames", description="Frames that are left"),
        Column(scans.frames_read, "frames_read", description="Frames of the scan in the frame table"),
        Column(scans.mjd_min, "mjd_min", unit="d", description="Middle of the first exposure (MJD, UTC)"),
        Column(scans.mjd_max, "mjd_max", unit="d", description="Middle of the last exposure (MJD, UTC)"),
    ]
    return Table(made, meta={"band": band})


def cut_table(one: BandRows, missing_files: str) -> Table:
    """Make the table of what each cut removes, alone and in order.

    Parameters
    ----------
    one : BandRows
    missing_files : str
        What was done with frames without a file.

    Returns
    -------
    astropy.table.Table
        A row for the frames read, one for repeated ones, one for each cut and one for the files.
    """
    from astropy.table import Column, Table

    n_rows = one.n_read - one.n_repeated
    rows = [("frames read", 0, 0, 0, one.n_read), ("repeated", one.n_repeated, 0, one.n_repeated, n_rows)]
    rows += [(str(count.cut), count.alone, count.missing, count.in_order, count.left) for count in one.counts]
    dropped = one.n_absent if missing_files == "drop" else 0
    rows.append(("no file", dropped, 0, dropped, int(one.passed.sum())))
    texts = (
        ("cut", "What a frame has to fulfil"),
        ("alone", "Frames that fail it, whatever the others say"),
        ("missing", "Of these, frames without a value"),
        ("in_order", "Frames that fail it and passed all before"),
        ("left", "Frames left after it"),
    )
    made = [
        Column(list(values), name, description=text)
        for (name, text), values in zip(texts, zip(*rows, strict=True), strict=True)
    ]
    return Table(made, meta={"band": one.band})
