"""The sources of an IRAC field as they fall on a frame, through the response of the array."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import iracartefacts
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import MEAN_PIXEL_ARCSEC, Readout, readout
from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.iracpsf import Blobs, Psf, irac_psf, paint
from photomitrus_cli.simulate.iracpsfmeasures import aperture_fraction
from photomitrus_cli.simulate.iracresponse import array_location, pixel_phase
from photomitrus_cli.simulate.iracsky import Sky
from photomitrus_cli.simulate.sipwcs import SipWcs
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STERADIAN_PER_ARCSEC2 = (np.pi / 180.0 / 3600.0) ** 2
_MARGIN_PX = 40.0  # sources this far off the array still shed light on it


@dataclass(frozen=True)
class FieldModel:
    """What all frames of a field share.

    Attributes
    ----------
    config : IracSimulation
    sky : Sky
    psf : Psf
    bad : iracartefacts.BadPixels
    flux_scale : float
        Light per unit of catalogue flux: 1, or the inverse of the calibration aperture's share of it.
    readout : Readout
        The pixels that are read.
    """

    config: IracSimulation
    sky: Sky
    psf: Psf
    bad: iracartefacts.BadPixels
    flux_scale: float
    readout: Readout


@dataclass(frozen=True)
class Detections:
    """Sources on one frame, all arrays of shape (n,).

    Attributes
    ----------
    source : ndarray of int
        Row of the source in the sky.
    x, y : ndarray
        True 0-based positions, of a subarray exposure the mean of its planes.
    r_al, r_pp : ndarray
        Response factors applied (1 for galaxies), likewise.
    area : ndarray
        Pixel solid angle there, arcsec^2.
    saturated : ndarray of bool
        A pixel of the central 3 x 3 fills the well.
    """

    source: Ints
    x: Floats
    y: Floats
    r_al: Floats
    r_pp: Floats
    area: Floats
    saturated: NDArray[np.bool_]


def field_model(config: IracSimulation, sky: Sky) -> FieldModel:
    """Gather what the frames of a field share.

    Parameters
    ----------
    config : IracSimulation
    sky : Sky

    Returns
    -------
    FieldModel
    """
    rng = stream(config.seed, Purpose.BAD_PIXELS, config.channel)
    area_read = readout(config.readmode, config.channel)
    shape = (area_read.size, area_read.size)
    bad = iracartefacts.bad_pixels(
        rng, shape, config.bad_pixels_nan, config.bad_pixels_hot, config.hot_flagged_fraction
    )
    scale = 1.0
    if config.flux_convention == "aperture":
        scale = 1.0 / aperture_fraction(config.channel, 10.0, 12.0, 20.0)
    return FieldModel(config, sky, irac_psf(config.channel), bad, scale, area_read)


def flux_to_brightness(channel: int) -> float:
    """MJy/sr in one mean pixel per microjansky in it."""
    return 1e-12 / (MEAN_PIXEL_ARCSEC[channel] ** 2 * STERADIAN_PER_ARCSEC2)


def _near(wcs: SipWcs, size: int, ra: Floats, dec: Floats) -> Ints:
    """Rows of the sources on or around the array, by the linear part of the mapping."""
    u, v = wcs.sky_to_linear(ra, dec)
    limit = size / 2 + _MARGIN_PX
    with np.errstate(invalid="ignore"):
        return np.flatnonzero((np.abs(u) < limit) & (np.abs(v) < limit))


def star_blobs(psf: Psf, x: Floats, y: Floats, amplitude: Floats, scale: float = 1.0) -> Blobs:
    """Point sources on an image whose pixels are the native ones divided by ``scale``."""
    shape = (x.size, psf.weight.size)
    sigma_x = np.broadcast_to(psf.sigma_x * scale, shape)
    sigma_y = np.broadcast_to(psf.sigma_y * scale, shape)
    return Blobs(x, y, amplitude, sigma_x, sigma_y, np.broadcast_to(psf.weight, shape))


def galaxy_blobs(
    psf: Psf, x: Floats, y: Floats, amplitude: Floats, sigma_px: Floats, scale: float = 1.0
) -> Blobs:
    """Round Gaussian sources (``sigma_px`` in pixels of the image) seen through the response function."""
    sigma_x = np.hypot(sigma_px[:, None], psf.sigma_x[None, :] * scale)
    sigma_y = np.hypot(sigma_px[:, None], psf.sigma_y[None, :] * scale)
    return Blobs(x, y, amplitude, sigma_x, sigma_y, np.broadcast_to(psf.weight, sigma_x.shape))


def galaxy_parts(sky: Sky, rows: Ints) -> tuple[Floats, Floats, Floats, Floats, Ints]:
    """Components of galaxies: right ascension, declination (deg), flux (uJy), sigma (arcsec), galaxy row."""
    number = rows - int(sky.is_star.sum())
    count = sky.galaxy_xi.shape[1]
    row = np.repeat(rows, count)
    dec = sky.dec_deg[row] + sky.galaxy_eta[number].ravel() / 3600.0
    ra = sky.ra_deg[row] + sky.galaxy_xi[number].ravel() / 3600.0 / np.cos(np.radians(sky.dec_deg[row]))
    flux = sky.flux_ujy[row] * sky.galaxy_weight[number].ravel()
    return ra, dec, flux, sky.galaxy_sigma[number].ravel(), row


def draw_sources(field: FieldModel, plan: FramePlan) -> tuple[Floats, Detections]:
    """Paint all sources of a frame, on a subarray exposure plane by plane where each of them points.

    Parameters
    ----------
    field : FieldModel
    plan : FramePlan

    Returns
    -------
    image : ndarray, shape (ny, nx) or (planes, ny, nx)
        MJy/sr.
    detections : Detections
        With the mean response of the planes; saturation is still unset.
    """
    sky, area_read = field.sky, field.readout
    rows = _near(plan.wcs, area_read.size, sky.ra_deg, sky.dec_deg)
    x, y = plan.wcs.sky_to_pixel(sky.ra_deg[rows], sky.dec_deg[rows])
    galaxies = _Galaxies.on(plan.wcs, sky, rows[~sky.is_star[rows]])
    image = np.zeros((area_read.planes, area_read.size, area_read.size))
    factors = np.ones((area_read.planes, 2, rows.size))
    for plane, (dx, dy) in enumerate(plan.plane_offsets_px):
        factors[plane] = _paint_stars(image[plane], field, rows, x + dx, y + dy)
        galaxies.paint(image[plane], field, dx, dy)
    r_al, r_pp = factors.mean(axis=0)
    middle = 0.5 * (area_read.size - 1)
    inside = (np.abs(x - middle) < middle + 0.5) & (np.abs(y - middle) < middle + 0.5)
    return image.reshape(area_read.shape), Detections(
        source=rows[inside],
        x=x[inside],
        y=y[inside],
        r_al=r_al[inside],
        r_pp=r_pp[inside],
        area=plan.wcs.pixel_area(x, y)[inside],
        saturated=np.zeros(int(inside.sum()), dtype=bool),
    )


def _paint_stars(image: Floats, field: FieldModel, rows: Ints, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Add the stars among the rows; returns the array-location and pixel-phase response of all rows."""
    config, sky = field.config, field.sky
    star = sky.is_star[rows]
    r_al, r_pp = np.ones(rows.size), np.ones(rows.size)
    if config.response:
        first_x, first_y = field.readout.corner
        where = x[star] + first_x, y[star] + first_y
        r_al[star] = array_location(config.mission, config.channel, *where)
        r_pp[star] = pixel_phase(config.mission, config.channel, *where)
    amplitude = sky.flux_ujy[rows] * r_al * r_pp * flux_to_brightness(config.channel) * field.flux_scale
    paint(image, star_blobs(field.psf, x[star], y[star], amplitude[star]))
    return r_al, r_pp


@dataclass(frozen=True)
class _Galaxies:
    """Components of the extended sources on a frame: surface brightness, so the local pixel area counts."""

    x: Floats
    y: Floats
    brightness: Floats
    sigma_px: Floats

    @classmethod
    def on(cls, wcs: SipWcs, sky: Sky, rows: Ints) -> _Galaxies:
        """Project the components of the galaxies in rows."""
        ra, dec, flux, sigma, _ = galaxy_parts(sky, rows)
        x, y = wcs.sky_to_pixel(ra, dec)
        area = wcs.pixel_area(x, y)
        return cls(x, y, flux * 1e-12 / (area * STERADIAN_PER_ARCSEC2), sigma / np.sqrt(area))

    def paint(self, image: Floats, field: FieldModel, dx: float, dy: float) -> None:
        """Add them, displaced by (dx, dy); the response does not touch them."""
        if self.x.size:
            amplitude = self.brightness * field.flux_scale
            paint(image, galaxy_blobs(field.psf, self.x + dx, self.y + dy, amplitude, self.sigma_px))
