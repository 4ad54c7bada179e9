"""The plan of a stack, from names and headers alone: which frames of a chip, in which band."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.prime.frame import Frame, read_frame
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
            _log.warning("left out: %s", error)
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


def band_of(frame: Frame, instrument: Instrument, wanted: str | None = None) -> str:
    """Tell the band of a frame from its filter wheels.

    Parameters
    ----------
    frame : Frame
    instrument : Instrument
    wanted : str, optional
        The band that it must be, in any case of letters.

    Returns
    -------
    str
        What is in the one wheel that is not at an empty place, as the header spells it.

    Raises
    ------
    ConfigError
        When that is another one than wanted.
    InputError
        When no wheel has a filter in the beam, several have and none is asked for, or the beam is closed.
    """
    keys = instrument.keywords.filters
    stated = ", ".join(f"{key} {name}" for key, name in zip(keys, frame.filters, strict=True))
    if any(name.lower() in instrument.closed for name in frame.filters):
        raise InputError(f"{frame.path}: no light comes through the filters ({stated})")
    filters = [name for name in frame.filters if name.lower() not in instrument.clear]
    if not filters:
        raise InputError(
            f"{frame.path}: there is no filter in the beam ({stated})", hint="stacks are made of one band"
        )
    if wanted is not None:
        same = [name for name in filters if name.lower() == wanted.lower()]
        if not same:
            hint = f"give -band {filters[0]} or leave it out"
            raise ConfigError(f"-band {wanted}: the frame {frame.path} has {stated}", hint=hint)
        return same[0]
    if len(filters) > 1:
        hint = f"say with -band which of {' and '.join(filters)} is the band"
        raise InputError(f"{frame.path}: several filters are in the beam ({stated})", hint=hint)
    return filters[0]


def refuse_mixed(frames: Sequence[Frame], what: str, kind: Callable[[Frame], str]) -> None:
    """Refuse frames of several kinds, with the first of each.

    Parameters
    ----------
    frames : sequence of Frame
    what : str
        What they must have in common, for the message.
    kind : callable
        Tells it of a frame.

    Raises
    ------
    InputError
        When there are several.
    """
    counts = Counter(kind(frame) for frame in frames)
    if len(counts) < 2:
        return
    firsts = {name: next(frame for frame in frames if kind(frame) == name) for name in counts}
    parts = [f"{count} of {name} ({firsts[name].path.name})" for name, count in counts.most_common()]
    raise InputError(
        f"{frames[0].path.parent}: frames of different {what}: {', '.join(parts)}",
        hint="put each kind in a folder of its own",
    )
