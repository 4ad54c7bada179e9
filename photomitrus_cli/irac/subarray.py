"""Subarray exposures: 64 planes of 32 x 32 pixels to one image, or plane by plane.

The archive's own rule was found from real exposures (AOR 46466816, five of them, every pixel). The value is
the mean, the uncertainty the sample standard deviation over sqrt(n), of the finite planes that pass a clip

    |value - median| <= 3 x 1.4826 x median(|value - median|)

repeated with the planes that are left until nothing changes. All 64 planes take part, also the first, and
their mask bits do not matter. One value alone makes no pixel: it is NaN with bit 14. Else the mask holds the
bits of the planes used. `combine_cube` gives the same coverage and mask for all 5120 pixels, the image to
6e-8 and the uncertainty to 8e-8 of their values (the archive's are float32). One detail is a guess within
what the exposures tell: a pixel of which fewer than 6 planes are left is not clipped again; the true bound
may be up to 40.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
CubeRule = Literal["archive", "seed"]

SIGMA_OF_MAD = 1.4826
# imask bit "bad or missing" (comment cards of an archive bimsk header).
MISSING_BIT = 14
# What the median of many values of Gaussian noise is noisier than their mean by.
_MEDIAN_NOISE = float(np.sqrt(np.pi / 2.0))


@dataclass(frozen=True, slots=True)
class CubeRules:
    """How planes are combined.

    Parameters
    ----------
    rule : {'archive', 'seed'}
        Clipped mean as in the archive's sub2d; or the median of the planes from `first` on, of which the
        seed takes 50.
    sigma : float
        Limit of the clip, standard deviations.
    least : int
        A pixel with fewer planes left is not clipped a second time.
    first : int, optional
        Planes before this one are left out; by default none, of the seed's rule 14.
    fatal_bits : int
        Values with any of these mask bits are left out; the archive knows none.
    """

    rule: CubeRule = "archive"
    sigma: float = 3.0
    least: int = 6
    first: int | None = None
    fatal_bits: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be done.

        Raises
        ------
        ConfigError
            If a rule is unknown or a number is out of its range.
        """
        if self.rule not in ("archive", "seed"):
            raise ConfigError(f"subarray: no rule {self.rule!r}", hint="choose archive or seed")
        if not self.sigma > 0.0 or self.least < 2 or (self.first is not None and self.first < 0):
            raise ConfigError("subarray: sigma must be positive, least at least 2, first at least 0")

    @property
    def start(self) -> int:
        """The first plane that is used."""
        if self.first is not None:
            return self.first
        return 14 if self.rule == "seed" else 0


@dataclass(frozen=True, slots=True)
class Combined2d:
    """A subarray exposure as one image.

    Parameters
    ----------
    sci, unc : ndarray of float64, shape (h, w)
        Value and its standard deviation from the scatter of the planes, MJy/sr; NaN where fewer than two
        planes are left.
    propagated : ndarray of float64, shape (h, w)
        Standard deviation from the uncertainties of the planes, MJy/sr; NaN without any.
    mask : ndarray of int16, shape (h, w)
        Bits of the planes used; bit 14 alone where there is no value.
    coverage : ndarray of int16, shape (h, w)
        Number of planes used.
    n_rejected : ndarray of int16, shape (h, w)
        Number of good values that were clipped.
    """

    sci: Float
    unc: Float
    propagated: Float
    mask: NDArray[np.int16]
    coverage: NDArray[np.int16]
    n_rejected: NDArray[np.int16]


class Plane(NamedTuple):
    """One plane of an exposure: its number from 0, and views of the cubes, None where there is none."""

    number: int
    sci: NDArray[Any]
    unc: NDArray[Any] | None
    mask: NDArray[Any] | None


def planes(
    cube: NDArray[Any], unc: NDArray[Any] | None = None, imask: NDArray[Any] | None = None
) -> Iterator[Plane]:
    """Go through the planes of an exposure without copies.

    Parameters
    ----------
    cube, unc, imask : ndarray, shape (n, h, w)
        Image, uncertainty and mask, the last two if any.

    Yields
    ------
    Plane
        In their order.

    Raises
    ------
    InputError
        If the shapes differ or are not of cubes.
    """
    _check(cube, unc, imask)
    for index in range(cube.shape[0]):
        yield Plane(
            index, cube[index], None if unc is None else unc[index], None if imask is None else imask[index]
        )


