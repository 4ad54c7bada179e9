"""Headers of simulated PRIME ramps: the keywords of the camera, positions of the mosaic's axis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.cardtext import Rows, Value, cards_of, history
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primedetector import gain
from photomitrus_cli.simulate.primeplan import DAY_S, FramePlan

ROTOFF_TEXT = "n/a"
_SITE_DEG = (-32.3789, 20.8107)  # Sutherland
# Sidereal time at Greenwich, deg, at J2000 and its growth per day.
_GMST_DEG, _GMST_RATE = 280.46061837, 360.98564736629
_J2000_MJD = 51544.5


def date_text(mjd: float, form: str = "%Y-%m-%dT%H:%M:%S.%f") -> str:
    """Return a time as ``2025-03-14T20:15:00.123000`` or in another form of `strftime`."""
    moment = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(milliseconds=round(mjd * DAY_S * 1000.0))
    return moment.strftime(form)


def sexagesimal(value: float, digits: int, *, signed: bool) -> str:
    """Return ``12:34:56.78`` of a number of hours or degrees."""
    unit = 10**digits
    total = round(abs(value) * 3600 * unit)
    whole, part = divmod(total, unit)
    sign = ("-" if value < 0.0 else "+") if signed else ""
    return f"{sign}{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}.{part:0{digits}d}"


def alt_az(ra_deg: float, dec_deg: float, mjd: float) -> tuple[float, float]:
    """Return height and azimuth (from north to east) at the telescope, deg, to a few arcmin."""
    lat, lon = np.radians(_SITE_DEG[0]), _SITE_DEG[1]
    hour = np.radians(_GMST_DEG + _GMST_RATE * (mjd - _J2000_MJD) + lon - ra_deg)
    dec = np.radians(dec_deg)
    up = np.sin(lat) * np.sin(dec) + np.cos(lat) * np.cos(dec) * np.cos(hour)
    north = np.cos(lat) * np.sin(dec) - np.sin(lat) * np.cos(dec) * np.cos(hour)
    east = -np.cos(dec) * np.sin(hour)
    return float(np.degrees(np.arcsin(up))), float(np.degrees(np.arctan2(east, north)) % 360.0)


def filters(band: str) -> tuple[str, str]:
    """Return FILTER1 and FILTER2 of a band."""
    return ("Z", "Open") if band == "Z" else ("Open", band)


def _rotoff(config: PrimeSimulation) -> Value:
    if config.rotoff == "text":
        return ROTOFF_TEXT
    return config.rotation_deg * (3600.0 if config.rotoff == "arcsec" else 1.0)


def _readout(config: PrimeSimulation, plan: FramePlan) -> Rows:
    reads, exptime = config.n_reads, plan.exptime_s
    return [
        ("NFRAMES", reads, "reads of the ramp"),
        ("FRAME", reads, "last read"),
        ("EXPTIME", exptime, "[s] first to last read"),
        ("EXPTIMEC", exptime, "[s] computed"),
        ("EXPTIMEE", round(exptime + facts.FRAME_S, 2), "[s] elapsed"),
        ("FRTIME", facts.FRAME_S, "[s] time of a read"),
        ("TFRAME", facts.FRAME_S, "[s] time of a read"),
        ("NRESETS", 1, "resets before the ramp"),
        ("ISRESET", False, "is this a reset"),
        ("NOUTPUTS", facts.NATIVE_PX // facts.CHANNEL_PX, "outputs of a detector"),
        ("SATURATE", facts.FULL_ADU, "[ADU] of all reads"),
        ("GAIN", gain(config), "[e-/ADU]"),
        ("PIXSCALE", round(facts.PIXEL_ARCSEC * config.scale, 6), "[arcsec]"),
        ("BINX", 1, ""),
        ("BINY", 1, ""),
        ("BUNIT", "adu/frame", "slope of the ramp"),
    ]


def _pointing(config: PrimeSimulation, plan: FramePlan) -> Rows:
    ra, dec = plan.header_deg
    alt, az = alt_az(ra, dec, plan.mjd)
    east, north = plan.dither_arcsec
    return [
        ("RA", sexagesimal(ra / 15.0, 3, signed=False), "axis of the mosaic, FK5"),
        ("DEC", sexagesimal(dec, 2, signed=True), "axis of the mosaic, FK5"),
        ("RA-D", round(ra, 7), "[deg] axis of the mosaic"),
        ("DEC-D", round(dec, 7), "[deg] axis of the mosaic"),
        ("RAOFF", round(east, 3), "[arcsec] dither"),
        ("DECOFF", round(north, 3), "[arcsec] dither"),
        ("ROTOFF", _rotoff(config), "offset of the rotator"),
        ("ROT", round(config.rotation_deg, 4), "[deg] rotator"),
        ("ALT", round(alt, 5), "[deg]"),
        ("AZI", round(az, 5), "[deg]"),
        ("AIRMASS", round(1.0 / max(float(np.sin(np.radians(alt))), 0.1), 4), ""),
        ("FOCUS", 1.234, "[mm]"),
    ]


def frame_cards(
    config: PrimeSimulation, plan: FramePlan, chip: int, name: str, object_type: str = "Science"
) -> list[str]:
    """Return the header of a ramp after the mandatory cards.

    Parameters
    ----------
    config : PrimeSimulation
    plan : FramePlan
    chip : int
    name : str
        OBJNAME.
    object_type : str
        OBJTYPE.

    Returns
    -------
    list of str
    """
    first, second = filters(config.band)
    end = plan.mjd + plan.exptime_s / DAY_S
    rows: Rows = [
        ("TELESCOP", "PRIME", ""),
        ("INSTRUME", "PRIME-Cam", ""),
        ("DETECTOR", "H4RG-10", ""),
        ("CHIP", chip, "chip of the mosaic"),
        ("FPAPOS", chip, "place of the chip"),
        ("OBSERVER", "simulated", ""),
        ("OBJECT", name, ""),
        ("OBJNAME", name, ""),
        ("OBJTYPE", object_type, ""),
        ("DATE-BEG", date_text(plan.mjd), "UTC"),
        ("DATE-END", date_text(end), "UTC"),
        ("FILTER1", first, ""),
        ("FILTER2", second, ""),
        *_readout(config, plan),
        ("DITHTYP", "Random", ""),
        ("DITHRAD", config.dither_arcsec, "[arcsec]"),
        ("DITHPH", 0.0, ""),
        ("DITH_REP", 1, ""),
        ("DITH_IDX", plan.index + 1, ""),
        ("DITH_TOT", config.n_frames, ""),
        ("NINT", 1, ""),
        ("INT", 1, ""),
        ("BLOCKID", 1, ""),
        *_pointing(config, plan),
        ("LATITUDE", _SITE_DEG[0], "[deg]"),
        ("LONGITUD", _SITE_DEG[1], "[deg]"),
        ("ALTITUDE", 1770.0, "[m]"),
        ("TEMPDET", 111.5, "[K]"),
        ("TEMPASIC", 180.0, "[K]"),
        ("PRESSURE", 1.0e-6, "[mbar]"),
    ]
    return [*cards_of(rows), history(f"Simulated by astromap, seed {config.seed}")]
