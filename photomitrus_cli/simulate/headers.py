"""Headers of simulated IRAC frames: the archive's keywords, sections and size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import numpy as np

from photomitrus_cli.simulate.cardtext import Value, blank, card, history, title
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import Calibration, calibration, readout
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.sipdata import Polynomial, SipTable
from photomitrus_cli.simulate.siplocal import array_geometry
from photomitrus_cli.simulate.sipwcs import tan_project
from photomitrus_cli.simulate.streams import Purpose, stream

_MANDATORY_CARDS = 4  # SIMPLE, BITPIX, NAXIS and END, besides the NAXISn
_J2000_NOON_MJD = 51544.5
_SCLK_EPOCH_MJD = 44239.0
_FOV = {
    1: (67, "IRAC_Center_of_3.6&5.8umArray", "IRAC_Center_of_3.6umArray"),
    2: (74, "IRAC_Center_of_4.5&8.0umArray", "IRAC_Center_of_4.5umArray"),
    3: (67, "IRAC_Center_of_3.6&5.8umArray", "IRAC_Center_of_5.8umArray"),
    4: (74, "IRAC_Center_of_4.5&8.0umArray", "IRAC_Center_of_8.0umArray"),
}
# FOVID and FOVNAME as in SPITZER_I2_46466816; the other channels by analogy.
_SUBARRAY_FOV = {
    1: (70, "IRAC_Center_of_3.6umSub-Array"),
    2: (77, "IRAC_Center_of_4.5umSub-Array"),
    3: (72, "IRAC_Center_of_5.8umSub-Array"),
    4: (78, "IRAC_Center_of_8.0umSub-Array"),
}
_TURN_ON_MJD = {"cryo": 52900.0, "warm": 56000.0}
_STAGES = ("SIMPOINT", "SIMSKY", "SIMPSF", "SIMRESP", "SIMNOISE", "SIMRADHIT", "SIMMASK", "SIMHEAD")
_HISTORY_CARDS = 32
_SENSORS = (("AVR", "Volts"), ("AHT", "uAmps"), ("ATM", "Deg_K"), ("ACT", "Deg_C"), ("APW", "Watts"))

_IMASK_BITS = (
    "overall quality", "reserved", "optical ghost", "stray light", "saturation corrected in pipeline",
    "muxbleed or bandwidth effect", "banding", "column pulldown", "crosstalk", "radhit", "latent image",
    "flat field not applied", "not linear", "uncorrected saturation", "bad or missing data",
)  # fmt: skip
_RMASK_BITS = ("single-frame outlier", "multiframe temporal outlier", "dual outlier", "box outlier")


def _date(mjd: float) -> str:
    moment = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=mjd)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _sexagesimal(degrees: float, *, hours: bool) -> str:
    step = 10.0 if hours else 1.0
    units = abs(degrees) / (15.0 if hours else 1.0)
    total = round(units * 3600.0 * step)
    seconds, first = (total % round(60 * step)) / step, total // round(60 * step)
    if hours:
        return f"{first // 60 % 24:02d}h{first % 60:02d}m{seconds:04.1f}s"
    return f"{'-' if degrees < 0 else '+'}{first // 60:02d}d{first % 60:02d}m{seconds:02.0f}s"


def _fov(config: IracSimulation) -> tuple[int, str, str]:
    """Give number, name and reconstructed name of the field of view."""
    if config.readmode == "full":
        return _FOV[config.channel]
    number, name = _SUBARRAY_FOV[config.channel]
    return number, name, name


def _identity(config: IracSimulation, creator: str) -> list[str]:
    fovid, fovname, _ = _fov(config)
    rows: list[tuple[str, Value, str]] = [
        ("ORIGIN", "astromap simulation", "not an archive file"),
        ("CREATOR", creator, "pipeline version imitated"),
        ("TELESCOP", "Spitzer", "telescope"),
        ("INSTRUME", "IRAC", "instrument"),
        ("CHNLNUM", config.channel, "channel"),
        ("EXPTYPE", "sci", "exposure type"),
        ("REQTYPE", "AOR", "request type"),
        ("AOT_TYPE", "IracMap" if config.mission == "cryo" else "IracMapPC", "observation template"),
        ("AORLABEL", "astromap simulated field", "label"),
        ("FOVID", fovid, "field of view number"),
        ("FOVNAME", fovname, "field of view"),
    ]
    return [card(*row) for row in rows]


def _proposal() -> list[str]:
    rows: list[tuple[str, Value, str]] = [
        ("OBSRVR", "A. Simulator", "observer"),
        ("OBSRVRID", 1, "observer number"),
        ("PROCYCL", 5, "cycle"),
        ("PROGID", 1, "programme"),
        ("PROTITLE", "Simulated survey field", "programme title"),
        ("PROGCAT", 30, "programme category"),
    ]
    return [title("PROPOSAL INFORMATION"), *(card(*row) for row in rows)]


def _clock(mjd: float) -> list[str]:
    rows: list[tuple[str, Value, str]] = [
        ("DATE_OBS", _date(mjd), "start of the DCE, UTC"),
        ("UTCS_OBS", round((mjd - _J2000_NOON_MJD) * 86400.0, 3), "[sec] start since J2000"),
        ("MJD_OBS", round(mjd, 7), "[days] start, UTC"),
        ("HMJD_OBS", round(mjd + 0.0021, 7), "[days] heliocentric"),
        ("BMJD_OBS", round(mjd + 0.0021196, 7), "[days] barycentric"),
        ("ET_OBS", round((mjd - _J2000_NOON_MJD) * 86400.0 + 65.184, 3), "[sec] TDB since J2000"),
        ("SCLK_OBS", round((mjd - _SCLK_EPOCH_MJD) * 86400.0, 3), "[sec] spacecraft clock"),
    ]
    return [card(*row) for row in rows]


def _exposure(config: IracSimulation, plan: FramePlan) -> list[str]:
    time = plan.time
    begin = (plan.mjd - _TURN_ON_MJD[config.mission]) * 86400.0
    planes = readout(config.readmode, config.channel).planes
    rows: list[tuple[str, Value, str]] = [
        ("AORTIME", time.requested_s, "[sec] frame time requested"),
        ("SAMPTIME", time.sample_s, "[sec] sample time"),
        ("FRAMTIME", time.framtime_s, "[sec] integration of the whole array"),
        ("EXPTIME", time.exptime_s, "[sec] effective integration per pixel"),
        ("FRAMEDLY", 2.0, "[sec] frame delay"),
        ("FRDLYDET", "T", "frame delay known"),
        ("INTRFDLY", 2.0, "[sec] immediate delay"),
        ("IMDLYDET", "T", "immediate delay known"),
        ("AINTBEG", round(begin, 2), "[sec since turn-on] start of the integration"),
        ("ATIMEEND", round(begin + planes * time.framtime_s, 2), "[sec since turn-on] its end"),
        ("AFOWLNUM", time.fowler, "Fowler number"),
        ("AWAITPER", time.wait, f"[{time.sample_s:g} sec] wait ticks"),
        ("ANUMREPS", 1, "repeats"),
        ("AREADMOD", int(config.readmode == "sub"), "0 full, 1 subarray"),
        ("AORHDR", bool(plan.hdr), "high dynamic range requested"),
        ("HDRMODE", bool(plan.hdr), "frame of a high dynamic range set"),
    ]
    if plan.hdr:
        rows.append(("HDRFRAME", plan.hdr.rjust(8), "place in the set"))
        rows.append(("HDRCYCLE", 1, "cycle of the set"))
    return [card(*row) for row in rows]


def _wcs(config: IracSimulation, plan: FramePlan) -> list[str]:
    scale, _ = array_geometry(config.mission, config.sip, config.channel, config.readmode)
    crpix = plan.header_wcs.crpix
    ra, dec = plan.header_wcs.crval_deg
    cd = plan.header_wcs.cd
    xi, eta = tan_project(*plan.requested_deg, ra, dec)
    offset = np.linalg.solve(cd, np.array([xi, eta]))
    rows: list[tuple[str, Value, str]] = [
        ("OBJECT", "Simulated field", "target"),
        ("OBJTYPE", "TargetFixedSingle", "kind of target"),
        ("CRPIX1", crpix[0], "reference pixel, axis 1"),
        ("CRPIX2", crpix[1], "reference pixel, axis 2"),
        ("CRVAL1", ra, "[deg] right ascension there"),
        ("CRVAL2", dec, "[deg] declination there"),
        ("CRDER1", 4.5e-05, "[deg] uncertainty of CRVAL1"),
        ("CRDER2", 4.5e-05, "[deg] uncertainty of CRVAL2"),
        ("RA_HMS", _sexagesimal(ra, hours=True), "CRVAL1"),
        ("DEC_DMS", _sexagesimal(dec, hours=False), "CRVAL2"),
        ("RADESYS", "ICRS", "reference system"),
        ("EQUINOX", 2000.0, "equinox"),
        *((f"CD{i + 1}_{j + 1}", float(cd[i, j]), "[deg/pix]") for i in (0, 1) for j in (0, 1)),
        ("CTYPE1", "RA---TAN-SIP", "gnomonic with distortion"),
        ("CTYPE2", "DEC--TAN-SIP", "gnomonic with distortion"),
        ("PXSCAL1", scale.x_arcsec, "[arcsec/pix] axis 1"),
        ("PXSCAL2", scale.y_arcsec, "[arcsec/pix] axis 2"),
        ("PA", plan.roll_deg, "[deg] position angle of axis 2, E of N"),
        ("RA_RQST", plan.requested_deg[0], "[deg] requested"),
        ("DEC_RQST", plan.requested_deg[1], "[deg] requested"),
        ("PM_RA", 0.0, "[arcsec/yr] proper motion"),
        ("PM_DEC", 0.0, "[arcsec/yr] proper motion"),
        ("PTGDIFF", float(np.hypot(xi, eta)) * 3600.0, "[arcsec] requested to reconstructed"),
        ("PTGDIFFX", float(offset[0]), "[pixels] along axis 1"),
        ("PTGDIFFY", float(offset[1]), "[pixels] along axis 2"),
        ("RA_REF", config.center_ra_deg, "[deg] commanded reference position"),
        ("DEC_REF", config.center_dec_deg, "[deg] commanded reference position"),
        ("USEDBPHF", True, "pointing history used"),
        ("RECONFOV", _fov(config)[2], "reconstructed field of view"),
    ]
    return [title("TARGET AND POINTING INFORMATION"), *(card(*row) for row in rows)]


def _polynomial_cards(name: str, polynomial: Polynomial, lowest: int) -> list[str]:
    order = lowest + len(polynomial) - 1
    terms = [(p, q) for p in range(order + 1) for q in range(order + 1 - p) if p + q >= lowest]
    values = {(p, q): polynomial[p + q - lowest][q] for p, q in terms}
    return [
        card(f"{name}_ORDER", order, "polynomial order"),
        *(
            card(f"{name}_{p}_{q}", value, "distortion coefficient")
            for (p, q), value in values.items()
            if value
        ),
    ]


@lru_cache(maxsize=8)
def _distortion(sip: SipTable) -> tuple[str, ...]:
    cards = [title("DISTORTION KEYWORDS")]
    for name, polynomial, lowest in (("A", sip.a, 2), ("B", sip.b, 2), ("AP", sip.ap, 1), ("BP", sip.bp, 1)):
        cards += _polynomial_cards(name, polynomial, lowest)
    return tuple(cards)


def _photometry(config: IracSimulation, plan: FramePlan, facts: Calibration) -> list[str]:
    rows: list[tuple[str, Value, str]] = [
        ("BUNIT", "MJy/sr", "units of the image"),
        ("FLUXCONV", facts.fluxconv, "[(MJy/sr)/(DN/s)] flux conversion"),
        ("GAIN", facts.gain, "[e/DN] gain"),
        ("RONOISE", facts.ronoise, "[Electrons] read noise"),
        ("ZODY_EST", config.zodi_mjy_sr, "[MJy/sr] zodiacal background"),
        ("ISM_EST", 0.0, "[MJy/sr] interstellar background"),
        ("CIB_EST", 0.0, "[MJy/sr] cosmic infrared background"),
        ("SKYDRKZB", config.skydark_mjy_sr, "[MJy/sr] zodiacal background of the skydark"),
        ("SKYDKMED", config.skydark_mjy_sr, "[MJy/sr] median of the skydark"),
        ("SKDKRKEY", max(1, config.first_aorkey - 256), "AOR of the skydark"),
        ("SKDKTIME", plan.time.framtime_s, "[sec] frame time of the skydark"),
        ("SKDKFDLY", 11.5, "[sec] frame delay of the skydark"),
        ("SKDKIDLY", 11.5, "[sec] immediate delay of the skydark"),
    ]
    mapping: list[tuple[str, Value, str]] = [
        ("DITHPOS", plan.position, "dither position"),
        ("READMODE", config.readmode.upper(), "read-out mode"),
        ("DITHSCAL", "medium", "dither scale"),
    ]
    return [
        title("PHOTOMETRY"),
        *(card(*row) for row in rows),
        title("MAPPING KEYWORDS"),
        *(card(*row) for row in mapping),
    ]


def _data_flow(config: IracSimulation, plan: FramePlan) -> list[str]:
    key, channel = plan.aorkey, config.channel
    raw = f"IRAC.{channel}.{key:010d}.{plan.expid:04d}.{plan.dcenum:04d}.01.mipl.fits"
    rows: list[tuple[str, Value, str]] = [
        ("DATE", "2020-01-30T00:00:00", "nominal file date"),
        ("AORKEY", key, "astronomical observation request"),
        ("DS_IDENT", f"ads/sa.spitzer#{key:010d}", "data set"),
        ("EXPID", plan.expid, "exposure number"),
        ("DCENUM", plan.dcenum, "data-collection event of the exposure"),
        ("TLMGRPS", 1, "telemetry groups"),
        ("FILE_VER", 1, "version of the raw file"),
        ("RAWFILE", raw, "raw file"),
        ("EXPDFLAG", False, "expedited"),
        ("MISS_LCT", 0, "missing lines"),
        ("MISSDATA", False, "missing image data"),
        ("PAONUM", 3000, "PAO number"),
        ("CAMPAIGN", "IRAC000000", "campaign"),
        ("DCEID", key * 10 + plan.index, "event number"),
        ("PIPENUM", 107, "pipeline number"),
        ("SOS_VER", config.file_version, "product version"),
        ("PLVID", 4, "pipeline version number"),
        ("CALID", 6, "calibration version number"),
    ]
    return [title("DATA FLOW KEYWORDS"), *(card(*row) for row in rows)]


def _history(config: IracSimulation, plan: FramePlan) -> list[str]:
    lines = [f"Simulated by astromap, seed {config.seed}, AOR {plan.aor}, frame {plan.index}"]
    for number in range(_HISTORY_CARDS - 1):
        name = _STAGES[number % len(_STAGES)]
        lines.append(f"{name:<18}v. {1 + number // 8}.{number % 8}, step {number + 1:3d}, nominal")
    return [title("PROCESSING HISTORY"), *(history(line) for line in lines)]


def _telemetry(config: IracSimulation, plan: FramePlan, count: int) -> list[str]:
    """Housekeeping cards, numbered sensors with plausible readings, one blank card in four."""
    if count <= 1:
        return [blank()] * max(count, 0)
    rng = stream(config.seed, Purpose.HOUSEKEEPING, plan.aor, plan.index)
    readings = np.round(rng.normal(10.0, 3.0, count), 6).tolist()
    cards = [title("INSTRUMENT TELEMETRY DATA")]
    for number in range(1, count):
        if number % 4 == 0:
            cards.append(blank())
            continue
        name, unit = _SENSORS[number % len(_SENSORS)]
        if number % 7 == 0:
            cards.append(card(f"{name}{number:04d}S", number % 3, "status"))
        else:
            cards.append(card(f"{name}{number:04d}", readings[number], f"[{unit}] sensor {number}"))
    return cards


def science_cards(config: IracSimulation, plan: FramePlan) -> list[str]:
    """Return the header of a cbcd, bcd or uncertainty frame after the mandatory cards.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan

    Returns
    -------
    list of str
        At least ``config.header_cards`` with the mandatory ones; housekeeping fills up.
    """
    facts = calibration(config.mission, config.channel, config.readmode)
    axes = len(readout(config.readmode, config.channel).shape)
    sip = plan.header_wcs.sip
    head = [
        *_identity(config, facts.creator),
        *_proposal(),
        title("TIME AND EXPOSURE INFORMATION"),
        *_clock(plan.mjd),
        *_exposure(config, plan),
        *_wcs(config, plan),
        *(() if sip is None else _distortion(sip)),
        *_photometry(config, plan, facts),
    ]
    tail = [*_data_flow(config, plan), *_history(config, plan)]
    missing = config.header_cards - len(head) - len(tail) - _MANDATORY_CARDS - axes + 1
    return [*head, *_telemetry(config, plan, missing), *tail]


def mask_cards(config: IracSimulation, plan: FramePlan, kind: str) -> list[str]:
    """Return the short header of a mask, which has no WCS, as in the archive.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan
    kind : {'bimsk', 'brmsk'}

    Returns
    -------
    list of str
    """
    bits = _IMASK_BITS if kind == "bimsk" else _RMASK_BITS
    return [
        *_identity(config, calibration(config.mission, config.channel, config.readmode).creator),
        *_proposal(),
        title("TIME AND EXPOSURE INFORMATION"),
        *_clock(plan.mjd),
        title("mask pixel bits"),
        *(card(f"BIT{number:02d}", 1 << number, meaning) for number, meaning in enumerate(bits)),
        *_data_flow(config, plan),
        *_history(config, plan)[:4],
    ]
