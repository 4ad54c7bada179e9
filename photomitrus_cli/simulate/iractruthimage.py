"""The noise-free sky of a simulated IRAC field, as an image on a grid of its own."""

from __future__ import annotations

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.io.fitswrite import image_hdu
from photomitrus_cli.simulate.iracconfig import IracSimulation
from photomitrus_cli.simulate.iracfacts import MEAN_PIXEL_ARCSEC
from photomitrus_cli.simulate.iracpsf import paint
from photomitrus_cli.simulate.iracscene import (
    FieldModel,
    flux_to_brightness,
    galaxy_blobs,
    galaxy_parts,
    star_blobs,
)
from photomitrus_cli.simulate.iracsky import Sky, sky_half_width_arcmin
from photomitrus_cli.simulate.sipwcs import SipWcs

Floats = NDArray[np.float64]


def _grid(sky_half_arcmin: float, config: IracSimulation) -> tuple[SipWcs, int]:
    half = int(np.ceil(sky_half_arcmin * 60.0 / config.truth_scale_arcsec))
    step = config.truth_scale_arcsec / 3600.0
    center = (config.center_ra_deg, config.center_dec_deg)
    wcs = SipWcs(center, (half + 1.0, half + 1.0), np.array([[-step, 0.0], [0.0, step]]), None)
    return wcs, 2 * half + 1


def _paint_sky(image: Floats, field_: FieldModel, sky: Sky, wcs: SipWcs) -> None:
    config = field_.config
    native = MEAN_PIXEL_ARCSEC[config.channel]
    scale = native / config.truth_scale_arcsec
    per_ujy = flux_to_brightness(config.channel) * field_.flux_scale
    star = sky.is_star
    x, y = wcs.sky_to_pixel(sky.ra_deg[star], sky.dec_deg[star])
    paint(image, star_blobs(field_.psf, x, y, sky.flux_ujy[star] * per_ujy, scale), box=scale)
    rows = np.flatnonzero(~star)
    if rows.size:
        ra, dec, flux, sigma, _ = galaxy_parts(sky, rows)
        x, y = wcs.sky_to_pixel(ra, dec)
        sigma_px = sigma / config.truth_scale_arcsec
        paint(image, galaxy_blobs(field_.psf, x, y, flux * per_ujy, sigma_px, scale), box=scale)


def truth_image(field_: FieldModel) -> fits.HDUList:
    """Return the noise-free sky on its own north-up gnomonic grid.

    Parameters
    ----------
    field_ : FieldModel

    Returns
    -------
    HDUList
        Primary image, MJy/sr: sources only (no zodiacal light, offsets or response), seen through the
        point-response function and a native pixel whose sides run north and east, sampled at pixel centres.
    """
    config = field_.config
    wcs, size = _grid(sky_half_width_arcmin(config), config)
    image = np.zeros((size, size))
    _paint_sky(image, field_, field_.sky, wcs)
    cards = (
        ("CTYPE1", "RA---TAN", "gnomonic"),
        ("CTYPE2", "DEC--TAN", "gnomonic"),
        ("CRVAL1", wcs.crval_deg[0], "[deg] right ascension"),
        ("CRVAL2", wcs.crval_deg[1], "[deg] declination"),
        ("CRPIX1", wcs.crpix[0], "reference pixel"),
        ("CRPIX2", wcs.crpix[1], "reference pixel"),
        ("CD1_1", float(wcs.cd[0, 0]), "[deg/pix]"),
        ("CD1_2", 0.0, "[deg/pix]"),
        ("CD2_1", 0.0, "[deg/pix]"),
        ("CD2_2", float(wcs.cd[1, 1]), "[deg/pix]"),
        ("RADESYS", "ICRS", "reference system"),
        ("CHNLNUM", config.channel, "IRAC channel"),
        ("SEED", config.seed, "seed of the simulation"),
    )
    return fits.HDUList([image_hdu("PRIMARY", image.astype(np.float32), cards, bunit="MJy/sr")])
