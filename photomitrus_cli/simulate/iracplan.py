"""Which frames a simulated IRAC field has, and where and when each is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import readout
from photomitrus_cli.simulate.iractimes import FrameTime, frame_time
from photomitrus_cli.simulate.sipdata import SipTable
from photomitrus_cli.simulate.siplocal import array_geometry
from photomitrus_cli.simulate.sipprojection import cd_matrix, tan_deproject
from photomitrus_cli.simulate.sipwcs import SipWcs
from photomitrus_cli.simulate.streams import Purpose, stream

_AORKEY_STEP = 256  # archive keys are multiples of it
_START_MJD = {"cryo": 54000.0, "warm": 56640.0}
_DAYS_BETWEEN_AORS = 1.0
_OVERHEAD_S = 2.0

_Offsets = tuple[tuple[float, float], ...]


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
    plane_offsets_px : tuple of (float, float)
        How far the stars are, in x and y, from their places by ``wcs``: one pair for each plane of a subarray
        exposure, of mean zero; (0, 0) alone for a frame.
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
    plane_offsets_px: _Offsets

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
    wanted = config.frame_times_s[aor % len(config.frame_times_s)]
    time = frame_time(config.channel, wanted, config.readmode)
    if config.hdr_frame_time_s is None:
        return [("", time)]
    return [("short", frame_time(config.channel, config.hdr_frame_time_s)), ("long", time)]


@dataclass(frozen=True)
class _Geometry:
    """How the pixels that are read lie on the sky: CD matrix, distortion, reference pixel."""

    cd: NDArray[np.float64]
    sip: SipTable
    crpix: float

    @classmethod
    def of(cls, config: IracSimulation, roll: float) -> _Geometry:
        """Take the geometry of the array that is simulated."""
        area_read = readout(config.readmode, config.channel)
        scale, sip = array_geometry(config.mission, config.sip, config.channel, config.readmode)
        cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, roll, scale.skew_deg)
        return cls(cd, sip, area_read.crpix)

    def at(self, center: tuple[float, float]) -> SipWcs:
        """Point the array at a position (ra, dec), deg."""
        return SipWcs(center, (self.crpix, self.crpix), self.cd, self.sip)

    def moved(self, center: tuple[float, float], x_px: float, y_px: float) -> tuple[float, float]:
        """Where the array points once the stars have moved by some pixels."""
        if x_px == 0.0 and y_px == 0.0:
            return center
        ra, dec = self.at(center).pixel_to_sky(self.crpix - 1.0 - x_px, self.crpix - 1.0 - y_px)
        return float(ra), float(dec)


def _plane_offsets(config: IracSimulation, aor: int, index: int, time: FrameTime) -> _Offsets:
    """Motion of the stars on each plane about their mean place, pixels."""
    planes = readout(config.readmode, config.channel).planes
    if planes == 1:
        return ((0.0, 0.0),)
    rng = stream(config.seed, Purpose.PLANE_JITTER, aor, index)
    hours = np.arange(planes)[:, None] * time.framtime_s / 3600.0
    offsets = rng.normal(0.0, 1.0, (planes, 2)) * config.plane_jitter_px
    offsets += hours * np.array(config.plane_drift_px_hr)
    offsets -= offsets.mean(axis=0)
    return tuple((float(x), float(y)) for x, y in offsets)


def _off_center(center: tuple[float, float], east_arcsec: float, north_arcsec: float) -> tuple[float, float]:
    ra, dec = tan_deproject(east_arcsec / 3600.0, north_arcsec / 3600.0, *center)
    return float(ra), float(dec)


def _sequence(config: IracSimulation, aor: int) -> Iterator[tuple[int, int, int, str, FrameTime]]:
    """Position, exposure and event numbers of an AOR's frames, in order."""
    expid = 0
    for position in range(config.dithers_per_aor):
        for hdr, time in _frame_times(config, aor):
            for dcenum in range(time.repeats):
                yield position, expid, dcenum, hdr, time
            expid += 1


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
    geometry = _Geometry.of(config, roll)
    start = mjd = _START_MJD[config.mission] + _DAYS_BETWEEN_AORS * aor
    planes = readout(config.readmode, config.channel).planes
    offsets, field_center = pointings(config, aor), (config.center_ra_deg, config.center_dec_deg)
    drift = np.array(config.plane_drift_px_hr) * (planes > 1)
    plans: list[FramePlan] = []
    for index, (position, expid, dcenum, hdr, time) in enumerate(_sequence(config, aor)):
        requested = _off_center(field_center, *offsets[position])
        moved = drift * (mjd - start) * 24.0
        center = geometry.moved(requested, float(moved[0]), float(moved[1]))
        rng = stream(config.seed, Purpose.POINTING_ERROR, aor, index)
        error = rng.normal(0.0, 1.0, 2) * config.pointing_rms_arcsec
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
                wcs=geometry.at(center),
                header_wcs=geometry.at(_off_center(center, *error)),
                requested_deg=requested,
                error_arcsec=(float(error[0]), float(error[1])),
                plane_offsets_px=_plane_offsets(config, aor, index, time),
            )
        )
        mjd += (planes * time.framtime_s + _OVERHEAD_S) / 86400.0
    return plans
