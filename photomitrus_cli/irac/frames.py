"""Frames: which exposures are wanted, and which files belong to each, all by header."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.fitsread import ImageSource
from photomitrus_cli.irac.names import RMASK_TYPE, imask_type, stem_and_type, uncertainty_types
from photomitrus_cli.irac.scan import FILES_PER_UNIT, Frame, FrameKey, Needs, Scanned, ScanTask, scan
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import UnitRecord

_log = logging.getLogger(__name__)

MissingPolicy = Literal["estimate", "refuse", "drop"]


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


def select_frames(
    files: Mapping[str, list[Path]],
    context: Context,
    *,
    filetype: str,
    needs: Needs,
    missing: MissingPolicy,
) -> Selection:
    """Choose the frames and give each its companions.

    Parameters
    ----------
    files : mapping of str to list of Path
        From `photomitrus_cli.irac.findfiles.find_files`.
    context : Context
        Its workers share the headers; under ``keep_going`` broken frames are recorded as failed.
    filetype : str
    needs : Needs
    missing : {'estimate', 'refuse', 'drop'}
        What to do with frames that lack an uncertainty or a mask.

    Raises
    ------
    InputError
        For a broken header (unless ``keep_going``), or a missing companion under ``refuse``.
    """
    keep_going = context.control.keep_going
    scanned = _scan_all(files, filetype, needs, context)
    selection = Selection()
    usable: list[Frame] = []
    for one in scanned[filetype]:
        if one.error is not None:
            if not keep_going:
                raise one.error
            selection.records.append(UnitRecord.of_error(str(one.path), one.error))
        elif one.frame is not None:
            usable.append(one.frame)
        elif one.reason:
            selection.records.append(UnitRecord(str(one.path), "skipped", one.reason))
        else:
            selection.other_channels += 1
    unique = _newest_of_each(usable, filetype, selection)
    companions = _Companions(scanned, filetype, photometry=needs.photometry)
    for frame in unique:
        _pair(frame, companions, selection, missing, keep_going=keep_going)
    return selection


def _scan_all(
    files: Mapping[str, list[Path]], filetype: str, needs: Needs, context: Context
) -> dict[str, list[Scanned]]:
    """Read all headers, in the order of the files of each kind."""
    tasks, kinds = [], []
    for kind, paths in files.items():
        for start in range(0, len(paths), FILES_PER_UNIT):
            part = tuple(paths[start : start + FILES_PER_UNIT])
            tasks.append(ScanTask(part, needs, companions=kind != filetype))
            kinds.append(kind)
    with context.progress.task("headers", sum(len(task.paths) for task in tasks)) as advance:
        outcomes = context.executor.run(scan, tasks, consume=lambda one: advance(len(one.result or ())))
    scanned: dict[str, list[Scanned]] = {kind: [] for kind in files}
    for kind, outcome in zip(kinds, outcomes, strict=True):
        scanned[kind].extend(outcome.result or ())
    return scanned


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

    def __init__(self, scanned: Mapping[str, list[Scanned]], filetype: str, *, photometry: bool) -> None:
        self.broken: dict[str, InputError] = {}
        self.kinds = {"unc": uncertainty_types(filetype), "imask": (imask_type(filetype),)}
        if not photometry:
            # Multiframe masks take the cores of stars for outliers: not for measuring stars.
            self.kinds["rmask"] = (RMASK_TYPE,)
        self._tables = {kind: self._index(found) for kind, found in scanned.items() if kind != filetype}

    def _index(self, found: Iterable[Scanned]) -> dict[FrameKey, list[ImageSource]]:
        table: dict[FrameKey, list[ImageSource]] = {}
        for one in found:
            if one.error is not None:
                # Its header does not say whose it is; the archive's name does.
                self.broken[stem_and_type(one.path)[0]] = one.error
                _log.warning("%s", one.error)
            elif one.key is not None and one.source is not None:
                table.setdefault(one.key, []).append(one.source)
        return table

    def find(self, frame: Frame, role: str) -> ImageSource | None:
        """Give the frame's companion in a role; of several, that of its own folder, then of its own name."""
        stem = stem_and_type(frame.path)[0]

        def preference(source: ImageSource) -> tuple[bool, bool, str]:
            """Order candidates, the best first."""
            path = source.path
            return path.parent != frame.path.parent, stem_and_type(path)[0] != stem, str(path)

        for kind in self.kinds[role]:
            sources = self._tables.get(kind, {}).get(frame.key, [])
            if sources:
                return min(sources, key=preference)
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
    absent = [role for role, source in found.items() if source is None]
    if absent and missing == "refuse":
        lack = f"has no {', '.join(absent)}"
        if not keep_going:
            raise InputError(f"{frame.path}: {lack}", hint="--missing estimate or --missing drop goes on")
        selection.records.append(UnitRecord(str(frame.path), "failed", lack))
        return
    if absent and missing == "drop":
        selection.records.append(UnitRecord(str(frame.path), "skipped", f"has no {', '.join(absent)}"))
        return
    selection.frames.append(replace(frame, unc=found["unc"], imask=found["imask"], rmask=found.get("rmask")))
