"""What varies over a chip: residuals of the positions before and after the fit, shape of the stars."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.planepixels import plane_pixels
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framematch import catalogue_pairs_of
from photomitrus_cli.prime.framestars import Reference
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.qaareas import Areas, make_areas
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]

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
