"""What varies over a chip: residuals of the positions before and after the fit, shape of the stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH
from photomitrus_cli.imaging.plateterms import plane_pixels
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.detect import Sources
from photomitrus_cli.prime.framematch import Reference, catalogue_pairs_of

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Stars that an area should have in each frame, and needs in all; areas along a side.
_PER_AREA, _FEWEST, _MOST_AREAS = 6, 3, 16
# Fainter stars have no shape to speak of.
_SHAPE_SNR = 20.0
# Error of a position that brightness does not reduce, arcsec.
_FLOOR = 0.01


@dataclass(frozen=True, eq=False)
class Residuals:
    """Catalogue less frame for all pairs of stars of all frames.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions on the chip.
    before, after : ndarray of float64, shape (2, n)
        Along columns and rows, arcsec: of the first geometry, less the shift of its frame, and of the fitted
        one.
    weight : ndarray of float64, shape (n,)
        1 / error^2 of both positions, arcsec^-2.
    shifts : ndarray of float64, shape (frames,)
        How long the shifts are that were taken off, arcsec.
    """

    x: Float
    y: Float
    before: Float
    after: Float
    weight: Float
    shifts: Float

    def areas(self, chip: tuple[int, int]) -> Areas:
        """Divide a chip of (ny, nx) pixels into areas with some stars each."""
        return make_areas(self.x, self.y, chip, max(self.shifts.size, 1))


def position_residuals(
    sources: Sequence[Sources], starts: Sequence[TanSip], wcs: Sequence[TanSip], reference: Reference
) -> Residuals:
    """Compare all stars of frames with a catalogue.

    Parameters
    ----------
    sources : sequence of Sources
        Of each frame.
    starts, wcs : sequence of TanSip
        First and fitted geometries.
    reference : Reference

    Returns
    -------
    Residuals
    """
    vectors, known = directions_of(reference.ra, reference.dec), np.asarray(reference.err, np.float64)
    none = np.zeros((2, 0))
    places, before, after, errors, shifts = [none], [none], [none], [none], []
    for stars, start, fitted in zip(sources, starts, wcs, strict=True):
        rows, refs = catalogue_pairs_of(fitted, stars, vectors)
        if not rows.size:
            continue
        own = stars.x[rows], stars.y[rows]
        first, last = (_missed(one, own, vectors[:, refs]) for one in (start, fitted))
        shift = np.median(first, axis=1)
        shifts.append(float(np.hypot(*shift)))
        places.append(np.stack(own))
        before.append(first - shift[:, None])
        after.append(last)
        errors.append(np.stack([pixel_arcsec(fitted) * stars.x_err[rows], known[refs]]))
    x, y = np.concatenate(places, axis=1)
    variance = np.square(np.concatenate(errors, axis=1)).sum(axis=0) + _FLOOR**2
    return Residuals(
        x,
        y,
        np.concatenate(before, axis=1),
        np.concatenate(after, axis=1),
        1.0 / variance,
        np.array(shifts, np.float64),
    )


def _missed(wcs: TanSip, places: tuple[Float, Float], vectors: Float) -> Float:
    """Catalogue less frame along columns and rows, arcsec, shape (2, n)."""
    return pixel_arcsec(wcs) * (plane_pixels(wcs, vectors) - plane_pixels(wcs, wcs.directions(*places)))


def pixel_arcsec(wcs: TanSip) -> float:
    """Side of a pixel, arcsec."""
    return 3600.0 * float(np.sqrt(abs(np.linalg.det(wcs.cd))))


@dataclass(frozen=True, eq=False)
class Shapes:
    """Bright stars of all frames.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions on the chip.
    fwhm : ndarray of float64, shape (n,)
        Arcsec, in the seeing of the median frame.
    ellipticity : ndarray of float64, shape (n,)
    frames : int
    """

    x: Float
    y: Float
    fwhm: Float
    ellipticity: Float
    frames: int

    def areas(self, chip: tuple[int, int]) -> Areas:
        """Divide a chip of (ny, nx) pixels into areas with some stars each."""
        return make_areas(self.x, self.y, chip, max(self.frames, 1))


def star_shapes(sources: Sequence[Sources], wcs: Sequence[TanSip]) -> Shapes:
    """Collect widths and ellipticities of the bright stars of frames.

    Parameters
    ----------
    sources : sequence of Sources
        Of each frame.
    wcs : sequence of TanSip
        For the size of their pixels.

    Returns
    -------
    Shapes
        Widths are over the seeing of their frame and times its median, so that only their place matters.
    """
    # Flag 1: divided from a neighbour. Others tell of bad pixels far out, which many stars have.
    chosen = [one.chosen((one.snr >= _SHAPE_SNR) & (one.flags & 1 == 0)) for one in sources]
    arcsec = [pixel_arcsec(one) for one in wcs]
    seeing = np.array([one.seeing for one in sources]) * arcsec
    known = np.isfinite(seeing)
    typical = float(np.median(seeing[known])) if known.any() else np.nan
    widths = [
        one.fwhm * size * typical / own
        for one, size, own in zip(chosen, arcsec, seeing.tolist(), strict=True)
    ]
    columns = [[getattr(one, name) for one in chosen] for name in ("x", "y", "ellipticity")]
    x, y, fwhm, ellipticity = (
        np.concatenate([np.zeros(0), *parts]) for parts in (*columns[:2], widths, columns[2])
    )
    return Shapes(x, y, fwhm, ellipticity, len(sources))


@dataclass(frozen=True, eq=False)
class Areas:
    """Equal areas of a chip, and which star is in which.

    Attributes
    ----------
    shape : tuple of int
        Areas along y and along x.
    chip : tuple of int
        (ny, nx) of the chip, pixels.
    groups : list of ndarray of int64
        Rows of the stars of each area, row by row.
    """

    shape: tuple[int, int]
    chip: tuple[int, int]
    groups: list[Index]

    @property
    def counts(self) -> Index:
        """Stars of each area, shape `shape`."""
        return np.array([rows.size for rows in self.groups], np.int64).reshape(self.shape)

    @property
    def centres(self) -> tuple[Float, Float]:
        """0-based pixel positions (x, y) of the middles of the areas, each of shape `shape`."""
        y, x = ((np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(self.shape, self.chip, strict=True))
        columns, rows = np.meshgrid(x, y)
        return columns, rows

    def medians(self, values: Float, weight: Float | None = None) -> Float:
        """Give the (weighted) median of each area, shape `shape`; NaN where there are fewer than 3 stars."""
        weight = np.ones(values.size) if weight is None else weight
        found = [
            weighted_median(values[rows], weight[rows]) if rows.size >= _FEWEST else np.nan
            for rows in self.groups
        ]
        return np.array(found, np.float64).reshape(self.shape)

    def scatters(self, vectors: Float, weight: Float) -> Float:
        """Give the `scatter` of vectors of shape (2, n) in each area, shape `shape`, NaN as `medians`."""
        found = [
            scatter(vectors[:, rows], weight[rows]) if rows.size >= _FEWEST else np.nan
            for rows in self.groups
        ]
        return np.array(found, np.float64).reshape(self.shape)


def weighted_median(values: Float, weight: Float) -> float:
    """Give the value that has half of the weight on each side; the usual median for equal weights.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        At least one.
    weight : ndarray of float64, shape (n,)
        Positive.

    Returns
    -------
    float
    """
    order = np.argsort(values, kind="stable")
    until = np.cumsum(weight[order])
    return float(np.interp(0.5 * until[-1], until - 0.5 * weight[order], values[order]))


def scatter(vectors: Float, weight: Float) -> float:
    """Give the robust scatter of one coordinate of vectors about zero.

    Parameters
    ----------
    vectors : ndarray of float64, shape (2, n)
    weight : ndarray of float64, shape (n,)

    Returns
    -------
    float
        From the weighted median of the lengths; NaN without any.
    """
    if not weight.size:
        return float("nan")
    return weighted_median(np.hypot(*vectors), weight) / MEDIAN_LENGTH


def make_areas(x: Float, y: Float, chip: tuple[int, int], frames: int) -> Areas:
    """Divide a chip into areas with some stars each.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions of stars.
    chip : tuple of int
        (ny, nx), pixels.
    frames : int
        In which each star may be: the same star over and over tells little of an area.

    Returns
    -------
    Areas
        16 x 16 at most, 2 x 2 at least.
    """
    side = int(np.clip(np.sqrt(x.size / (_PER_AREA * frames)), 2, _MOST_AREAS))
    shape = (side, side)
    row, column = (
        np.clip((place + 0.5) * side // size, 0, side - 1).astype(np.int64)
        for place, size in zip((y, x), chip, strict=True)
    )
    cell = row * side + column
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(1, side * side))
    return Areas(shape, chip, np.split(order, ends))
