"""Simulated slices of WISE and the maps made of them, with what of each frame went into the map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray

from photomitrus_cli.run.config import to_yaml
from photomitrus_cli.run.context import Context, RunControl
from photomitrus_cli.simulate import wise
from photomitrus_cli.wise import coadd
from photomitrus_cli.wise.coaddplan import make_plan
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.combining import compare_scans, contribution
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.mapsums import Contribution, ScanSums
from photomitrus_cli.wise.merging import merge
from photomitrus_cli.wise.oneframe import FrameResult, sum_frame
from photomitrus_cli.wise.scanjudging import judge
from truthkit.runs import settings

# Noise and a sky with stars, and nothing that the truth frames do not have.
CLEAN: dict[str, Any] = {
    "truth_frames": True,
    "packed": "plain",
    "header_cards": 100,
    "pinned_fraction": 0.0,
    "spike_fraction": 0.0,
    "cosmic_rays_mpx": 0.0,
    "latent_fraction": 0.0,
    "n_asteroids": 0,
    "trail_fraction": 0.0,
    "bad_frame_fraction": 0.0,
}
# The hits of the packaged configuration besides.
STRUCK: dict[str, Any] = {**CLEAN, "spike_fraction": 0.001, "cosmic_rays_mpx": 50.0}


@dataclass(frozen=True, eq=False)
class Made:
    """A map and its making.

    Attributes
    ----------
    settings : CoaddSettings
    results : list of FrameResult
        In the order of time, as judged.
    parts : list of Contribution
        Of those with sums, in the same order, without what other scans contradict.
    map : ScanSums
    """

    settings: CoaddSettings
    results: list[FrameResult]
    parts: list[Contribution]
    map: ScanSums


def simulate(folder: Path, **overrides: Any) -> Path:
    """Simulate a slice of the survey with the packaged defaults and some keys changed."""
    keys = {f"wise.simulate.{key}": value for key, value in overrides.items()}
    config = settings({"wise.simulate.output": folder, **keys})
    wise.run(config.wise.simulate, Context(config_yaml=to_yaml(config)))
    return folder


def coadd_settings(frames: Path, **overrides: Any) -> CoaddSettings:
    """Give the packaged settings of a coadd, for frames of a folder, with some keys changed."""
    keys = {"frames": frames, "output": frames / "coadd", "pictures": False, **overrides}
    return settings({f"wise.coadd.{key}": value for key, value in keys.items()}).wise.coadd


def frames_of(chosen: CoaddSettings) -> list[FrameRef]:
    """List all frames of the folder, in the order of time."""
    context = Context(control=RunControl(overwrite=True))
    refs = [ref for group in make_plan(chosen, context).groups for ref in group.frames]
    return sorted(refs, key=lambda ref: (ref.mjd, ref.name))


def sum_all(chosen: CoaddSettings) -> list[FrameResult]:
    """Sum up every frame of the folder."""
    return [sum_frame(ref, chosen) for ref in frames_of(chosen)]


def make(results: Sequence[FrameResult], chosen: CoaddSettings) -> Made:
    """Judge frames, compare their scans if they are grouped, and merge them into one map."""
    judged = judge(results, chosen) if chosen.judge else list(results)
    parts = [contribution(one) for one in judged if one.sums is not None]
    if chosen.group != "scan":
        found, kept = compare_scans(judged, parts, chosen)
        judged, parts = list(found), list(kept)
    return Made(chosen, judged, parts, merge(parts))


def make_map(frames: Path, **overrides: Any) -> Made:
    """Make one map of all frames in a folder."""
    chosen = coadd_settings(frames, **overrides)
    return make(sum_all(chosen), chosen)


@dataclass(frozen=True, eq=False)
class Product:
    """The files of a run, read back by astropy.

    Attributes
    ----------
    maps : dict of str to Table
        By the name of the group; columns PIXEL, VALUE, SIGMA, HITS, FRAMES, MJD, MIN, MAX, WEIGHT, MASK.
    frames : Table
        One row per frame.
    """

    maps: Mapping[str, Table]
    frames: Table


def run_coadd(frames: Path, output: Path, **overrides: Any) -> Product:
    """Run the stage and read its products."""
    chosen = coadd_settings(frames, output=output, **overrides)
    coadd.run(chosen, Context(control=RunControl(overwrite=True)))
    stem = f"w{chosen.band}_"
    maps = {
        path.stem.removeprefix(stem): Table(fits.getdata(path, 1))
        for path in sorted(output.glob(f"{stem}*.fits"))
    }
    return Product(maps, Table.read(output / f"{stem}frames.ecsv"))


def truth_path(ref: FrameRef) -> Path:
    """Name the frame without noise."""
    return ref.path.with_name(ref.path.name.replace("-int-", "-tru-"))


def read_truth(folder: Path, name: str) -> Table:
    """Read a table of the truth, such as ``hits``."""
    truth = folder / wise.TRUTH_FOLDER
    return Table.read(next(truth.glob(f"truth_{name}.*")))


def square_mean(pulls: NDArray[np.float64]) -> tuple[float, float]:
    """Give the mean square of pulls and its error if they are normal with a variance of 1."""
    return float(np.mean(pulls**2)), float(np.sqrt(2.0 / pulls.size))
