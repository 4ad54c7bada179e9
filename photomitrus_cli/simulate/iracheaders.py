"""Headers of simulated IRAC frames: the archive's keywords, sections and size."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from photomitrus_cli.simulate.cardtext import Rows, card, cards_of, title
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracdatacards import (
    flow_cards,
    history_cards,
    photometry_cards,
    telemetry_cards,
)
from photomitrus_cli.simulate.iracfacts import calibration, readout
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.iracwcscards import distortion_cards, fov_of, wcs_cards

_MANDATORY_CARDS = 4  # SIMPLE, BITPIX, NAXIS and END, besides the NAXISn
_J2000_NOON_MJD = 51544.5
_SCLK_EPOCH_MJD = 44239.0
_TURN_ON_MJD = {"cryo": 52900.0, "warm": 56000.0}

_IMASK_BITS = (
    "overall quality", "reserved", "optical ghost", "stray light", "saturation corrected in pipeline",
    "muxbleed or bandwidth effect", "banding", "column pulldown", "crosstalk", "radhit", "latent image",
    "flat field not applied", "not linear", "uncorrected saturation", "bad or missing data",
)  # fmt: skip
_RMASK_BITS = ("single-frame outlier", "multiframe temporal outlier", "dual outlier", "box outlier")


def _date(mjd: float) -> str:
    moment = datetime(1858, 11, 17, tzinfo=UTC) + timedelta(days=mjd)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _identity(config: IracSimulation, creator: str) -> list[str]:
    fovid, fovname, _ = fov_of(config)
    rows: Rows = [
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
    return cards_of(rows)


def _proposal() -> list[str]:
    rows: Rows = [
        ("OBSRVR", "A. Simulator", "observer"),
        ("OBSRVRID", 1, "observer number"),
        ("PROCYCL", 5, "cycle"),
        ("PROGID", 1, "programme"),
        ("PROTITLE", "Simulated survey field", "programme title"),
        ("PROGCAT", 30, "programme category"),
    ]
    return [title("PROPOSAL INFORMATION"), *cards_of(rows)]


def _clock(mjd: float) -> list[str]:
    rows: Rows = [
        ("DATE_OBS", _date(mjd), "start of the DCE, UTC"),
        ("UTCS_OBS", round((mjd - _J2000_NOON_MJD) * 86400.0, 3), "[sec] start since J2000"),
        ("MJD_OBS", round(mjd, 7), "[days] start, UTC"),
        ("HMJD_OBS", round(mjd + 0.0021, 7), "[days] heliocentric"),
        ("BMJD_OBS", round(mjd + 0.0021196, 7), "[days] barycentric"),
        ("ET_OBS", round((mjd - _J2000_NOON_MJD) * 86400.0 + 65.184, 3), "[sec] TDB since J2000"),
        ("SCLK_OBS", round((mjd - _SCLK_EPOCH_MJD) * 86400.0, 3), "[sec] spacecraft clock"),
    ]
    return cards_of(rows)


def _exposure(config: IracSimulation, plan: FramePlan) -> list[str]:
    time = plan.time
    begin = (plan.mjd - _TURN_ON_MJD[config.mission]) * 86400.0
    planes = readout(config.readmode, config.channel).planes
    rows: Rows = [
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
    return cards_of(rows)


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
        *wcs_cards(config, plan),
        *(() if sip is None else distortion_cards(sip)),
        *photometry_cards(config, plan, facts),
    ]
    tail = [*flow_cards(config, plan), *history_cards(config, plan)]
    missing = config.header_cards - len(head) - len(tail) - _MANDATORY_CARDS - axes + 1
    return [*head, *telemetry_cards(config, plan, missing), *tail]


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
        *flow_cards(config, plan),
        *history_cards(config, plan)[:4],
    ]
