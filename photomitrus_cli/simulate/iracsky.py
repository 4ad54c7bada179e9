"""The simulated sky of IRAC: stars by a power law, on a grid or alone, galaxies as mixtures of Gaussians."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import MEAN_PIXEL_ARCSEC, readout
from photomitrus_cli.simulate.sipprojection import tan_deproject
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

_GRID_JITTER_ARCSEC = 3.0
_ARMS = 2  # galaxy components on each side of the centre


@dataclass(frozen=True)
class Sky:
    """Every source of a field.

    Attributes
    ----------
    ra_deg, dec_deg : ndarray, shape (n,)
        ICRS positions.
    flux_ujy : ndarray, shape (n,)
        Flux densities.
    is_star : ndarray of bool, shape (n,)
        Stars first, galaxies after.
    galaxy_xi, galaxy_eta : ndarray, shape (n_galaxies, c)
        Offsets of each galaxy's components from its centre, arcsec east and north.
    galaxy_sigma, galaxy_weight : ndarray, shape (n_galaxies, c)
        Width (arcsec) and share of the flux of the components.
    """

    ra_deg: Floats
    dec_deg: Floats
    flux_ujy: Floats
    is_star: NDArray[np.bool_]
    galaxy_xi: Floats
    galaxy_eta: Floats
    galaxy_sigma: Floats
    galaxy_weight: Floats


def sky_half_width_arcmin(config: IracSimulation) -> float:
    """Half side of the square that holds the sources: the pointings and half the diagonal of an array."""
    diagonal = (
        readout(config.readmode, config.channel).size
        * MEAN_PIXEL_ARCSEC[config.channel]
        / np.sqrt(2.0)
        / 60.0
    )
    return float(0.5 * config.field_size_arcmin + diagonal + 4.0 * config.dither_rms_arcsec / 60.0)


def _power_law(rng: np.random.Generator, count: int, low: float, high: float, slope: float) -> Floats:
    """Fluxes with cumulative counts N(>F) proportional to F**-slope between two limits."""
    share = rng.uniform(size=count)
    top, bottom = low**-slope, high**-slope
    return np.asarray((top - share * (top - bottom)) ** (-1.0 / slope))


def _apart(xi: Floats, eta: Floats, separation: float) -> NDArray[np.bool_]:
    """Keep each point that has no kept point of lower index within a separation."""
    keep = np.ones(len(xi), dtype=bool)
    if separation <= 0.0 or len(xi) < 2:
        return keep
    pairs = cKDTree(np.column_stack([xi, eta])).query_pairs(separation, output_type="ndarray")
    for first, second in pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]:
        if keep[first]:
            keep[second] = False
    return keep


def _star_offsets(config: IracSimulation, rng: np.random.Generator, half: float) -> tuple[Floats, Floats]:
    """Offsets of the stars from the field's centre in arcsec."""
    if config.star_layout == "single":
        return np.zeros(1), np.zeros(1)
    if config.star_layout == "grid":
        count = int(np.floor(half / config.grid_spacing_arcsec))
        axis = np.arange(-count, count + 1) * config.grid_spacing_arcsec
        xi, eta = (item.ravel() for item in np.meshgrid(axis, axis))
        jitter = rng.uniform(-_GRID_JITTER_ARCSEC, _GRID_JITTER_ARCSEC, (2, xi.size))
        return xi + jitter[0], eta + jitter[1]
    count = round(config.star_density_arcmin2 * (2.0 * half / 60.0) ** 2)
    offsets = rng.uniform(-half, half, (2, count))
    keep = _apart(offsets[0], offsets[1], config.min_separation_arcsec)
    return offsets[0, keep], offsets[1, keep]


def _galaxies(
    config: IracSimulation, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Draw fluxes and components (xi, eta, sigma, weight) of the galaxies: a bulge and a line of discs."""
    count = config.n_galaxies
    faint, bright = config.galaxy_flux_ujy
    flux = faint * (bright / faint) ** rng.uniform(size=count)
    size = rng.uniform(*config.galaxy_sigma_arcsec, count)
    angle = rng.uniform(0.0, np.pi, count)
    elongation = rng.uniform(0.3, 1.0, count)
    bulge = rng.uniform(0.2, 0.6, count)
    place = np.arange(-_ARMS, _ARMS + 1)
    distance = size[:, None] * elongation[:, None] * place
    sigma = np.where(place == 0, 0.5 * size[:, None], 0.8 * size[:, None])
    share = np.where(place == 0, 0.0, np.exp(-np.abs(place)))
    weight = np.where(place == 0, bulge[:, None], (1.0 - bulge[:, None]) * share / share.sum())
    return flux, distance * np.sin(angle)[:, None], distance * np.cos(angle)[:, None], sigma, weight


def make_sky(config: IracSimulation) -> Sky:
    """Draw the sources of a field.

    Parameters
    ----------
    config : IracSimulation
        The field; the same seed gives the same sky.

    Returns
    -------
    Sky
        Positions within `sky_half_width_arcmin` of the centre (bright stars and galaxies nearer).
    """
    rng = stream(config.seed, Purpose.STARS)
    half = 60.0 * sky_half_width_arcmin(config)
    inner = 30.0 * config.field_size_arcmin + 60.0
    bright = rng.uniform(-inner, inner, (2, config.n_bright_stars))
    star_xi, star_eta = _star_offsets(config, rng, half)
    faint = config.flux_max_ujy if config.star_layout == "single" else config.flux_min_ujy
    star_flux = _power_law(rng, star_xi.size, faint, config.flux_max_ujy, config.flux_slope)

    rng = stream(config.seed, Purpose.GALAXIES)
    center = rng.uniform(-inner, inner, (2, config.n_galaxies))
    galaxy_flux, *components = _galaxies(config, rng)

    xi = np.concatenate([bright[0], star_xi, center[0]]) / 3600.0
    eta = np.concatenate([bright[1], star_eta, center[1]]) / 3600.0
    ra, dec = tan_deproject(xi, eta, config.center_ra_deg, config.center_dec_deg)
    bright_flux = np.full(config.n_bright_stars, config.bright_flux_ujy)
    flux = np.concatenate([bright_flux, star_flux, galaxy_flux])
    is_star = np.arange(flux.size) < flux.size - config.n_galaxies
    return Sky(ra, dec, flux, is_star, *components)
