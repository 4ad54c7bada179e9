"""How bright the sky of each frame is: its level, a plane added to it, and the noise of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.background import difference_sigma, masked_median
from photomitrus_cli.imaging.skystack import RowScale

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]

# About so many pixels tell the level of a frame.
_SAMPLE = 1 << 17
# Pairs of frames that the noise is measured in.
_PAIRS = 5
# Cells along each axis for the fit, and pixels taken from each along each axis.
_CELLS, _TAKEN = 32, 16
# How far a constant added to the frame is likely to be from 0, over its level: only a sky that varies over
# the frame can tell it from a higher level.
_CONSTANT = 0.02
_ROUNDS = 4
_CLIP = 3.0


@dataclass(frozen=True, slots=True)
class SkyScale:
    """A frame's sky is ``level sky(y, x) + constant + along u + down v``, u and v from -1 to 1 across it.

    Attributes
    ----------
    level, constant, along, down : float
        Units of the frame.
    """

    level: float
    constant: float = 0.0
    along: float = 0.0
    down: float = 0.0

    def rows(self, first: int, shape: tuple[int, int]) -> RowScale:
        """Give the scale for a block of rows.

        Parameters
        ----------
        first : int
            Number of its first row.
        shape : tuple of int
            (ny, nx) of the frame.

        Returns
        -------
        RowScale
        """
        step_y, step_x = (2.0 / max(side - 1, 1) for side in shape)
        start = self.constant - self.along + self.down * (first * step_y - 1.0)
        return RowScale(self.level, start, self.along * step_x, self.down * step_y)


def first_scale(values: Float32, mask: Mask, name: object = "frame") -> SkyScale:
    """Measure the level of a frame: the clipped median of its used pixels.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    mask : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used.
    name : object, optional
        Of the frame, for the error.

    Returns
    -------
    SkyScale

    Raises
    ------
    InputError
        When no pixel is good or the level is not above 0: such a frame has no sky to be scaled by.
    """
    step = max(int(np.sqrt(values.size / _SAMPLE)), 1)
    part = np.s_[step // 2 :: step, step // 2 :: step]
    level = masked_median(np.ascontiguousarray(values[part]), mask[part] != 0).level
    if not level > 0.0:
        raise InputError(
            f"{name}: the level of the sky is {level:g}, not above 0",
            hint="is it a frame of the sky, and was its sky subtracted already?",
        )
    return SkyScale(level)


def relative_noise(frames: Sequence[tuple[Float32, Mask]], scales: Sequence[SkyScale]) -> float:
    """Measure the noise of a pixel over its level.

    From differences between neighbouring pixels in the difference of frames that follow each other, so that
    neither the structure of the sky nor that of the detector counts.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (ny, nx)
        Values and masks, at least two.
    scales : sequence of SkyScale
        Of the frames; their levels are used.

    Returns
    -------
    float
        Median of up to five pairs; NaN when there is nothing to measure.
    """
    found = []
    first = np.unique(np.linspace(0, len(frames) - 2, min(_PAIRS, len(frames) - 1)).round().astype(int))
    for k in first:
        (one, out_one), (two, out_two) = frames[k], frames[k + 1]
        rows = np.s_[:: max(one.size // _SAMPLE, 1)]
        away = one[rows] / np.float32(scales[k].level) - two[rows] / np.float32(scales[k + 1].level)
        found.append(difference_sigma(away, (out_one[rows] | out_two[rows]) != 0) / np.sqrt(2.0))
    known = [value for value in found if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def fit_scale(values: Float32, mask: Mask, sky: Float32, first: SkyScale) -> SkyScale:
    """Fit level and plane of a frame to a sky, by least squares over the means of cells.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    mask : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used.
    sky : ndarray of float32, shape (ny, nx)
        About 1; pixels that are NaN are left out.
    first : SkyScale
        Its level is a first guess.

    Returns
    -------
    SkyScale
        That with which the residuals of the cells, clipped at 3 sigma, are least; `first` when fewer than
        eight cells have a mean. The constant is held near 0 to about 2 % of the level.
    """
    cells = _cell_means(values, mask, sky, first)
    use = np.ones(cells.shape[1], dtype=np.bool_)
    scale = first
    if cells.shape[1] < 8:
        return scale
    for _ in range(_ROUNDS):
        sky_mean, away, u, v, weight = cells[:, use]
        # Unknowns: change of the level, and the plane. Cells are as noisy as their residuals show.
        design = np.stack([sky_mean, np.ones_like(u), u, v])
        scatter2 = max(float(np.average(_residual(cells[:, use], scale, first) ** 2, weights=weight)), 1e-30)
        normal = (design * weight) @ design.T / weight.mean() / scatter2
        normal[1, 1] += 1.0 / (_CONSTANT * first.level) ** 2
        right = (design * weight) @ away / weight.mean() / scatter2
        change = np.linalg.solve(normal, right)
        scale = SkyScale(first.level + change[0], *map(float, change[1:]))
        residual = _residual(cells, scale, first)
        sigma = 1.4826 * float(np.median(np.abs(residual[use] - np.median(residual[use]))))
        use = np.abs(residual) <= max(_CLIP * sigma, 1e-6 * first.level)
        if use.sum() < 8:
            return first
    return scale


def _residual(cells: Float, scale: SkyScale, first: SkyScale) -> Float:
    sky, away, u, v, _ = cells
    fitted = (scale.level - first.level) * sky + scale.constant + scale.along * u + scale.down * v
    return np.asarray(away - fitted)


def _cell_means(values: Float32, mask: Mask, sky: Float32, first: SkyScale) -> Float:
    """Means of the cells with pixels, shape (5, n): sky, frame less level times sky, u, v, pixels used."""
    ny, nx = values.shape
    side = max(min(ny, nx) // _CELLS, 4)
    step = max(side // _TAKEN, 1)
    side -= side % step
    part = np.s_[: ny // side * side : step, : nx // side * side : step]
    level = np.asarray(sky[part], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        away = values[part] - first.level * level
        good = (mask[part] == 0) & np.isfinite(away)
        sigma = masked_median(away.astype(np.float32), ~good)
        # What stars are left, and what hits.
        good &= np.abs(away - sigma.level) <= 4.0 * sigma.sigma
    rows, columns = np.arange(0, ny // side * side, step), np.arange(0, nx // side * side, step)
    places = np.broadcast_arrays(
        2.0 * columns / max(nx - 1, 1) - 1.0, 2.0 * rows[:, None] / max(ny - 1, 1) - 1.0
    )
    count = _sums(good.astype(np.float64), side // step)
    sums = [_sums(np.where(good, plane, 0.0), side // step) for plane in (level, away, *places)]
    known = count > 0
    return np.stack([total[known] / count[known] for total in sums] + [count[known]])


def _sums(plane: Float, side: int) -> Float:
    ny, nx = plane.shape
    return np.asarray(plane.reshape(ny // side, side, nx // side, side).sum(axis=(1, 3)))
