"""One frame of a stack as a unit of work, and the calibration that all of them share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.calibrate import Calibration, make_calibration
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.noisemodel import NoiseModel, noise_model
from photomitrus_cli.prime.rawframes import read_bad, read_plane
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store

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
    """

    index: int
    frame: Frame
    store: Store
    saturation: float
    invalid: float
    noise: NoiseModel
    widths: tuple[float, float]

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
