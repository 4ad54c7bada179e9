"""Frames: which exposures there are, which are wanted, and which files belong to each, all by header."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.irac.names import IMASK_TYPE, RMASK_TYPE, stem_and_type, uncertainty_types
from photomitrus_cli.run.summary import UnitRecord

_log = logging.getLogger(__name__)

MissingPolicy = Literal["estimate", "refuse", "drop"]

SURFACE_BRIGHTNESS_UNITS = frozenset({"MJy/sr", "MJY/SR", "MJy sr-1", "MJy.sr-1"})
FULL_ARRAY = (256, 256)


@dataclass(frozen=True, order=True)
class FrameKey:
    """What identifies one exposure of one array.

    Attributes
    ----------
    aorkey, channel, expid, dcenum : int
        The header's AORKEY, CHNLNUM, EXPID and DCENUM.
    """

    aorkey: int
    channel: int
    expid: int
    dcenum: int


@dataclass(frozen=True)
class Frame:
    """One frame with its companions.

    Attributes
    ----------
    path : Path
    key : FrameKey
    creator : str
        Pipeline version, the header's CREATOR.
    exptime_s, framtime_s : float
        Effective integration time per pixel and frame time, s.
    gain : float
        e-/DN.
    fluxconv : float
        (MJy/sr) / (DN/s).
    mjd : float
        MJD_OBS, days; NaN when absent.
    unc, imask, rmask : Path or None
        The uncertainty, the instrument mask and the outlier mask, where they exist.
    """

    path: Path
    key: FrameKey
    creator: str
    exptime_s: float
    framtime_s: float
    gain: float
    fluxconv: float
    mjd: float
    unc: Path | None = None
    imask: Path | None = None
    rmask: Path | None = None

    @property
    def conversion(self) -> float:
        """GAIN / FLUXCONV: electrons per second for 1 MJy/sr."""
        return self.gain / self.fluxconv

    @property
    def files(self) -> list[Path]:
        """All files of the frame."""
        return [path for path in (self.path, self.unc, self.imask, self.rmask) if path is not None]


@dataclass
class Selection:
    """The frames to use and a record of every other one.

    Attributes
    ----------
    frames : list of Frame
        Sorted by key.
    records : list of UnitRecord
        Frames skipped (with the reason) or failed.
    other_channels : int
        Frames of other channels, which nobody asked for.
    """

    frames: list[Frame] = field(default_factory=list)
    records: list[UnitRecord] = field(default_factory=list)
    other_channels: int = 0


def frame_key(cards: Cards) -> FrameKey:
    """Read a file's key from its header.

    Raises
    ------
    InputError
        When a keyword is missing or not a whole number.
    """
    return FrameKey(
        cards.integer("AORKEY"), cards.integer("CHNLNUM"), cards.integer("EXPID"), cards.integer("DCENUM", 0)
    )


def read_frame(path: Path, channel: int) -> tuple[Frame | None, str]:
    """Read a frame's header.

    Parameters
    ----------
    path : Path
    channel : int
        Of other channels nothing more is read.

    Returns
    -------
    frame : Frame or None
        Without companions yet; None when it is of another channel.
    reason : str
        Why the frame cannot be used although it is sound; empty when it can.

    Raises
    ------
    InputError
        When the header is broken or lacks a keyword that is needed.
    """
    try:
        cards = read_cards(path)
    except InputError:
        if _is_of_another_channel(path, channel):
            return None, ""
        raise
    key = frame_key(cards)
    if key.channel != channel:
        return None, ""
    frame = Frame(
        path=path,
        key=key,
        creator=cards.text("CREATOR", ""),
        exptime_s=cards.number("EXPTIME"),
        framtime_s=cards.number("FRAMTIME", float("nan")),
        gain=cards.number("GAIN"),
        fluxconv=cards.number("FLUXCONV"),
        mjd=cards.number("MJD_OBS", float("nan")),
    )
    return frame, _unusable(cards, frame)


def _is_of_another_channel(path: Path, channel: int) -> bool:
    """Tell of a damaged file whether its header still says that nobody asked for it."""
    try:
        return read_cards(path, whole=False).integer("CHNLNUM") != channel
    except InputError:
        return False


def _unusable(cards: Cards, frame: Frame) -> str:
    unit = cards.text("BUNIT", "")
    n_axes = cards.integer("NAXIS")
    shape = tuple(cards.integer(f"NAXIS{axis}") for axis in range(n_axes, 0, -1))
    if cards.integer("BITPIX") > 0 and "BSCALE" not in cards:
        return "holds whole numbers: a mask, not a frame"
    if unit.strip() not in SURFACE_BRIGHTNESS_UNITS:
        return f"BUNIT is '{unit}', not MJy/sr"
    if n_axes != len(FULL_ARRAY) or shape != FULL_ARRAY:
        return f"not a full-array frame ({' x '.join(map(str, shape))} pixels)"
    if not frame.exptime_s > 0:
        return f"EXPTIME is {frame.exptime_s:g} s"
    if not (frame.gain > 0 and frame.fluxconv > 0):
        return f"GAIN {frame.gain:g} or FLUXCONV {frame.fluxconv:g} is not positive"
    return ""


def select_frames(
    files: Mapping[str, list[Path]],
    *,
    filetype: str,
    channel: int,
    min_exptime_s: float,
    missing: MissingPolicy,
    keep_going: bool = False,
) -> Selection:
    """Choose the frames of a channel and give each its companions.

    Parameters
    ----------
    files : mapping of str to list of Path
        From :func:`photomitrus_cli.irac.names.find_files`.
    filetype : str
    channel : int
    min_exptime_s : float
        Shorter exposures are skipped, s.
    missing : {'estimate', 'refuse', 'drop'}
        What to do with frames that lack an uncertainty or a mask.
    keep_going : bool
        Record broken frames as failed instead of raising.

    Raises
    ------
    InputError
        For a broken header (unless ``keep_going``), or a missing companion under ``refuse``.
    """
    selection = Selection()
    usable: list[Frame] = []
    for path in files[filetype]:
        try:
            frame, reason = read_frame(path, channel)
        except InputError as error:
            if not keep_going:
                raise
            selection.records.append(UnitRecord.of_error(str(path), error))
            continue
        if frame is None:
            selection.other_channels += 1
        elif reason or frame.exptime_s < min_exptime_s:
            reason = reason or f"EXPTIME {frame.exptime_s:g} s is below {min_exptime_s:g} s"
            selection.records.append(UnitRecord(str(path), "skipped", reason))
        else:
            usable.append(frame)
    unique = _newest_of_each(usable, filetype, selection)
    companions = _Companions(files, filetype)
    for frame in unique:
        _pair(frame, companions, selection, missing, keep_going=keep_going)
    return selection


def _newest_of_each(frames: Iterable[Frame], filetype: str, selection: Selection) -> list[Frame]:
    """Keep one file per exposure: that of the newest pipeline, then the one of the type asked for."""
    best: dict[FrameKey, Frame] = {}
    for frame in frames:
        rival = best.get(frame.key)
        if rival is None:
            best[frame.key] = frame
            continue
        kept, left = sorted((frame, rival), key=partial(_preference, filetype), reverse=True)
        best[frame.key] = kept
        reason = f"the same exposure as {kept.path}"
        selection.records.append(UnitRecord(str(left.path), "skipped", reason))
    return [best[key] for key in sorted(best)]


def _preference(filetype: str, frame: Frame) -> tuple[list[int], bool, str]:
    """Order pipeline versions as numbers (S18.25.0 is newer than S18.7.0), then type, then path."""
    version = [int(number) for number in re.findall(r"\d+", frame.creator)]
    return version, stem_and_type(frame.path)[1] == filetype, str(frame.path)


class _Companions:
    """Uncertainties and masks by the key in their headers."""

    def __init__(self, files: Mapping[str, list[Path]], filetype: str) -> None:
        self.broken: dict[str, InputError] = {}
        self.kinds = {"unc": uncertainty_types(filetype), "imask": (IMASK_TYPE,), "rmask": (RMASK_TYPE,)}
        self._tables = {kind: self._read(paths) for kind, paths in files.items() if kind != filetype}

    def _read(self, paths: Iterable[Path]) -> dict[FrameKey, list[Path]]:
        table: dict[FrameKey, list[Path]] = {}
        for path in paths:
            try:
                table.setdefault(frame_key(read_cards(path)), []).append(path)
            except InputError as error:
                # Its header does not say whose it is; the archive's name does.
                self.broken[stem_and_type(path)[0]] = error
                _log.warning("%s", error)
        return table

    def find(self, frame: Frame, role: str) -> Path | None:
        """Give the frame's companion in a role; of several, that of its own folder, then of its own name."""
        stem = stem_and_type(frame.path)[0]

        def preference(path: Path) -> tuple[bool, bool, str]:
            """Order candidates, the best first."""
            return path.parent != frame.path.parent, stem_and_type(path)[0] != stem, str(path)

        for kind in self.kinds[role]:
            paths = self._tables.get(kind, {}).get(frame.key, [])
            if paths:
                return min(paths, key=preference)
        return None


def _pair(
    frame: Frame, companions: _Companions, selection: Selection, missing: MissingPolicy, *, keep_going: bool
) -> None:
    broken = companions.broken.get(stem_and_type(frame.path)[0])
    if broken is not None:
        if not keep_going:
            raise broken
        selection.records.append(UnitRecord(str(frame.path), "failed", broken.message))
        return
    found = {role: companions.find(frame, role) for role in companions.kinds}
    absent = [role for role, path in found.items() if path is None]
    if absent and missing == "refuse":
        lack = f"has no {', '.join(absent)}"
        if not keep_going:
            raise InputError(f"{frame.path}: {lack}", hint="--missing estimate or --missing drop goes on")
        selection.records.append(UnitRecord(str(frame.path), "failed", lack))
        return
    if absent and missing == "drop":
        selection.records.append(UnitRecord(str(frame.path), "skipped", f"has no {', '.join(absent)}"))
        return
    selection.frames.append(replace(frame, unc=found["unc"], imask=found["imask"], rmask=found["rmask"]))
