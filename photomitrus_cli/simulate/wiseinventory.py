"""The frame table of a simulated WISE survey, as the archive's inventory of images is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.truthtables import columns_of
from photomitrus_cli.simulate.wiseclock import utc_text
from photomitrus_cli.simulate.wiseframe import Frame
from photomitrus_cli.simulate.wisescanframes import DAY_S, FramePlan

_CORNERS = ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
_TYPES = {"i": "int", "f": "double", "U": "char"}


def inventory_row(plan: FramePlan, band: int, frame: Frame) -> dict[str, object]:
    """Give a frame's line of the archive's inventory of images, p1bm_frm.

    Parameters
    ----------
    plan : FramePlan
    band : int
    frame : Frame

    Returns
    -------
    dict of str to object
    """
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
    columns = columns_of(rows)
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
