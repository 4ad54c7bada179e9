"""The plan of a stack, from names and headers alone: which frames of a chip, in which band."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.prime.frame import Frame, read_frame
from photomitrus_cli.prime.framekinds import band_of, refuse_mixed
from photomitrus_cli.prime.instrument import Instrument
from photomitrus_cli.prime.names import StackNames, stack_label
from photomitrus_cli.prime.ramps import find_ramps, ramp_folder
from photomitrus_cli.prime.window import Window
from photomitrus_cli.run.summary import UnitRecord

_log = logging.getLogger(__name__)

# A median of fewer frames is no sky.
LEAST_FRAMES = 3


@dataclass(frozen=True)
class ChipPlan:
    """The frames of one chip that belong together.

    Attributes
    ----------
    instrument : Instrument
    parent : Path
    chip : int
    band : str
    frames : tuple of Frame
        In the order of their serials.
    left_out : tuple of UnitRecord
        Frames that could not be used, under ``keep_going``.
    """

    instrument: Instrument
    parent: Path
    chip: int
    band: str
    frames: tuple[Frame, ...]
    left_out: tuple[UnitRecord, ...] = ()

    @property
    def window(self) -> Window:
        """The active area, the same in all frames."""
        return self.frames[0].window

    @property
    def filters(self) -> tuple[str, ...]:
        """What is in the filter wheels."""
        return self.frames[0].filters

    @property
    def mjd(self) -> float:
        """Mean of the middles of the exposures, MJD UTC: the epoch of positions."""
        return sum(frame.mjd_middle for frame in self.frames) / len(self.frames)

    @property
    def label(self) -> str:
        """The part that the names of all products share; see `stack_label`."""
        first, last = self.frames[0].serial, self.frames[-1].serial
        return stack_label(self.filters, first, last, self.chip)

    def names(self, folder: Path | None = None, ending: str = ".fits") -> StackNames:
        """Name the products.

        Parameters
        ----------
        folder : Path, optional
            The parent folder of the frames if not given.
        ending : str, optional
            Of the names of images.

        Returns
        -------
        StackNames
        """
        return StackNames(folder or self.parent, self.label, ending)


def plan_chip(
    parent: Path,
    chip: int,
    instrument: Instrument,
    *,
    band: str | None = None,
    rotation: float | None = None,
    least: int = LEAST_FRAMES,
    keep_going: bool = False,
) -> ChipPlan:
    """Find the frames of a chip and make sure that they belong together.

    Parameters
    ----------
    parent : Path
        The folder of one band of one field.
    chip : int
    instrument : Instrument
    band : str, optional
        What the frames must be; read from their headers if not given.
    rotation : float, optional
        Rotator angle instead of those in the headers, degrees.
    least : int
        The fewest frames.
    keep_going : bool
        Leave frames out that cannot be used, instead of refusing all.

    Returns
    -------
    ChipPlan

    Raises
    ------
    ConfigError
        When the camera has no such chip, or the frames are of another band than asked for.
    InputError
        When the folder is absent, a frame is unusable, or frames differ in filter, chip or shape.
    NoDataError
        When there are too few frames.
    """
    instrument.chip(chip)
    frames, left_out = [], []
    for ramp in find_ramps(parent, chip, instrument):
        try:
            frames.append(read_frame(ramp, chip, instrument, rotation))
        except InputError as error:
            if not keep_going:
                raise
            _log.warning("skipped: %s", error)
            left_out.append(UnitRecord.of_error(str(ramp.path), error))
    if len(frames) < least:
        more = f", {len(left_out)} cannot be used" if left_out else ""
        raise NoDataError(
            f"{ramp_folder(parent, chip, instrument)}: {len(frames)} usable frames of chip {chip}{more}",
            hint=f"at least {least} are needed",
        )
    refuse_mixed(frames, "filters", lambda frame: "-".join(frame.filters))
    refuse_mixed(frames, "shapes", lambda frame: "{1} x {0} pixels".format(*frame.window.file_shape))
    found = band_of(frames[0], instrument, band)
    return ChipPlan(instrument, parent, chip, found, tuple(frames), tuple(left_out))
