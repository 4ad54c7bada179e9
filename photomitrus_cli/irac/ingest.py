"""One frame from its files to arrays that can be resampled: masks, uncertainty, sky level, pixel map."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from astropy.wcs import WCS
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.background import BackgroundLevel, difference_sigma, masked_median
from photomitrus_cli.imaging.geometry import check_wcs, pixel_area_map
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import PixelMap, map_frame
from photomitrus_cli.imaging.masks import bit_pattern, fatal_bits
from photomitrus_cli.imaging.resample import PreparedFrame, prepare_frame
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import FitsImage, read_image
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.irac.facts import SATURATION_BIT
from photomitrus_cli.irac.frames import Frame
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Pixels brighter than this above the sky hold objects and say nothing about its noise.
OBJECT_SIGMA = 3.0


@dataclass(frozen=True)
class IngestRules:
    """How frames are read.

    Attributes
    ----------
    imask_bits, rmask_bits : tuple of int
        Fatal bits.
    background : {'median', 'none'}
        Sky level to take off.
    """

    imask_bits: tuple[int, ...]
    rmask_bits: tuple[int, ...]
    background: Literal["median", "none"]


@dataclass(frozen=True)
class IngestTask:
    """One frame to ingest; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    frame : Frame
    grid : Grid
    rules : IngestRules
    store : Store
    """

    name: str
    frame: Frame
    grid: Grid
    rules: IngestRules
    store: Store

    def __str__(self) -> str:
        return str(self.frame.path)


@dataclass(frozen=True)
class FrameArrays:
    """A frame's pixels, MJy/sr.

    Attributes
    ----------
    sci : ndarray of float32, shape (ny, nx), MJy/sr
    var : ndarray of float32, shape (ny, nx), (MJy/sr)^2
    bad, saturated : ndarray of bool, shape (ny, nx)
    level : BackgroundLevel
        Sky of the frame, MJy/sr; taken off ``sci`` where the rules say so.
    inputs : list of dict
        Path, size and sha256 of the files read.
    """

    sci: Float32
    var: Float32
    bad: Bool
    saturated: Bool
    level: BackgroundLevel
    inputs: list[dict[str, Any]]


def frame_wcs(cards: Cards) -> WCS:
    """Build a frame's WCS and check it.

    Raises
    ------
    InputError
        When there is no celestial WCS, or it is singular or absurd.
    """
    wcs = celestial_wcs(cards)
    check_wcs(wcs, cards.path)
    return wcs


def read_arrays(frame: Frame, rules: IngestRules) -> tuple[FrameArrays, Cards]:
    """Read a frame and its companions.

    Parameters
    ----------
    frame : Frame
    rules : IngestRules

    Returns
    -------
    arrays : FrameArrays
    cards : Cards
        Of the frame's header.

    Raises
    ------
    InputError
        When a file is broken or the shapes differ.
    """
    image = read_image(frame.path)
    sci = np.array(image.data, dtype=np.float32)
    unc = _companion(frame.unc, image)
    imask, rmask = (_mask(path, image) for path in (frame.imask, frame.rmask))
    bad = ~np.isfinite(sci)
    saturated = np.zeros(sci.shape, dtype=np.bool_)
    if imask is not None:
        bad |= fatal_bits(imask.data, bit_pattern(rules.imask_bits))
        saturated = fatal_bits(imask.data, 1 << SATURATION_BIT)
    if rmask is not None:
        bad |= fatal_bits(rmask.data, bit_pattern(rules.rmask_bits))
    var = None
    if unc is not None:
        # Judged as variances, because squares of absurd uncertainties overflow or vanish.
        with np.errstate(over="ignore", under="ignore"):
            var = np.square(np.asarray(unc.data, dtype=np.float32))
        bad |= ~(np.isfinite(var) & (var > 0) & (unc.data > 0))
    level = masked_median(sci, bad)
    if var is None:
        var = _estimated_variance(sci, bad, level, frame)
    if rules.background == "median":
        sci = sci - np.float32(level.level)
    files = [one for one in (image, unc, imask, rmask) if one is not None]
    inputs = [{"path": str(f.path), "n_bytes": f.n_bytes, "sha256": f.sha256} for f in files]
    return FrameArrays(sci, var, bad, saturated, level, inputs), image.cards


def _companion(path: Path | None, image: FitsImage, *, blank: bool = True) -> FitsImage | None:
    if path is None:
        return None
    companion = read_image(path, blank=blank)
    if companion.data.shape != image.data.shape:
        raise InputError(
            f"{path}: shape {companion.data.shape} differs from {image.data.shape} of {image.path.name}"
        )
    return companion


def _mask(path: Path | None, image: FitsImage) -> FitsImage | None:
    mask = _companion(path, image, blank=False)
    if mask is not None and mask.data.dtype.kind not in "iu":
        raise InputError(f"{mask.path}: a mask has whole numbers, not {mask.data.dtype.name}")
    return mask


def _estimated_variance(sci: Float32, bad: Bool, level: BackgroundLevel, frame: Frame) -> Float32:
    """Estimate the variance, (MJy/sr)^2, from the frame itself when there is no uncertainty.

    It is the noise of the sky pixels, squared, plus the Poisson noise of what is above the sky:
    S FLUXCONV / (GAIN EXPTIME) for S in MJy/sr, since S GAIN EXPTIME / FLUXCONV is a number of electrons.
    """
    above = np.where(np.isfinite(sci), sci - np.float32(level.level), np.float32(0.0))
    noise = difference_sigma(sci, bad | (above > OBJECT_SIGMA * level.sigma))
    poisson = np.clip(above, 0.0, None) / np.float32(frame.conversion * frame.exptime_s)
    return np.asarray(noise**2 + poisson, dtype=np.float32)


def ingest(task: IngestTask) -> dict[str, Any]:
    """Ingest one frame and save it as a checkpoint; a saved one of the same run is used as it is.

    Returns
    -------
    dict
        Numbers about the frame: ``reason`` (why it cannot be used, or empty), ``level``, ``level_error``,
        ``sky_sigma``, ``unc_median`` (MJy/sr), ``n_bad``, ``bbox``, ``inputs``.

    Raises
    ------
    InputError
        When a file is broken.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return saved
    arrays, cards = read_arrays(task.frame, task.rules)
    wcs = frame_wcs(cards)
    shape = (arrays.sci.shape[0], arrays.sci.shape[1])
    pixel_map = map_frame(wcs, shape, task.grid, path=cards.path)
    meta = _numbers(arrays, pixel_map) | {"pixel_area_arcsec2": float(pixel_area_map(wcs, shape).mean())}
    task.store.save(task.name, {} if meta["reason"] else _pack(arrays, pixel_map), meta)
    return meta


