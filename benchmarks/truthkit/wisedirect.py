"""Maps of WISE frames by astropy, healpy and sums in float64 over the pixels that the library uses.

Which pixels are used, with which weights, is taken from the library (`Accepted`, the frame's ``weight``);
where they lie and what they sum up to is not.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import healpy
import numpy as np
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from photomitrus_cli.wise.accepting import Accepted, accept
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.mapsums import Contribution
from truthkit.twinmaps import three_files
from truthkit.wisekit import Made, truth_path

Float = NDArray[np.float64]
Int = NDArray[np.int64]

ASTROPY_NAMES = {"galactic": "galactic", "equatorial": "icrs", "ecliptic": "barycentricmeanecliptic"}


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the used pixels of a frame, or of all frames: arrays of shape (m,).

    Attributes
    ----------
    pixels : ndarray of int64
        Ascending.
    hits : ndarray of int64
    w, wx, wt, wwvv : ndarray of float64
        Sums of the weight w, of w times the value, w times the truth (0 where there is none), and of
        w^2 unc^2.
    """

    pixels: Int
    hits: Int
    w: Float
    wx: Float
    wt: Float
    wwvv: Float

    @property
    def value(self) -> Float:
        """Weighted mean of the values, DN."""
        return self.wx / self.w

    @property
    def truth(self) -> Float:
        """Weighted mean of the truth, DN."""
        return self.wt / self.w

    @property
    def sigma(self) -> Float:
        """Standard deviation of the noise of the mean, DN."""
        return np.asarray(np.sqrt(self.wwvv) / self.w)

    def at(self, pixels: Int) -> Sums:
        """Give the rows of some map pixels, all of which must be there."""
        where = np.searchsorted(self.pixels, pixels)
        return Sums(*(getattr(self, one.name)[where] for one in fields(self)))


_OF_WCS = re.compile(
    "NAXIS|WCSAXES|CTYPE|CUNIT|CRVAL|CRPIX|CDELT|CROTA|CD[12]_|PC[12]_|PV[12]_|[AB]P?_|RADE|EQUINOX|L..POLE"
)


