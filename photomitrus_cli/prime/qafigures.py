"""Pictures of a stack: the stack itself, positions before and after the fit, stars, frames in time, a sky."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.atomic import atomic_path, writing
from photomitrus_cli.prime.qa import Evidence
from photomitrus_cli.prime.qafields import scatter
from photomitrus_cli.prime.qaframes import draw_frames, frames_shown
from photomitrus_cli.prime.stackcombine import TileTask
from photomitrus_cli.prime.stackframes import FrameTask, calibrate_frame, frame_tasks, load_residual
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.report.axis import Axis
from photomitrus_cli.report.colours import Stretch, count_table, grey_table, sky_stretch
from photomitrus_cli.report.plates import (
    ArrowPlate,
    ImagePlate,
    Plate,
    draw_plates,
    round_length,
    usual_length,
)
from photomitrus_cli.report.quicklook import draw_mosaic, thinning_step
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.run.summary import Figure

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# A frame is shown in about so many pixels, means of its own.
_SHOWN = 512
# Arrows that are so much shorter than others are drawn longer.
_MUCH = 3.0
# What drawing may end with: a full disk, a broken library or font, numbers that make no picture.
_TROUBLE = (
    AstromapError,
    OSError,
    ValueError,
    ArithmeticError,
    LookupError,
    ImportError,
    MemoryError,
    TypeError,
)
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
    try:
        with atomic_path(task.path) as part:
            task.draw(part)
    except _TROUBLE as error:
        return f"{task.path}: not drawn: {str(error) or type(error).__name__}"
    return ""


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


def thinned_plane(tiles: Sequence[TileTask], grid: Grid, store: Store, name: str, step: int) -> NDArray[Any]:
    """Give a plane of a stack in blocks of pixels, without putting the whole one together.

    Parameters
    ----------
    tiles : sequence of TileTask
    grid : Grid
    store : Store
    name : str
        ``SCI``, ``COV`` ...
    step : int
        Side of a block.

    Returns
    -------
    ndarray, shape (ceil(ny / step), ceil(nx / step))
        Of numbers that are not whole the mean of each block without NaN, as far as it is in the tile of its
        first pixel; of whole ones this pixel.
    """
    shape = tuple(-(-side // step) for side in grid.shape)
    out: NDArray[Any] | None = None
    for tile in tiles:
        y0, _, x0, _ = tile.window
        part = store.require(tile.name).arrays[name][-y0 % step :, -x0 % step :]
        if not part.size:
            continue
        part = part[::step, ::step] if part.dtype.kind in "iu" else _all_blocks(part, step)
        out = np.empty(shape, part.dtype) if out is None else out
        y, x = -(-y0 // step), -(-x0 // step)
        out[y : y + part.shape[0], x : x + part.shape[1]] = part
    return np.empty(shape, np.float32) if out is None else out


def _all_blocks(values: Float32, step: int) -> Float32:
    """Average blocks of pixels without NaN; those at the high ends may be smaller."""
    if step == 1:
        return values
    whole = [-(-side // step) * step for side in values.shape]
    padded = np.full(whole, np.nan, np.float32)
    padded[: values.shape[0], : values.shape[1]] = values
    return block_means([padded], np.isnan(padded), step)[0]


def positions(evidence: Evidence) -> dict[str, Any]:
    """Give the plates of residuals, for `draw_plates`."""
    found, areas = evidence.residuals, evidence.residual_areas
    x, y = (place.ravel() for place in areas.centres)
    first, last = (
        [areas.medians(one, found.weight).ravel() for one in both] for both in (found.before, found.after)
    )
    usual = usual_length(*first)
    # What the fit leaves would be too short to be seen beside what it has mended.
    larger = usual / usual_length(*last) if found.x.size else 1.0
    larger = round_length(larger) if larger >= _MUCH else 1.0
    times = f", arrows {larger:g} times as long" if larger > 1.0 else ""
    spread = areas.scatters(found.after, found.weight)
    word = f"{found.x.size} pairs: {scatter(found.after, found.weight):.3f} arcsec" if found.x.size else ""
    plates: list[Plate] = [
        ArrowPlate(x, y, first[0], first[1], "arcsec", "first geometry, shifted", usual),
        ArrowPlate(x, y, last[0], last[1], "arcsec", f"after the fit{times}", usual / larger),
        ImagePlate(spread, "scatter of a star in x or y (arcsec)", _range(spread), count_table(), word),
    ]
    return {"plates": plates, **_axes(areas.chip)}


def _shifts(evidence: Evidence) -> str:
    """Say how far frames were shifted before the first comparison."""
    sizes = evidence.residuals.shifts
    return f"; shifts of {sizes.min():.3g} to {sizes.max():.3g} arcsec" if sizes.size else ""


def stars(evidence: Evidence) -> dict[str, Any]:
    """Give the plates of the shapes of stars, for `draw_plates`."""
    found, areas = evidence.shapes, evidence.shape_areas
    plates = []
    for values, label in ((found.fwhm, "FWHM (arcsec)"), (found.ellipticity, "ellipticity")):
        image = areas.medians(values)
        told = f"median {np.median(values):.3g}, {values.size} stars" if values.size else ""
        plates.append(ImagePlate(image, label, _range(image), count_table(), told))
    return {"plates": plates, **_axes(areas.chip)}


def _draw_sky(part: Path, task: FrameTask, stem: str, unit: str, title: str) -> None:
    """Draw a frame over the flat and less its sky."""
    calibrate_frame(task)
    flat = task.store.require(f"frame_{task.index}")
    less, bad, meta = load_residual(task.store, f"{stem}_{task.index}")
    plates = sky(flat.arrays["values"], less, bad, float(meta["level"]), unit)
    draw_plates(part, **plates, title=f"{title}: frame {task.frame.serial}")


def sky(before: Float32, after: Float32, bad: Bool, level: float, unit: str) -> dict[str, Any]:
    """Give the plates of a frame with and without its sky, for `draw_plates`.

    Parameters
    ----------
    before, after : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not shown.
    level : float
        Of the sky.
    unit : str
    """
    step = max(1, -(-max(bad.shape) // _SHOWN))
    with_sky, without = block_means([before, after], bad, step)
    with_sky -= np.float32(level)
    stretch = sky_stretch(np.concatenate([with_sky, without]))
    plates = [
        ImagePlate(with_sky, unit, stretch, grey_table(), f"over the flat, less its level of {level:.6g}"),
        ImagePlate(without, unit, stretch, grey_table(), "less its sky"),
    ]
    return {"plates": plates, **_axes((step * without.shape[0], step * without.shape[1]))}


def block_means(planes: Sequence[Float32], bad: Bool, step: int) -> list[Float32]:
    """Average blocks of pixels; rows and columns that fill no block are left out.

    Parameters
    ----------
    planes : sequence of ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
        Pixels that do not count.
    step : int
        Side of a block.

    Returns
    -------
    list of ndarray of float32, shape (ny // step, nx // step)
        NaN where no pixel counts.
    """
    ny, nx = (side // step for side in bad.shape)
    inside = np.s_[: ny * step, : nx * step]
    good = ~bad[inside]
    count = _block_sums(good, step)
    means = []
    for plane in planes:
        total = _block_sums(np.where(good, plane[inside], np.float32(0.0)), step)
        means.append(np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan)))
    return means


def _block_sums(values: NDArray[Any], step: int) -> Float32:
    """Sum over blocks: whole rows first, which is four times as fast as both axes at once."""
    ny, nx = values.shape
    rows = values.reshape(ny // step, step, nx).sum(axis=1, dtype=np.float32)
    return np.asarray(rows.reshape(ny // step, nx // step, step).sum(axis=2))


def _range(values: Float) -> Stretch:
    """Show all values, evenly."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Stretch(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    room = 0.0 if high > low else 1e-3 * abs(high) or 1.0
    return Stretch(low - room, high + room)


def _axes(chip: tuple[int, int]) -> dict[str, Axis]:
    ny, nx = chip
    return {
        "x": Axis("x", "pix", low=-0.5, high=nx - 0.5),
        "y": Axis("y", "pix", low=-0.5, high=ny - 0.5),
    }
