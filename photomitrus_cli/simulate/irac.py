"""Simulate an IRAC field: an archive-like tree of frames with its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import check_folder
from photomitrus_cli.simulate.cardtext import primary_bytes
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracframe import Frame, simulate_frame
from photomitrus_cli.simulate.iracheaders import mask_cards, science_cards
from photomitrus_cli.simulate.iracplan import FramePlan, plan_aor
from photomitrus_cli.simulate.iracscene import field_model
from photomitrus_cli.simulate.iracsky import make_sky
from photomitrus_cli.simulate.iractruth import write_truth
from photomitrus_cli.simulate.iractruthrows import TruthRows
from photomitrus_cli.simulate.producing import TRUTH_FOLDER, refuse_existing, write_frame

__all__ = ["IracSimulation", "SimulatedField", "plan_field", "simulate_field"]


@dataclass(frozen=True)
class SimulatedField:
    """What a simulation wrote.

    Attributes
    ----------
    output : Path
        Root of the tree.
    n_frames : int
        Frames (each with its uncertainty and masks).
    frames : list of Path
        The cbcd files in the order in which they were taken; of a subarray, the bcd files.
    truth : dict of str to Path
        Truth products by name.
    """

    output: Path
    n_frames: int
    frames: list[Path]
    truth: dict[str, Path]


def plan_field(config: IracSimulation) -> list[FramePlan]:
    """List every frame of a field without simulating it.

    Parameters
    ----------
    config : IracSimulation

    Returns
    -------
    list of FramePlan

    Raises
    ------
    ConfigError
        The channel has no such frame time.
    """
    return [plan for aor in range(config.n_aors) for plan in plan_aor(config, aor)]


def _frame_files(config: IracSimulation, plan: FramePlan, output: Path) -> dict[str, Path]:
    kinds = ["cbcd", "cbunc", "bimsk", "brmsk", *(["bcd", "bunc"] if config.write_bcd else [])]
    if config.readmode == "sub":
        kinds = ["bcd", "bunc", "bimsk"]
    stem, folder = plan.stem(config.channel, config.file_version), output / plan.folder(config.channel)
    return {kind: folder / f"{stem}_{kind}.fits" for kind in kinds}


def _write_frame(config: IracSimulation, plan: FramePlan, frame: Frame, files: dict[str, Path]) -> None:
    science = science_cards(config, plan)
    content: dict[str, tuple[list[str], NDArray[np.generic]]] = {
        "cbcd": (science, frame.sci),
        "cbunc": (science, frame.unc),
        "bcd": (science, frame.sci),
        "bunc": (science, frame.unc),
        "bimsk": (mask_cards(config, plan, "bimsk"), frame.imask),
        "brmsk": (mask_cards(config, plan, "brmsk"), frame.rmask),
    }
    for kind, path in files.items():
        write_frame(path, primary_bytes(*content[kind]))


def simulate_field(
    config: IracSimulation,
    output: Path,
    *,
    on_frame: Callable[[str], None] | None = None,
    overwrite: bool = False,
) -> SimulatedField:
    """Write a simulated field and its truth.

    Parameters
    ----------
    config : IracSimulation
        Every parameter.
    output : Path
        Root folder: frames go to ``r<AORKEY>/ch<N>/bcd``, the truth to ``truth``.
    on_frame : callable, optional
        Called with the name of each frame once it is written.
    overwrite : bool
        Replace the frames of an earlier run with the same names.

    Returns
    -------
    SimulatedField

    Raises
    ------
    ConfigError
        The channel has no such frame time.
    OutputExistsError
        The folder holds frames.
    WriteError
        A file cannot be written.
    """
    plans = plan_field(config)
    files = [_frame_files(config, plan, output) for plan in plans]
    there, truth_there = set(output.glob("r*/ch*/bcd/*.fits")), set((output / TRUTH_FOLDER).glob("truth_*"))
    foreign = there - {path for item in files for path in item.values()}
    refuse_existing(output, there | truth_there, foreign, overwrite=overwrite)
    field = field_model(config, make_sky(config))
    rows, science = TruthRows(), "bcd" if config.readmode == "sub" else "cbcd"
    for folder in sorted({item[science].parent for item in files} | {output / TRUTH_FOLDER}):
        check_folder(folder)
    for plan, item in zip(plans, files, strict=True):
        frame = simulate_frame(field, plan)
        _write_frame(config, plan, frame, item)
        rows.add(config, plan, frame, item[science].relative_to(output).as_posix())
        if on_frame is not None:
            on_frame(item[science].name)
    truth = write_truth(output / TRUTH_FOLDER, field, rows)
    return SimulatedField(output, len(plans), [item[science] for item in files], truth)
