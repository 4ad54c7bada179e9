"""Frames from their files to arrays that can be resampled: masks, uncertainty, sky level, maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.imaging.background import (
    BackgroundLevel,
    masked_median,
    mode_level,
)
from photomitrus_cli.imaging.detect import detect_stars
from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.geometry import mean_pixel_area
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.masks import bit_pattern
from photomitrus_cli.imaging.mesh import mesh_background
from photomitrus_cli.imaging.objects import object_mask
from photomitrus_cli.imaging.planes import join_planes
from photomitrus_cli.imaging.prepared import prepare_frame
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.io.fitsread import read_pixels
from photomitrus_cli.irac.chunks import INNER, OBJECT, Arrays, Ingested, pack
from photomitrus_cli.irac.facts import SATURATION_BIT
from photomitrus_cli.irac.reading import estimated_variance, files_read, read_companion, read_mask
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Background = Literal["median", "mode", "mesh", "overlap", "none"]

# More than the arrays of a chunk, and less than the C library's limit of 32 MB for what it keeps.
_KEPT_BYTES = 24 << 20


@dataclass(frozen=True)
class IngestRules:
    """How frames are read.

    Attributes
    ----------
    imask_bits, rmask_bits : tuple of int
        Fatal bits.
    background : {'median', 'mode', 'mesh', 'overlap', 'none'}
        Sky to take off; under ``overlap`` the median, until the levels of all frames are known.
    mesh_size_px : int
        Side of the cells of the mesh.
    objects : bool
        Whether pixels of objects are flagged, for levels and patterns.
    stars : bool
        Whether stars are measured, for alignment.
    places : bool
        Whether a later pass asks where the frame's pixels fall; those with saturated pixels always are.
    """

    imask_bits: tuple[int, ...]
    rmask_bits: tuple[int, ...]
    background: Background
    mesh_size_px: int = 64
    objects: bool = False
    stars: bool = False
    places: bool = True


@dataclass(frozen=True)
class IngestTask:
    """A few frames to ingest; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    frames : tuple of Frame
    grid : Grid
    rules : IngestRules
    store : Store
    keep_going : bool
        Whether a broken frame leaves the others of the unit to be used.
    """

    name: str
    frames: tuple[Frame, ...]
    grid: Grid
    rules: IngestRules
    store: Store
    keep_going: bool = False

    def __str__(self) -> str:
        return ", ".join(str(frame.path) for frame in self.frames)


@dataclass(frozen=True)
class FrameArrays:
    """A frame and its companions as arrays, shape (ny, nx).

    Attributes
    ----------
    sci, var : ndarray of float32
        Surface brightness (MJy/sr) less its sky where the rules say so, and variance.
    bad : ndarray of bool
        Pixels not to be used.
    saturated : ndarray of bool
        Pixels that the imask marks as saturated and not corrected.
    level : BackgroundLevel
        Sky of the frame, MJy/sr.
    inputs : list of dict
        Path, size and CRC-32 of the files read.
    """

    sci: Float32
    var: Float32
    bad: Bool
    saturated: Bool
    level: BackgroundLevel
    inputs: list[dict[str, Any]]


def read_arrays(frame: Frame, rules: IngestRules) -> FrameArrays:
    """Read a frame and its companions.

    Raises
    ------
    InputError
        When a file is broken or the shapes differ.
    """
    image = read_pixels(frame.source)
    sci = np.asarray(image.data, dtype=np.float32)
    shape = (sci.shape[0], sci.shape[1])
    unc = read_companion(frame.unc, shape, frame.path)
    imask, rmask = (read_mask(source, shape, frame.path) for source in (frame.imask, frame.rmask))
    patterns = bit_pattern(rules.imask_bits), bit_pattern(rules.rmask_bits), 1 << SATURATION_BIT
    with np.errstate(over="ignore", under="ignore"):
        noise = None if unc is None else np.asarray(unc.data, dtype=np.float32)
    i_bits, r_bits = (None if mask is None else mask.data for mask in (imask, rmask))
    var, bad, saturated = join_planes(sci, noise, i_bits, r_bits, patterns)
    level = mode_level(sci, bad) if rules.background == "mode" else masked_median(sci, bad)
    if var is None:
        var = estimated_variance(sci, bad, level, frame)
    sci = _without_sky(sci, bad, level, rules)
    return FrameArrays(
        sci,
        var,
        bad,
        saturated,
        level,
        files_read(((frame.source, image), (frame.unc, unc), (frame.imask, imask), (frame.rmask, rmask))),
    )


def _without_sky(sci: Float32, bad: Bool, level: BackgroundLevel, rules: IngestRules) -> Float32:
    if rules.background == "none" or not level.n_used:
        return sci
    if rules.background == "mesh":
        objects = object_mask(sci, bad, level.level, level.sigma)
        return sci - mesh_background(sci, bad, objects, size_px=rules.mesh_size_px)[0]
    # In place: nobody else has the array.
    sci -= np.float32(level.level)
    return sci


def ingest(task: IngestTask) -> list[dict[str, Any] | AstromapError]:
    """Ingest the frames of a unit and save them; a saved unit of the same run is used as it is.

    Returns
    -------
    list
        For each frame numbers about it: ``reason`` (why it cannot be used, or empty), ``level``,
        ``level_error``, ``sky_sigma``, ``variance_median`` (MJy/sr), ``n_bad``, ``n_saturated``, ``map``,
        ``inputs``, ``pixel_area_arcsec2``; or, under ``keep_going``, the error that ended it.

    Raises
    ------
    AstromapError
        The first frame's error, unless ``keep_going``.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None and all("error" not in meta for meta in saved["frames"]):
        return list(saved["frames"])
    _keep_memory()
    arrays: Arrays = {}
    results: list[dict[str, Any] | AstromapError] = []
    for index, frame in enumerate(task.frames):
        try:
            own, meta = ingest_frame(index, frame, task.grid, task.rules)
        except AstromapError as error:
            if not task.keep_going:
                raise
            results.append(error)
            continue
        arrays |= own
        results.append(meta)
    saving = [{"error": str(one)} if isinstance(one, AstromapError) else one for one in results]
    task.store.save(task.name, arrays, {"frames": saving})
    return results


