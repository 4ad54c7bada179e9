"""Simulate a night's dithers of PRIME: ramps, calibration files, a reference catalogue, and the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import OutputExistsError
from photomitrus_cli.io.atomic import atomic_path, check_folder
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.summary import RunStatus, Summary, UnitRecord
from photomitrus_cli.simulate import primecalib as calib
from photomitrus_cli.simulate.cardtext import primary_bytes
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeframe import simulate_frame
from photomitrus_cli.simulate.primeheaders import frame_cards
from photomitrus_cli.simulate.primeplan import FramePlan, plan_frames
from photomitrus_cli.simulate.primerefcat import reference_table
from photomitrus_cli.simulate.primetruth import FrameTruth, frame_truth, write_truth

__all__ = ["TRUTH_FOLDER", "PrimeSimulation", "frame_path", "plan_frames", "run"]

TRUTH_FOLDER = "truth"
REFCAT_NAME = "refcat.ecsv"
FLAT_FOLDER, MASK_FOLDER, TWILIGHT_FOLDER = "mflats", "weightmaps", "twilight"
_OBJECT = "simulated field"


@dataclass(frozen=True, slots=True)
class _Unit:
    """A frame of a chip with the one before, or (``plan`` None) the calibration files of a chip."""

    chip: int
    plan: FramePlan | None = None
    before: FramePlan | None = None


def frame_path(serial: str, chip: int) -> Path:
    """Return the name of a ramp relative to the parent folder.

    Parameters
    ----------
    serial : str
        Eight digits.
    chip : int

    Returns
    -------
    Path
    """
    return Path(f"C{chip}") / f"{serial}C{chip}.ramp.fits"


def _calibration_paths(config: PrimeSimulation, chip: int) -> dict[str, Path]:
    paths = {}
    if config.master_flat:
        paths["flat"] = Path(FLAT_FOLDER) / f"mflat.{config.band}.{calib.night(config)}.C{chip}.fits"
    if config.bad_pixel_mask:
        paths["mask"] = Path(MASK_FOLDER) / f"badpixmask_c{chip}.fits"
    return paths


def _twilight_path(serial: str, chip: int) -> Path:
    return Path(TWILIGHT_FOLDER) / frame_path(serial, chip)


def _write(path: Path, cards: list[str], data: NDArray[np.generic]) -> None:
    check_folder(path.parent)
    # A simulated frame can be made again; waiting for the disk would take longer than making it.
    with atomic_path(path, durable=False) as part:
        part.write_bytes(primary_bytes(cards, data))


def _make_calibration(config: PrimeSimulation, chip: int) -> None:
    paths = _calibration_paths(config, chip)
    if "flat" in paths:
        cards = calib.calibration_cards(config, chip, "Flat")
        _write(config.output / paths["flat"], cards, calib.master_flat(config, chip))
    if "mask" in paths:
        cards = calib.calibration_cards(config, chip, "Mask")
        _write(config.output / paths["mask"], cards, calib.good_pixels(config, chip))
    for plan in calib.twilight_plans(config, plan_frames(config)[0]):
        cards = frame_cards(config, plan, chip, "FLAT", "Flat")
        image = calib.twilight_frame(config, plan, chip)
        _write(config.output / _twilight_path(plan.serial, chip), cards, image)


def _make(config: PrimeSimulation, unit: _Unit) -> FrameTruth | None:
    """Simulate and write one frame, or the calibration files of a chip; the unit of the workers."""
    plan, chip = unit.plan, unit.chip
    if plan is None:
        _make_calibration(config, chip)
        return None
    frame = simulate_frame(config, plan, chip, unit.before)
    path = frame_path(plan.serial, chip)
    _write(config.output / path, frame_cards(config, plan, chip, _OBJECT), frame.image)
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
    for chip in config.chips:
        paths |= set(_calibration_paths(config, chip).values())
        first = plan_frames(config)[0]
        paths |= {_twilight_path(plan.serial, chip) for plan in calib.twilight_plans(config, first)}
    return {config.output / path for path in paths}


def _present(output: Path) -> Iterator[Path]:
    """Frames, calibration files and truth of an earlier simulation."""
    yield from output.glob("C?/*C?.ramp.fits")
    yield from output.glob(f"{TWILIGHT_FOLDER}/C?/*C?.ramp.fits")
    yield from output.glob(f"{FLAT_FOLDER}/*.fits")
    yield from output.glob(f"{MASK_FOLDER}/*.fits")
    yield from (output / TRUTH_FOLDER).glob("truth_*")


def _refuse_existing(output: Path, planned: set[Path], *, overwrite: bool) -> None:
    """Refuse a folder that holds frames; when overwriting, only files that would be left beside the new."""
    present = set(_present(output))
    if present and not overwrite:
        raise OutputExistsError(
            f"{output} already holds simulated frames", hint="choose another folder or pass --overwrite"
        )
    foreign = sorted(
        path for path in present - planned if path.suffix == ".fits" and path.parent.name != TRUTH_FOLDER
    )
    if foreign:
        raise OutputExistsError(
            f"{output} holds frames of another simulation, such as {foreign[0].name}",
            hint="choose an empty folder: their truth would be lost",
        )


def _simulate(
    config: PrimeSimulation, units: Sequence[_Unit], context: Context
) -> tuple[list[FrameTruth], list[UnitRecord]]:
    """Make all files; give the truth of the frames that were made, and a record of each unit."""
    frames: list[FrameTruth] = []
    records: list[UnitRecord] = []

    def keep(outcome: Outcome[FrameTruth | None]) -> None:
        """Take note of a unit, made or failed."""
        unit = units[outcome.index]
        name = f"C{unit.chip} calibration"
        if unit.plan is not None:
            name = frame_path(unit.plan.serial, unit.chip).name
        if outcome.error is not None:
            records.append(UnitRecord.of_error(name, outcome.error))
            return
        records.append(UnitRecord(name, "done"))
        if outcome.result is not None:
            frames.append(outcome.result)

    with context.progress.task("frames", len(units)) as advance:
        context.executor.run(
            partial(_make, config),
            units,
            keep_going=context.control.keep_going,
            advance=advance,
            consume=keep,
        )
    return frames, records


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
    _refuse_existing(output, _planned(config, units), overwrite=context.control.overwrite)
    check_folder(output / TRUTH_FOLDER)
    frames, records = _simulate(config, units, context)
    products = [output / REFCAT_NAME]
    write_ecsv(products[0], reference_table(config))
    if frames:
        products += write_truth(output / TRUTH_FOLDER, config, frames).values()
    failed = any(record.status != "done" for record in records)
    status: RunStatus = "partial" if failed else "done"
    title = f"simulated {len(frames)} frames in {output}"
    return Summary(title, status, facts, products, records, stem="simulation")
