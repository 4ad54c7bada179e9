"""Detections of stars on dithered frames of a distorted camera, with everything known.

The distortions are evaluated here on their own: the quartic TPV of the PRIME templates, and a cubic about the
axis of the mosaic. Nothing is shared with what fits them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Family = Literal["tpv", "radial"]

SCALE = 0.497  # arcsec a pixel
SIZE = 4088
AXIS = (150.0, -30.0)
# Chip 2 at the default rotator: separation (deg) and position angle from the axis; angles (deg) and scales
# (arcsec a pixel) of CD; quartic terms.
SEP, THETA, ANGLES, SCALES = 0.44386, 45.738, (-46.815, -47.119), (0.49697, -0.49708)
QUARTIC_X = (0.0085, -0.0838, 0.0175, -0.0836, 0.0008)
QUARTIC_Y = (-0.1009, 0.0037, -0.2314, 0.0184, -0.0236)
RADIAL = 0.0096  # deg / deg^3: 9.6 arcsec from its own linear part at the outer corner


@dataclass(frozen=True)
class Camera:
    """One chip of the mosaic.

    Attributes
    ----------
    family : str
        Of the distortion.
    rotation : float
        Of the rotator, degrees.
    binning : int
        Pixels are this many times as large, the field is the same.
    """

    family: Family = "tpv"
    rotation: float = 48.0
    binning: int = 1

    @property
    def size(self) -> int:
        """Pixels along a side."""
        return SIZE // self.binning

    @property
    def cd(self) -> Float:
        """Linear part at the centre of the chip, degrees a pixel."""
        px, py = np.radians(self.rotation + np.array(ANGLES))
        sx, sy = np.array(SCALES) * self.binning / 3600.0
        return np.array([[-sx * np.cos(px), sy * np.sin(py)], [sx * np.sin(px), sy * np.cos(py)]])

    def centre(self, pointing: tuple[float, float]) -> tuple[float, float]:
        """Give the sky position (deg) of the middle of the chip for a pointing of the axis."""
        angle = np.radians(THETA - 48.0 + self.rotation)
        xi, eta = np.tan(np.radians(SEP)) * np.array([np.sin(angle), np.cos(angle)])
        ra, dec = deproject(np.degrees(xi), np.degrees(eta), pointing)
        return float(ra), float(dec)

    def sky(self, x: Float, y: Float, pointing: tuple[float, float]) -> tuple[Float, Float]:
        """Give the true sky positions (deg) of 0-based frame positions."""
        middle = 0.5 * (self.size - 1)
        offset = np.stack([np.asarray(x) - middle, np.asarray(y) - middle]).astype(np.float64)
        xi, eta = np.tensordot(self.cd, offset, 1)
        if self.family == "tpv":
            terms = range(5)
            dx = sum(c * xi ** (4 - n) * eta**n for n, c in zip(terms, QUARTIC_X, strict=True))
            dy = sum(c * eta ** (4 - n) * xi**n for n, c in zip(terms, QUARTIC_Y, strict=True))
            return deproject(xi + dx, eta + dy, self.centre(pointing))
        angle = np.radians(THETA - 48.0 + self.rotation)
        reach = SEP
        for _ in range(30):
            reach = SEP / (1.0 + RADIAL * reach**2)
        c = reach * np.array([np.sin(angle), np.cos(angle)])
        slope = (1.0 + RADIAL * c @ c) * np.eye(2) + 2.0 * RADIAL * np.outer(c, c)
        a, b = np.tensordot(np.linalg.inv(slope), np.stack([xi, eta]), 1)
        a, b = a + c[0], b + c[1]
        grow = 1.0 + RADIAL * (a * a + b * b)
        return deproject(a * grow, b * grow, pointing)

    def pixels(self, ra: Float, dec: Float, pointing: tuple[float, float]) -> tuple[Float, Float]:
        """Give the 0-based frame positions of sky positions (deg), by iteration."""
        middle = 0.5 * (self.size - 1)
        x, y = np.full(np.shape(ra), middle), np.full(np.shape(ra), middle)
        inverse, at = np.linalg.inv(self.cd), self.centre(pointing)
        goal = project(ra, dec, at)
        for _ in range(12):
            step = np.tensordot(inverse, goal - project(*self.sky(x, y, pointing), at), 1)
            # Far outside the frame the polynomial means nothing.
            x = np.clip(x + step[0], -self.size, 2 * self.size)
            y = np.clip(y + step[1], -self.size, 2 * self.size)
        return x, y


def deproject(xi: ArrayLike, eta: ArrayLike, at: tuple[float, float]) -> tuple[Float, Float]:
    """Turn tangent plane positions (deg) about a point into sky positions (deg)."""
    x, y = np.radians(xi), np.radians(eta)
    a, d = np.radians(at)
    depth = np.cos(d) - y * np.sin(d)
    ra = a + np.arctan2(x, depth)
    dec = np.arctan2(np.sin(d) + y * np.cos(d), np.hypot(x, depth))
    return np.degrees(ra), np.degrees(dec)


def _pair(values: tuple[Float, Float]) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def project(ra: Float, dec: Float, at: tuple[float, float]) -> Float:
    """Turn sky positions (deg) into tangent plane positions (deg) about a point, shape (2, n)."""
    a, d, (a0, d0) = np.radians(ra), np.radians(dec), np.radians(at)
    depth = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a - a0)
    xi = np.cos(d) * np.sin(a - a0) / depth
    eta = (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a - a0)) / depth
    return np.asarray(np.degrees(np.stack([xi, eta])))


@dataclass(frozen=True)
class Recipe:
    """What is simulated; lengths in arcsec.

    Attributes
    ----------
    camera : Camera
    n_frames, n_stars, n_catalogue : int
        Stars and catalogue entries in the area of one chip.
    catalogue_error, false_entries, missing : float
        Error of a coordinate, arcsec; share of entries that are no stars; share of stars left out.
    false_detections : float
        Share of detections that are no stars.
    pointing_error, jitter, dither : float
        Common to all frames; of one frame (rms); radius.
    rotator_error : float
        Degrees.
    mispointed : int or None
        Frame that points 10' elsewhere.
    """

    camera: Camera = field(default_factory=Camera)
    n_frames: int = 9
    n_stars: int = 2600
    n_catalogue: int = 450
    catalogue_error: float = 0.05
    false_entries: float = 0.05
    missing: float = 0.03
    false_detections: float = 0.2
    pointing_error: float = 25.0
    jitter: float = 0.75
    dither: float = 90.0
    rotator_error: float = 0.0
    mispointed: int | None = None


@dataclass(frozen=True)
class Detections:
    """One frame: positions (px), their errors, brightness, and where it really looks.

    Attributes
    ----------
    x, y, error, flux : ndarray of float64, shape (n,)
    planned, pointing : tuple of float
        Of the axis, degrees: in the header and true.
    """

    x: Float
    y: Float
    error: Float
    flux: Float
    planned: tuple[float, float]
    pointing: tuple[float, float]


@dataclass(frozen=True)
class Scene:
    """Frames and catalogue.

    Attributes
    ----------
    truth, nominal : Camera
        As it is, and as the header has it.
    frames : list of Detections
    ra, dec, mag : ndarray of float64, shape (n,)
        Catalogue.
    """

    truth: Camera
    nominal: Camera
    frames: list[Detections]
    ra: Float
    dec: Float
    mag: Float

    def errors(self, frame: int, ra: Float, dec: Float, x: Float, y: Float) -> Float:
        """Give found less true positions (arcsec; east, north) of frame positions."""
        true_ra, true_dec = self.truth.sky(x, y, self.frames[frame].pointing)
        return np.stack([(ra - true_ra) * np.cos(np.radians(dec)), dec - true_dec]) * 3600.0


def simulate(recipe: Recipe, seed: int) -> Scene:
    """Draw stars, a catalogue and the detections of all frames."""
    rng = np.random.default_rng(seed)
    nominal = recipe.camera
    truth = Camera(nominal.family, nominal.rotation + recipe.rotator_error, nominal.binning)
    width = SIZE * SCALE / 3600.0
    half = 0.5 * width + (recipe.dither + recipe.pointing_error + 900.0) / 3600.0
    share = (2.0 * half / width) ** 2
    n = int(recipe.n_stars * share)
    ra, dec = _spread(rng, half, n, truth)
    depth = 2.5 * np.log10(10.0)  # magnitudes
    mag = 16.0 + np.log10(rng.uniform(10.0 ** (-0.3 * 3.0 * depth), 1.0, n)) / 0.3
    frames = _frames(rng, recipe, truth, (ra, dec, mag))
    bright = np.argsort(mag)[: int(recipe.n_catalogue * share)]
    bright = bright[rng.random(bright.size) > recipe.missing]
    noise = rng.normal(0.0, recipe.catalogue_error / 3600.0, (2, bright.size))
    cat_ra, cat_dec = ra[bright] + noise[0] / np.cos(np.radians(dec[bright])), dec[bright] + noise[1]
    n_false = int(recipe.false_entries * bright.size)
    false = _spread(rng, half, n_false, truth)
    cat_mag = np.concatenate([mag[bright], rng.choice(mag[bright], n_false)])
    return Scene(truth, nominal, frames, np.append(cat_ra, false[0]), np.append(cat_dec, false[1]), cat_mag)


def _spread(rng: np.random.Generator, half: float, n: int, camera: Camera) -> tuple[Float, Float]:
    """Draw sky positions around a chip."""
    xi, eta = rng.uniform(-half, half, (2, n))
    return deproject(xi, eta, camera.centre(AXIS))


def _frames(
    rng: np.random.Generator, recipe: Recipe, truth: Camera, stars: tuple[Float, Float, Float]
) -> list[Detections]:
    """Place the stars in every frame."""
    ra, dec, mag = stars
    turn = rng.uniform(0.0, 2.0 * np.pi)
    error = recipe.pointing_error / 3600.0 * np.array([np.sin(turn), np.cos(turn)])
    # Signal to noise 5 at magnitude 16; the brightest are limited by the floor.
    snr = 5.0 * 10.0 ** (0.4 * (16.0 - mag))
    px = np.hypot(1.2 / snr * 1.0, 0.01)
    frames = []
    for k in range(recipe.n_frames):
        step = rng.uniform(-1.0, 1.0, 2) * recipe.dither / 3600.0
        planned = _pair(deproject(step[0], step[1], AXIS))
        off = error + rng.normal(0.0, recipe.jitter / 3600.0, 2)
        off = off + (np.array([0.12, 0.12]) if k == recipe.mispointed else 0.0)
        pointing = _pair(deproject(step[0] + off[0], step[1] + off[1], AXIS))
        x, y = truth.pixels(ra, dec, pointing)
        inside = (x > 2) & (x < truth.size - 3) & (y > 2) & (y < truth.size - 3)
        x, y, sigma, flux = x[inside], y[inside], px[inside], snr[inside]
        x, y = x + rng.normal(0.0, sigma), y + rng.normal(0.0, sigma)
        m = int(x.size * recipe.false_detections)
        extra = rng.uniform(0.0, truth.size - 1.0, (2, m))
        picked = rng.integers(0, x.size, m)
        x, y = np.append(x, extra[0]), np.append(y, extra[1])
        sigma, flux = np.append(sigma, sigma[picked]), np.append(flux, flux[picked])
        order = np.argsort(-flux * rng.normal(1.0, 0.02, flux.size))
        frames.append(Detections(x[order], y[order], sigma[order], flux[order], planned, pointing))
    return frames
