"""Simulate a night's dithers of PRIME: ramps, calibration files, a reference catalogue, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from photomitrus_cli.io.atomic import check_folder
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import RunStatus, Summary
from photomitrus_cli.simulate import primecalib as calib
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primefiles import (
    FLAT_FOLDER,
    MASK_FOLDER,
    TWILIGHT_FOLDER,
    calibration_paths,
    frame_path,
    make_calibration,
    twilight_path,
    write_image,
)
from photomitrus_cli.simulate.primeframe import simulate_frame
from photomitrus_cli.simulate.primeframetruth import FrameTruth, frame_truth
from photomitrus_cli.simulate.primeheaders import frame_cards
from photomitrus_cli.simulate.primeplan import FramePlan, plan_frames
from photomitrus_cli.simulate.primerefcat import reference_table
from photomitrus_cli.simulate.primetruth import write_truth
from photomitrus_cli.simulate.producing import TRUTH_FOLDER, make_units, refuse_existing

__all__ = ["TRUTH_FOLDER", "PrimeSimulation", "frame_path", "plan_frames", "run"]
REFCAT_NAME = "refcat.ecsv"
_OBJECT = "simulated field"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A frame of a chip with the one before, or (``plan`` None) the calibration files of a chip."""

    chip: int
    plan: FramePlan | None = None
    before: FramePlan | None = None


def _make(config: PrimeSimulation, unit: _Unit) -> FrameTruth | None:
    """Simulate and write one frame, or the calibration files of a chip; the unit of the workers."""
    plan, chip = unit.plan, unit.chip
    if plan is None:
        make_calibration(config, chip)
        return None
    frame = simulate_frame(config, plan, chip, unit.before)
    path = frame_path(plan.serial, chip)
    write_image(config.output / path, frame_cards(config, plan, chip, _OBJECT), frame.image)
    return frame_truth(config, plan, chip, frame, path.as_posix())


def _units(config: PrimeSimulation) -> list[_Unit]:
    plans = plan_frames(config)
    units = []
    for chip in sorted(config.chips):
        units.append(_Unit(chip))
        units += [_Unit(chip, plan, plans[k - 1] if k else None) for k, plan in enumerate(plans)]
    return units


def _planned(config: PrimeSimulation, units: Sequence[_Unit]) -> set[Path]:
    paths = {frame_path(unit.plan.serial, unit.chip) for unit in units if unit.plan is not None}
    twilight = calib.twilight_plans(config, plan_frames(config)[0])
    for chip in config.chips:
        paths |= set(calibration_paths(config, chip).values())
        paths |= {twilight_path(plan.serial, chip) for plan in twilight}
    return {config.output / path for path in paths}


def _present(output: Path) -> Iterator[Path]:
    """Frames, calibration files and truth of an earlier simulation."""
    yield from output.glob("C?/*C?.ramp.fits")
    yield from output.glob(f"{TWILIGHT_FOLDER}/C?/*C?.ramp.fits")
    yield from output.glob(f"{FLAT_FOLDER}/*.fits")
    yield from output.glob(f"{MASK_FOLDER}/*.fits")
    yield from (output / TRUTH_FOLDER).glob("truth_*")


def _name(unit: _Unit) -> str:
    """Name a unit in records."""
    if unit.plan is None:
        return f"C{unit.chip} calibration"
    return frame_path(unit.plan.serial, unit.chip).name


def run(config: PrimeSimulation, context: Context) -> Summary:
    """Write a dithered set with its calibration files, its reference catalogue and its truth.

    Parameters
    ----------
    config : PrimeSimulation
        Every parameter.
    context : Context
        Its executor makes the frames, its progress counts them. The files do not depend on the number of
        workers.

    Returns
    -------
    Summary
        Its products are the reference catalogue and the truth tables.

    Raises
    ------
    OutputExistsError
        The folder holds frames.
    WriteError
        A file cannot be written.
    """
    output, units = config.output, _units(config)
    wanted = sum(unit.plan is not None for unit in units)
    facts = {
        "chips": " ".join(f"C{chip}" for chip in sorted(config.chips)),
        "band": config.band,
        "frames": str(wanted),
    }
    if context.control.dry_run:
        return Summary(f"would simulate {wanted} frames in {output}", "planned", facts)
    present = set(_present(output))
    frames_there = {path for path in present if path.suffix == ".fits" and path.parent.name != TRUTH_FOLDER}
    foreign = frames_there - _planned(config, units)
    refuse_existing(output, present, foreign, overwrite=context.control.overwrite)
    check_folder(output / TRUTH_FOLDER)
    frames, records = make_units(partial(_make, config), units, _name, context)
    products = [output / REFCAT_NAME]
    write_ecsv(products[0], reference_table(config))
    if frames:
        products += write_truth(output / TRUTH_FOLDER, config, frames).values()
    failed = any(record.status != "done" for record in records)
    status: RunStatus = "partial" if failed else "done"
    title = f"simulated {len(frames)} frames in {output}"
    return Summary(title, status, facts, products, records, stem="simulate_prime")