def directions(path: Path) -> Float:
    """Give the directions of all pixels of a frame in FK5.

    Parameters
    ----------
    path : Path

    Returns
    -------
    ndarray of float64, shape (3, ny * nx)
        Unit vectors.
    """
    whole = fits.getheader(path)
    # WCS takes cards out of a header one by one, which takes long where there are hundreds.
    header = fits.Header([whole.cards[key] for key in whole if _OF_WCS.match(key)])
    if "RADECSYS" in header:
        header.rename_keyword("RADECSYS", "RADESYS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header)
    y, x = np.indices((header["NAXIS2"], header["NAXIS1"])).reshape(2, -1)
    ra, dec = np.radians(wcs.all_pix2world(x, y, 0))
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def rotation(system: str) -> Float:
    """Give astropy's rotation from FK5 (J2000) into the system of a map, shape (3, 3)."""
    axes = SkyCoord(*np.eye(3), representation_type="cartesian", frame=FK5(equinox="J2000"))
    turned = axes.transform_to(ASTROPY_NAMES[system]).cartesian
    matrix = np.array([turned.x.value, turned.y.value, turned.z.value])
    return np.asarray(matrix)


Rule = Callable[[FrameRef, Accepted], tuple[NDArray[np.bool_], Float]]


Truth = Callable[[FrameRef], Float | None]


def by_state(chosen: CoaddSettings) -> Rule:
    """Use what the library uses, with equal weights or 1 / unc^2."""

    def rule(_: FrameRef, got: Accepted) -> tuple[NDArray[np.bool_], Float]:
        """Give the pixels used and their weights."""
        used = got.state == 0
        unc = np.where(used, got.unc, 1.0).astype(np.float64)
        return used, unc**-2 if chosen.weights == "pixel" else np.ones(unc.shape)

    return rule


def by_seed(ref: FrameRef, got: Accepted) -> tuple[NDArray[np.bool_], Float]:
    """Use pixels without any bit, NaN or negative value, with weights 1 / unc^2, as WISEmapper does."""
    unc, msk = (fits.getdata(path) for path in three_files(ref.path)[1:])
    used = (msk == 0) & np.isfinite(got.sci) & (got.sci >= 0.0) & np.isfinite(unc)
    used &= np.where(used, unc, 0.0) > 0.0
    return used, np.where(used, unc, 1.0).astype(np.float64) ** -2


def noise_free(ref: FrameRef) -> Float | None:
    """Read the simulator's frame without noise, DN; None where there is none."""
    path = truth_path(ref)
    return fits.getdata(path).astype(np.float64) if path.exists() else None


def direct_frames(
    refs: Sequence[FrameRef],
    many: Sequence[CoaddSettings],
    *,
    rule: Rule | None = None,
    truth: Truth = noise_free,
) -> list[list[Sums]]:
    """Sum up frames directly for several maps that differ in nside and system.

    Parameters
    ----------
    refs : sequence of FrameRef
    many : sequence of CoaddSettings
        What is used is decided with the first ones.
    rule : callable, optional
        Gives used pixels and weights; default those of the library.
    truth : callable
        Gives what is summed up as the truth.

    Returns
    -------
    list of list of Sums
        For each setting one per frame, DN of the frame.
    """
    found: list[list[Sums]] = [[] for _ in many]
    turns = [rotation(one.system) for one in many]
    choose = rule or by_state(many[0])
    for ref in refs:
        got = accept(ref, many[0])
        used, weight = choose(ref, got)
        model = truth(ref)
        known = np.zeros(got.sci.shape) if model is None else model
        here = directions(ref.path)[:, used.ravel()]
        planes = [np.asarray(plane, np.float64)[used] for plane in (got.sci, known, got.unc, weight)]
        for own, one, turn in zip(found, many, turns, strict=True):
            own.append(_sums(healpy.vec2pix(one.nside, *(turn @ here)), *planes))
    return found


def _sums(index: Int, sci: Float, truth: Float, unc: Float, weight: Float) -> Sums:
    pixels, at = np.unique(index, return_inverse=True)
    w, wx, wt, wwvv = (
        np.bincount(at, weights=values).astype(np.float64)
        for values in (weight, weight * sci, weight * truth, (weight * unc) ** 2)
    )
    return Sums(pixels, np.bincount(at).astype(np.int64), w, wx, wt, wwvv)


def add_up(frames: Sequence[Sums], made: Made) -> Sums:
    """Add the sums of frames with the weights and zero points of a map, and leave out what it leaves out.

    Parameters
    ----------
    frames : sequence of Sums
        One for each of the map's results.
    made : Made

    Returns
    -------
    Sums
        DN at the nominal zero point.
    """
    with_sums = [own for own, one in zip(frames, made.results, strict=True) if one.sums is not None]
    return total([_weighted(own, part) for own, part in zip(with_sums, made.parts, strict=True) if part.used])


def total(frames: Sequence[Sums]) -> Sums:
    """Add the sums of frames as they are."""
    pixels = np.unique(np.concatenate([one.pixels for one in frames]))
    result = Sums(pixels, np.zeros(pixels.size, np.int64), *(np.zeros(pixels.size) for _ in range(4)))
    for one in frames:
        at = np.searchsorted(pixels, one.pixels)
        for name in ("hits", "w", "wx", "wt", "wwvv"):
            getattr(result, name)[at] += getattr(one, name)
    return result


def _weighted(sums: Sums, part: Contribution) -> Sums:
    """Bring a frame to the zero point of the map, without the map pixels in which it was left out."""
    place = np.minimum(np.searchsorted(part.sums.pixels, sums.pixels), part.sums.pixels.size - 1)
    stays = (part.sums.pixels[place] != sums.pixels) | (part.sums.hits[place] > 0)
    weight, scale = part.weight, part.scale
    factors = (weight, weight * scale, weight * scale, (weight * scale) ** 2)
    many = (sums.w, sums.wx, sums.wt, sums.wwvv)
    scaled = (factor * values[stays] for factor, values in zip(factors, many, strict=True))
    return Sums(sums.pixels[stays], sums.hits[stays], *scaled)


@dataclass(frozen=True)
class Agreement:
    """How well a map agrees with the direct one.

    Attributes
    ----------
    pixels : int
        Map pixels with values.
    value, sigma : float
        Largest relative differences where the same number of detector pixels was used.
    borders : int
        Map pixels with another number: a detector pixel lies on their border.
    moved : float
        Part of all detector pixels that are elsewhere in the direct map, at least.
    """

    pixels: int
    value: float
    sigma: float
    borders: int
    moved: float


def agree(pixels: Int, hits: Int, value: Float, sigma: Float, direct: Sums) -> Agreement:
    """Compare a map with the direct one."""
    full = hits > 0
    both, mine, _ = np.intersect1d(pixels[full], direct.pixels, return_indices=True)
    n, rows = hits[full][mine], direct.at(both)
    same = n == rows.hits
    # What is only in one of the maps counts too.
    lost = hits[full].sum() - n.sum() + direct.hits.sum() - rows.hits.sum()
    borders = int(np.count_nonzero(~same)) + int(full.sum()) + direct.pixels.size - 2 * both.size
    moved = 0.5 * (float(np.abs(n - rows.hits).sum()) + float(lost)) / float(direct.hits.sum())
    worst_value, worst_sigma = (
        float(np.max(np.abs(ours[full][mine][same] / theirs[same] - 1.0)))
        for ours, theirs in ((value, rows.value), (sigma, rows.sigma))
    )
    return Agreement(int(full.sum()), worst_value, worst_sigma, borders, moved)


def pulls(made: Made, direct: Sums) -> Float:
    """Give (value - truth) / sigma of the map pixels whose detector pixels are the same in both maps."""
    full = made.map.hits > 0
    both, mine, _ = np.intersect1d(made.map.pixels[full], direct.pixels, return_indices=True)
    rows = direct.at(both)
    same = made.map.hits[full][mine] == rows.hits
    value, sigma = (getattr(made.map, name)[full][mine][same] for name in ("value", "sigma"))
    return np.asarray((value - rows.truth[same]) / sigma)
