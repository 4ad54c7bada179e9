"""Pictures of a stack: the stack itself, positions before and after the fit, stars, frames in time, a sky."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.atomic import writing
from photomitrus_cli.prime.frametasks import FrameTask, frame_tasks
from photomitrus_cli.prime.qaevidence import Evidence
from photomitrus_cli.prime.qaframes import draw_frames, frames_shown
from photomitrus_cli.prime.qaplates import positions, sky, stars
from photomitrus_cli.prime.stackframes import calibrate_frame, load_residual
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.prime.stacktiles import TileTask
from photomitrus_cli.prime.thinning import thinned_plane
from photomitrus_cli.report.drawing import draw_or_tell
from photomitrus_cli.report.plates import draw_plates
from photomitrus_cli.report.quicklook import draw_mosaic, thinning_step
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.run.summary import Figure

_CAPTIONS = {
    "picture": "stack (asinh stretch) and number of frames.",
    "positions": "catalogue less frames over the chip, medians of areas: by the first geometry, less the "
    "shift of each frame; after the fit; and scatter of single stars after it.",
    "stars": "width and ellipticity of bright stars over the chip, medians of areas, all frames in the "
    "seeing of the median one.",
    "frames": "the frames in time; hollow ones are not in the stack.",
    "frame": "one frame over the flat and less its sky, in the same stretch.",
}


@dataclass(frozen=True, eq=False)
class FigureTask:
    """One picture; a unit of work.

    Attributes
    ----------
    path : Path
    draw : callable
        Draws into the file that it is given.
    """

    path: Path
    draw: Callable[[Path], None]

    def __str__(self) -> str:
        return str(self.path)


def draw_figure(task: FigureTask) -> str:
    """Draw a picture. Whatever goes wrong, the stack is worth more than its pictures.

    Parameters
    ----------
    task : FigureTask

    Returns
    -------
    str
        Why there is no picture; empty when there is one.
    """
    return draw_or_tell(task.path, task.draw)


def figures(plan: StackPlan) -> list[Figure]:
    """Give the pictures of a stack that there are.

    Parameters
    ----------
    plan : StackPlan

    Returns
    -------
    list of Figure
    """
    before = f"Chip {plan.chip.chip}, {plan.chip.band}: "
    named = zip(_CAPTIONS.values(), plan.names.pictures, strict=True)
    return [Figure(path, before + caption) for caption, path in named if path.is_file()]


def with_pictures(plan: StackPlan, trouble: Sequence[str]) -> Product:
    """Give the product with the pictures that were drawn; others, of an older run, go.

    Parameters
    ----------
    plan : StackPlan
    trouble : sequence of str
        Of each picture, from `draw_figure`; none when none was wanted.

    Returns
    -------
    Product

    Raises
    ------
    WriteError
        When an older picture cannot be removed.
    """
    paths = plan.names.pictures
    drawn = [path for path, problem in zip(paths, trouble, strict=False) if not problem]
    for path in set(paths) - set(drawn):
        with writing(path):
            path.unlink(missing_ok=True)
    return replace(plan.product, files=(*plan.product.files, *(path.name for path in drawn)))


def figure_tasks(evidence: Evidence, tiles: Sequence[TileTask], store: Store, stem: str) -> list[FigureTask]:
    """Give what is to be drawn; none without ``pictures``.

    Parameters
    ----------
    evidence : Evidence
    tiles : sequence of TileTask
        Of the stack.
    store : Store
    stem : str
        What frames less their sky are called in the store, without number.

    Returns
    -------
    list of FigureTask
    """
    plan = evidence.plan
    if not plan.settings.pictures:
        return []
    title = f"{plan.instrument.name} chip {plan.chip.chip}, {plan.chip.band}"
    index = evidence.used[len(evidence.used) // 2]
    one = next(task for task in frame_tasks(plan, store) if task.index == index)
    unit = plan.instrument.detector.unit
    # Workers are told where tiles are, not what they were made of.
    bare = [replace(tile, members=()) for tile in tiles]
    draws: list[Callable[[Path], None]] = [
        partial(_draw_stack, tiles=bare, grid=evidence.judged.grid, store=store, title=title, unit=unit),
        partial(
            draw_plates, **positions(evidence), title=f"{title}: catalogue less frames{_shifts(evidence)}"
        ),
        partial(draw_plates, **stars(evidence), title=f"{title}: bright stars"),
        partial(draw_frames, shown=frames_shown(evidence), title=f"{title}: frames in time"),
        partial(_draw_sky, task=one, stem=stem, unit=unit, title=title),
    ]
    return [FigureTask(path, draw) for path, draw in zip(plan.names.pictures, draws, strict=True)]


def _draw_stack(
    part: Path, tiles: Sequence[TileTask], grid: Grid, store: Store, title: str, unit: str
) -> None:
    """Draw the stack beside its coverage."""
    step = thinning_step(grid.shape)
    sci, coverage = (thinned_plane(tiles, grid, store, name, step) for name in ("SCI", "COV"))
    draw_mosaic(part, sci, coverage, grid, step, title=title, unit=unit)


def _shifts(evidence: Evidence) -> str:
    """Say how far frames were shifted before the first comparison."""
    sizes = evidence.residuals.shifts
    return f"; shifts of {sizes.min():.3g} to {sizes.max():.3g} arcsec" if sizes.size else ""


def _draw_sky(part: Path, task: FrameTask, stem: str, unit: str, title: str) -> None:
    """Draw a frame over the flat and less its sky."""
    calibrate_frame(task)
    flat = task.store.require(f"frame_{task.index}")
    less, bad, meta = load_residual(task.store, f"{stem}_{task.index}")
    plates = sky(flat.arrays["values"], less, bad, float(meta["level"]), unit)
    draw_plates(part, **plates, title=f"{title}: frame {task.frame.serial}")
