"""What stacks of simulated PRIME dithers are worth: geometry, positions, light, noise, depth."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sep
from astropy.io import fits
from astropy.table import Table
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from photomitrus_cli.simulate.primetruth import read_wcs
from photomitrus_cli.simulate.primewcs import PrimeWcs
from truthkit.primeruns import CHIP, Float, Stacked

Bool = NDArray[np.bool_]

# Radius of the aperture in units of SEEING, and the closest that another star of a tenth of the light may be.
APERTURE, ALONE = 1.5, 3.0
_NODES = 33
_MAD = 1.4826
_EMPTY = 20000
_FAINT = 5.0


def spread(values: Float) -> float:
    """Robust standard deviation."""
    return _MAD * float(np.median(np.abs(values - np.median(values)))) if values.size else float("nan")


def length_rms(away: Float) -> float:
    """Root mean square length of vectors, shape (2, ...)."""
    return float(np.sqrt(np.square(away).sum(axis=0).mean()))


@dataclass(frozen=True)
class GeometryErrors:
    """True errors of the geometries of frames, arcsec; lengths of vectors.

    Attributes
    ----------
    rms : float
        Over frames and detector.
    corner : float
        The largest at a corner.
    frames : float
        Root mean square of what frames differ by from their mean error.
    """

    rms: float
    corner: float
    frames: float


def frame_shape_of(stacked: Stacked) -> tuple[int, int]:
    """Give the shape of the frames, (ny, nx)."""
    return next(wcs.shape for wcs in stacked.judged.solution.wcs if wcs is not None)


def true_wcs(stacked: Stacked, serial: str) -> PrimeWcs:
    """Give the true geometry of a frame."""
    return read_wcs(stacked.folder, CHIP, serial)


def geometry_errors(stacked: Stacked) -> GeometryErrors:
    """Hold the geometries that the program has found against the true ones."""
    fields = []
    for serial, wcs in zip(stacked.inputs["serial"], stacked.judged.solution.wcs, strict=True):
        if str(serial) not in stacked.used or wcs is None:
            continue
        ny, nx = wcs.shape
        x, y = np.meshgrid(np.linspace(0, nx - 1, _NODES), np.linspace(0, ny - 1, _NODES))
        true, found = true_wcs(stacked, str(serial)).pixel_to_sky(x, y), wcs.sky(x, y)
        fields.append(_away(found, true))
    errors = np.stack(fields, axis=1)
    corners = errors[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
    own = errors - errors.mean(axis=1, keepdims=True)
    return GeometryErrors(
        length_rms(errors), float(np.sqrt(np.square(corners).sum(axis=0)).max()), length_rms(own)
    )


def _away(found: tuple[Float, Float], true: tuple[Float, Float]) -> Float:
    """Found less true, east and north, arcsec."""
    east = (found[0] - true[0]) * np.cos(np.radians(true[1]))
    return 3600.0 * np.stack([east, found[1] - true[1]])


class StarField:
    """The true stars of a field, seen in a stack.

    Parameters
    ----------
    stacked : Stacked
    """

    def __init__(self, stacked: Stacked) -> None:
        self.stacked = stacked
        truth = stacked.folder / "truth"
        stars = Table.read(truth / "truth_stars.ecsv", format="ascii.ecsv")
        self.zero_point = float(stars.meta["zero_point"])
        self.ra, self.dec, self.mag, self.flux = (
            np.asarray(stars[name], np.float64) for name in ("ra", "dec", "mag", "flux")
        )
        self.x, self.y = (np.asarray(v, np.float64) for v in stacked.wcs.all_world2pix(self.ra, self.dec, 0))
        frames = Table.read(truth / "truth_frames.ecsv", format="ascii.ecsv")
        self.frames = {f"{row['serial']:>08}": row for row in frames[frames["chip"] == CHIP]}
        self.seeing = float(stacked.header["SEEING"]) / self.scale
        # Galaxies, in parts, behind the stars: what is no star for itself is a neighbour of stars.
        with fits.open(truth / "truth_galaxies.fits") as hdus:
            parts = hdus[1].data
            x, y = stacked.wcs.all_world2pix(parts["ra"], parts["dec"], 0)
            width = np.hypot(self.seeing, np.asarray(parts["width"], np.float64) / self.scale)
            self.every = np.stack(
                [
                    np.append(self.x, x),
                    np.append(self.y, y),
                    np.append(self.flux, parts["flux"]),
                    np.append(np.full(self.x.size, self.seeing), width) / 1.3 / 1.06,
                ]
            )

    @cached_property
    def scale(self) -> float:
        """Side of a pixel of the stack, arcsec."""
        return 3600.0 * abs(float(self.stacked.header["CD2_2"]))

    @cached_property
    def light(self) -> float:
        """Light in the stack over truth flux: transparency at scale 1 and the area of pixels."""
        known = [
            float(self.frames[str(row["serial"])]["transparency"]) / float(row["scale"])
            for row in self.stacked.inputs
            if row["status"] == "used"
        ]
        wcs = true_wcs(self.stacked, self.stacked.used[0])
        shape = frame_shape_of(self.stacked)
        step = np.array([0.0, 1.0, 0.0])
        x, y = 0.5 * (shape[1] - 1) + step, 0.5 * (shape[0] - 1) + step[[0, 2, 1]]
        ra, dec = wcs.pixel_to_sky(x, y)
        sides = _away((ra[1:], dec[1:]), (np.full(2, ra[0]), np.full(2, dec[0])))
        area = abs(float(np.linalg.det(sides))) / float(wcs.relative_area(x[:1], y[:1])[0])
        return float(np.median(known)) * area / self.scale**2

    @cached_property
    def zero_point_error(self) -> float:
        """MAGZP less the true one."""
        return float(self.stacked.header["MAGZP"]) - self.zero_point - 2.5 * float(np.log10(self.light))

    @cached_property
    def covered(self) -> Bool:
        """Pixels with all that there is: most frames, nothing saturated."""
        most = int(self.stacked.coverage.max())
        return np.asarray((self.stacked.coverage >= most - 2) & (self.stacked.mask == 0))

    def inside(self, margin: float) -> Bool:
        """Stars that are covered, so many pixels around included."""
        depth = distance_transform_edt(np.pad(self.covered, 1))[1:-1, 1:-1]
        # Single bad pixels do not count: only what is large.
        good, (ny, nx) = depth > margin, depth.shape
        column, row = np.rint(self.x).astype(int), np.rint(self.y).astype(int)
        on = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
        return np.asarray(on & good[np.clip(row, 0, ny - 1), np.clip(column, 0, nx - 1)])

    @cached_property
    def alone(self) -> Bool:
        """Stars without a neighbour that matters: little light of others in their apertures."""
        from scipy.spatial import cKDTree

        x, y, flux, alpha = self.every
        tree = cKDTree(np.stack([x, y], axis=1))
        reach = 12.0 * self.seeing
        alien = np.zeros(self.x.size)
        for k, near in enumerate(tree.query_ball_point(np.stack([self.x, self.y], axis=1), reach)):
            others = np.array([n for n in near if n != k], int)
            gap = np.hypot(x[others] - self.x[k], y[others] - self.y[k])
            alien[k] = np.sum(flux[others] * self._leaked(gap, alpha[others]))
        return alien < 0.003 * self.flux

    def _leaked(self, gap: Float, alpha: Float) -> Float:
        """Upper bound of the part of an object's light in an aperture so far away (Moffat profiles)."""
        radius = APERTURE * self.seeing
        least = np.maximum(gap - 0.5 * radius, 0.0)
        density = 1.8 / (np.pi * alpha**2) * (1.0 + np.square(least / alpha)) ** -2.8
        return np.where(gap < 1.5 * radius, 1.0, np.minimum(density * np.pi * radius**2, 1.0))

    @cached_property
    def photometry(self) -> tuple[Float, Float]:
        """Calibrated magnitude less the true one of every star, and its formal error."""
        sci, var, mask = self._filled
        radius = APERTURE * self.seeing
        flux, _, flag = sep.sum_circle(sci, self.x, self.y, radius, mask=mask, subpix=5)
        square, _, _ = sep.sum_circle(var, self.x, self.y, radius, mask=mask, subpix=5)
        header = self.stacked.header
        with np.errstate(all="ignore"):
            mag = float(header["MAGZP"]) - 2.5 * np.log10(flux * float(header["APFACTOR"]))
            error = 1.0857 * float(header["CORRFAC"]) * np.sqrt(square) / flux
        bad = (flag & (sep.APER_HASMASKED | sep.APER_TRUNC)) != 0
        return np.where(bad, np.nan, mag - self.mag), error

    @cached_property
    def _filled(self) -> tuple[NDArray[np.float32], NDArray[np.float32], Bool]:
        stacked = self.stacked
        mask = ~np.isfinite(stacked.sci) | (stacked.mask != 0)
        zero = np.float32(0.0)
        sci, var = np.where(mask, zero, stacked.sci), np.where(mask, zero, np.square(stacked.noise))
        return np.ascontiguousarray(sci), np.ascontiguousarray(var), np.ascontiguousarray(mask)

    @cached_property
    def blank(self) -> Bool:
        """Pixels where stars and galaxies have less than a tenth of the noise."""
        ny, nx = self.stacked.sci.shape
        x_all, y_all, flux, alpha = self.every
        noise = float(np.nanmedian(self.stacked.noise))
        peak = flux * self.light * 1.8 / (np.pi * alpha**2)
        reach = alpha * np.sqrt(np.maximum((peak / (0.1 * noise)) ** (1 / 2.8) - 1.0, 0.0)) + 1.0
        out = np.asarray(self.covered.copy())
        rows, columns = np.arange(ny), np.arange(nx)
        for x, y, r in zip(x_all, y_all, np.minimum(reach, 60.0 * alpha), strict=True):
            part = np.s_[
                max(int(y - r), 0) : max(int(y + r) + 2, 0), max(int(x - r), 0) : max(int(x + r) + 2, 0)
            ]
            near = np.hypot(rows[part[0], None] - y, columns[None, part[1]] - x) < r
            out[part] &= ~near
        return out

    @cached_property
    def pixel_noise(self) -> float:
        """True scatter of blank pixels over NOISE."""
        with np.errstate(all="ignore"):
            return spread((self.stacked.sci / self.stacked.noise)[self.blank].astype(np.float64))

    @cached_property
    def pixel_level(self) -> float:
        """Median of blank pixels over NOISE."""
        with np.errstate(all="ignore"):
            return float(np.median((self.stacked.sci / self.stacked.noise)[self.blank]))

    def empty_apertures(self, radius: float) -> tuple[Float, Float]:
        """Light and its formal error in apertures on blank sky."""
        sci, var, mask = self._filled
        far = distance_transform_edt(self.blank)
        rng = np.random.default_rng(5)
        rows, columns = np.nonzero(far > radius + 0.7)
        if rows.size == 0:
            return np.empty(0), np.empty(0)
        pick = rng.integers(0, rows.size, _EMPTY)
        x, y = columns[pick].astype(float), rows[pick].astype(float)
        flux, _, _ = sep.sum_circle(sci, x, y, radius, mask=mask, subpix=5)
        square, _, _ = sep.sum_circle(var, x, y, radius, mask=mask, subpix=5)
        return flux, float(self.stacked.header["CORRFAC"]) * np.sqrt(square)

    @cached_property
    def depth_lost(self) -> tuple[float, float]:
        """MAGLIM5 less that of the sum of inverse variances: of frames less sky, and of their photons."""
        header = self.stacked.header
        area = np.pi * (APERTURE * self.seeing) ** 2
        lost = []
        for kind in ("rms", "sigma"):
            weight = 0.0
            for row in self.stacked.inputs:
                if row["status"] != "used":
                    continue
                own = row["rms"] if kind == "rms" else self.frames[str(row["serial"])]["sigma"]
                weight += (float(row["scale"]) / float(own)) ** 2
            best = np.sqrt(area / weight)
            depth = self.zero_point + 2.5 * np.log10(self.light)
            depth -= 2.5 * np.log10(5.0 * best * float(header["APFACTOR"]))
            lost.append(float(header["MAGLIM5"]) - float(depth))
        return lost[0], lost[1]

    @cached_property
    def positions(self) -> tuple[Float, Bool]:
        """Windowed centroid less truth, arcsec east and north, and which stars have one."""
        sci, _, mask = self._filled
        x, y, flag = sep.winpos(sci, self.x, self.y, self.seeing / 2.3548, mask=mask)
        away = np.stack([self.x - x, y - self.y]) * self.scale
        away[:, flag != 0] = np.nan
        return away, np.asarray(np.hypot(*away) < 0.5 * self.seeing * self.scale)

    def offset(self, faintest: float) -> float:
        """Length of the median offset of stars brighter than a magnitude, arcsec."""
        away, there = self.positions
        own = there & self.alone & self.inside(2.0 * self.seeing) & (self.mag < faintest)
        return float(np.hypot(*np.median(away[:, own], axis=1)))
