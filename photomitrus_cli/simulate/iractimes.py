"""Frame times of IRAC, in the words of its headers."""

from __future__ import annotations

from dataclasses import dataclass

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.iracfacts import SAMPLE_TIME_S, ReadMode


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
    sample_s : float
        Length of a tick, s (SAMPTIME).
    """

    requested_s: float
    fowler: int
    wait: int
    repeats: int = 1
    sample_s: float = SAMPLE_TIME_S

    @property
    def framtime_s(self) -> float:
        """Seconds of integration of the whole array, sample_s (wait + 2 fowler)."""
        return round(self.sample_s * (self.wait + 2 * self.fowler), 6)

    @property
    def exptime_s(self) -> float:
        """Effective seconds per pixel, sample_s (wait + fowler)."""
        return round(self.sample_s * (self.wait + self.fowler), 6)


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
_MODE_WORD: dict[ReadMode, str] = {"full": "", "sub": "subarray "}
# 2 s as in SPITZER_I2_46466816 (EXPTIME 1.92); effective times 0.01, 0.08 and 0.36 s of the shorter ones.
_SUBARRAY = (
    FrameTime(0.02, 1, 0, sample_s=0.01),
    FrameTime(0.1, 2, 6, sample_s=0.01),
    FrameTime(0.4, 4, 32, sample_s=0.01),
    FrameTime(2.0, 8, 184, sample_s=0.01),
)


def frame_time(channel: int, requested_s: float, mode: ReadMode = "full") -> FrameTime:
    """Return the read-out pattern of a frame-time class.

    Parameters
    ----------
    channel : int
        IRAC channel, 1 to 4.
    requested_s : float
        Frame-time class in seconds, such as 0.6, 2, 12, 30, 100.
    mode : {'full', 'sub'}
        Read mode; the subarray has 0.02, 0.1, 0.4 and 2 s.

    Returns
    -------
    FrameTime

    Raises
    ------
    ConfigError
        The channel has no such class.
    """
    classes = _SUBARRAY if mode == "sub" else _COMMON + _LONG[channel]
    for item in classes:
        if abs(item.requested_s - requested_s) < 1e-9:
            return item
    known = ", ".join(f"{item.requested_s:g}" for item in classes)
    raise ConfigError(
        f"channel {channel} has no {_MODE_WORD[mode]}frame time of {requested_s:g} s",
        hint=f"use one of {known} s",
    )
