"""Headers of simulated WISE Level-1b frames: the archive's keywords, old names and long strings included."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.cardtext import Value, card, history
from photomitrus_cli.simulate.earthorbit import earth_position
from photomitrus_cli.simulate.sipdata import Polynomial
from photomitrus_cli.simulate.wisebodies import (
    PLANETS,
    equatorial_axes,
    galactic_axes,
    planet_direction,
    separation_deg,
    sun_ecliptic,
)
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseplan import DAY_S, FRAME_INTERVAL_S, FramePlan
from photomitrus_cli.simulate.wisewcs import SinWcs, spherical, unit_vectors

Rows = list[tuple[str, Value, str]]

FILE_TYPES = {
    "int": ("DN", "intensity image frame"),
    "unc": ("DN", "1-sigma uncertainty image frame"),
    "msk": ("", "processing bit mask"),
    "tru": ("DN", "simulated frame without noise"),
}
_MANDATORY_CARDS = 6  # SIMPLE, BITPIX, NAXIS, NAXIS1, NAXIS2 and END
_UNIX_EPOCH_MJD = 40587.0
_J2000_NOON_MJD = 51544.5
_TDT_S = 66.184
_LIGHT_MINUTE = 499.004784  # light time for one AU, s
_LONG_PIECE = 67
_ALTITUDE_AU = 4.6e-5  # of the spacecraft over the centre of the Earth
_PLANET_KEYS = {"Mars": "MARS", "Jupiter": "JUP", "Saturn": "SAT"}


def utc_text(mjd: float, separator: str = "T") -> str:
    """Return a time as ``2010-01-10T04:34:51.290``."""
    return _moment(mjd).strftime(f"%Y-%m-%d{separator}%H:%M:%S.%f")[:-3]


def _day_of_year(mjd: float) -> str:
    return _moment(mjd).strftime("%Y-%jT%H:%M:%S.%f")[:-3]


def _moment(mjd: float) -> datetime:
    # To the nearest millisecond, which the texts then cut to.
    milliseconds = round(mjd * DAY_S * 1000.0)
    return datetime(1858, 11, 17, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def long_card(keyword: str, text: str) -> list[str]:
    """Return a string over one or more cards by the CONTINUE convention.

    Parameters
    ----------
    keyword : str
    text : str
        Without quotes.

    Returns
    -------
    list of str
    """
    pieces = [text[start : start + _LONG_PIECE] for start in range(0, len(text), _LONG_PIECE)]
    cards = []
    for number, piece in enumerate(pieces):
        more = "&" if number < len(pieces) - 1 else ""
        start = f"{keyword:<8}= " if number == 0 else "CONTINUE  "
        cards.append(f"{start}'{piece}{more}'".ljust(80))
    return cards


def _cards(rows: Rows) -> list[str]:
    return [card(*row) for row in rows]


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
        ("SCANSTRT", _day_of_year(scan.begin_mjd), "Scan start UTC"),
        ("SCANEND", _day_of_year(scan.end_mjd), "Scan end UTC"),
        ("SCANGRP", scan.scangrp, "Scan ID group"),
    ]
    return _cards(rows)


def _clock(plan: FramePlan) -> list[str]:
    mjd = plan.mjd
    direction = unit_vectors(plan.lon_deg, plan.lat_deg)
    light_days = _LIGHT_MINUTE / DAY_S * float(earth_position(mjd) @ direction)
    since_noon = (mjd - _J2000_NOON_MJD) * DAY_S
    anneal = mjd - plan.dtanneal / DAY_S
    rows: Rows = [
        ("FRMTOFF", -4.853, "[sec] Offset applied to packet VTC"),
        ("VTC", round(since_noon - 22.422, 6), "Observation midpoint vehicle time code"),
        ("UNIXT", round((mjd - _UNIX_EPOCH_MJD) * DAY_S, 5), "[sec] Observation midpoint UNIX time"),
        ("EPHEMT", round(since_noon + _TDT_S, 6), "[sec] Observation midpoint TDT secs from J2000"),
        ("UTC", _day_of_year(mjd), "Observation midpoint UTC date/time"),
        ("DATIME", utc_text(mjd), "Observation midpoint calendar date/time"),
        ("MJD_OBS", round(mjd, 8), "[days] Obs. midpoint Modified Julian Day"),
        ("JD_OBS", round(mjd + 2400000.5, 8), "[days] Observation midpoint Julian Day"),
        ("HJD_OBS", round(mjd + 2400000.5 + light_days, 8), "[days] Obs. midpoint Heliocentric Julian Day"),
        ("DTANNEAL", round(plan.dtanneal, 6), "[sec] Time since last anneal"),
        ("UTANNEAL", _day_of_year(anneal), "UTC of last anneal"),
        ("INEVENTS", "SCAN   DESC" if plan.scan.side < 0 else "ASCE   SCAN", "Active orbit events"),
        ("EVSCAN", round(plan.seconds, 6), "[sec] Time since orbit event start"),
    ]
    return _cards(rows)


def _wcs(plan: FramePlan, band: int, wcs: SinWcs) -> list[str]:
    pa = (plan.pa_deg + facts.BANDS[band].turn_deg) % 360.0
    sx, sy = (sign * float(np.hypot(*wcs.cd[:, axis])) for axis, sign in ((0, -1.0), (1, 1.0)))
    rows: Rows = [
        ("CRPIX1", wcs.crpix, "Reference X pixel"),
        ("CRPIX2", wcs.crpix, "Reference Y pixel"),
        ("CRVAL1", wcs.crval_deg[0], "[deg] Image center RA"),
        ("CRVAL2", wcs.crval_deg[1], "[deg] Image center Dec"),
        ("CTYPE1", "RA---SIN-SIP", "Sin projection with SIP coefficients"),
        ("CTYPE2", "DEC--SIN-SIP", "Sin projection with SIP coefficients"),
        *(
            (f"CD{i + 1}_{j + 1}", float(wcs.cd[i, j]), "WCS rotation matrix element")
            for i in (0, 1)
            for j in (0, 1)
        ),
        ("WCROTA2", 360.0 - pa, "[deg] CCW rotation of RA at CRPIX1,2"),
        ("PA", pa, "[deg] Rotation of +Y EofN at CRPIX1,2"),
        ("WCDELT1", sx, "[deg/pix] X-axis scale"),
        ("WCDELT2", sy, "[deg/pix] Y-axis scale"),
        ("PXSCAL1", sx * 3600.0, "[arcsec/pixel] X-axis scale"),
        ("PXSCAL2", sy * 3600.0, "[arcsec/pixel] Y-axis scale"),
        ("CRDER1", 3.65e-06, "[deg] Apriori RA error"),
        ("CRDER2", 3.66e-06, "[deg] Apriori Dec error"),
        ("UNCRTPA", 0.000666, "[deg] Apriori PA error"),
        ("CSDRADEC", 1.73e-07, "Apriori RA/Dec cross-correlation"),
        ("UNCRTS1", 2.3e-07, "[deg/pix] Apriori X-axis scale error"),
        ("UNCRTS2", 2.3e-07, "[deg/pix] Apriori Y-axis scale error"),
    ]
    return _cards(rows)


def _vector(name: str, values: Iterable[float], text: str) -> Rows:
    return [
        (f"{name}{axis}", float(value), text.format(axis)) for axis, value in zip("XYZ", values, strict=True)
    ]


def _planet(plan: FramePlan, name: str) -> tuple[str, Value, str]:
    place = equatorial_axes() @ planet_direction(name, plan.mjd)
    distance = float(separation_deg(unit_vectors(plan.ra_deg, plan.dec_deg), place))
    return f"{_PLANET_KEYS[name]}SEP", distance, f"[deg] L0 FOV center to {name} angular sep"


def _places(plan: FramePlan) -> list[str]:
    here = unit_vectors(plan.ra_deg, plan.dec_deg)
    glon, glat = (float(value) for value in spherical(galactic_axes() @ here))
    axes, mjd = equatorial_axes(), plan.mjd
    observer = axes @ earth_position(mjd)
    speed = axes @ (earth_position(mjd + 0.01) - earth_position(mjd - 0.01)) / 0.02
    sun = axes @ unit_vectors(sun_ecliptic(mjd)[0], 0.0)
    rows: Rows = [
        ("RA0", plan.ra_deg, "Level-0 ADCS frame center RA"),
        ("DEC0", plan.dec_deg, "Level-0 ADCS frame center Dec"),
        ("PA0", plan.pa_deg, "Level-0 ADCS frame rot. of +Y EofN"),
        ("ELON0", plan.lon_deg, "Level-0 ADCS frame center ecliptic lon"),
        ("ELAT0", plan.lat_deg, "Level-0 ADCS frame center ecliptic lat"),
        ("GLON0", glon, "Level-0 ADCS frame center galactic lon"),
        ("GLAT0", glat, "Level-0 ADCS frame center galactic lat"),
        ("SCRATEX", 0.004, "[arcmin/sec] Rot. rate about S/C CF X"),
        ("SCRATEZ", -0.04, "[arcmin/sec] Rot. rate about S/C CF Z"),
        *_vector("SUN2SC", observer, "[AU] Sun-to-S/C vector {} component, J2000"),
        *_vector("SCVEL", speed, "[AU/day] SUN-to-S/C velocity vector {} component"),
        *_vector("ERTH2SC", _ALTITUDE_AU * here, "[AU] Earth-to-S/C vector {} component"),
        ("SUNSEP", float(separation_deg(here, sun)), "[deg] L0 FOV center to Sun angular sep"),
        ("MOONSEP", plan.moon_sep, "[deg] L0 FOV center to Moon angular sep"),
        *(_planet(plan, name) for name in PLANETS),
        ("GCD2SAA", plan.saa_sep, "[deg] Great circle angle to SAA boundary"),
    ]
    return _cards(rows)


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
    return _cards(rows)


def _polynomial(name: str, polynomial: Polynomial, maximum: float | None) -> list[str]:
    rows: Rows = [
        (f"{name}_{degree - q}_{q}", value, "distortion coefficient")
        for degree, row in enumerate(polynomial)
        for q, value in enumerate(row)
    ]
    if maximum is not None:
        rows.append((f"{name}_DMAX", maximum, "[pixel] maximum correction"))
    rows.append((f"{name}_ORDER", facts.ORDER, "polynomial order"))
    return _cards(rows)


@lru_cache(maxsize=8)
def _distortion(band: int, ratio: float) -> tuple[str, ...]:
    sip, dmax = facts.distortion(band, ratio), facts.BANDS[band].dmax
    cards: list[str] = []
    for name, polynomial, maximum in (
        ("A", sip.a, dmax[0] / ratio),
        ("AP", sip.ap, None),
        ("B", sip.b, dmax[1] / ratio),
        ("BP", sip.bp, None),
    ):
        cards += _polynomial(name, polynomial, maximum)
    return (*cards, card("SKEW", 0.0, "[deg] Y-axis shear"))


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
    return tuple(_cards(rows[: max(count, 0)]))


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
        *_clock(plan),
        *long_card("TLMFILE", telemetry),
        *long_card("L0FILE", raw),
        *_wcs(plan, band, wcs),
        *_places(plan),
        *_instrument(config, band),
    ]
    tail = [
        card("LONGSTRN", "OGIP 1.0", ""),
        card("WRELEASE", "release-v3.2.2", "WSDS s/w release tag"),
        history(f"Simulated by astromap, seed {config.seed}"),
        *_distortion(band, ratio),
        card("DISTSRC", "B10221", "Distortion source reference code"),
        card("MODEINT", median, "[DN] pixel mode within lowest sigma partition"),
        *_cards(_zero_point(plan, band)),
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
