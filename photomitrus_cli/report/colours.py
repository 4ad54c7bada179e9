"""From pixel values to colours: limits, the asinh stretch, colour tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVELS = 255
# Nodes of cividis (Nunez, Anderton & Renslow 2018, PLoS ONE 13, e0199239): safe for the colour-blind, and
# readable when printed in grey.
_CIVIDIS = (
    (0, 34, 78), (0, 46, 106), (26, 56, 111), (50, 67, 109), (67, 78, 108), (82, 89, 109), (97, 101, 111),
    (111, 112, 115), (124, 123, 120), (139, 135, 120), (155, 147, 118), (171, 160, 114), (187, 173, 108),
    (204, 186, 100), (221, 201, 88), (239, 215, 72), (254, 232, 56),
)  # fmt: skip
# Nodes of RdBu turned round (Harrower & Brewer 2003, Cartographic Journal 40, 27): safe for the colour-blind.
_BLUE_RED = (
    (5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240), (247, 247, 247),
    (253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31),
)  # fmt: skip
# More pixels than this say no more about the limits.
_MAX_SAMPLE = 100_000


@dataclass(frozen=True)
class Stretch:
    """From values to the range 0 to 1.

    Attributes
    ----------
    low, high : float
        Values shown as 0 and 1.
    softening : float
        Of the asinh, a share of the range: linear well below it, logarithmic above; 0 is linear throughout.
    """

    low: float
    high: float
    softening: float = 0.0

    def __call__(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the place of each value in the range (asinh stretch: Lupton et al. 2004, PASP 116, 133)."""
        share: NDArray[np.float32] = np.clip(
            (values - np.float32(self.low)) / np.float32(self.high - self.low), 0.0, 1.0
        )
        if self.softening:
            np.arcsinh(share / np.float32(self.softening), out=share)
            share /= np.float32(np.arcsinh(1.0 / self.softening))
        return share

    def share(self, value: float) -> float:
        """Give the place of one value."""
        return float(self(np.array([value], np.float32))[0])

    def value(self, share: float) -> float:
        """Give the value shown at a place in the range."""
        if self.softening:
            share = self.softening * float(np.sinh(share * np.arcsinh(1.0 / self.softening)))
        return self.low + share * (self.high - self.low)


def sky_stretch(image: NDArray[np.floating]) -> Stretch:
    """Choose a stretch from a little below the sky to a bright quantile.

    Parameters
    ----------
    image : ndarray of float, shape (ny, nx)
        NaN where there is no data.

    Returns
    -------
    Stretch
    """
    flat = image.reshape(-1)
    sample = flat[:: -(-flat.size // _MAX_SAMPLE)].astype(np.float64)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return Stretch(0.0, 1.0, 0.1)
    centre = float(np.median(sample))
    sigma = 1.4826 * float(np.median(np.abs(sample - centre))) or max(1e-6, 1e-6 * abs(centre))
    low = centre - 3.0 * sigma
    high = max(float(np.quantile(sample, 0.998)), centre + 20.0 * sigma)
    return Stretch(low, high, min(0.5, 3.0 * sigma / (high - low)))


def grey_table() -> NDArray[np.uint8]:
    """Give 256 colours from white to black, shape (256, 3)."""
    return np.repeat(np.arange(_LEVELS, -1, -1, dtype=np.uint8)[:, None], 3, axis=1)


def count_table() -> NDArray[np.uint8]:
    """Give 256 colours from dark blue to yellow, shape (256, 3)."""
    return _between(_CIVIDIS)


def signed_table() -> NDArray[np.uint8]:
    """Give 256 colours from dark blue over nearly white, in the middle, to dark red, shape (256, 3)."""
    return _between(_BLUE_RED)


def _between(colours: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
    nodes = np.array(colours, dtype=np.float64)
    places = np.linspace(0, len(nodes) - 1, _LEVELS + 1)
    columns = [np.interp(places, np.arange(len(nodes)), nodes[:, band]) for band in range(3)]
    return np.rint(np.stack(columns, axis=1)).astype(np.uint8)


def coloured(image: NDArray[Any], stretch: Stretch, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour an image.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        What is not finite becomes white.
    stretch : Stretch
    table : ndarray of uint8, shape (256, 3)

    Returns
    -------
    ndarray of uint8, shape (ny, nx, 3)
    """
    known = np.isfinite(image)
    levels = stretch(np.where(known, image, stretch.low).astype(np.float32)) * _LEVELS
    colours = table[levels.astype(np.uint8)]
    colours[~known] = 255
    return colours


def round_values(stretch: Stretch, count: int, *, whole: bool = False) -> list[float]:
    """Choose round values to write beside a colour bar, about evenly spaced along it.

    Parameters
    ----------
    stretch : Stretch
    count : int
        About how many.
    whole : bool
        Whole numbers only.

    Returns
    -------
    list of float
        Ascending, within the limits.
    """
    if not stretch.softening:
        return _even_values(stretch, count, whole=whole)
    values: list[float] = []
    for place in range(count + 1):
        value, further = (stretch.value((place + shift) / count) for shift in (0.0, 0.5))
        unit = 10.0 ** np.floor(np.log10(further - value))
        value = float(np.round(value / unit) * unit)
        if stretch.low <= value <= stretch.high and value not in values:
            values.append(value)
    return values


def _even_values(stretch: Stretch, count: int, *, whole: bool) -> list[float]:
    span = stretch.high - stretch.low
    unit = 10.0 ** np.floor(np.log10(span / count))
    step = next(unit * factor for factor in (1, 2, 5, 10) if span / (unit * factor) <= count)
    step = max(1.0, step) if whole else step
    return [place * step for place in range(int(np.ceil(stretch.low / step)), int(stretch.high // step) + 1)]
