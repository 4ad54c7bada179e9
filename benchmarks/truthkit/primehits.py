"""What clipping of stacks of simulated PRIME dithers leaves of hits, and what it takes from stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from truthkit.primemeasure import StarField, frame_shape_of, true_wcs
from truthkit.primeruns import CHIP, Float, Stacked

# In units of the noise of a pixel of the frame, and of the stack.
STRONG, LEFT = 10.0, 3.0
# Pixels of a frame at its edges that its resampled values may be missing near.
_EDGE = 4.0
# Light of a star in a frame over the noise of the sky in an aperture: brighter ones count.
_CORE_SNR = 10.0
_FEWEST, _STAR = 3, 10.0


@dataclass(frozen=True)
class Hits:
    """What hits leave in a stack.

    Attributes
    ----------
    strong : int
        Pixels of frames struck by at least 10 sigma.
    left : int
        Of them, with a pixel of the stack beside that is brighter by more than 3 sigma than in a stack of the
        same frames without hits; where there are three frames or more.
    near_stars : int
        Of these, where the stack without hits is above 10 sigma: in stars.
    worst : float
        The largest of these differences outside of stars, sigma.
    """

    strong: int
    left: int
    near_stars: int
    worst: float


def hits_left(struck: Stacked, clean: Stacked) -> Hits:
    """Compare a stack with one of the same frames without hits, on the same grid.

    Parameters
    ----------
    struck, clean : Stacked

    Returns
    -------
    Hits
    """
    with np.errstate(invalid="ignore"):
        away = np.nan_to_num((struck.sci - clean.sci) / struck.noise)
        star = np.nan_to_num(clean.sci / clean.noise) > _STAR
    # Of two values nobody can tell which one is wrong.
    away[np.minimum(struck.coverage, clean.coverage) < _FEWEST] = 0.0
    near, in_star = maximum_filter(away, 3), maximum_filter(star, 5)
    y, x = _struck(struck, StarField(struck))
    left, starry = near[y, x], in_star[y, x]
    much = left > LEFT
    return Hits(
        left.size,
        int(np.count_nonzero(much)),
        int(np.count_nonzero(much & starry)),
        float(left[~starry].max(initial=0.0)),
    )


def _struck(stacked: Stacked, field: StarField) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give rows and columns of the stack that strong hits on its frames fall on."""
    ny, nx = stacked.sci.shape
    found = [np.empty((2, 0), np.int64)]
    with fits.open(stacked.folder / "truth" / "truth_hits.fits") as hdus:
        table = hdus[1].data
        serials = np.char.zfill(np.char.strip(table["serial"]), 8)
        for serial in stacked.used:
            own = (table["chip"] == CHIP) & (serials == serial)
            own &= table["adu"] >= STRONG * float(field.frames[serial]["sigma"])
            sky = true_wcs(stacked, serial).pixel_to_sky(table["x"][own], table["y"][own])
            x, y = (np.rint(v).astype(np.int64) for v in stacked.wcs.all_world2pix(*sky, 0))
            on = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
            found.append(np.stack([y[on], x[on]]))
    y, x = np.concatenate(found, axis=1)
    return y, x


@dataclass(frozen=True)
class Cores:
    """What is missing in the cores of stars, where nothing was to be left out.

    Attributes
    ----------
    stars : int
    lost, blank : float
        Parts of the values missing in the central pixels of stars, and in blank ones.
    worst : int
        The most values missing at a star.
    """

    stars: int
    lost: float
    blank: float
    worst: int


def cores_clipped(spotless: Stacked) -> Cores:
    """Count the values of a stack of frames without accidents that were clipped.

    Parameters
    ----------
    spotless : Stacked

    Returns
    -------
    Cores
    """
    field = StarField(spotless)
    inside = field.inside(field.seeing)
    noise = float(np.median(spotless.inputs["rms"])) * np.sqrt(np.pi) * 1.5 * field.seeing
    bright = inside & (field.flux * field.light > _CORE_SNR * noise)
    x, y = np.rint(field.x[bright]).astype(int), np.rint(field.y[bright]).astype(int)
    expected, sure = _frames_at(spotless, field.ra[bright], field.dec[bright])
    expected, missing = expected[sure], (expected - spotless.coverage[y, x])[sure]
    blank_y, blank_x = np.nonzero(field.blank)
    pick = np.random.default_rng(3).integers(0, blank_y.size, 20_000)
    blank_x, blank_y = blank_x[pick], blank_y[pick]
    ra, dec = spotless.wcs.all_pix2world(blank_x, blank_y, 0)
    there, sure = _frames_at(spotless, ra, dec)
    blank = (there - spotless.coverage[blank_y, blank_x])[sure].sum() / there[sure].sum()
    return Cores(missing.size, float(missing.sum() / expected.sum()), float(blank), int(missing.max()))


def _frames_at(stacked: Stacked, ra: Float, dec: Float) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Count the frames that see places, and tell where it is sure: not near an edge of one."""
    count, sure = np.zeros(ra.size, np.int64), np.ones(ra.size, np.bool_)
    shape = frame_shape_of(stacked)
    for serial in stacked.used:
        x, y = true_wcs(stacked, serial).sky_to_pixel(ra, dec)
        with np.errstate(invalid="ignore"):
            depth = np.minimum(np.minimum(x, shape[1] - 1 - x), np.minimum(y, shape[0] - 1 - y))
            count += depth > 0.0
            sure &= ~(np.abs(depth) < _EDGE)
    return count, sure


def pulls_at_hits(stacked: Stacked) -> Float:
    """Give what is left of strong hits on blank sky, where there are three frames or more.

    Parameters
    ----------
    stacked : Stacked

    Returns
    -------
    ndarray of float64, shape (n,)
        Of the pixel of the stack at each, sigma.
    """
    field = StarField(stacked)
    clear = field.blank & (stacked.coverage >= _FEWEST)
    y, x = _struck(stacked, field)
    own = clear[y, x]
    return np.asarray((stacked.sci / stacked.noise)[y[own], x[own]], np.float64)
