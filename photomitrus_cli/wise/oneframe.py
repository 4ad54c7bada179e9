"""One frame: read, masked, freed of sharp outliers, and summed up in the pixels of the map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError, InputError
from photomitrus_cli.imaging.framenumbers import frame_numbers
from photomitrus_cli.imaging.healbin import FrameSums, bin_frame
from photomitrus_cli.imaging.healnodes import cell_pixels, frame_nodes
from photomitrus_cli.imaging.healoffsets import offsets_of
from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.imaging.sinsip import SinSip
from photomitrus_cli.wise.accepting import DroppedError, accept, decide
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framechecks import zero_point
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.framewcs import ecliptic_place, frame_geometry
from photomitrus_cli.wise.overlaps import Cells
from photomitrus_cli.wise.pixelnumbers import THIN, USED, pixel_numbers

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

# A map pixel of nside 1 is as large as a square of this side, rad.
_NSIDE_ONE = (4.0 * np.pi / 12.0) ** 0.5


@dataclass(frozen=True, slots=True)
class FrameResult:
    """What became of one frame.

    Attributes
    ----------
    ref : FrameRef
    status : {'used', 'skipped', 'failed'}
    reason : str
    sums : FrameSums or None
    offsets : ndarray of float32, shape (2, m), or None
        See `Contribution`; NaN where the frame has no hits.
    numbers : dict
        Of the frame, JSON-ready; see `coaddtables`.
    cells : Cells or None
        The local model at the nominal zero point, to be compared with those of overlapping frames.
    inputs : list of dict
    """

    ref: FrameRef
    status: Literal["used", "skipped", "failed"]
    reason: str = ""
    sums: FrameSums | None = None
    offsets: Float32 | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    cells: Cells | None = None
    inputs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class FramesTask:
    """Some frames of one scan; a unit of work.

    Attributes
    ----------
    name : str
    frames : tuple of FrameRef
    settings : CoaddSettings
    keep_going : bool
    """

    name: str
    frames: tuple[FrameRef, ...]
    settings: CoaddSettings
    keep_going: bool

    def __str__(self) -> str:
        return self.name


def coadd_frames(task: FramesTask) -> list[FrameResult]:
    """Sum up each frame of a unit.

    Raises
    ------
    InputError
        When a file is absent or broken, unless ``keep_going``.
    """
    results = []
    for ref in task.frames:
        try:
            results.append(sum_frame(ref, task.settings))
        except AstromapError as error:
            if not task.keep_going:
                raise
            results.append(FrameResult(ref, "failed", error.message.removeprefix(f"{ref.path}: ")))
    return results


def prepare(settings: CoaddSettings) -> None:
    """Load the kernels, or compile them, before workers are forked that would each do it.

    Parameters
    ----------
    settings : CoaddSettings
    """
    side = 2 * THIN * THIN
    sci = np.tile(np.linspace(0.0, 1.0, side, dtype=np.float32), (side, 1))
    given = None if settings.missing == "estimate" else np.ones_like(sci)
    unc, state, model = decide(sci, given, np.zeros(sci.shape, np.int32), settings)
    geometry = SinSip.at((0.0, 0.0), [[-0.02, 0.0], [0.0, 0.02]], [0.0, 0.0], sci.shape, np.zeros((2, 2, 2)))
    nodes = frame_nodes(geometry.directions, geometry.shape, rotation_from_fk5(settings.system))
    frame_numbers(sci, state, model)
    cell_pixels(nodes, _cell_nside(nodes))
    per_pixel = settings.weights == "pixel"
    bin_frame(nodes, sci, unc, state, settings.nside, level=0.0, per_pixel=per_pixel)


def sum_frame(ref: FrameRef, settings: CoaddSettings) -> FrameResult:
    """Sum up one frame in the pixels of the map.

    Parameters
    ----------
    ref : FrameRef
    settings : CoaddSettings

    Returns
    -------
    FrameResult
        ``skipped`` when a companion is missing under ``drop``, or no pixel can be used.

    Raises
    ------
    InputError
        As `accept`; and when the header has no usable WCS.
    """
    try:
        got = accept(ref, settings)
    except DroppedError as dropped:
        return FrameResult(ref, "skipped", str(dropped))
    if (got.state != USED).all():
        return FrameResult(ref, "skipped", "no usable pixel", inputs=got.inputs)
    geometry = frame_geometry(got.cards)
    nodes = frame_nodes(geometry.directions, geometry.shape, rotation_from_fk5(settings.system))
    if not np.isfinite(nodes).all():
        raise InputError(f"{got.cards.path}: the WCS gives no sky position for a part of the frame")
    numbers = frame_numbers(got.sci, got.state, got.model)
    sums = bin_frame(
        nodes, got.sci, got.unc, got.state, settings.nside,
        level=numbers.median, per_pixel=settings.weights == "pixel",
    )  # fmt: skip
    scale, magzp = zero_point(got.cards, settings)
    told = pixel_numbers(ref, got, numbers, scale, magzp, per_pixel=settings.weights == "pixel")
    return FrameResult(
        ref,
        "used",
        sums=sums,
        offsets=mean_places(sums, geometry, settings.nside, settings.system),
        numbers=told | ecliptic_place(geometry) | {"n_map_pixels": sums.pixels.size},
        cells=Cells(cell_pixels(nodes, _cell_nside(nodes)), got.model.level * np.float32(scale)),
        inputs=got.inputs,
    )


def mean_places(sums: FrameSums, geometry: SinSip, nside: int, system: str) -> Float32:
    """Say where a frame sees its map pixels.

    Parameters
    ----------
    sums : FrameSums
    geometry : SinSip
        Of the frame.
    nside : int
    system : str
        Of the map, for which the sums are.

    Returns
    -------
    ndarray of float32, shape (2, m)
        East and north from the centres of the map pixels, arcsec; NaN where no detector pixel is used.

    Notes
    -----
    It is the direction of the mean detector position. The mean of the directions differs by the curvature of
    the distortion, half an arcsec at nside 256.
    """
    hit = np.flatnonzero(sums.hits)
    x, y = (total[hit] / sums.hits[hit] for total in (sums.sum_x, sums.sum_y))
    seen = rotation_from_fk5(system) @ geometry.directions(x, y)
    offsets = np.full((2, sums.pixels.size), np.nan, np.float32)
    offsets[:, hit] = offsets_of(seen, sums.pixels[hit], nside)
    return offsets


def _cell_nside(nodes: Float) -> int:
    """Give the finest map whose pixels are as large as a cell: frames are compared in these."""
    ny, nx = (size - 1 for size in nodes.shape[1:])
    diagonal = float(np.linalg.norm(nodes[:, -1, -1] - nodes[:, 0, 0]))
    return 1 << max(0, int(np.log2(_NSIDE_ONE * np.hypot(ny, nx) / diagonal)))