def _numbers(arrays: FrameArrays, pixel_map: PixelMap) -> dict[str, Any]:
    good = ~arrays.bad
    variance = float(np.median(arrays.var[good])) if good.any() else None
    reason = ""
    if not good.any():
        reason = "no usable pixel"
    elif pixel_map.empty:
        reason = "lies outside the mosaic"
    elif not (math.isfinite(arrays.level.level) and arrays.level.n_used):
        reason = "no sky level could be measured"
    elif not variance or not math.isfinite(variance):
        reason = "its noise is zero: no real frame"
    return {
        "reason": reason,
        "level": float(arrays.level.level) if arrays.level.n_used else None,
        "level_error": float(arrays.level.error) if arrays.level.n_used else None,
        "sky_sigma": float(arrays.level.sigma) if arrays.level.n_used else None,
        "variance_median": variance if variance is not None and math.isfinite(variance) else None,
        "n_bad": int(arrays.bad.sum()),
        "n_saturated": int(arrays.saturated.sum()),
        "bbox": [int(edge) for edge in pixel_map.bbox],
        "map_error_px": float(pixel_map.max_error_px),
        "step": int(pixel_map.step),
        "origin": [int(index) for index in pixel_map.origin],
        "inputs": arrays.inputs,
    }


def _pack(arrays: FrameArrays, pixel_map: PixelMap) -> dict[str, NDArray[Any]]:
    prepared = prepare_frame(arrays.sci, arrays.var, arrays.bad)
    # Few arrays, because every one costs a fixed time to read back.
    return {
        "pixels": np.stack([prepared.sci, prepared.var]),
        "state": prepared.state,
        "saturated": arrays.saturated,
        "nodes": np.stack([pixel_map.node_x, pixel_map.node_y]),
    }


@dataclass(frozen=True)
class Ingested:
    """A frame as it comes back from its checkpoint.

    Attributes
    ----------
    frame : PreparedFrame
    pixel_map : PixelMap
    saturated : ndarray of bool, shape (ny, nx)
    """

    frame: PreparedFrame
    pixel_map: PixelMap
    saturated: Bool


def load_ingested(store: Store, name: str) -> Ingested:
    """Load an ingested frame.

    Raises
    ------
    InputError
        When the checkpoint was damaged since it was written.
    """
    saved = store.require(name)
    parts, meta = saved.arrays, saved.meta
    (j0, i0), (y0, y1, x0, x1), saturated = meta["origin"], meta["bbox"], parts["saturated"]
    pixel_map = PixelMap(
        step=meta["step"],
        origin=(j0, i0),
        node_x=parts["nodes"][0],
        node_y=parts["nodes"][1],
        bbox=(y0, y1, x0, x1),
        shape=(saturated.shape[0], saturated.shape[1]),
        max_error_px=meta["map_error_px"],
    )
    frame = PreparedFrame(parts["pixels"][0], parts["pixels"][1], parts["state"])
    return Ingested(frame, pixel_map, saturated)
