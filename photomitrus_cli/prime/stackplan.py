"""The plan of stacks: frames, calibration files, catalogue and products of every chip."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.prime.compressing import SUFFIX, Packing
from photomitrus_cli.prime.flatnames import choose_flat
from photomitrus_cli.prime.headertimes import utc_date
from photomitrus_cli.prime.instrument import Instrument, load_instrument
from photomitrus_cli.prime.names import FrameNames, StackNames
from photomitrus_cli.prime.plan import ChipPlan, plan_chip
from photomitrus_cli.prime.ramps import chips_present
from photomitrus_cli.prime.solvefield import find_solver
from photomitrus_cli.prime.stacksettings import OWN_STARS, StackSettings
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, RunRecord, run_key, utc_now

# What changes where results go, not what they are.
_NOT_DECISIVE = {
    *("parent", "output", "chip", "flats", "bad_pixels", "dark", "refcat", "refcat_cache"),
    *("refcat_timeout_s", "pictures"),
}


@dataclass(frozen=True)
class StackPlan:
    """One stack.

    Attributes
    ----------
    settings : StackSettings
    chip : ChipPlan
    sigma : float
        Clipping of the sky.
    flat : Path or None
    names : StackNames
    product : Product
    record : RunRecord
        Without units and inputs yet.
    """

    settings: StackSettings
    chip: ChipPlan
    sigma: float
    flat: Path | None
    names: StackNames
    product: Product
    record: RunRecord

    @property
    def instrument(self) -> Instrument:
        """The camera."""
        return self.chip.instrument

    def frame_names(self, index: int) -> FrameNames:
        """Name what is kept of a frame."""
        serial = self.chip.frames[index].serial
        return FrameNames(self.names.folder, self.chip.chip, serial)

    @property
    def packing(self) -> Packing | None:
        """How products are packed."""
        kind = self.settings.compress
        return None if kind == "none" else Packing(kind, self.settings.compress_level)

    @property
    def products(self) -> list[Path]:
        """Its files, without pictures: the stack, its weights, its numbers, and its sky if it has one."""
        return _products(self.settings, self.names)

    @property
    def side_files(self) -> list[Path]:
        """What is read besides the frames: calibration files and catalogue."""
        return _side_files(self.settings, self.flat)


def make_plans(settings: StackSettings, context: Context) -> list[StackPlan]:
    """Plan the stacks of all chips that are asked for, reading headers only.

    Parameters
    ----------
    settings : StackSettings
    context : Context

    Returns
    -------
    list of StackPlan

    Raises
    ------
    ConfigError
        When no parent is given, the camera has no such chip, or frames are of another band.
    InputError
        When a folder, a frame or a calibration file is absent or of no use.
    NoDataError
        When there are too few frames.
    """
    if settings.parent is None:
        raise ConfigError("which frames? name their folder", hint="-parent FOLDER, which holds C1 ... C4")
    if settings.net_refine:
        if settings.refcat == OWN_STARS:
            raise ConfigError(
                "-net_refine finds places on the sky, and --refcat self has nothing to verify them by",
                hint="give --refcat FILE, or leave -net_refine out",
            )
        find_solver()
    instrument = load_instrument(settings.instrument)
    if isinstance(settings.chip, str):
        chips = tuple(chips_present(settings.parent, instrument))
        if not chips:
            raise NoDataError(f"{settings.parent}: there are no frames of any chip")
    else:
        chips = settings.chip
    return [_make_plan(settings, settings.parent, chip, instrument, context) for chip in dict.fromkeys(chips)]


def _make_plan(
    settings: StackSettings, parent: Path, chip: int, instrument: Instrument, context: Context
) -> StackPlan:
    plan = plan_chip(
        parent,
        chip,
        instrument,
        band=settings.band,
        rotation=settings.rot_val,
        keep_going=context.control.keep_going,
    )
    flat = _flat(settings, parent, plan) if settings.flat_fielding else None
    sigma = instrument.chip(chip).sky_sigma if settings.sigma == "auto" else settings.sigma
    names = plan.names(settings.output, ".fits" if settings.compress == "none" else f".fits{SUFFIX}")
    made = _products(settings, names)
    folder = names.coadd.parent
    files = tuple(os.path.relpath(path, folder) for path in made)
    product = Product(folder, f"coadd.{names.label}", files)
    others = (flat, settings.bad_pixels, settings.dark, settings.refcat_file)
    inputs = [*(frame.path for frame in plan.frames), *_side_files(settings, flat)]
    kept: list[Path] = []
    if settings.keep or settings.net_refine:
        kept = [path for one in plan.frames for path in FrameNames(names.folder, chip, one.serial).paths]
    refuse_overwriting_inputs([*product.written, *names.pictures, *kept], inputs)
    decisive = settings.model_dump(mode="json", exclude=_NOT_DECISIVE) | {
        "others": [path is not None for path in others],
        "relative": settings.refcat == OWN_STARS,
        "description": instrument.model_dump(mode="json"),
        "left_out": [[record.name, record.reason] for record in plan.left_out],
    }
    record = RunRecord(run_key("prime stack", decisive, inputs), context.config_yaml, utc_now())
    return StackPlan(settings, plan, sigma, flat, names, product, record)


def _products(settings: StackSettings, names: StackNames) -> list[Path]:
    return [names.coadd, names.weight, names.qa, *([names.sky] if settings.sky == "median" else [])]


def _side_files(settings: StackSettings, flat: Path | None) -> list[Path]:
    """List what is read besides the frames; all of it must be there."""
    others = (flat, settings.bad_pixels, settings.dark, settings.refcat_file)
    paths = [path for path in others if path is not None]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    return paths


def _flat(settings: StackSettings, parent: Path, plan: ChipPlan) -> Path:
    """Take the one flat that is given, or choose the one of the night from a folder."""
    if settings.flats is not None and settings.flats.is_file():
        return settings.flats
    day = utc_date(plan.mjd)
    return choose_flat(settings.flats or parent / "mflats", plan.band, plan.chip, day)
