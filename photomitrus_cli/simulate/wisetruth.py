"""The frame table and the truth of a simulated WISE survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.io.fitswrite import table_hdu, write_fits
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseframe import Frame
from photomitrus_cli.simulate.wiseheaders import utc_text
from photomitrus_cli.simulate.wiseplan import DAY_S, FramePlan, ScanPlan

if TYPE_CHECKING:
    from astropy.table import Table

Columns = dict[str, NDArray[np.generic]]

HIT_KINDS = ("spike", "track")
_CORNERS = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
_TYPES = {"i": "int", "f": "double", "U": "char"}

# unit and description of the columns of the truth tables
_ABOUT: dict[str, tuple[str | None, str]] = {
    "file": (None, "intensity image, relative to the output folder"),
    "scan_id": (None, "scan"),
    "frame_num": (None, "frame number, three digits"),
    "band": (None, "band"),
    "side": (None, "+1 ahead of the Sun and northwards, -1 behind it and southwards"),
    "mjd": ("d", "middle of the exposure, UTC"),
    "mjd_begin": ("d", "begin of the scan, UTC"),
    "mjd_end": ("d", "end of the scan, UTC"),
    "frames": (None, "frames of the scan in this simulation"),
    "gain": ("DN sr / MJy", "DN per MJy/sr, the zero point's shift included"),
    "offset": ("DN", "offset of the scan"),
    "drift": ("DN", "change of the offset from the begin to the end of the scan"),
    "jump": ("DN", "change of the offset in the middle of the scan"),
    "magzp": ("mag", "zero point of the headers"),
    "qual_scan": (None, "quality of the scan"),
    "qual_frame": (None, "quality of the frame; 0: three times the noise"),
    "ra": ("deg", "right ascension, FK5 J2000"),
    "dec": ("deg", "declination, FK5 J2000"),
    "pa": ("deg", "position angle of the second axis of W1, east of north"),
    "lon": ("deg", "ecliptic longitude of the centre, J2000"),
    "lat": ("deg", "ecliptic latitude of the centre, J2000"),
    "level": ("DN", "offset of the scan with its drift and jump, and the frame's own, at this time"),
    "frame_offset": ("DN", "the frame's own offset"),
    "zodi": ("MJy / sr", "zodiacal light at the centre"),
    "light": ("DN", "mean light without offsets and stars"),
    "stray_low": ("DN", "light of the Moon and planets, lowest on the frame"),
    "stray_high": ("DN", "light of the Moon and planets, highest on the frame"),
    "moon_sep": ("deg", "distance of the Moon"),
    "median": ("DN", "median of the frame"),
    "n_stars": (None, "stars whose centres are on the frame"),
    "n_saturated": (None, "saturated pixels"),
    "n_latents": (None, "latents of the exposure before"),
    "n_hits": (None, "pixels hit by spikes and cosmic rays"),
    "n_asteroids": (None, "asteroids on the frame"),
    "trail": (None, "whether a satellite crosses"),
    "id": (None, "number"),
    "flux": ("Jy", "flux density in the band"),
    "total": ("DN", "sum of the pixels"),
    "x": ("pix", "column, 0-based, integers at pixel centres"),
    "y": ("pix", "row, 0-based"),
    "dn": (None, "deposit, DN (a unit that FITS does not know)"),
    "kind": (None, "0 spike, 1 cosmic-ray track"),
    "flagged": (None, "whether the mask has bit 28"),
}


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
        _inventory(plan, band, frame),
        _row(plan, band, frame, file),
        _stars(band, frame),
        _asteroids(plan, band, frame),
        _hits(plan, band, frame),
    )


def _inventory(plan: FramePlan, band: int, frame: Frame) -> dict[str, object]:
    """Line of the archive's inventory of images, p1bm_frm."""
    known, scan, side = facts.BANDS[band], plan.scan, frame.intensity.shape[0]
    corners = np.array(_CORNERS) * side + 0.5 * (side - 1)
    ra, dec = frame.wcs.pixel_to_sky(corners[:, 0], corners[:, 1])
    around = {f"{name}{k + 1}": float(v[k]) for k in range(4) for name, v in (("ra", ra), ("dec", dec))}
    return {
        "band": band,
        "crval1": frame.wcs.crval_deg[0],
        "crval2": frame.wcs.crval_deg[1],
        **around,
        "magzp": scan.levels[band].magzp,
        "magzpunc": known.magzp[1],
        "modeint": frame.median,
        "scan_id": scan.scan_id,
        "scangrp": scan.scangrp,
        "frame_num": plan.frame_num,
        "date_obs": utc_text(plan.mjd, " "),
        "mjd_obs": round(plan.mjd, 8),
        "dtanneal": round(plan.dtanneal, 6),
        "utanneal": utc_text(plan.mjd - plan.dtanneal / DAY_S, " "),
        "exptime": known.exptime_s,
        "qa_status": "Final",
        "qual_frame": plan.qual_frame,
        "debgain": known.debgain,
        "febgain": known.febgain,
        "moon_sep": round(plan.moon_sep, 6),
        "saa_sep": round(plan.saa_sep, 6),
        "qual_scan": scan.qual_scan,
    }


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


