"""Levels of frames from their overlaps against the simulator's backgrounds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table
from numpy.typing import NDArray

from truthkit.runs import Mosaic

Float = NDArray[np.float64]

# Sources, a sloping sky, hits of which masks know most, and frames of 30 s and 100 s; no first-frame effect,
# whose ramp no single number per frame can take off.
LEVEL_FIELD: dict[str, Any] = {
    "offset_rms_mjy_sr": 0.01,
    "first_frame_offset_mjy_sr": 0.0,
    "first_frame_ramp_mjy_sr": 0.0,
    "gradient_mjy_sr_deg": [0.2, 0.1],
    "truth_image": False,
}


@dataclass(frozen=True)
class LevelErrors:
    """Errors of the offsets of frames, each group of overlapping frames in its own gauge.

    Attributes
    ----------
    n : int
        Frames.
    pull : float
        Root mean square of error over stated error; 1 when the errors are honest.
    worst : float
        Largest absolute pull.
    rms, stated : float
        Root mean squares of the errors and of the stated errors, MJy/sr.
    median_rms : float
        Root mean square of the errors of the frames' own medians, MJy/sr; NaN if they are not given.
    """

    n: int
    pull: float
    worst: float
    rms: float
    stated: float
    median_rms: float


def level_errors(mosaic: Mosaic, truth: Path, medians: Mosaic | None = None) -> LevelErrors:
    """Compare the offsets of frames with the truth.

    Parameters
    ----------
    mosaic : Mosaic
        Made with ``background: overlap``.
    truth : Path
        The folder of truth tables.
    medians : Mosaic, optional
        Made of the same frames with ``background: median``.
    """
    error, stated, _ = offsets(mosaic, truth)
    own = float("nan")
    if medians is not None:
        wrong, _ = _wrong(medians, truth, "sky")
        own = _rms(in_gauge(wrong, np.array(mosaic.inputs["overlap_group"])))
    pulls = error / stated
    return LevelErrors(error.size, _rms(pulls), float(np.abs(pulls).max()), _rms(error), _rms(stated), own)


def offsets(mosaic: Mosaic, truth: Path) -> tuple[Float, Float, Float]:
    """Give error, stated error (MJy/sr) and exposure time (s) of the offset of every frame."""
    wrong, used = _wrong(mosaic, truth, "offset")
    error = in_gauge(wrong, np.array(used["overlap_group"]))
    return (
        error,
        np.array(used["offset_error"], dtype=np.float64),
        np.array(used["exptime"], dtype=np.float64),
    )


def _wrong(mosaic: Mosaic, truth: Path, column: str) -> tuple[Float, Table]:
    """Give a level less the true background of its frame, without a gauge, and the table of frames."""
    table = Table.read(truth / "truth_frames.ecsv")
    true = {
        Path(str(row["file"])).name: float(row["offset"]) + float(row["first_frame_offset"]) for row in table
    }
    used = mosaic.inputs[mosaic.inputs["status"] == "used"]
    names = [Path(str(name)).name for name in used["file"]]
    return np.array(used[column], dtype=np.float64) - np.array([true[name] for name in names]), used


def in_gauge(values: Float, group: NDArray[np.integer]) -> Float:
    """Take the mean of every group off its values."""
    out = values.copy()
    for one in np.unique(group):
        out[group == one] -= out[group == one].mean()
    return out


def _rms(values: Float) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
