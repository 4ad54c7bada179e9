"""Axes of a chart: range, round ticks, labels that show every digit that changes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Room between the data and the frame, a share of the range.
_PAD = 0.05
# Values nearer to each other than this many roundings are the same.
_ROUNDINGS = 100.0
# A number between these without a range of its own is taken for a date: half a day is left on both sides.
_DATES = (1e4, 1e7)
_MOST_STEPS = 2e4
# A logarithmic axis of fewer decades is labelled as a linear one.
_FEW_DECADES = 0.7
_MOST_DECADES_WITH_MINOR = 6
_SLACK = 1e-9


@dataclass(frozen=True)
class Axis:
    """What an axis shows.

    Attributes
    ----------
    label : str
        The quantity.
    unit : str
        Empty for a plain number.
    log : bool
        Logarithmic; values that are not positive are left out.
    low, high : float or None
        Limits; None is chosen from the data.
    """

    label: str = ""
    unit: str = ""
    log: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Scale:
    """From values to places along an axis.

    Attributes
    ----------
    low, high : float
        Values at the two ends.
    log : bool
    """

    low: float
    high: float
    log: bool = False

    def share(self, values: Float) -> Float:
        """Give the place of each value: 0 at the low end, 1 at the high one, beyond them outside.

        Parameters
        ----------
        values : ndarray of float64
            Positive on a logarithmic axis.

        Returns
        -------
        ndarray of float64
        """
        low, high = _forth(np.array([self.low, self.high]), log=self.log)
        return np.asarray((_forth(values, log=self.log) - low) / (high - low))


@dataclass(frozen=True)
class Ticks:
    """Ticks of an axis.

    Attributes
    ----------
    values : tuple of float
        Where they stand.
    labels : tuple of str
    minor : tuple of float
        Where ticks without labels stand.
    shift : str
        What the labels leave out, such as `` - 55000``; to be put behind the axis' label.
    factor : str
        What they are to be multiplied by, such as ``1e-7``.
    """

    values: tuple[float, ...]
    labels: tuple[str, ...]
    minor: tuple[float, ...] = ()
    shift: str = ""
    factor: str = ""

    def title(self, axis: Axis) -> str:
        """Write what stands along the axis.

        Parameters
        ----------
        axis : Axis

        Returns
        -------
        str
            Such as ``MJD - 55000 (d)``.
        """
        behind = " ".join(part for part in (self.factor, axis.unit) if part)
        return axis.label + self.shift + (f" ({behind})" if behind else "")


def shown(values: Float, *, log: bool) -> NDArray[np.bool_]:
    """Tell which values an axis can show.

    Parameters
    ----------
    values : ndarray of float64
    log : bool

    Returns
    -------
    ndarray of bool
        Finite, and positive on a logarithmic axis.
    """
    return np.isfinite(values) & (values > 0) if log else np.isfinite(values)


def fit_scale(axis: Axis, wanted: Iterable[Float]) -> Scale | None:
    """Choose the range of an axis.

    Parameters
    ----------
    axis : Axis
    wanted : iterable of ndarray of float64
        What is to be seen; what the axis cannot show is passed over.

    Returns
    -------
    Scale or None
        The range of the values with some room around, or the limits of the axis where it has them; None when
        there is nothing to show.

    Raises
    ------
    ValueError
        When the limits of the axis make no range.
    """
    given = np.array([limit for limit in (axis.low, axis.high) if limit is not None])
    if not shown(given, log=axis.log).all() or (given.size == 2 and given[0] >= given[1]):
        raise ValueError(f"limits {axis.low} to {axis.high} of the axis {axis.label!r} make no range")
    if given.size == 2:
        return Scale(float(given[0]), float(given[1]), axis.log)
    known = [values[shown(values, log=axis.log)] for values in wanted]
    values = np.concatenate([given, *known])
    if values.size == given.size:
        return None
    low, high = _room_around(_forth(values, log=axis.log), log=axis.log)
    low, high = (10.0**low, 10.0**high) if axis.log else (low, high)
    low, high = low if axis.low is None else axis.low, high if axis.high is None else axis.high
    return Scale(low, high, axis.log)


def whole_scale(axis: Axis) -> Scale:
    """Give the range of an axis that has both limits.

    Parameters
    ----------
    axis : Axis

    Returns
    -------
    Scale

    Raises
    ------
    ValueError
        When the axis lacks a limit, or its limits make no range.
    """
    scale = fit_scale(axis, ())
    if scale is None:
        raise ValueError(f"axis {axis.label!r} lacks a limit")
    return scale


def choose_ticks(scale: Scale, most: int, *, whole: bool = False) -> Ticks:
    """Choose ticks at 1, 2 or 5 times powers of ten.

    Parameters
    ----------
    scale : Scale
    most : int
        How many there is room for.
    whole : bool
        Whole numbers only.

    Returns
    -------
    Ticks
    """
    most = max(1, most)
    if scale.log and log10(scale.high / scale.low) >= _FEW_DECADES:
        return _log_ticks(scale, most)
    return _linear_ticks(scale, most, whole=whole)


def nice_step(span: float, most: int) -> tuple[int, int]:
    """Find the smallest round step that divides a range into few parts.

    Parameters
    ----------
    span : float
        Length of the range, positive.
    most : int
        The most parts.

    Returns
    -------
    mantissa, exponent : int
        The step is mantissa times 10 to the exponent, the mantissa 1, 2 or 5.
    """
    exponent = floor(log10(span / most))
    for mantissa in (1, 2, 5):
        if span / (mantissa * 10.0**exponent) <= most * (1.0 + _SLACK):
            return mantissa, exponent
    return 1, exponent + 1


def _forth(values: Float, *, log: bool) -> Float:
    return np.log10(values) if log else values


def _room_around(values: Float, *, log: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    largest = max(abs(low), abs(high))
    if high - low > _ROUNDINGS * np.spacing(largest):
        room = _PAD * (high - low)
    elif log:
        room = 0.5
    else:
        room = 0.5 if _DATES[0] <= largest < _DATES[1] else _PAD * largest or 1.0
    return low - room, high + room


def _linear_ticks(scale: Scale, most: int, *, whole: bool) -> Ticks:
    mantissa, exponent = nice_step(scale.high - scale.low, most)
    if whole and exponent < 0:
        mantissa, exponent = 1, 0
    step = mantissa * 10.0**exponent
    offset = Decimal(0)
    if max(abs(scale.low), abs(scale.high)) / step > _MOST_STEPS:
        # Four digits stay in the labels; whole offsets read best.
        power = exponent + 3 if not -3 <= exponent + 3 < 0 else 0
        offset = Decimal(floor(scale.low / 10.0**power)).scaleb(power)
    start = float(offset)
    first = ceil((scale.low - start) / step - _SLACK)
    last = floor((scale.high - start) / step + _SLACK)
    numbers = [Decimal(place * mantissa).scaleb(exponent) for place in range(first, last + 1)]
    labels, factor = _labels(numbers, exponent)
    shift = f" {'-' if offset > 0 else '+'} {abs(offset):f}" if offset else ""
    return Ticks(tuple(float(offset + number) for number in numbers), labels, (), shift, factor)


def _labels(numbers: list[Decimal], exponent: int) -> tuple[tuple[str, ...], str]:
    largest = max((abs(number) for number in numbers), default=Decimal(0))
    power = largest.adjusted() if largest else 0
    if power < 6 and (exponent >= -4 or (power >= -1 and exponent >= -7)):
        power = 0
    labels = tuple(f"{_trimmed(number.scaleb(-power), exponent - power):f}" for number in numbers)
    return labels, f"1e{power}" if power else ""


def _trimmed(number: Decimal, exponent: int) -> Decimal:
    """Write as many decimals as the step has."""
    return number.quantize(Decimal(1).scaleb(min(0, exponent)))


def _log_ticks(scale: Scale, most: int) -> Ticks:
    lowest, highest = floor(log10(scale.low)), ceil(log10(scale.high))
    decades = range(lowest, highest + 1)
    every = 1
    found = _inside(scale, decades, (1, 2, 5))
    while len(found) > most:
        found = _inside(scale, [decade for decade in decades if decade % every == 0], (1,))
        every += 1
    minor = _inside(scale, decades, range(1, 10)) if len(decades) <= _MOST_DECADES_WITH_MINOR + 2 else []
    # Where one label needs its power of ten, others do not count zeros either.
    plain = 6 if all(-4 <= number.adjusted() < 6 for number in found) else 3
    labels = tuple(
        f"{number:f}" if -plain < number.adjusted() < plain else f"{number:.0e}".replace("e+", "e")
        for number in found
    )
    return Ticks(tuple(map(float, found)), labels, tuple(map(float, minor)))


def _inside(scale: Scale, decades: Iterable[int], mantissas: Iterable[int]) -> list[Decimal]:
    mantissas = tuple(mantissas)
    numbers = [Decimal(mantissa).scaleb(decade) for decade in decades for mantissa in mantissas]
    slack = 1.0 + _SLACK
    return [number for number in numbers if scale.low / slack <= float(number) <= scale.high * slack]
