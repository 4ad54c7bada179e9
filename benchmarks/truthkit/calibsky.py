"""The calibration benchmark: 120 half orbits with known gains, offsets, sky and errors of the template."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.samples import GALAXY, Samples
from truthkit.calibscans import START, HalfOrbits, PixelFrame, half_orbits, pixel_frame
from truthkit.calibworld import NOISE, OFFSET, OFFSET_SPREAD, draw_sky, drifts, gain_curve

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

COMPONENTS = ("cloud", "band1", "band2", "band3", "ring", "feature")
ERRORS = ("none", "sides", "bands", "sin2beta", "cosine")
WAVELENGTH = 11.5608  # um, isophotal, W3


@dataclass(frozen=True, slots=True)
class Bench:
    """Scans and the truth behind them: value = gain (zodi + sky) + offset + drift + noise.

    Attributes
    ----------
    samples : Samples
        With the plain template.
    error : str
        What is wrong with the template.
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.
    offsets : ndarray of float64, shape (S,)
        Mean over the samples of a scan, DN.
    drift : ndarray of float64, shape (n,)
        Of zero mean over every scan, DN.
    sky : ndarray of float64, shape (P,)
        MJy/sr.
    zodi : ndarray of float64, shape (n,)
        MJy/sr.
    """

    samples: Samples
    error: str
    gains: Floats
    offsets: Floats
    drift: Floats
    sky: Floats
    zodi: Floats

    def template(self) -> Floats:
        """Give the sum of the components of the plain template, MJy/sr, shape (n,)."""
        return np.asarray(self.samples.zodi.sum(axis=0, dtype=np.float64))

    def true_offset(self) -> Floats:
        """Give offset and drift of every sample, DN, shape (n,)."""
        return np.asarray(self.offsets[self.samples.scan_of_sample()] + self.drift)


def kelsall(frame: PixelFrame, seen: HalfOrbits) -> Float32s:
    """Evaluate the Kelsall model with zodipy for samples in the order of time.

    Parameters
    ----------
    frame : PixelFrame
    seen : HalfOrbits

    Returns
    -------
    ndarray of float32, shape (6, n)
        Components in the order of `COMPONENTS`, MJy/sr, at 11.5608 um.
    """
    import astropy.units as u
    import zodipy
    from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
    from astropy.time import Time

    model = zodipy.Model(WAVELENGTH * u.um, name="dirbe", gauss_quad_degree=100)
    found = np.empty((len(COMPONENTS), len(seen.pixel)), np.float32)
    # Ten scans at once bound the memory; no two scans overlap in time.
    for scans in np.array_split(np.arange(len(seen.middle)), max(1, len(seen.middle) // 10)):
        low, high = seen.first[scans[0]], seen.first[scans[-1] + 1]
        where = SkyCoord(
            *frame.vectors[:, seen.pixel[low:high]],
            representation_type="cartesian",
            frame=BarycentricMeanEcliptic,
            obstime=Time(seen.mjd[low:high], format="mjd"),
        )
        found[:, low:high] = model.evaluate(where, return_comps=True).to_value(u.MJy / u.sr)
    return found


def cached_kelsall(frame: PixelFrame, seen: HalfOrbits, cache: Path | None) -> Float32s:
    """Give `kelsall`, from a file of the folder `cache` where there is one for these scans.

    Parameters
    ----------
    frame : PixelFrame
    seen : HalfOrbits
    cache : Path or None
        Folder; None keeps nothing.

    Returns
    -------
    ndarray of float32, shape (6, n)
        MJy/sr.
    """
    if cache is None:
        return kelsall(frame, seen)
    path = cache / f"kelsall-{frame.nside}-{len(seen.middle)}-{seen.middle[0]:.4f}-{len(seen.pixel)}.npy"
    if path.exists():
        return np.asarray(np.load(path), np.float32)
    found = kelsall(frame, seen)
    cache.mkdir(parents=True, exist_ok=True)
    np.save(path, found)
    return found


def true_zodi(zodi: Float32s, side: NDArray[np.int8], latitude: Float32s, error: str) -> Floats:
    """Change a template into the light that the scans see.

    Parameters
    ----------
    zodi : ndarray of float32, shape (6, n)
        Template, MJy/sr.
    side : ndarray of int8, shape (n,)
        Of the Sun, 1 or -1.
    latitude : ndarray of float32, shape (n,)
        Ecliptic, deg.
    error : {'none', 'sides', 'bands', 'sin2beta', 'cosine'}
        Times 1 + 0.015 side; bands times 1.2 and ring times 0.8; times 1 + 0.015 sin(2 latitude); times
        1 + 0.015 side cos(latitude).

    Returns
    -------
    ndarray of float64, shape (n,)
        MJy/sr.

    Raises
    ------
    ValueError
        For another `error`.
    """
    if error not in ERRORS:
        raise ValueError(f"error is one of {', '.join(ERRORS)}, not {error}")
    if error == "bands":
        return np.asarray(np.array([1.0, 1.2, 1.2, 1.2, 0.8, 1.0]) @ zodi)
    total = zodi.sum(axis=0, dtype=np.float64)
    beta = np.radians(latitude.astype(np.float64))
    shape: dict[str, Any] = {"none": 0.0, "sides": side, "sin2beta": np.sin(2.0 * beta)}
    shape["cosine"] = side * np.cos(beta)
    return np.asarray(total * (1.0 + 0.015 * shape[error]))


def lay_out(
    frame: PixelFrame, seen: HalfOrbits, zodi: Float32s, components: tuple[str, ...], cut: float
) -> Samples:
    """Bring scans into the form that the calibration takes, with values of zero.

    Parameters
    ----------
    frame : PixelFrame
    seen : HalfOrbits
    zodi : ndarray of float32, shape (C, n)
        MJy/sr.
    components : tuple of str
    cut : float
        Samples nearer to the Galactic plane are marked GALAXY, deg.

    Returns
    -------
    Samples
    """
    present = np.zeros(12 * frame.nside**2, bool)
    present[seen.pixel] = True
    pixels = np.flatnonzero(present)
    place = np.zeros(len(present), np.int32)
    place[pixels] = np.arange(len(pixels), dtype=np.int32)
    near = np.abs(frame.galactic_latitude) < cut
    n = len(seen.pixel)
    return Samples(
        names=tuple(f"{s // 2:05d}{'ab'[s % 2]}" for s in range(len(seen.middle))),
        first=seen.first,
        nside=frame.nside,
        system="galactic",
        pixels=pixels,
        index=place[seen.pixel],
        value=np.zeros(n),
        sigma=np.full(n, NOISE, np.float32),
        hits=np.full(n, round(1.2e5 * (256 / frame.nside) ** 2), np.int32),
        mjd=seen.mjd,
        excluded=np.where(near[seen.pixel], GALAXY, 0).astype(np.uint8),
        zodi=zodi,
        components=components,
        longitude=frame.longitude[pixels],
        latitude=frame.latitude[pixels],
        galactic_latitude=frame.galactic_latitude[pixels],
        side=seen.side,
        ascending=seen.side < 0,
    )


def observe(
    samples: Samples, seen: HalfOrbits, zodi: Floats, sky: Floats, *, error: str, seed: int, drift: str
) -> Bench:
    """Fill in the values: draw gains, offsets, drifts and noise.

    Parameters
    ----------
    samples : Samples
        Its values are written to.
    seen : HalfOrbits
    zodi : ndarray of float64, shape (n,)
        True, MJy/sr.
    sky : ndarray of float64, shape (P,)
        MJy/sr.
    error : str
        By which `zodi` differs from the template.
    seed : int
    drift : {'rough', 'smooth'}

    Returns
    -------
    Bench
    """
    gains = gain_curve(seen.middle, np.random.default_rng([seed, 3]))
    offsets = np.random.default_rng([seed, 4]).normal(OFFSET, OFFSET_SPREAD, samples.n_scans)
    moved = drifts(seen.angle, seen.first, np.random.default_rng([seed, 5]), drift)
    scan = samples.scan_of_sample()
    value = samples.value
    np.add(zodi, sky[samples.index], out=value)
    value *= gains[scan]
    value += offsets[scan]
    value += moved
    value += NOISE * np.random.default_rng([seed, 6]).normal(size=len(samples))
    return Bench(samples, error, gains, offsets, moved, sky, zodi)


def make(
    seed: int,
    error: str = "none",
    *,
    nside: int = 256,
    n_orbits: int = 60,
    start: float = START,
    drift: str = "rough",
    cut: float = 10.0,
    cache: Path | None = None,
) -> Bench:
    """Make the benchmark.

    Parameters
    ----------
    seed : int
        Of sky, gain, offsets, drifts and noise; what is drawn does not depend on `error`.
    error : {'none', 'sides', 'bands', 'sin2beta', 'cosine'}
        Of the template, see `true_zodi`.
    nside : int
    n_orbits : int
        Of two scans each.
    start : float
        d.
    drift : {'rough', 'smooth'}
        See `calibworld.drifts`.
    cut : float
        Samples nearer to the Galactic plane are marked GALAXY, deg.
    cache : Path, optional
        Folder to keep templates in.

    Returns
    -------
    Bench
    """
    frame = pixel_frame(nside)
    seen = half_orbits(frame, 2 * n_orbits, start)
    samples = lay_out(frame, seen, cached_kelsall(frame, seen, cache), COMPONENTS, cut)
    side = samples.side[samples.scan_of_sample()]
    zodi = true_zodi(samples.zodi, side, samples.latitude[samples.index], error)
    sky = draw_sky(frame.galactic_latitude, samples.pixels, nside, seed)
    return observe(samples, seen, zodi, sky, error=error, seed=seed, drift=drift)
