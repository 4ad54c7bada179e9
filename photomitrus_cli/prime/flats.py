"""Master flats made from twilight frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.imaging.skystack import MAX_FRAMES, RowScale, SkyPlanes, combine_rows

Float32 = NDArray[np.float32]

Frame = TypeVar("Frame")

# Pairs whose median is below this part of that of the brightest pair are too much noise.
_FAINTEST = 0.02
# Values worked on at a time.
_BLOCK = 1 << 19
# Median of a sample of every so many pixels along each axis.
_EVERY = 4


def twilight_pairs(frames: Sequence[Frame]) -> list[tuple[Frame, Frame]]:
    """Pair the frames of one twilight: frame i of the first half with frame i of the second.

    The light changes quickly in between, but not the dark, the thermal light or the glow of the amplifiers,
    which their difference is free of. The middle one of an odd number of frames is left out.

    Parameters
    ----------
    frames : sequence
        Of one twilight, in the order of time.

    Returns
    -------
    list of tuple

    Raises
    ------
    NoDataError
        When there are fewer than two frames.
    """
    half = len(frames) // 2
    if not half:
        raise NoDataError(
            f"{len(frames)} twilight frames: a flat needs two or more", hint="check the names and the chip"
        )
    return list(zip(frames[:half], frames[-half:], strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class MasterFlat:
    """A master flat.

    Attributes
    ----------
    values : ndarray of float32, shape (ny, nx)
        About 1; NaN where no pair has a value.
    levels : tuple of float
        Median of each pair's difference, units of the frames; NaN where all is saturated.
    used : tuple of bool
        Which pairs were bright enough.
    """

    values: Float32
    levels: tuple[float, ...]
    used: tuple[bool, ...]


def make_flat(
    pairs: Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]], *, limit: float, invalid: float | None
) -> MasterFlat:
    """Make a master flat from pairs of twilight frames.

    The median over the pairs of their differences, each divided by its own median.

    Parameters
    ----------
    pairs : iterable of tuple of ndarray, shape (ny, nx)
        Frames as delivered, any number type; taken one pair after the other. Their differences are kept, four
        bytes a pixel.
    limit : float
        Value from which on a pixel is saturated.
    invalid : float or None
        Value that stands for none.

    Returns
    -------
    MasterFlat

    Raises
    ------
    InputError
        When shapes differ.
    NoDataError
        When there is no pair, or none with a difference: then the light did not change.
    """
    differences: list[Float32] = []
    levels = []
    for one, two in pairs:
        if one.shape != two.shape or (differences and differences[0].shape != one.shape):
            raise InputError(f"twilight frames of shapes {one.shape} and {two.shape}: must agree")
        away = _light(one, limit, invalid)
        away -= _light(two, limit, invalid)
        seen = away[::_EVERY, ::_EVERY]
        levels.append(float(np.median(seen[np.isfinite(seen)])) if np.isfinite(seen).any() else np.nan)
        differences.append(away)
    sizes = np.abs(np.nan_to_num(levels))
    used = sizes > _FAINTEST * sizes.max(initial=0.0)
    if not used.any():
        raise NoDataError("no pair of twilight frames differs in light", hint="are these twilight frames?")
    chosen = [k for k in range(len(levels)) if used[k]][:MAX_FRAMES]
    values = _median([differences[k] for k in chosen], [levels[k] for k in chosen])
    # Medians of samples were near enough to compare pairs; the flat itself is 1 in the median.
    values /= np.float32(np.nanmedian(values))
    return MasterFlat(values, tuple(levels), tuple(bool(one) for one in used))


def _light(frame: NDArray[np.generic], limit: float, invalid: float | None) -> Float32:
    """Give a frame as numbers of its own, NaN where they mean nothing."""
    values = np.array(frame, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        values[~(values < limit)] = np.nan
    if invalid is not None:
        values[values == np.float32(invalid)] = np.nan
    return values


def _median(frames: list[Float32], levels: list[float]) -> Float32:
    shape = frames[0].shape
    planes = SkyPlanes(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint8))
    used = np.zeros(shape, np.uint8)
    scales = [RowScale(level) for level in levels]
    rows = max(_BLOCK // (len(frames) * shape[1]), 4)
    for first in range(0, shape[0], rows):
        part = np.s_[first : first + rows]
        combine_rows(
            [frame[part] for frame in frames],
            [used[part]] * len(frames),
            scales,
            np.inf,
            planes.rows(first, first + rows),
            median=True,
        )
    return planes.value
