"""The plan of a photometry run, from headers alone: which frames, which targets on each, which products."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import ConfigError, NoDataError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.irac.facts import SATURATION_BIT
from photomitrus_cli.irac.findfiles import find_files, types_found
from photomitrus_cli.irac.frames import Selection, select_frames
from photomitrus_cli.irac.measure import Aperture
from photomitrus_cli.irac.names import is_fits
from photomitrus_cli.irac.photflux import check_corrections
from photomitrus_cli.irac.photframes import PhotRules, PhotTask
from photomitrus_cli.irac.photsettings import PhotSettings
from photomitrus_cli.irac.plan import reasons, refuse_unprintable
from photomitrus_cli.irac.scan import Frame, Needs
from photomitrus_cli.irac.targets import Target, Wanted, read_wanted
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, RunRecord, run_key, utc_now

# Enough that handing a unit over costs nothing beside it, and few enough that two workers share 40 frames.
FRAMES_PER_UNIT = 16


@dataclass(frozen=True)
class PhotPlan:
    """What will be done.

    Attributes
    ----------
    settings : PhotSettings
    wanted : Wanted
    selection : Selection
    targets : dict of Path to tuple of int
        Of each frame the numbers of the targets to be measured on it.
    empty : tuple of Path
        Folders and lists that were given and hold no frame of the type.
    product : Product
    record : RunRecord
        Without units and inputs yet.
    """

    settings: PhotSettings
    wanted: Wanted
    selection: Selection
    targets: Mapping[Path, tuple[int, ...]]
    empty: tuple[Path, ...]
    product: Product
    record: RunRecord

    def tasks(self, store: Store | None, *, keep_going: bool) -> list[PhotTask]:
        """Cut the frames into units of work; the same ones for any number of workers."""
        settings, frames = self.settings, self.selection.frames
        rules = PhotRules(
            tuple(Aperture(*radii) for radii in settings.apertures),
            settings.centroid,
            settings.background,
            settings.max_offset_px,
            _fatal(settings),
            settings.subarray,
        )
        return [
            PhotTask(
                f"frames_{start:06d}",
                tuple(part),
                tuple(self.targets_of(frame) for frame in part),
                rules,
                store,
                keep_going,
            )
            for start in range(0, len(frames), FRAMES_PER_UNIT)
            if (part := frames[start : start + FRAMES_PER_UNIT])
        ]

    def targets_of(self, frame: Frame) -> tuple[tuple[int, Target], ...]:
        """Give the targets to be measured on a frame, with their numbers."""
        return tuple((number, self.wanted.targets[number]) for number in self.targets[frame.path])


def _fatal(settings: PhotSettings) -> tuple[int, ...]:
    """Give the fatal bits: pixels of saturated frames that are to be kept are not bad for that."""
    kept = settings.saturated == "keep"
    return tuple(bit for bit in settings.imask_bits if not (kept and bit == SATURATION_BIT))


def product_of(settings: PhotSettings) -> Product:
    """Give the files of a run.

    Parameters
    ----------
    settings : PhotSettings

    Returns
    -------
    Product
    """
    stem = settings.stem
    names = (
        "img_data.csv",
        "aor_data.csv",
        "log.txt",
        "img_data.ecsv",
        "aor_data.ecsv",
        "series.png",
        "aors.png",
    )
    return Product(settings.output, stem, tuple(f"{stem}_{name}" for name in names))


def make_plan(settings: PhotSettings, context: Context) -> PhotPlan:
    """Select frames and their targets and identify the run, reading headers only.

    Parameters
    ----------
    settings : PhotSettings
    context : Context
        Under ``keep_going`` broken frames are recorded as failed instead of raising.

    Returns
    -------
    PhotPlan

    Raises
    ------
    ConfigError
        When there is no target, or settings contradict each other.
    InputError
        When an input is absent or broken, or a companion is missing under ``refuse``.
    NoDataError
        When no frame is left.
    """
    _refuse_contradictions(settings)
    motion = settings.proper_motion or ()
    wanted = read_wanted(settings.inputs, settings.target, settings.target_name or "", motion)
    files, targets, empty = _find(wanted, settings.filetype)
    channel = None if settings.channel == "all" else settings.channel
    needs = Needs(channel, min_framtime_s=settings.min_framtime_s, photometry=True)
    selection = select_frames(
        files, context, filetype=settings.filetype, needs=needs, missing=settings.missing
    )
    if not selection.frames:
        raise NoDataError(_nothing_left(settings, selection, wanted, n_files=len(files[settings.filetype])))
    check_corrections(((frame.key.channel, frame.mjd) for frame in selection.frames), settings)
    product = product_of(settings)
    others = list(wanted.tables)
    refuse_overwriting_inputs(
        product.written, [*others, *(path for paths in files.values() for path in paths)]
    )
    inputs = [source.path for frame in selection.frames for source in frame.sources] + others
    refuse_unprintable([*product.paths, *inputs])
    decisive = settings.model_dump(mode="json", exclude={"inputs", "output"}) | {
        "pairs": [[str(frame.path), *targets[frame.path]] for frame in selection.frames],
        "left_out": [[record.name, record.status, record.reason] for record in selection.records],
    }
    record = RunRecord(run_key("irac phot", decisive, inputs), context.config_yaml, utc_now())
    return PhotPlan(settings, wanted, selection, targets, empty, product, record)


def _refuse_contradictions(settings: PhotSettings) -> None:
    factors, apertures = settings.aperture_correction, settings.apertures
    if isinstance(factors, tuple) and len(factors) != len(apertures):
        raise ConfigError(
            f"{len(factors)} aperture corrections for {len(apertures)} apertures", hint="give one for each"
        )
    if settings.target_name and settings.target is None:
        raise ConfigError("--target-name names the position of --target, which is missing")
    if settings.proper_motion and settings.target is None:
        raise ConfigError("a proper motion belongs to the position of --target, which is missing")


def _find(
    wanted: Wanted, filetype: str
) -> tuple[dict[str, list[Path]], dict[Path, tuple[int, ...]], tuple[Path, ...]]:
    """Find the files of all inputs; give them by kind, of each frame its targets, and what holds no frame."""
    kinds: dict[str, dict[Path, Path]] = {}
    targets: dict[Path, dict[int, None]] = {}
    empty = []
    for path, numbers in wanted.pairs.items():
        found = find_files([path], filetype)
        # A mask or uncertainty that a pattern has caught is no place to look for frames.
        if not found[filetype] and (path.is_dir() or not is_fits(path)):
            empty.append(path)
        for kind, paths in found.items():
            known = kinds.setdefault(kind, {})
            for file in paths:
                # One file under several names is one file. Path.resolve fails for a link to itself.
                first = known.setdefault(Path(os.path.realpath(file)), file)
                if kind == filetype:
                    targets.setdefault(first, {}).update(dict.fromkeys(numbers))
    files = {kind: sorted(known.values()) for kind, known in kinds.items()}
    return files, {file: tuple(sorted(numbers)) for file, numbers in targets.items()}, tuple(empty)


def _nothing_left(settings: PhotSettings, selection: Selection, wanted: Wanted, *, n_files: int) -> str:
    places = ", ".join(map(str, list(wanted.pairs)[:3])) + (", ..." if len(wanted.pairs) > 3 else "")
    if not n_files:
        there = types_found(wanted.pairs).most_common(3)
        hint = "; ".join(f"there are {n} _{kind}.fits: --filetype {kind}" for kind, n in there)
        return f"no file ending in _{settings.filetype}.fits in {places}" + (f"; {hint}" if hint else "")
    parts = [f"no usable frame among {n_files} _{settings.filetype} files in {places}"]
    parts += reasons(selection.records)
    if selection.other_channels:
        parts.append(f"{selection.other_channels} frames of other channels than {settings.channel}")
    return "; ".join(parts)
