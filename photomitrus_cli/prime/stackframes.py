"""Single frames of a stack, and how they are kept: calibrated, their stars, ready for resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.binning import binned
from photomitrus_cli.imaging.flatfield import BAD_PIXEL, INVALID, NO_FLAT, SATURATED
from photomitrus_cli.imaging.lanczos import BAD, RADIUS
from photomitrus_cli.imaging.prepared import PreparedFrame, prepare_frame
from photomitrus_cli.prime.calibrate import calibrate
from photomitrus_cli.prime.detect import detect_sources
from photomitrus_cli.prime.frametasks import FrameTask, load_calibration
from photomitrus_cli.prime.noisemodel import pixel_variance
from photomitrus_cli.prime.rawframes import read_raw
from photomitrus_cli.prime.skyresidual import SkyResidual
from photomitrus_cli.prime.skyscale import first_scale
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.provenance import file_entry

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# Reasons not to use a pixel at all; of a sky known from the surroundings the value is good enough.
UNUSABLE = np.uint8(BAD_PIXEL | SATURATED | INVALID | NO_FLAT)
NO_STARS = np.zeros((len(Sources.__dataclass_fields__), 0))
_NONE = np.zeros((0, 0), np.bool_)


def calibrate_frame(task: FrameTask) -> dict[str, Any]:
    """Calibrate a frame and keep it as ``frame_<index>``: values and mask.

    Returns
    -------
    dict
        What was read, for the manifest.

    Raises
    ------
    InputError
        When the frame is damaged, or has no sky.
    """
    name = f"frame_{task.index}"
    saved = task.store.load_meta(name)
    if saved is None:
        source = task.frame.source
        raw, crc32 = read_raw(source, task.frame.window)
        values, mask = calibrate(raw, load_calibration(task))
        if (mask != 0).all():
            raise InputError(f"{source.path}: not one pixel can be used", hint="is it a frame of this chip?")
        # A frame that has no sky is found here, where it can be told and left out as one that is damaged.
        level = first_scale(values, mask, source.path).level
        saved = {"file": file_entry(source.path, source.n_bytes, crc32), "level": float(level)}
        task.store.save(name, {"values": values, "mask": mask}, saved)
    entry: dict[str, Any] = saved["file"]
    return entry


def load_calibrated(store: Store, index: int, masks: str = "") -> tuple[Float32, Mask]:
    """Give values and mask of a calibrated frame, views of the files.

    Parameters
    ----------
    store : Store
    index : int
    masks : str, optional
        What masks with objects are called in the store, without number; those of the frames when left out.
    """
    arrays = store.require(f"frame_{index}").arrays
    if not masks:
        return arrays["values"], arrays["mask"]
    return arrays["values"], store.require(f"{masks}_{index}").arrays["mask"]


def prepared(task: FrameTask, residual: SkyResidual, side: int) -> tuple[dict[str, NDArray[Any]], bool]:
    """Make a frame less its sky ready for resampling.

    Parameters
    ----------
    task : FrameTask
    residual : SkyResidual
    side : int
        Of the blocks that are averaged before.

    Returns
    -------
    arrays : dict
        For `load_ready`.
    saturated : bool
        Whether any of its pixels is.
    """
    values, mask = residual.values, residual.mask
    variance = pixel_variance(
        values, load_calibration(task), task.noise, sky=sky_level(residual), rms=residual.rms
    )
    unusable = mask & UNUSABLE
    if side > 1:
        variance = binned(variance, unusable, side)[0] / np.float32(side**2)
        values, unusable = binned(values, unusable, side)
    saturated = (unusable & np.uint8(SATURATED)) != 0
    frame = prepare_frame(values, variance, unusable != 0, saturated)
    arrays: dict[str, NDArray[Any]] = {"pixels": frame.pixels, "state": frame.state}
    known = bool(saturated.any())
    return arrays | ({"saturated": saturated} if known else {}), known


def sky_level(residual: SkyResidual) -> float:
    """Give the level of the sky of a frame, units of the frame."""
    return float(residual.scale.level + residual.scale.constant)


def star_rows(task: FrameTask, residual: SkyResidual) -> NDArray[np.float64]:
    """Find the stars of a frame less its sky; a row for each field of `Sources`."""
    sources = detect_sources(
        residual.values,
        float(residual.rms),
        (residual.mask & UNUSABLE) != 0,
        gain=1.0 / task.noise.per_value,
        widths=task.widths,
    )
    return np.array([getattr(sources, field) for field in Sources.__dataclass_fields__], np.float64)


def as_sources(rows: NDArray[np.float64]) -> Sources:
    """Give the stars that `star_rows` has found."""
    columns: dict[str, Any] = dict(zip(Sources.__dataclass_fields__, rows.copy(), strict=True))
    return Sources(**columns | {"flags": columns["flags"].astype(np.int64)})


def load_ready(store: Store, name: str) -> tuple[PreparedFrame, Bool]:
    """Give a frame that is ready for resampling, and its saturated pixels; the arrays are views of the file.

    Without saturated pixels their array is empty.
    """
    arrays = store.require(name).arrays
    return PreparedFrame(arrays["pixels"], arrays["state"]), arrays.get("saturated", _NONE)


def load_residual(store: Store, name: str) -> tuple[Float32, Bool, dict[str, Any]]:
    """Give a frame less its sky.

    Returns
    -------
    values : ndarray of float32, shape (ny, nx)
        Bad pixels are filled from their surroundings.
    bad : ndarray of bool, shape (ny, nx)
    meta : dict
        ``level``, ``background`` and ``rms``, units of the frame.
    """
    saved = store.require(name)
    frame = PreparedFrame(saved.arrays["pixels"], saved.arrays["state"])
    state = frame.inner
    inside = np.s_[RADIUS : RADIUS + state.shape[0], RADIUS : RADIUS + state.shape[1]]
    return frame.sci[inside], (state & BAD) != 0, saved.meta
