"""The plan of a mosaic, from headers alone: which frames, which grid, which products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.gridlike import grid_like
from photomitrus_cli.imaging.skytext import parse_position, parse_size
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.refcat import RefCat, read_refcat
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.facts import PIXEL_ARCSEC
from photomitrus_cli.irac.findfiles import find_files, types_found
from photomitrus_cli.irac.frames import Selection, select_frames
from photomitrus_cli.irac.reffield import refuse_other_sky
from photomitrus_cli.irac.scan import FULL_ARRAY, Needs
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, RunRecord, run_key, utc_now
from photomitrus_cli.run.summary import UnitRecord

# Bytes per mosaic pixel of the six planes, which are also kept as checkpoints, and of the stack.
_BYTES_PER_PIXEL = 19
_STACK_BYTES_PER_PIXEL = 8
_BYTES_PER_FRAME = 640_000
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
    catalogue : RefCat or None
        To align the frames with.
    """

    settings: MosaicSettings
    selection: Selection
    grid: Grid
    product: Product
    record: RunRecord
    catalogue: RefCat | None = None

    @property
    def disk_bytes(self) -> int:
        """Estimate the disk space needed, products and checkpoints."""
        settings = self.settings
        aligned = settings.align is not None or settings.align_frames
        compared = settings.reject != "none" or settings.background == "overlap"
        stacked = compared or settings.combine == "clipped"
        copies = 1 + int(aligned or settings.delta_dark) + int(compared)
        stack = self.n_pixels * _STACK_BYTES_PER_PIXEL if stacked else 0
        frames = copies * len(self.selection.frames) * _BYTES_PER_FRAME
        return 2 * self.planes_bytes + stack + frames

    @property
    def planes_bytes(self) -> int:
        """Give the size of the six planes."""
        return self.n_pixels * _BYTES_PER_PIXEL

    @property
    def n_pixels(self) -> int:
        """Count the pixels of the mosaic."""
        return self.grid.shape[0] * self.grid.shape[1]


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
        When an input or the reference catalogue is absent or broken, or a companion is missing under
        ``refuse``.
    NoDataError
        When no frame is left, or the reference catalogue has no star near the frames.
    """
    _refuse_contradictions(settings)
    like = _like(settings)
    # Before the work: a wrong catalogue would otherwise cost the reading of all frames.
    catalogue = read_refcat(settings.align) if settings.align is not None else None
    _refuse_coarse(settings.channel, like.scale if like else settings.pixel_scale_arcsec)
    center = parse_position(settings.center) if settings.center else None
    size = parse_size(settings.size) if settings.size else None
    files = find_files(settings.inputs, settings.filetype)
    selection = select_frames(
        files,
        context,
        filetype=settings.filetype,
        needs=Needs(settings.channel, settings.min_exptime_s),
        missing=settings.missing,
    )
    if not selection.frames:
        raise NoDataError(_nothing_left(settings, selection, n_files=len(files[settings.filetype])))
    corners = np.array([footprint(frame.wcs, FULL_ARRAY) for frame in selection.frames])
    grid = like or grid_for_footprints(
        corners[:, 0], corners[:, 1], settings.pixel_scale_arcsec, center=center, size=size
    )
    if settings.align is not None and catalogue is not None:
        refuse_other_sky(settings.align, catalogue, corners.swapaxes(0, 1))
    others = [path for path in (settings.align, settings.like) if path is not None]
    refuse_overwriting_inputs(
        product.written, [*others, *(path for paths in files.values() for path in paths)]
    )
    inputs = [source.path for frame in selection.frames for source in frame.sources] + others
    refuse_unprintable([*product.paths, *inputs])
    # The frames left out are part of the product too, in its table.
    # The paths of catalogue and grid count with their files' states, as those of the frames do.
    decisive = settings.model_dump(mode="json", exclude={"inputs", "output", "align", "like"}) | {
        "others": [settings.align is not None, settings.like is not None],
        "left_out": [[record.name, record.status, record.reason] for record in selection.records],
    }
    record = RunRecord(run_key("irac mosaic", decisive, inputs), context.config_yaml, utc_now())
    return Plan(settings, selection, grid, product, record, catalogue)


def _refuse_contradictions(settings: MosaicSettings) -> None:
    """Refuse settings that exclude or need each other."""
    if settings.align is not None and settings.align_frames:
        raise ConfigError("--align and --align-frames: give one of them")
    if settings.like is not None and (settings.center or settings.size):
        raise ConfigError("--like takes over the whole grid of a file: leave out --center and --size")
    if settings.rejection_masks and settings.reject == "none":
        raise ConfigError("--rejection-masks needs --reject two-pass")
    if settings.resample == "drizzle" and settings.combine == "median-exptime":
        raise ConfigError(
            "--combine median-exptime cannot be drizzled: its pixels have no one share of a frame",
            hint="use --combine weighted or clipped, or --resample lanczos3",
        )


def _like(settings: MosaicSettings) -> Grid | None:
    """Read the grid to take over."""
    if settings.like is None:
        return None
    if not settings.like.is_file():
        raise InputError(f"--like {settings.like}: no such file")
    return grid_like(read_cards(settings.like), settings.like)


def _refuse_coarse(channel: int, scale_arcsec: float) -> None:
    """Refuse pixels that the interpolation kernel, as wide as the frames' own pixels, would only sample."""
    native = PIXEL_ARCSEC[channel]
    if scale_arcsec > _COARSEST * native:
        raise ConfigError(
            f"the pixel scale {scale_arcsec:g} arcsec is coarser than the frames' {native:g}: "
            "fluxes would be lost",
            hint="use at most the frames' own and bin the mosaic",
        )


def refuse_unprintable(paths: Iterable[Path]) -> None:
    """Refuse names that no table, log or terminal could show.

    Parameters
    ----------
    paths : iterable of Path

    Raises
    ------
    InputError
        For a name that is not UTF-8.
    """
    for path in paths:
        try:
            str(path).encode("utf-8")
        except UnicodeEncodeError as error:
            shown = str(path).encode("utf-8", "backslashreplace").decode()
            raise InputError(
                f"{shown}: the name is not valid UTF-8", hint="rename the file or folder"
            ) from error


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
