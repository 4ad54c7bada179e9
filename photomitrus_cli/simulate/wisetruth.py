"""The truth tables of a simulated WISE survey."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.truthtables import Columns, columns_of, stacked, write_tables
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseframetruth import FrameTruth
from photomitrus_cli.simulate.wisescanframes import ScanPlan

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
    return columns_of(rows)


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
    count: dict[str, int] = {}
    for frame in frames:
        scan = str(frame.row["scan_id"])
        count[scan] = count.get(scan, 0) + (frame.row["band"] == min(config.bands))
    stars = stacked([frame.stars for frame in frames])
    _, first = np.unique(np.stack([stars["band"], stars["id"]]), axis=1, return_index=True)
    short = {
        "scans": scan_columns(config, scans, count),
        "frames": columns_of([frame.row for frame in frames]),
        "asteroids": stacked([frame.asteroids for frame in frames]),
    }
    long = {
        "stars": {name: values[first] for name, values in stars.items()},
        "hits": stacked([frame.hits for frame in frames]),
    }
    meta: dict[str, object] = {
        "seed": config.seed,
        "zodi_wavelength_um": {f"w{band}": facts.BANDS[band].isophotal_um for band in sorted(config.bands)},
    }
    return write_tables(folder, _ABOUT, short, long, meta)
