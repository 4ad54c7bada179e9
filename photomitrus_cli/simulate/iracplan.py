"""Which frames a simulated IRAC field has, and where and when each is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import CRPIX, SCALES, FrameTime, frame_time
from photomitrus_cli.simulate.sipdata import SIP_TABLES
from photomitrus_cli.simulate.sipwcs import SipWcs, cd_matrix, tan_deproject
from photomitrus_cli.simulate.streams import Purpose, stream

_AORKEY_STEP = 256  # archive keys are multiples of it
_START_MJD = {"cryo": 54000.0, "warm": 56640.0}
_DAYS_BETWEEN_AORS = 1.0
_OVERHEAD_S = 2.0


@dataclass(frozen=True)
class FramePlan:
    """One data-collection event (DCE).

    Attributes
    ----------
    aor, index : int
        0-based numbers of the AOR and of the frame within it; they select the random streams.
    aorkey, expid, dcenum : int
        Archive numbers.
    position : int
        1-based dither position.
    time : FrameTime
        Read-out pattern.
    hdr : str
        ``'short'`` or ``'long'`` in pairs of frame times, else empty.
    mjd : float
        Start, UTC.
    roll_deg : float
        Position angle of the second axis.
    wcs : SipWcs
        Where the frame truly points.
    header_wcs : SipWcs
        Where its header says it points.
    requested_deg : tuple of float
        Commanded right ascension and declination.
    error_arcsec : tuple of float
        Header less truth: right ascension times cos(declination), declination.
    """

    aor: int
    index: int
    aorkey: int
    expid: int
    dcenum: int
    position: int
    time: FrameTime
    hdr: str
    mjd: float
    roll_deg: float
    wcs: SipWcs
    header_wcs: SipWcs
    requested_deg: tuple[float, float]
    error_arcsec: tuple[float, float]

    def stem(self, channel: int, version: int) -> str:
        """Archive file name without product type and suffix."""
        return f"SPITZER_I{channel}_{self.aorkey}_{self.expid:04d}_{self.dcenum:04d}_{version}"

    def folder(self, channel: int) -> PurePosixPath:
        """Archive folder relative to the root of the tree."""
        return PurePosixPath(f"r{self.aorkey}/ch{channel}/bcd")


def pointings(config: IracSimulation, aor: int) -> NDArray[np.float64]:
    """Offsets of an AOR's dither positions from the field's centre.

    Parameters
    ----------
    config : IracSimulation
        The field.
    aor : int
        0-based number.

    Returns
    -------
    ndarray, shape (dithers_per_aor, 2)
        arcsec east and north: one random cell of a square grid over the field for each position (so that the
        coverage is even), plus the dither.
    """
    rng = stream(config.seed, Purpose.POINTING, aor)
    count = config.dithers_per_aor
    side = int(np.ceil(np.sqrt(count)))
    cells = rng.permutation(side * side)[:count]
    cell = np.column_stack([cells % side, cells // side])
    where = (cell + rng.uniform(size=(count, 2))) / side - 0.5
    dither = rng.normal(0.0, config.dither_rms_arcsec, (count, 2))
    return np.asarray(where * config.field_size_arcmin * 60.0 + dither)


def _frame_times(config: IracSimulation, aor: int) -> list[tuple[str, FrameTime]]:
    time = frame_time(config.channel, config.frame_times_s[aor % len(config.frame_times_s)])
    if config.hdr_frame_time_s is None:
        return [("", time)]
    return [("short", frame_time(config.channel, config.hdr_frame_time_s)), ("long", time)]


def _wcs_pair(
    config: IracSimulation, roll: float, center: tuple[float, float], error: NDArray[np.float64]
) -> tuple[SipWcs, SipWcs]:
    scale = SCALES[config.mission, config.channel]
    cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, roll, scale.skew_deg)
    sip = SIP_TABLES[config.sip, config.channel]
    moved = tan_deproject(error[0] / 3600.0, error[1] / 3600.0, *center)
    header_center = (float(moved[0]), float(moved[1]))
    return SipWcs(center, (CRPIX, CRPIX), cd, sip), SipWcs(header_center, (CRPIX, CRPIX), cd, sip)


def plan_aor(config: IracSimulation, aor: int) -> list[FramePlan]:
    """List the frames of one AOR in the order in which they are taken.

    Parameters
    ----------
    config : IracSimulation
        The field.
    aor : int
        0-based number of the AOR.

    Returns
    -------
    list of FramePlan

    Raises
    ------
    ConfigError
        The channel has no such frame time.
    """
    roll = config.roll_deg[aor % len(config.roll_deg)]
    mjd = _START_MJD[config.mission] + _DAYS_BETWEEN_AORS * aor
    times = _frame_times(config, aor)
    plans: list[FramePlan] = []
    expid = 0
    for position, (east, north) in enumerate(pointings(config, aor)):
        ra, dec = tan_deproject(east / 3600.0, north / 3600.0, config.center_ra_deg, config.center_dec_deg)
        center = (float(ra), float(dec))
        for hdr, time in times:
            for dcenum in range(time.repeats):
                index = len(plans)
                rng = stream(config.seed, Purpose.POINTING_ERROR, aor, index)
                error = rng.normal(0.0, 1.0, 2) * config.pointing_rms_arcsec
                wcs, header_wcs = _wcs_pair(config, roll, center, error)
                plans.append(
                    FramePlan(
                        aor=aor,
                        index=index,
                        aorkey=config.first_aorkey + _AORKEY_STEP * aor,
                        expid=expid,
                        dcenum=dcenum,
                        position=position + 1,
                        time=time,
                        hdr=hdr,
                        mjd=mjd,
                        roll_deg=roll,
                        wcs=wcs,
                        header_wcs=header_wcs,
                        requested_deg=center,
                        error_arcsec=(float(error[0]), float(error[1])),
                    )
                )
                mjd += (time.framtime_s + _OVERHEAD_S) / 86400.0
            expid += 1
    return plans
