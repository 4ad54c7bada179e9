"""What the simulator knows of the IRAC arrays; sources beside each table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Mission = Literal["cryo", "warm"]
ReadMode = Literal["full", "sub"]

ARRAY_SIZE = 256
CRPIX = 128.0  # 1-based, both axes; headers of every full-array BCD
SAMPLE_TIME_S = 0.2  # SAMPTIME of full-array frames


@dataclass(frozen=True, slots=True)
class Readout:
    """Which pixels are read, and how often.

    Attributes
    ----------
    size : int
        Pixels along each axis.
    planes : int
        Images per exposure.
    crpix : float
        1-based reference pixel of the headers, both axes.
    sample_s : float
        SAMPTIME.
    corner : tuple of int
        Full-array x and y (0-based) of the first pixel.
    """

    size: int
    planes: int
    crpix: float
    sample_s: float
    corner: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a frame: (size, size), of a subarray exposure (planes, size, size)."""
        image = (self.size, self.size)
        return image if self.planes == 1 else (self.planes, *image)


_FULL = Readout(ARRAY_SIZE, 1, CRPIX, SAMPLE_TIME_S, (0, 0))
# NAXISn, CRPIXn and SAMPTIME of SPITZER_I2_46466816; corners: Instrument Handbook and irac_aphot_corr.
_SUBARRAY_CORNER = {1: (8, 216), 2: (8, 216), 3: (8, 8), 4: (8, 8)}


def readout(mode: ReadMode, channel: int) -> Readout:
    """Return the pixels that a read mode reads.

    Parameters
    ----------
    mode : {'full', 'sub'}
    channel : int
        IRAC channel, 1 to 4.

    Returns
    -------
    Readout
    """
    return _FULL if mode == "full" else Readout(32, 64, 16.5, 0.01, _SUBARRAY_CORNER[channel])


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
# RONOISE of SPITZER_I2_46466816; the other sets above hold for the subarray too.
_SUBARRAY_RONOISE_E: dict[tuple[Mission, int], float] = {("warm", 2): 9.4}


def calibration(mission: Mission, channel: int, mode: ReadMode) -> Calibration:
    """Return the detector constants of a channel in a read mode.

    Parameters
    ----------
    mission : {'cryo', 'warm'}
    channel : int
        IRAC channel.
    mode : {'full', 'sub'}

    Returns
    -------
    Calibration
    """
    facts = CALIBRATIONS[mission, channel]
    if mode == "full":
        return facts
    return replace(facts, ronoise=_SUBARRAY_RONOISE_E.get((mission, channel), facts.ronoise))
