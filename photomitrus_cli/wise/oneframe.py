"""One frame: read, masked, freed of sharp outliers, and summed up in the pixels of the map."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError, InputError
from photomitrus_cli.imaging.bitmasks import (
    BAD,
    FATAL_PRESETS,
    SATURATED,
    SPIKE,
    STAR,
    estimate_unc,
    first_state,
)
from photomitrus_cli.imaging.framenumbers import FrameNumbers, frame_numbers
from photomitrus_cli.imaging.healbin import FrameSums, bin_frame
from photomitrus_cli.imaging.healnodes import cell_pixels, frame_nodes
from photomitrus_cli.imaging.healoffsets import offsets_of
from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.imaging.localmodel import LocalModel, local_model
from photomitrus_cli.imaging.sinsip import SinSip
from photomitrus_cli.imaging.spikes import flag_spikes
from photomitrus_cli.imaging.starpixels import flag_stars
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import FitsImage, read_image
from photomitrus_cli.run.provenance import file_entry
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framechecks import check_frame, mask_bits, single, sun_to_spacecraft, zero_point
from photomitrus_cli.wise.framefiles import KIND_NAMES, FrameRef, Kind, companion, existing
from photomitrus_cli.wise.framewcs import ecliptic_place, frame_geometry
from photomitrus_cli.wise.overlaps import Cells

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
State = NDArray[np.uint8]

USED = 0
# The median of the uncertainties is taken of every so many-th row and column.
_THIN = 4
# A map pixel of nside 1 is as large as a square of this side, rad.
_NSIDE_ONE = (4.0 * np.pi / 12.0) ** 0.5


@dataclass(frozen=True, slots=True)
class Accepted:
    """What of a frame goes into the map.

    Attributes
    ----------
    sci, unc : ndarray of float32, shape (ny, nx)
        DN.
    state : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used; else the reasons.
    model : LocalModel
    cards : Cards
        Header of the intensity image.
    estimated : bool
        Whether ``unc`` is an estimate.
    inputs : list of dict
        The files read.
    """

    sci: Float32
    unc: Float32
    state: State
    model: LocalModel
    cards: Cards
    estimated: bool
    inputs: list[dict[str, Any]]


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


class _DroppedError(Exception):
    """A frame that lacks a companion under ``missing: drop``."""


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


def accept(ref: FrameRef, settings: CoaddSettings) -> Accepted:
    """Read a frame and decide which of its pixels are used.

    Parameters
    ----------
    ref : FrameRef
    settings : CoaddSettings

    Returns
    -------
    Accepted

    Raises
    ------
    InputError
        When a file is absent or broken, does not fit the others, or belongs to another band.
    """
    path = existing(ref.path)
    if path is None:
        raise InputError(
            f"{ref.path}: no such file", hint="check the root and the path template of wise.filter"
        )
    image = read_image(path)
    check_frame(image, ref, settings.band)
    shape = image.data.shape
    unc_file, msk_file = (_read_companion(path, kind, shape, settings) for kind in ("unc", "msk"))
    sci = single(image)
    unc = None if unc_file is None else single(unc_file)
    msk = None if msk_file is None else mask_bits(msk_file)
    unc, state, model = decide(sci, unc, msk, settings)
    files = [one for one in (image, unc_file, msk_file) if one is not None]
    inputs = [file_entry(one.path, one.n_bytes, one.crc32) for one in files]
    return Accepted(sci, unc, state, model, image.cards, unc_file is None, inputs)


def decide(
    sci: Float32, unc: Float32 | None, msk: NDArray[np.int32] | None, settings: CoaddSettings
) -> tuple[Float32, State, LocalModel]:
    """Decide which pixels of a frame are used.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        DN.
    unc : ndarray of float32, shape (ny, nx), or None
        DN.
    msk : ndarray of int32, shape (ny, nx), or None
    settings : CoaddSettings

    Returns
    -------
    unc : ndarray of float32, shape (ny, nx)
        As given, or an estimate.
    state : ndarray of uint8, shape (ny, nx)
    model : LocalModel
    """
    state = first_state(sci, unc, msk, FATAL_PRESETS[settings.masks], grow28=settings.masks == "wssa")
    model = local_model(sci, state)
    if unc is None:
        unc = estimate_unc(sci, state, model, gain=settings.gain_e_dn[settings.band - 1])
    if settings.spikes:
        flag_spikes(sci, unc, state, model, sigma=settings.spike_sigma, sharpness=settings.spike_sharpness)
    if settings.mask_stars:
        flag_stars(sci, unc, state, model, sigma=settings.star_sigma, grow=settings.star_grow_px)
    return unc, state, model


def prepare(settings: CoaddSettings) -> None:
    """Load the kernels, or compile them, before workers are forked that would each do it.

    Parameters
    ----------
    settings : CoaddSettings
    """
    side = 2 * _THIN * _THIN
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
    except _DroppedError as dropped:
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
    told = _numbers(ref, got, numbers, scale, magzp, per_pixel=settings.weights == "pixel")
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


def _numbers(
    ref: FrameRef, got: Accepted, found: FrameNumbers, scale: float, magzp: float | None, *, per_pixel: bool
) -> dict[str, Any]:
    """Tell what was measured of a frame; levels and gradients at the nominal zero point."""
    state = got.state
    used = state == USED
    some = got.unc[::_THIN, ::_THIN][used[::_THIN, ::_THIN]]
    unc_median = float(np.median(some if some.size else got.unc[used])) * scale
    counts = {
        name: int(np.count_nonzero(state & bit))
        for name, bit in (
            ("n_masked", BAD),
            ("n_saturated", SATURATED),
            ("n_spikes", SPIKE),
            ("n_stars", STAR),
        )
    }
    levels = {
        "level": found.median,
        "sigma": found.sigma,
        "med16": found.low16,
        "grad_x": found.gradient_x,
        "grad_y": found.gradient_y,
        "plane_rms": found.rms,
    }
    return {
        "scan_id": ref.scan_id,
        "mjd": ref.mjd,
        "moon_sep": finite(ref.moon_sep),
        "saa_sep": finite(ref.saa_sep),
        **sun_to_spacecraft(got.cards),
        "magzp": magzp,
        "scale": scale,
        "weight": 1.0 / scale**2 if per_pixel else 1.0 / unc_median**2,
        "estimated": int(got.estimated),
        "n_pixels": state.size,
        "n_used": int(np.count_nonzero(used)),
        "unc_median": unc_median,
        **counts,
        **{name: finite(value * scale) for name, value in levels.items()},
    }


def finite(value: float) -> float | None:
    """Give None for NaN, which JSON cannot hold.

    Parameters
    ----------
    value : float

    Returns
    -------
    float or None
    """
    return float(value) if np.isfinite(value) else None


def _read_companion(
    path: Path, kind: Kind, shape: tuple[int, ...], settings: CoaddSettings
) -> FitsImage | None:
    beside = companion(path, kind)
    if beside is None:
        if settings.missing == "estimate":
            return None
        if settings.missing == "drop":
            raise _DroppedError(f"no {KIND_NAMES[kind]} file")
        raise InputError(
            f"{path}: there is no {KIND_NAMES[kind]} ({kind}) file beside it",
            hint="--missing estimate does without, --missing drop leaves the frame out",
        )
    image = read_image(beside, blank=kind == "unc")
    if image.data.shape != shape:
        raise InputError(f"{beside}: shape {image.data.shape} differs from {shape} of {path.name}")
    return image
