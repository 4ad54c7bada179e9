"""What the simulator knows of the IRAC arrays; sources beside each table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from photomitrus_cli.errors import ConfigError

Mission = Literal["cryo", "warm"]

ARRAY_SIZE = 256
CRPIX = 128.0  # 1-based, both axes; headers of every full-array BCD
SAMPLE_TIME_S = 0.2  # SAMPTIME of full-array frames

# Instrument Handbook, mean pixel length over each array (arcsec): the flux scale of calibrated frames.
MEAN_PIXEL_ARCSEC = {1: 1.221, 2: 1.213, 3: 1.222, 4: 1.220}

# Instrument Handbook, full well (electrons).
FULL_WELL_E = {1: 145_000.0, 2: 140_000.0, 3: 170_000.0, 4: 200_000.0}


@dataclass(frozen=True, slots=True)
class Scale:
    """Linear part of an array's WCS, from archive headers.

    Attributes
    ----------
    x_arcsec, y_arcsec : float
        Pixel lengths at CRPIX; ``x_arcsec`` is negative (keywords PXSCAL1, PXSCAL2).
    skew_deg : float
        Position angle of the first axis' perpendicular less that of the second axis.
    """

    x_arcsec: float
    y_arcsec: float
    skew_deg: float


# From the CD matrices of SPITZER_I1_17577216, SPITZER_I1_47157760, SPITZER_I2_46987776 and of cryogenic
# channel-3 and channel-4 BCDs. The cryogenic channel 2 takes the warm values.
SCALES: dict[tuple[Mission, int], Scale] = {
    ("cryo", 1): Scale(-1.22334230, 1.22328355, -0.054955),
    ("warm", 1): Scale(-1.22361630, 1.22304236, -0.062421),
    ("cryo", 2): Scale(-1.21565938, 1.21547518, 0.037959),
    ("warm", 2): Scale(-1.21565938, 1.21547518, 0.037959),
    ("cryo", 3): Scale(-1.22629954, 1.22252767, -0.199130),
    ("cryo", 4): Scale(-1.22423410, 1.21877789, 0.168165),
}


@dataclass(frozen=True, slots=True)
class Calibration:
    """Detector constants as the frame headers state them.

    Attributes
    ----------
    gain : float
        Electrons per DN (GAIN).
    fluxconv : float
        (MJy/sr) / (DN/s) (FLUXCONV).
    ronoise : float
        Read noise of a frame in electrons (RONOISE).
    creator : str
        Pipeline version (CREATOR).
    """

    gain: float
    fluxconv: float
    ronoise: float
    creator: str


# GAIN, FLUXCONV, RONOISE of the frames named above and of the Instrument Handbook's sample headers; the
# cryogenic channels 2 and 4 take the Handbook's FLUXCONV and typical gains.
CALIBRATIONS: dict[tuple[Mission, int], Calibration] = {
    ("cryo", 1): Calibration(3.3, 0.1069, 7.8, "S18.25.0"),
    ("cryo", 2): Calibration(3.7, 0.1388, 8.4, "S18.25.0"),
    ("cryo", 3): Calibration(3.8, 0.6074, 9.1, "S18.25.0"),
    ("cryo", 4): Calibration(3.8, 0.2021, 7.1, "S18.25.0"),
    ("warm", 1): Calibration(3.7, 0.1257, 21.0, "S19.2.0"),
    ("warm", 2): Calibration(3.71, 0.1447, 16.0, "S19.2.0"),
}


@dataclass(frozen=True, slots=True)
class FrameTime:
    """Read-out pattern of one frame-time class.

    Attributes
    ----------
    requested_s : float
        The class as observers ask for it (AORTIME).
    fowler, wait : int
        Fowler number and wait ticks (AFOWLNUM, AWAITPER).
    repeats : int
        DCEs per exposure: 2 for 100 s and 4 for 200 s in channel 4.
    """

    requested_s: float
    fowler: int
    wait: int
    repeats: int = 1

    @property
    def framtime_s(self) -> float:
        """Seconds of integration of the whole array, 0.2 (wait + 2 fowler)."""
        return round(SAMPLE_TIME_S * (self.wait + 2 * self.fowler), 6)

    @property
    def exptime_s(self) -> float:
        """Effective seconds per pixel, 0.2 (wait + fowler)."""
        return round(SAMPLE_TIME_S * (self.wait + self.fowler), 6)


_COMMON = (
    FrameTime(0.4, 1, 0),
    FrameTime(0.6, 1, 1),
    FrameTime(2.0, 4, 2),
    FrameTime(6.0, 8, 14),
    FrameTime(12.0, 8, 44),
    FrameTime(30.0, 16, 118),
)
_LONG = {
    1: (FrameTime(100.0, 32, 436),),
    2: (FrameTime(100.0, 16, 468),),
    3: (FrameTime(100.0, 16, 468),),
    4: (FrameTime(50.0, 16, 218), FrameTime(100.0, 16, 218, repeats=2), FrameTime(200.0, 16, 218, repeats=4)),
}


def frame_time(channel: int, requested_s: float) -> FrameTime:
    """Return the read-out pattern of a frame-time class.

    Parameters
    ----------
    channel : int
        IRAC channel, 1 to 4.
    requested_s : float
        Frame-time class in seconds, such as 0.6, 2, 12, 30, 100.

    Returns
    -------
    FrameTime

    Raises
    ------
    ConfigError
        The channel has no such class.
    """
    classes = _COMMON + _LONG[channel]
    for item in classes:
        if abs(item.requested_s - requested_s) < 1e-9:
            return item
    known = ", ".join(f"{item.requested_s:g}" for item in classes)
    raise ConfigError(
        f"channel {channel} has no frame time of {requested_s:g} s", hint=f"use one of {known} s"
    )
