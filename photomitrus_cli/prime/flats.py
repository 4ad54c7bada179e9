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
# Why a frame is not used.
_FAINT = "the light of its pair hardly differs"
_EMPTY = "all of its pixels are saturated or invalid"
_PARTNER_EMPTY = "all pixels of its partner are saturated or invalid"
_NOT_TOGETHER = "no pixel has a value both here and in its partner"
_TOO_MANY = f"a flat is made of {MAX_FRAMES} pairs at most, those of the earliest frames"
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
    reasons : tuple of tuple of str
        Of each pair why its frames were not used, for the first and for the second; empty where they were.
    """

    values: Float32
    levels: tuple[float, ...]
    reasons: tuple[tuple[str, str], ...]

    @property
    def used(self) -> tuple[bool, ...]:
        """Which pairs the flat is made of."""
        return tuple(not any(both) for both in self.reasons)


def usable_values(frame: NDArray[np.generic], *, limit: float, invalid: float | None) -> Float32:
    """Give a frame as numbers, NaN where they mean nothing.

    Parameters
    ----------
    frame : ndarray, shape (ny, nx)
        As delivered, any number type; left as it is.
    limit : float
        Value from which on a pixel is saturated.
    invalid : float or None
        Value that stands for none.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
    """
    values = np.array(frame, dtype=np.float32)
    with np.errstate(invalid="ignore"):
        values[~(values < limit)] = np.nan
    if invalid is not None:
        values[values == np.float32(invalid)] = np.nan
    return values


def make_flat(pairs: Iterable[tuple[Float32, Float32]]) -> MasterFlat:
    """Make a master flat from pairs of twilight frames.

    The median over the pairs of their differences, each divided by its own median.

    Parameters
    ----------
    pairs : iterable of tuple of ndarray of float32, shape (ny, nx)
        Frames by `usable_values`, taken one pair after the other. Their differences are kept, four bytes a
        pixel.

    Returns
    -------
    MasterFlat

    Raises
    ------
    InputError
        When shapes differ.
    NoDataError
        When there is no pair, or none with a difference: then the light did not change, or no pixel has a
        value.
    """
    differences: list[Float32] = []
    levels: list[float] = []
    reasons: list[tuple[str, str]] = []
    for one, two in pairs:
        if one.shape != two.shape or (differences and differences[0].shape != one.shape):
            raise InputError(f"twilight frames of shapes {one.shape} and {two.shape}: must agree")
        away = one - two
        seen = away[::_EVERY, ::_EVERY]
        seen = seen[np.isfinite(seen)]
        levels.append(float(np.median(seen)) if seen.size else np.nan)
        reasons.append(("", "") if seen.size else _without_values(one, two))
        differences.append(away)
    chosen = _bright_enough(levels, reasons)
    values = _median([differences[k] for k in chosen], [levels[k] for k in chosen])
    # Medians of samples were near enough to compare pairs; the flat itself is 1 in the median.
    values /= np.float32(np.nanmedian(values))
    return MasterFlat(values, tuple(levels), tuple(reasons))


def _without_values(one: Float32, two: Float32) -> tuple[str, str]:
    """Say of both frames of a pair why their difference has no values."""
    empty = [not np.isfinite(frame).any() for frame in (one, two)]
    if not any(empty):
        return _NOT_TOGETHER, _NOT_TOGETHER
    return _EMPTY if empty[0] else _PARTNER_EMPTY, _EMPTY if empty[1] else _PARTNER_EMPTY


def _bright_enough(levels: Sequence[float], reasons: list[tuple[str, str]]) -> list[int]:
    """Choose pairs by the levels of their differences; say in ``reasons`` why others are not used."""
    sizes = np.abs(np.nan_to_num(levels))
    bright = np.flatnonzero(sizes > _FAINTEST * sizes.max(initial=0.0)).tolist()
    if reasons and all(any(both) for both in reasons):
        raise NoDataError(
            "no pair of twilight frames has values in common",
            hint="all pixels are saturated or invalid: take exposures with less light",
        )
    if not bright:
        raise NoDataError("no pair of twilight frames differs in light", hint="are these twilight frames?")
    chosen = bright[:MAX_FRAMES]
    for k, both in enumerate(reasons):
        if k not in chosen and not any(both):
            reason = _TOO_MANY if k in bright else _FAINT
            reasons[k] = (reason, reason)
    return chosen


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