def _table(columns: Columns, meta: dict[str, object]) -> Table:
    from astropy.table import Column, Table

    made = []
    for name, values in columns.items():
        unit, text = _ABOUT[name]
        made.append(Column(values, name=name, unit=unit, description=text))
    return Table(made, meta=meta)


def _stack(parts: Sequence[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rows_to_columns(rows: Sequence[dict[str, object]]) -> Columns:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def scan_columns(config: WiseSimulation, scans: Sequence[ScanPlan], frames: dict[str, int]) -> Columns:
    """Return one row per scan and band: gain, offset, drift, jump, side, times.

    Parameters
    ----------
    config : WiseSimulation
    scans : sequence of ScanPlan
    frames : dict of str to int
        Number of frames by scan.

    Returns
    -------
    dict of str to ndarray
    """
    rows: list[dict[str, object]] = [
        {
            "scan_id": scan.scan_id,
            "band": band,
            "side": scan.side,
            "mjd_begin": scan.begin_mjd,
            "mjd_end": scan.end_mjd,
            "frames": frames.get(scan.scan_id, 0),
            "gain": scan.levels[band].gain,
            "offset": scan.levels[band].offset,
            "drift": scan.levels[band].drift,
            "jump": scan.levels[band].jump,
            "magzp": scan.levels[band].magzp,
            "qual_scan": scan.qual_scan,
        }
        for scan in scans
        for band in sorted(config.bands)
    ]
    return _rows_to_columns(rows)


def ipac_text(rows: Sequence[dict[str, object]]) -> str:
    """Write rows as an IPAC table.

    Parameters
    ----------
    rows : sequence of dict
        Equal keys; values are int, float or str, and strings keep their zeros.

    Returns
    -------
    str
    """
    columns = _rows_to_columns(rows)
    header, body = [], []
    for name, values in columns.items():
        texts = [repr(value) if isinstance(value, float) else str(value) for value in values.tolist()]
        kind = _TYPES[values.dtype.kind]
        width = max(len(name), len(kind), len("null"), *(len(text) for text in texts)) + 1
        header.append([name.rjust(width), kind.rjust(width), " " * width, "null".rjust(width)])
        body.append([text.rjust(width) for text in texts])
    lines = ["\\fixlen = T", "\\origin = 'astromap simulation of the image inventory p1bm_frm'"]
    lines += ["|" + "|".join(parts) + "|" for parts in zip(*header, strict=True)]
    lines += [" " + " ".join(parts) + " " for parts in zip(*body, strict=True)]
    return "\n".join(lines) + "\n"


def write_truth(
    folder: Path, config: WiseSimulation, scans: Sequence[ScanPlan], frames: Sequence[FrameTruth]
) -> dict[str, Path]:
    """Write the truth tables.

    Parameters
    ----------
    folder : Path
        Existing folder.
    config : WiseSimulation
    scans : sequence of ScanPlan
    frames : sequence of FrameTruth
        At least one.

    Returns
    -------
    dict of str to Path
        ``scans``, ``frames``, ``asteroids`` (ECSV); ``stars`` and ``hits``, which are long (FITS).
    """
    from astropy.io import fits

    count: dict[str, int] = {}
    for frame in frames:
        scan = str(frame.row["scan_id"])
        count[scan] = count.get(scan, 0) + (frame.row["band"] == min(config.bands))
    stars = _stack([frame.stars for frame in frames])
    _, first = np.unique(np.stack([stars["band"], stars["id"]]), axis=1, return_index=True)
    tables: dict[str, Columns] = {
        "scans": scan_columns(config, scans, count),
        "frames": _rows_to_columns([frame.row for frame in frames]),
        "asteroids": _stack([frame.asteroids for frame in frames]),
    }
    written: dict[str, Path] = {}
    meta: dict[str, object] = {
        "seed": config.seed,
        "zodi_wavelength_um": {f"w{band}": facts.BANDS[band].isophotal_um for band in sorted(config.bands)},
    }
    for name, columns in tables.items():
        written[name] = folder / f"truth_{name}.ecsv"
        write_ecsv(written[name], _table(columns, meta))
    long_tables = {
        "stars": {name: values[first] for name, values in stars.items()},
        "hits": _stack([frame.hits for frame in frames]),
    }
    for name, columns in long_tables.items():
        written[name] = folder / f"truth_{name}.fits"
        hdu = table_hdu(name.upper(), _table(columns, {}))
        write_fits(written[name], fits.HDUList([fits.PrimaryHDU(), hdu]))
    return written


def write_inventory(path: Path, frames: Sequence[FrameTruth]) -> None:
    """Write the frame table, in the order of the archive's: by scan, frame and band.

    Parameters
    ----------
    path : Path
    frames : sequence of FrameTruth
        At least one.
    """
    write_text(path, ipac_text([frame.inventory for frame in frames]))
