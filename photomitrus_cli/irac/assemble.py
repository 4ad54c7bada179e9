"""From combined tiles to the product's files, piece by piece: memory holds one tile, not the mosaic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.noise import correlation_factor
from photomitrus_cli.io.atomic import FileRecord, atomic_path
from photomitrus_cli.io.fitsstream import StreamedFits
from photomitrus_cli.io.unitheader import ImageUnit
from photomitrus_cli.irac.inputstable import inputs_unit
from photomitrus_cli.irac.passes import Passes
from photomitrus_cli.irac.placing import PlacedTile, Placing, TileTarget, place_tile
from photomitrus_cli.irac.plan import Plan
from photomitrus_cli.irac.products import BUNIT, PLANES, plane_cards, primary_cards
from photomitrus_cli.irac.tiles import TileTask
from photomitrus_cli.report.quicklook import draw_mosaic, thinning_step
from photomitrus_cli.run.parallel import Outcome


@dataclass(frozen=True)
class Assembled:
    """What was measured while the mosaic was put together.

    Attributes
    ----------
    correlation : float
        Noise-correlation factor.
    covered : float
        Share of the pixels with data.
    most : int
        Frames on the pixel with most of them.
    unc_median : float
        Of the pixels of the picture, MJy/sr.
    written : FileRecord
        The FITS file.
    """

    correlation: float
    covered: float
    most: int
    unc_median: float
    written: FileRecord


class _Thin:
    """Every n-th pixel of some planes, for the picture.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the mosaic.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.step = thinning_step(shape)
        small = tuple(-(-side // self.step) for side in shape)
        self.planes: dict[str, NDArray[Any]] = {
            name: np.zeros(small, PLANES[name]) for name in ("SCI", "UNC", "COV")
        }

    def add(self, name: str, corner: tuple[int, int], block: NDArray[Any]) -> None:
        """Take over what a tile shows."""
        if name in self.planes:
            first = [-start % self.step for start in corner]
            chosen = block[first[0] :: self.step, first[1] :: self.step]
            y, x = ((start + skip) // self.step for start, skip in zip(corner, first, strict=True))
            self.planes[name][y : y + chosen.shape[0], x : x + chosen.shape[1]] = chosen


def assemble(passes: Passes, tasks: Sequence[TileTask]) -> Assembled:
    """Combine the tiles and write the FITS file and the picture.

    Raises
    ------
    NoDataError
        When no pixel of the mosaic has data.
    WriteError
        When the files cannot be written; nothing is left of them then.
    """
    plan = passes.plan
    fits_path, png_path = plan.product.paths[:2]
    thin = _Thin(plan.grid.shape)
    # Both files wait under temporary names until both are whole; the old manifest goes just before they take
    # their places, because it says nothing about them.
    with atomic_path(fits_path) as fits_part:
        with StreamedFits(fits_part, _units(plan)) as stream:
            sums = _combine(passes, tasks, stream, thin)
            correlation = correlation_factor((one["pixel"], one["large"]) for one in sums)
            for name in ("PRIMARY", "SCI"):
                stream.set_card(name, "CORRFAC", correlation)
            stream.append(inputs_unit(plan.record.units))
            written = replace(stream.finish(), path=fits_path)
        # Only now, so that what goes wrong with the mosaic is not said of the picture.
        with atomic_path(png_path) as png_part:
            _draw(plan, thin, png_part)
            plan.product.manifest.unlink(missing_ok=True)
    covered = sum(one["covered"] for one in sums) / math.prod(plan.grid.shape)
    unc = thin.planes["UNC"]
    shown = unc[thin.planes["COV"] > 0]
    unc_median = float(np.median(shown)) if shown.size else math.nan
    return Assembled(correlation, covered, int(max(one["most"] for one in sums)), unc_median, written)


def _combine(
    passes: Passes, tasks: Sequence[TileTask], stream: StreamedFits, thin: _Thin
) -> list[dict[str, float]]:
    is_local = passes.context.executor.is_local

    def take(outcome: Outcome[PlacedTile]) -> None:
        """Account for a tile as soon as all before it are done, or write it where its worker could not."""
        task = tasks[outcome.index]
        corner = (task.window[0], task.window[2])
        added = outcome.result.added if outcome.result is not None else {}
        for name, values in passes.store.require(task.name).arrays.items():
            if is_local:
                stream.account(name, values.size, added[name])
            else:
                stream.write_tile(name, *corner, values)
            thin.add(name, corner, values)

    target = TileTarget(stream.part, passes.plan.product.paths[0], stream.places()) if is_local else None
    placings = [Placing(task, target) for task in tasks]
    sums = [one.measured for one in passes.run("tiles", place_tile, placings, consume=take)]
    if not any(one["covered"] for one in sums):
        raise NoDataError(
            "the frames leave no usable pixel in the mosaic", hint="check --center, --size and the masks"
        )
    return sums


def _units(plan: Plan) -> list[ImageUnit]:
    primary = ImageUnit("PRIMARY", cards=primary_cards(plan.settings, plan.record, plan.grid))
    return [primary] + [
        ImageUnit(name, plan.grid.shape, np.dtype(kind).str[1:], plane_cards(name, plan.grid), BUNIT[name])
        for name, kind in PLANES.items()
    ]


def _draw(plan: Plan, thin: _Thin, png_part: Path) -> None:
    draw_mosaic(
        png_part,
        thin.planes["SCI"],
        thin.planes["COV"],
        plan.grid,
        thin.step,
        title=f"IRAC channel {plan.settings.channel}: {plan.settings.combine}",
        unit="MJy/sr",
    )