def _keep_memory() -> None:
    """Make the C library keep freed memory for the next frame, as it does once so large a block was freed.

    Else it returns it to the system and gets it back page by page, a hundred and fifty cleared pages for
    every frame. The block itself is never touched.
    """
    np.empty(_KEPT_BYTES, dtype=np.uint8)


def ingest_frame(index: int, frame: Frame, grid: Grid, rules: IngestRules) -> tuple[Arrays, dict[str, Any]]:
    """Ingest one frame.

    Parameters
    ----------
    index : int
        Its number in the chunk.
    frame : Frame
    grid : Grid
    rules : IngestRules

    Returns
    -------
    arrays : dict of str to ndarray
        Empty when the frame cannot be used.
    meta : dict
        See :func:`ingest`.
    """
    data = read_arrays(frame, rules)
    shape = (data.sci.shape[0], data.sci.shape[1])
    pixel_map = map_frame(frame.wcs, shape, grid, path=frame.path)
    meta = _numbers(data, empty=pixel_map.empty)
    meta["pixel_area_arcsec2"] = mean_pixel_area(frame.wcs, shape)
    if meta["reason"]:
        return {}, meta
    prepared = prepare_frame(data.sci, data.var, data.bad, data.saturated)
    if rules.objects:
        # The sky is off by now, unless nobody wanted it off.
        level = data.level.level if rules.background == "none" else 0.0
        found = object_mask(data.sci, data.bad, level, data.level.sigma)
        prepared.state[INNER] |= np.where(found, OBJECT, np.uint8(0))
    places = frame_map(frame.wcs, shape, grid) if rules.places or meta["n_saturated"] else None
    saturated = np.stack(np.divmod(np.flatnonzero(data.saturated), shape[1]), axis=1)
    arrays, meta["map"] = pack(index, Ingested(prepared, pixel_map, places, saturated))
    if rules.stars:
        arrays[f"stars{index}"] = _stars(data, rules, frame.wcs)
    return arrays, meta


def _stars(data: FrameArrays, rules: IngestRules, wcs: SkyWcs) -> NDArray[np.float64]:
    """Measure the frame's stars: rows ra, dec (deg), position error (arcsec), flux (MJy/sr px), S/N."""
    level = data.level.level if rules.background == "none" else 0.0
    stars = detect_stars(data.sci, data.var, data.bad | data.saturated, level, data.level.sigma)
    ra, dec = wcs.sky(stars.x, stars.y)
    scale = math.sqrt(mean_pixel_area(wcs, (data.sci.shape[0], data.sci.shape[1])))
    return np.stack([ra, dec, stars.err_px * scale, stars.flux, stars.snr]).astype(np.float64)


def _typical(var: Float32, good: Bool) -> float | None:
    """Give the median variance of the good pixels: of a quarter of them, which is as good a weight."""
    for step in (2, 1):
        chosen = var[::step, ::step][good[::step, ::step]]
        if chosen.size:
            # As np.median has it, which takes five times as long to put two ranks in their places.
            middle = chosen.size // 2
            chosen.partition(middle)
            upper = chosen[middle]
            lower = upper if chosen.size % 2 else chosen[:middle].max()
            return float((lower + upper) / np.float32(2.0))
    return None


def _numbers(arrays: FrameArrays, *, empty: bool) -> dict[str, Any]:
    good = ~arrays.bad
    variance = _typical(arrays.var, good)
    reason = ""
    if not good.any():
        reason = "no usable pixel"
    elif empty:
        reason = "lies outside the mosaic"
    elif not (math.isfinite(arrays.level.level) and arrays.level.n_used):
        reason = "no sky level could be measured"
    elif not variance or not math.isfinite(variance):
        reason = "its noise is zero: no real frame"
    known = bool(arrays.level.n_used)
    return {
        "reason": reason,
        "level": float(arrays.level.level) if known else None,
        "level_error": float(arrays.level.error) if known else None,
        "sky_sigma": float(arrays.level.sigma) if known else None,
        "variance_median": variance if variance is not None and math.isfinite(variance) else None,
        "n_bad": int(np.count_nonzero(arrays.bad)),
        "n_saturated": int(np.count_nonzero(arrays.saturated)),
        "inputs": arrays.inputs,
    }
