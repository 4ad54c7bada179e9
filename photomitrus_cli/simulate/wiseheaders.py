"""Headers of simulated WISE Level-1b frames: the archive's keywords, old names and long strings included."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.cardtext import Rows, card, cards_of, history, long_card
from photomitrus_cli.simulate.wiseclock import clock_cards, day_of_year, utc_text
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseplacecards import distortion_cards, place_cards, wcs_cards
from photomitrus_cli.simulate.wisescanframes import FRAME_INTERVAL_S, FramePlan
from photomitrus_cli.simulate.wisewcs import SinWcs

FILE_TYPES = {
    "int": ("DN", "intensity image frame"),
    "unc": ("DN", "1-sigma uncertainty image frame"),
    "msk": ("", "processing bit mask"),
    "tru": ("DN", "simulated frame without noise"),
}
_MANDATORY_CARDS = 6  # SIMPLE, BITPIX, NAXIS, NAXIS1, NAXIS2 and END


def _identity(plan: FramePlan, band: int, kind: str) -> list[str]:
    unit, file_type = FILE_TYPES[kind]
    scan = plan.scan
    rows: Rows = [
        ("TELESCOP", "WISE", ""),
        *([("BUNIT", unit, "")] if unit else []),
        ("EQUINOX", 2000, ""),
        ("RADECSYS", "FK5", ""),
        ("FILETYPE", file_type, ""),
        ("ORIGIN", "astromap simulation", "not an archive file"),
        ("DATE_OBS", utc_text(plan.mjd), "Observation midpoint UTC"),
        ("WAVELEN", facts.BANDS[band].wavelength_um, "[micron] effective wavelength of band"),
        ("BAND", band, "Band number"),
        ("SCAN", scan.scan_id, "Scan ID"),
        ("FRNUM", plan.number, "Frame bin number in scan"),
        ("FRSETID", plan.name, "Frame set ID"),
        ("SCANSTRT", day_of_year(scan.begin_mjd), "Scan start UTC"),
        ("SCANEND", day_of_year(scan.end_mjd), "Scan end UTC"),
        ("SCANGRP", scan.scangrp, "Scan ID group"),
    ]
    return cards_of(rows)


def _instrument(config: WiseSimulation, band: int) -> list[str]:
    known = facts.BANDS[band]
    rows: Rows = [
        ("SCRATEY", config.scan_rate_arcmin_s, "[arcmin/sec] Rot. rate about S/C CF Y"),
        ("EXPTIME", known.exptime_s, "[sec] Frame exposure time"),
        ("TSAMP", 1.1, "[sec] Sample time"),
        ("FRINT", int(FRAME_INTERVAL_S), "[sec] Frame-to-frame interval"),
        ("DEBOFF", 1024, "DEB offset"),
        ("DEBTRUNC", 3 if band < 3 else 2, "Bits truncated by DEB"),
        ("DEBGAIN", known.debgain, "[e-/DEB ADU] DEB gain"),
        ("FEBGAIN", known.febgain, "[e-/SUR ADU] FEB gain"),
    ]
    return cards_of(rows)


@lru_cache(maxsize=2)
def _housekeeping(count: int) -> tuple[str, ...]:
    """Cards of constant settings, as many as asked for: names as in the archive's headers."""
    samples = (0, -7, -5, -3, -1, 1, 3, 5, 7)
    rows: Rows = [
        (f"SURCOEF{n}", value, "Nominal static survey SUR coefficient") for n, value in enumerate(samples, 1)
    ]
    for band in range(1, 5):
        for name, value in (("EOFERR", "no"), ("SCIFSE", 9), ("MLPERR", "no"), ("SATDET", "enabled")):
            rows.append((f"B{band}{name}", value, f"Band {band} housekeeping"))
        rows += [(f"B{band}COEFF{n}", n - 5, f"Band {band} Coefficient {n}") for n in range(1, 10)]
        for name, number in (("SUROFF", 1024), ("PSATTH", 16000), ("TRBITS", 3 if band < 3 else 2)):
            rows.append((f"B{band}{name}", number, f"Band {band} housekeeping"))
        rows += [(f"B{band}FEBFT{n}", 32.1 if band < 3 else 7.1, "[K] FPA temperature") for n in (1, 2)]
    rows += [
        (f"HK{n:04d}", round(10.0 + 3.0 * float(np.sin(n)), 5), f"[K] sensor {n}")
        for n in range(count - len(rows))
    ]
    return tuple(cards_of(rows[: max(count, 0)]))


def frame_cards(
    config: WiseSimulation, plan: FramePlan, band: int, wcs: SinWcs, median: float
) -> dict[str, list[str]]:
    """Return the headers of a frame's files after the mandatory cards.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int
    wcs : SinWcs
    median : float
        MODEINT, DN.

    Returns
    -------
    dict of str to list of str
        For each of `FILE_TYPES` at least ``config.header_cards`` with the mandatory ones, filled up with
        housekeeping.
    """
    scan, native = plan.scan, facts.frame_side(band, facts.NATIVE_PX)
    ratio = native / facts.frame_side(band, config.frame_px)
    group = f"{scan.scangrp}/{scan.scan_id}"
    raw = f"/wise/fops/l0/{group}/fr/{plan.frame_num}/{plan.name}-w{band}-int-0.fits.gz"
    telemetry = f"/wise/fops/ingest/delivs/simulated/seed-{config.seed}/{group}/packets/WIS_HRP_PKT.bin"
    body = [
        *clock_cards(plan),
        *long_card("TLMFILE", telemetry),
        *long_card("L0FILE", raw),
        *wcs_cards(plan, band, wcs),
        *place_cards(plan),
        *_instrument(config, band),
    ]
    tail = [
        card("LONGSTRN", "OGIP 1.0", ""),
        card("WRELEASE", "release-v3.2.2", "WSDS s/w release tag"),
        history(f"Simulated by astromap, seed {config.seed}"),
        *distortion_cards(band, ratio),
        card("DISTSRC", "B10221", "Distortion source reference code"),
        card("MODEINT", median, "[DN] pixel mode within lowest sigma partition"),
        *cards_of(_zero_point(plan, band)),
    ]
    headers = {}
    for kind in FILE_TYPES:
        head = [*_identity(plan, band, kind), *body]
        missing = config.header_cards - len(head) - len(tail) - _MANDATORY_CARDS
        headers[kind] = [*head, *_housekeeping(missing), *tail]
    return headers


def _zero_point(plan: FramePlan, band: int) -> Rows:
    return [
        ("MAGZP", plan.scan.levels[band].magzp, "Relative single exposure photometric zero point"),
        ("MAGZPUNC", facts.BANDS[band].magzp[1], "1-sigma uncertainty in MAGZP (-999=undefined)"),
    ]
