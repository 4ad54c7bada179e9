"""The plan of master flats, from headers alone: which frames, which band and twilight, which pairs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.prime.flatnames import flat_name
from photomitrus_cli.prime.flats import twilight_pairs
from photomitrus_cli.prime.flatsettings import FlatSettings
from photomitrus_cli.prime.frame import Frame, read_frame
from photomitrus_cli.prime.framekinds import band_of, refuse_mixed
from photomitrus_cli.prime.instrument import Instrument, load_instrument
from photomitrus_cli.prime.ramps import chips_present, find_ramps, ramp_folder
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, RunRecord, run_key, utc_now
from photomitrus_cli.run.summary import UnitRecord

_log = logging.getLogger(__name__)
# What marks a frame as a flat, and where: in the night log the same columns tell.
_MARK, _MARKED = "flat", ("OBJNAME", "OBJTYPE")
# Days without a frame: longer than a twilight lasts, shorter than a night.
_BREAK = 3.0 / 24.0


@dataclass(frozen=True)
class FlatPlan:
    """One master flat.

    Attributes
    ----------
    instrument : Instrument
    chip : int
    band : str
    frames : tuple of Frame
        In the order of time.
    pairs : tuple of tuple of Frame
        Frames whose difference is taken, the earlier one first.
    left_out : tuple of UnitRecord
        Frames that cannot be used.
    product : Product
    record : RunRecord
        Without units and inputs yet.
    """

    instrument: Instrument
    chip: int
    band: str
    frames: tuple[Frame, ...]
    pairs: tuple[tuple[Frame, Frame], ...]
    left_out: tuple[UnitRecord, ...]
    product: Product
    record: RunRecord

    @property
    def path(self) -> Path:
        """The file."""
        return self.product.paths[0]

    @property
    def unpaired(self) -> list[Frame]:
        """Frames in the middle of a twilight of an odd number of them."""
        paired = {frame.path for pair in self.pairs for frame in pair}
        return [frame for frame in self.frames if frame.path not in paired]


def make_flat_plans(settings: FlatSettings, context: Context) -> list[FlatPlan]:
    """Plan the flats of all chips and bands that are asked for, reading headers only.

    Parameters
    ----------
    settings : FlatSettings
    context : Context

    Returns
    -------
    list of FlatPlan
        By chip, then by band.

    Raises
    ------
    ConfigError
        When no parent is given, or the camera has no such chip.
    InputError
        When a folder is absent, or a frame is of no use.
    NoDataError
        When there are no flats, or too few.
    """
    if settings.parent is None:
        raise ConfigError("which flats? name their folder", hint="-parent FOLDER, which holds C1 ... C4")
    instrument = load_instrument(settings.instrument)
    chips = chips_present(settings.parent, instrument) if isinstance(settings.chip, str) else settings.chip
    if not chips:
        raise NoDataError(f"{settings.parent}: there are no frames of any chip")
    plans = []
    for chip in dict.fromkeys(chips):
        instrument.chip(chip)
        frames, left_out = _flats(settings.parent, chip, instrument, settings, context)
        plans += [
            _make_plan(settings, frames[band], left_out, (settings.parent, chip, band), instrument, context)
            for band in sorted(frames)
        ]
    return plans


def _flats(
    parent: Path, chip: int, instrument: Instrument, settings: FlatSettings, context: Context
) -> tuple[dict[str, list[Frame]], list[UnitRecord]]:
    """Find the flats of a chip, by band."""
    found: dict[str, list[Frame]] = {}
    left_out: list[UnitRecord] = []
    ramps = find_ramps(parent, chip, instrument)
    for ramp in ramps:
        try:
            frame = read_frame(ramp, chip, instrument)
            if (settings.frames == "all" or _is_marked(frame)) and _is_wanted(frame, settings.band):
                found.setdefault(band_of(frame, instrument, settings.band), []).append(frame)
        except InputError as error:
            if not context.control.keep_going:
                raise
            _log.warning("skipped: %s", error)
            left_out.append(UnitRecord.of_error(str(ramp.path), error))
    if not found:
        band = f" in {settings.band}" if settings.band else ""
        marks = " or ".join(_MARKED)
        raise NoDataError(
            f"{ramp_folder(parent, chip, instrument)}: {len(ramps)} frames, none of them a flat{band}",
            hint=f"flats have {marks} {_MARK.upper()}; --frames all takes what is there",
        )
    return found, left_out


def _is_marked(frame: Frame) -> bool:
    return any(str(frame.facts.get(key, "")).strip().lower() == _MARK for key in _MARKED)


def _is_wanted(frame: Frame, band: str | None) -> bool:
    return band is None or band.lower() in (name.lower() for name in frame.filters)


def _twilights(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Part frames, which are in the order of time, where nothing was taken for some hours."""
    parts = [[frames[0]]]
    for before, frame in pairwise(frames):
        if frame.mjd - before.mjd > _BREAK:
            parts.append([])
        parts[-1].append(frame)
    return parts


def _make_plan(
    settings: FlatSettings,
    frames: Sequence[Frame],
    left_out: Sequence[UnitRecord],
    of: tuple[Path, int, str],
    instrument: Instrument,
    context: Context,
) -> FlatPlan:
    parent, chip, band = of
    ordered = tuple(sorted(frames, key=lambda frame: (frame.mjd, frame.serial)))
    refuse_mixed(ordered, "shapes", lambda frame: "{1} x {0} pixels".format(*frame.window.file_shape))
    pairs = [pair for one in _twilights(ordered) if len(one) > 1 for pair in twilight_pairs(one)]
    if not pairs:
        raise NoDataError(
            f"{ordered[0].path.parent}: {len(ordered)} flats in {band}, no two of one twilight",
            hint="a flat needs two frames or more of different light",
        )
    name = flat_name(ordered, band, chip)
    product = Product(settings.output or parent / "mflats", name.removesuffix(".fits"), (name,))
    inputs = [frame.path for frame in ordered]
    refuse_overwriting_inputs(product.written, inputs)
    decisive = {
        "description": instrument.model_dump(mode="json"),
        "left_out": [[record.name, record.reason] for record in left_out],
    }
    record = RunRecord(run_key("prime flat", decisive, inputs), context.config_yaml, utc_now())
    return FlatPlan(instrument, chip, band, ordered, tuple(pairs), tuple(left_out), product, record)
