"""The plan of a mosaic, from headers alone: which frames, which grid, which products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid, grid_for_footprints
from photomitrus_cli.imaging.skytext import parse_position, parse_size
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.facts import PIXEL_ARCSEC
from photomitrus_cli.irac.frames import FULL_ARRAY, Selection, select_frames
from photomitrus_cli.irac.ingest import frame_wcs
from photomitrus_cli.irac.names import find_files, types_found
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.machine import available_memory
from photomitrus_cli.run.provenance import Product, RunRecord, run_key, utc_now
from photomitrus_cli.run.summary import UnitRecord

# Bytes per mosaic pixel of the six planes; they exist in memory and once more as checkpoints.
_BYTES_PER_PIXEL = 19
_BYTES_PER_FRAME = 700_000
# Largest pixel side, in mean pixel sides of the channel: up to the true scale at the centre of the array.
_COARSEST = 1.05


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes
    ----------
    settings : MosaicSettings
    selection : Selection
    grid : Grid
    product : Product
    record : RunRecord
        Without units and inputs yet.
    """

    settings: MosaicSettings
    selection: Selection
    grid: Grid
    product: Product
    record: RunRecord

    @property
    def disk_bytes(self) -> int:
        """Estimate the disk space needed, products and checkpoints."""
        return 2 * self.planes_bytes + len(self.selection.frames) * _BYTES_PER_FRAME

    @property
    def planes_bytes(self) -> int:
        """Give the size of the six planes."""
        return self.grid.shape[0] * self.grid.shape[1] * _BYTES_PER_PIXEL


def make_plan(settings: MosaicSettings, product: Product, context: Context) -> Plan:
    """Select frames, choose the grid and identify the run, reading headers only.

    Parameters
    ----------
    settings : MosaicSettings
    product : Product
    context : Context
        Under ``keep_going`` broken frames are recorded as failed instead of raising.

    Raises
    ------
    ConfigError
        When the centre, the size or the grid makes no sense.
    InputError
        When an input is absent, a header is broken or a companion is missing under ``refuse``.
    NoDataError
        When no frame is left.
    """
    keep_going = context.control.keep_going
    _refuse_coarse(settings)
    center = parse_position(settings.center) if settings.center else None
    size = parse_size(settings.size) if settings.size else None
    files = find_files(settings.inputs, settings.filetype)
    selection = select_frames(
        files,
        filetype=settings.filetype,
        channel=settings.channel,
        min_exptime_s=settings.min_exptime_s,
        missing=settings.missing,
        keep_going=keep_going,
    )
    corners = _footprints(selection, keep_going=keep_going)
    if not selection.frames:
        raise NoDataError(_nothing_left(settings, selection, n_files=len(files[settings.filetype])))
    grid = grid_for_footprints(
        corners[:, 0], corners[:, 1], settings.pixel_scale_arcsec, center=center, size=size
    )
    _refuse_large(grid)
    outputs = [*product.paths, product.manifest, product.config, product.failure]
    refuse_overwriting_inputs(outputs, (path for paths in files.values() for path in paths))
    inputs = [path for frame in selection.frames for path in frame.files]
    _refuse_unprintable([*product.paths, *inputs])
    # The frames left out are part of the product too, in its table.
    decisive = settings.model_dump(mode="json", exclude={"inputs", "output"}) | {
        "left_out": [[record.name, record.status, record.reason] for record in selection.records]
    }
    record = RunRecord(run_key("irac mosaic", decisive, inputs), context.config_yaml, utc_now())
    return Plan(settings, selection, grid, product, record)


def _refuse_coarse(settings: MosaicSettings) -> None:
    """Refuse pixels that the interpolation kernel, as wide as the frames' own pixels, would only sample."""
    native = PIXEL_ARCSEC[settings.channel]
    if settings.pixel_scale_arcsec > _COARSEST * native:
        raise ConfigError(
            f"the pixel scale {settings.pixel_scale_arcsec:g} arcsec is coarser than the frames' {native:g}: "
            "fluxes would be lost",
            hint="use at most the frames' own and bin the mosaic",
        )


def _refuse_large(grid: Grid) -> None:
    """Refuse a map whose planes do not fit in memory, before any work."""
    needed, there = grid.shape[0] * grid.shape[1] * _BYTES_PER_PIXEL, available_memory()
    if there is not None and needed > there:
        raise ConfigError(
            f"a map of {grid.shape[1]} x {grid.shape[0]} pixels needs {needed / 1e9:.3g} GB of memory, "
            f"{there / 1e9:.3g} GB are available",
            hint="are the frames of one field? --center and --size choose a part",
        )


def _refuse_unprintable(paths: Iterable[Path]) -> None:
    """Refuse names that no table, log or terminal could show."""
    for path in paths:
        try:
            str(path).encode("utf-8")
        except UnicodeEncodeError as error:
            shown = str(path).encode("utf-8", "backslashreplace").decode()
            raise InputError(
                f"{shown}: the name is not valid UTF-8", hint="rename the file or folder"
            ) from error


def _footprints(selection: Selection, *, keep_going: bool) -> NDArray[np.float64]:
    """Give the frames' edges on the sky, shape (n, 2, k), deg; frames with a broken WCS go to the records."""
    corners, sound = [], []
    for frame in selection.frames:
        try:
            corners.append(footprint(frame_wcs(read_cards(frame.path)), FULL_ARRAY))
            sound.append(frame)
        except InputError as error:
            if not keep_going:
                raise
            selection.records.append(UnitRecord.of_error(str(frame.path), error))
    selection.frames[:] = sound
    return np.array(corners)


def _nothing_left(settings: MosaicSettings, selection: Selection, *, n_files: int) -> str:
    places = ", ".join(str(path) for path in settings.inputs)
    if not n_files:
        there = types_found(settings.inputs).most_common(3)
        hint = "; ".join(f"there are {n} _{kind}.fits: --filetype {kind}" for kind, n in there)
        return f"no file ending in _{settings.filetype}.fits in {places}" + (f"; {hint}" if hint else "")
    parts = [
        f"no usable channel {settings.channel} frame among {n_files} _{settings.filetype} files in {places}"
    ]
    parts += reasons(selection.records)
    if selection.other_channels:
        parts.append(f"{selection.other_channels} frames of other channels")
    return "; ".join(parts)


def reasons(records: list[UnitRecord], most: int = 3) -> list[str]:
    """List the distinct reasons in records, at most ``most`` of them."""
    distinct = sorted({record.reason for record in records if record.reason})
    more = [f"and {len(distinct) - most} more reasons"] if len(distinct) > most else []
    return distinct[:most] + more