def combine_cube(
    cube: NDArray[Any],
    unc: NDArray[Any] | None = None,
    imask: NDArray[Any] | None = None,
    rules: CubeRules | None = None,
) -> Combined2d:
    """Combine the planes of a subarray exposure; see the module for the archive's rule.

    Parameters
    ----------
    cube, unc : ndarray of float, shape (n, h, w)
        Planes and their standard deviations, MJy/sr; what is not finite is left out.
    imask : ndarray of int, shape (n, h, w), optional
        Mask bits of the planes.
    rules : CubeRules, optional
        By default those of the archive.

    Returns
    -------
    Combined2d
        With the seed's rule, unc is sqrt(pi / 2) times that of a mean.

    Raises
    ------
    InputError
        If the shapes differ, are not of cubes, or no plane is left to use.
    """
    rules = rules or CubeRules()
    _check(cube, unc, imask)
    if cube.shape[0] <= rules.start:
        raise InputError(f"subarray: {cube.shape[0]} planes, of which the rule leaves out {rules.start}")
    values = np.array(cube[rules.start :], dtype=np.float64)
    masks = None if imask is None else imask[rules.start :]
    good = np.isfinite(values)
    if masks is not None and rules.fatal_bits:
        good &= (masks & rules.fatal_bits) == 0
    values[~good] = 0.0
    kept = good if rules.rule == "seed" else _clip(values, good, rules)
    count = np.count_nonzero(kept, axis=0)
    sci, noise = _median(values, kept) if rules.rule == "seed" else _mean(values, kept)
    empty = count < 2
    sci[empty], noise[empty] = np.nan, np.nan
    coverage = np.where(empty, 0, count)
    return Combined2d(
        sci,
        noise,
        _propagated(unc, kept, rules),
        _mask(masks, kept, empty),
        coverage.astype(np.int16),
        (np.count_nonzero(good, axis=0) - count).astype(np.int16),
    )


def _check(cube: NDArray[Any], unc: NDArray[Any] | None, imask: NDArray[Any] | None) -> None:
    if cube.ndim != 3:
        raise InputError(f"subarray: an image of shape {cube.shape} is no cube of planes")
    for name, other in (("uncertainty", unc), ("mask", imask)):
        if other is not None and other.shape != cube.shape:
            raise InputError(f"subarray: {name} {other.shape} of an image {cube.shape}")


def _clip(values: Float, good: Bool, rules: CubeRules) -> Bool:
    """Clip every pixel about its median until nothing changes."""
    n, shape = values.shape[0], values.shape[1:]
    # Planes of a pixel side by side: sorting is several times faster so. What is kept of sorted values is
    # always one piece of them.
    flat = np.ascontiguousarray(np.where(good, values, np.inf).reshape(n, -1).T)
    flat.sort(axis=1)
    count = np.count_nonzero(good, axis=0).ravel()
    lowest, highest = np.full(count.shape, -np.inf), np.full(count.shape, np.inf)
    active, part = np.flatnonzero(count), flat[count > 0]
    while active.size:
        centre = _middle(part, count[active])[:, None]
        apart = np.abs(part - centre)
        reach = rules.sigma * SIGMA_OF_MAD * _middle(np.sort(apart, axis=1), count[active])[:, None]
        near = apart <= reach
        left = np.count_nonzero(near, axis=1)
        fewer = left < count[active]
        active, part, near, left = active[fewer], part[fewer], near[fewer], left[fewer]
        count[active] = left
        lowest[active] = np.min(part, axis=1, where=near, initial=np.inf)
        highest[active] = np.max(part, axis=1, where=near, initial=-np.inf)
        again = left >= rules.least
        active, part = active[again], np.sort(np.where(near, part, np.inf)[again], axis=1)
    return good & (values >= lowest.reshape(shape)) & (values <= highest.reshape(shape))


def _middle(ordered: Float, count: NDArray[np.intp]) -> Float:
    """Take medians along the last axis of sorted values, of which the first ones count, at least one."""
    rows = np.arange(len(ordered))
    return np.asarray(0.5 * (ordered[rows, (count - 1) // 2] + ordered[rows, count // 2]))


def _mean(values: Float, kept: Bool) -> tuple[Float, Float]:
    count = np.maximum(np.count_nonzero(kept, axis=0), 1)
    mean = (values * kept).sum(axis=0) / count
    apart = (values - mean) * kept
    square = np.einsum("nyx,nyx->yx", apart, apart)
    return mean, np.sqrt(square / (np.maximum(count - 1, 1) * count))


def _median(values: Float, kept: Bool) -> tuple[Float, Float]:
    ordered = np.sort(np.where(kept, values, np.inf).reshape(len(values), -1).T, axis=1)
    count = np.maximum(np.count_nonzero(kept, axis=0).ravel(), 1)
    centre = _middle(ordered, count).reshape(values.shape[1:])
    return centre, _MEDIAN_NOISE * _mean(values, kept)[1]


def _propagated(unc: NDArray[Any] | None, kept: Bool, rules: CubeRules) -> Float:
    count = np.count_nonzero(kept, axis=0)
    if unc is None:
        return np.full(count.shape, np.nan)
    noise = np.asarray(unc[rules.start :], dtype=np.float64)
    total = np.sqrt((np.where(kept, noise, 0.0) ** 2).sum(axis=0))
    factor = _MEDIAN_NOISE if rules.rule == "seed" else 1.0
    return np.where(count < 2, np.nan, factor * total / np.maximum(count, 1))


def _mask(masks: NDArray[Any] | None, kept: Bool, empty: Bool) -> NDArray[np.int16]:
    bits = np.zeros(empty.shape, np.int16)
    if masks is not None:
        bits = np.bitwise_or.reduce(np.where(kept, masks, 0).astype(np.int16), axis=0)
    bits[empty] = 1 << MISSING_BIT
    return bits
