"""What headers of simulated IRAC frames say of the data: photometry, flow, history, telemetry."""

from __future__ import annotations

import numpy as np

from photomitrus_cli.simulate.cardtext import Rows, blank, card, cards_of, history, title
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import Calibration
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.streams import Purpose, stream

_STAGES = ("SIMPOINT", "SIMSKY", "SIMPSF", "SIMRESP", "SIMNOISE", "SIMRADHIT", "SIMMASK", "SIMHEAD")
_HISTORY_CARDS = 32
_SENSORS = (("AVR", "Volts"), ("AHT", "uAmps"), ("ATM", "Deg_K"), ("ACT", "Deg_C"), ("APW", "Watts"))


def photometry_cards(config: IracSimulation, plan: FramePlan, facts: Calibration) -> list[str]:
    """Give unit, gain, noise and calibration.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan
    facts : Calibration

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    rows: Rows = [
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
    mapping: Rows = [
        ("DITHPOS", plan.position, "dither position"),
        ("READMODE", config.readmode.upper(), "read-out mode"),
        ("DITHSCAL", "medium", "dither scale"),
    ]
    return [
        title("PHOTOMETRY"),
        *cards_of(rows),
        title("MAPPING KEYWORDS"),
        *cards_of(mapping),
    ]


def flow_cards(config: IracSimulation, plan: FramePlan) -> list[str]:
    """Give the files and versions that the archive names.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    key, channel = plan.aorkey, config.channel
    raw = f"IRAC.{channel}.{key:010d}.{plan.expid:04d}.{plan.dcenum:04d}.01.mipl.fits"
    rows: Rows = [
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
    return [title("DATA FLOW KEYWORDS"), *cards_of(rows)]


def history_cards(config: IracSimulation, plan: FramePlan) -> list[str]:
    """Give the history of the processing, and that the frame is simulated.

    Parameters
    ----------
    config : IracSimulation
    plan : FramePlan

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    lines = [f"Simulated by astromap, seed {config.seed}, AOR {plan.aor}, frame {plan.index}"]
    for number in range(_HISTORY_CARDS - 1):
        name = _STAGES[number % len(_STAGES)]
        lines.append(f"{name:<18}v. {1 + number // 8}.{number % 8}, step {number + 1:3d}, nominal")
    return [title("PROCESSING HISTORY"), *(history(line) for line in lines)]


def telemetry_cards(config: IracSimulation, plan: FramePlan, count: int) -> list[str]:
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
