"""What workers do with single frames of a stack: calibrate; then find stars and make ready for resampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.flatfield import BAD_PIXEL, INVALID, NO_FLAT, SATURATED
from photomitrus_cli.imaging.resample import PreparedFrame, prepare_frame
from photomitrus_cli.prime.calibrate import (
    Calibration,
    NoiseModel,
    calibrate,
    make_calibration,
    noise_model,
    pixel_variance,
    read_bad,
    read_plane,
    read_raw,
)
from photomitrus_cli.prime.detect import Sources, detect_sources
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.skyscale import first_scale
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.provenance import file_entry

Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# Reasons not to use a pixel at all; of a sky known from the surroundings the value is good enough.
UNUSABLE = np.uint8(BAD_PIXEL | SATURATED | INVALID | NO_FLAT)
CALIBRATION = "calibration"


@dataclass(frozen=True)
class FrameTask:
    """One frame; a unit of work.

    Attributes
    ----------
    index : int
    frame : Frame
    store : Store
    saturation, invalid : float
        Pixel values, see `Calibration`.
    noise : NoiseModel
    widths : tuple of float
        Of stars, see `detect_sources`.
    stage : str
        Appended to the names of checkpoints: empty in the first pass, ``2`` in the second.
    """

    index: int
    frame: Frame
    store: Store
    saturation: float
    invalid: float
    noise: NoiseModel
    widths: tuple[float, float]
    stage: str = ""

    def __str__(self) -> str:
        return str(self.frame.path)


def save_calibration(plan: StackPlan, store: Store) -> None:
    """Read dark, flat and bad pixels once for all workers.

    Raises
    ------
    InputError
        When one of them is absent, damaged or of another shape.
    """
    if store.load_meta(CALIBRATION) is not None:
        return
    settings, window = plan.settings, plan.chip.window
    good, bad = settings.bad_pixels_good, settings.bad_pixels
    made = make_calibration(
        window.shape,
        flat=read_plane(plan.flat, window) if plan.flat else None,
        bad=read_bad(bad, window, good=good) if bad else None,
        dark=read_plane(settings.dark, window) if settings.dark else None,
    )
    arrays: dict[str, NDArray[Any]] = {"inverse_flat": made.inverse_flat, "static": made.static}
    if made.dark is not None:
        arrays["dark"] = made.dark
    store.save(CALIBRATION, arrays, {"dark": made.dark is not None})


def load_calibration(task: FrameTask) -> Calibration:
    """Give the calibration that `save_calibration` kept; its arrays are views of the file."""
    saved = task.store.require(CALIBRATION)
    dark = saved.arrays["dark"] if saved.meta["dark"] else None
    arrays = saved.arrays
    return Calibration(arrays["inverse_flat"], arrays["static"], dark, task.saturation, task.invalid)


def frame_tasks(plan: StackPlan, store: Store) -> list[FrameTask]:
    """Give the tasks of all frames."""
    detector, scale = plan.instrument.detector, plan.chip.window.scale
    return [
        FrameTask(
            index,
            frame,
            store,
            detector.limit(frame.n_frames),
            np.nan if detector.invalid is None else detector.invalid,
            noise_model(detector, frame.n_frames, scale=scale, coadds=frame.coadds),
            detector.star_widths,
        )
        for index, frame in enumerate(plan.chip.frames)
    ]


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
        first_scale(values, mask, source.path)
        saved = file_entry(source.path, source.n_bytes, crc32)
        task.store.save(name, {"values": values, "mask": mask}, saved)
    return saved


def find_stars(task: FrameTask) -> Sources:
    """Find the stars of a frame less its sky, and keep the list as ``stars_<index>``.

    Returns
    -------
    Sources
    """
    name = f"stars_{task.index}"
    known = task.store.load(name)
    if known is None:
        saved = task.store.require(f"sky{task.stage}_{task.index}")
        bad = (saved.arrays["mask"] & UNUSABLE) != 0
        gain, noise = 1.0 / task.noise.per_value, float(saved.meta["rms"])
        sources = detect_sources(saved.arrays["values"], noise, bad, gain=gain, widths=task.widths)
        rows = np.array([getattr(sources, field) for field in Sources.__dataclass_fields__], np.float64)
        task.store.save(name, {"rows": rows}, {})
        return sources
    return _sources(known.arrays["rows"])


def make_ready(task: FrameTask) -> bool:
    """Take a frame less its sky, ``sky_<index>``, and make it ready for resampling, ``ready_<index>``.

    In the second pass the names are ``sky2_<index>`` and ``ready2_<index>``.

    Returns
    -------
    bool
        Whether any of its pixels is saturated.
    """
    name = f"ready{task.stage}_{task.index}"
    known = task.store.load_meta(name)
    if known is None:
        saved = task.store.require(f"sky{task.stage}_{task.index}")
        residual, mask = saved.arrays["values"], saved.arrays["mask"]
        variance = pixel_variance(
            residual, load_calibration(task), task.noise, sky=saved.meta["level"], rms=saved.meta["rms"]
        )
        saturated = (mask & np.uint8(SATURATED)) != 0
        frame = prepare_frame(residual, variance, (mask & UNUSABLE) != 0, saturated)
        known = {"saturated": bool(saturated.any())}
        planes = {"pixels": frame.pixels, "state": frame.state, "saturated": saturated}
        task.store.save(name, planes, known)
    return bool(known["saturated"])


def _sources(rows: NDArray[np.float64]) -> Sources:
    columns: dict[str, Any] = dict(zip(Sources.__dataclass_fields__, rows.copy(), strict=True))
    return Sources(**columns | {"flags": columns["flags"].astype(np.int64)})


def load_ready(store: Store, name: str) -> tuple[PreparedFrame, Bool]:
    """Give a frame that `make_ready` kept, and its saturated pixels; the arrays are views of the file."""
    arrays = store.require(name).arrays
    return PreparedFrame(arrays["pixels"], arrays["state"]), arrays["saturated"]
