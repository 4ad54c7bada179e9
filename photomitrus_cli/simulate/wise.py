"""Simulate a slice of the WISE survey: an archive-like tree of Level-1b frames with its truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.io.atomic import check_folder, write_text
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import RunStatus, Summary
from photomitrus_cli.simulate.cardtext import primary_bytes
from photomitrus_cli.simulate.producing import TRUTH_FOLDER, make_units, refuse_existing, write_frame
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseframe import Frame, simulate_frame
from photomitrus_cli.simulate.wiseframetruth import FrameTruth, frame_truth
from photomitrus_cli.simulate.wiseheaders import frame_cards
from photomitrus_cli.simulate.wiseinventory import ipac_text
from photomitrus_cli.simulate.wiseplan import plan_scans, plan_survey
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisetruth import write_truth

__all__ = ["TRUTH_FOLDER", "WiseSimulation", "frame_path", "plan_survey", "run"]

TABLE_NAME = "frames.tbl"
CONFIG_NAME = "astromap.yaml"
_PACKED = frozenset({"unc", "msk"})
_LEVEL = 1  # of gzip: speed; noise hardly shrinks


@dataclass(frozen=True, slots=True)
class _Unit:
    plan: FramePlan
    band: int


def frame_path(plan: FramePlan, band: int, kind: str = "int") -> Path:
    """Return the path of a frame's plain file relative to the root, as in the archive.

    Parameters
    ----------
    plan : FramePlan
    band : int
    kind : {'int', 'unc', 'msk', 'tru'}

    Returns
    -------
    Path
    """
    scan = plan.scan
    folder = Path(scan.scangrp) / scan.scan_id / plan.frame_num
    return folder / f"{plan.name}-w{band}-{kind}-1b.fits"


def _files(config: WiseSimulation, unit: _Unit) -> dict[str, Path]:
    kinds = ["int", "unc", "msk", *(["tru"] if config.truth_frames else [])]
    files = {kind: config.output / frame_path(unit.plan, unit.band, kind) for kind in kinds}
    if config.packed == "gzip":
        files |= {kind: files[kind].with_name(files[kind].name + ".gz") for kind in _PACKED}
    return files


def _write(path: Path, cards: list[str], data: NDArray[np.generic]) -> None:
    from isal import igzip

    content = primary_bytes(cards, data)
    if path.suffix == ".gz":
        content = igzip.compress(content, compresslevel=_LEVEL, mtime=0)
    write_frame(path, content)


def _make(config: WiseSimulation, unit: _Unit) -> FrameTruth:
    """Simulate and write one frame; the unit of the workers."""
    plan, band = unit.plan, unit.band
    frame: Frame = simulate_frame(config, plan, band)
    images: dict[str, NDArray[np.generic]] = {
        "int": frame.intensity,
        "unc": frame.unc,
        "msk": frame.mask,
        "tru": frame.model,
    }
    files = _files(config, unit)
    check_folder(files["int"].parent)
    headers = frame_cards(config, plan, band, frame.wcs, frame.median)
    for kind, path in files.items():
        _write(path, headers[kind], images[kind])
    return frame_truth(plan, band, frame, files["int"].relative_to(config.output).as_posix())


def _present(output: Path) -> Iterator[Path]:
    """Frames and truth of an earlier simulation."""
    yield from output.glob("??/*/*/*-1b.fits*")
    yield from (output / TRUTH_FOLDER).glob("truth_*")
    yield from (output / name for name in (TABLE_NAME, CONFIG_NAME) if (output / name).exists())


def _config_text(config: WiseSimulation) -> str:
    """Give the configuration with which the wise commands find the frames when run in the folder."""
    band = 3 if 3 in config.bands else min(config.bands)
    return (
        "# Made by astromap simulate wise: the wise commands, run in this folder, use these frames.\n"
        "wise:\n"
        f"  filter:\n    inputs: [{TABLE_NAME}]\n    roots: [.]\n    output: .\n"
        f"  coadd:\n    frames: filtered_df_band{{band}}.csv\n    output: coadd\n    band: {band}\n"
    )


def _units(config: WiseSimulation) -> list[_Unit]:
    plans = plan_survey(config)
    if not plans:
        low, high = config.latitude_deg
        raise ConfigError(
            f"no frame has its centre between the ecliptic latitudes {low:g} and {high:g} deg",
            hint="widen wise.simulate.latitude_deg: the frames of a scan are 0.7 deg apart",
        )
    return [_Unit(plan, band) for plan in plans for band in sorted(config.bands)]


def _name(unit: _Unit) -> str:
    """Name a unit in records."""
    return frame_path(unit.plan, unit.band).name


def run(config: WiseSimulation, context: Context) -> Summary:
    """Write a simulated slice of the survey, its frame table, a configuration for the stages, and its truth.

    Parameters
    ----------
    config : WiseSimulation
        Every parameter.
    context : Context
        Its executor makes the frames, its progress counts them. The files do not depend on the number of
        workers.

    Returns
    -------
    Summary
        Its products are the frame table, the configuration and the truth tables.

    Raises
    ------
    ConfigError
        No frame is between the latitudes asked for.
    OutputExistsError
        The folder holds frames.
    WriteError
        A file cannot be written.
    """
    output, units = config.output, _units(config)
    planned = {path for unit in units for path in _files(config, unit).values()}
    facts = {
        "scans": str(len({unit.plan.scan.scan_id for unit in units})),
        "frames": str(len(units)),
        "bands": " ".join(f"w{band}" for band in sorted(config.bands)),
    }
    if context.control.dry_run:
        return Summary(f"would simulate {len(units)} frames in {output}", "planned", facts)
    present = set(_present(output))
    foreign = {path for path in present - planned if path.name.count("-1b.fits")}
    refuse_existing(output, present, foreign, overwrite=context.control.overwrite)
    check_folder(output / TRUTH_FOLDER)
    frames, records = make_units(partial(_make, config), units, _name, context)
    products = []
    if frames:
        products = [output / TABLE_NAME, output / CONFIG_NAME]
        write_text(products[0], ipac_text([frame.inventory for frame in frames]))
        write_text(products[1], _config_text(config))
        products += write_truth(output / TRUTH_FOLDER, config, plan_scans(config), frames).values()
    status: RunStatus = "done" if len(frames) == len(units) else "partial"
    title = f"simulated {len(frames)} frames in {output}"
    return Summary(title, status, facts, products, records, stem="simulate_wise")
