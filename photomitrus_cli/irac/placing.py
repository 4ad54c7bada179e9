"""Combined tiles on their way into the mosaic's file, put there by the worker that has combined them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from photomitrus_cli.io.atomic import writing
from photomitrus_cli.io.planeplace import PlanePlace
from photomitrus_cli.irac.combining import combine_tile
from photomitrus_cli.irac.tiles import TileTask


@dataclass(frozen=True)
class TileTarget:
    """A file that tiles are written into.

    Attributes
    ----------
    part : Path
        The file under way.
    final : Path
        What it will be.
    places : mapping of str to PlanePlace
        Where the pixels of each plane are.
    """

    part: Path
    final: Path
    places: Mapping[str, PlanePlace]


@dataclass(frozen=True)
class Placing:
    """One tile to combine and to write; a unit of work.

    Attributes
    ----------
    task : TileTask
    target : TileTarget or None
        None where this process must not write into the file: the tile is only kept as a checkpoint then.
    """

    task: TileTask
    target: TileTarget | None

    def __str__(self) -> str:
        return str(self.task)


@dataclass(frozen=True)
class PlacedTile:
    """What became of a tile.

    Attributes
    ----------
    measured : dict
        As `combine_tile` gives it.
    added : dict
        What its pixels add to the sum of each plane, where they were written.
    """

    measured: dict[str, float]
    added: dict[str, int] = field(default_factory=dict)


def place_tile(placing: Placing) -> PlacedTile:
    """Combine a tile, and write it into the mosaic's file.

    The checkpoint of the tile stays for ``--resume``: a file under way does not outlive its run.

    Raises
    ------
    WriteError
        When the disk is full or fails.
    """
    task, target = placing.task, placing.target
    measured = combine_tile(task)
    if target is None:
        return PlacedTile(measured)
    planes = task.store.require(task.name).arrays
    with writing(target.final):
        file = os.open(target.part, os.O_WRONLY | os.O_CLOEXEC)
        try:
            y0, _, x0, _ = task.window
            added = {name: target.places[name].write(file, y0, x0, values) for name, values in planes.items()}
        finally:
            os.close(file)
    return PlacedTile(measured, added)
