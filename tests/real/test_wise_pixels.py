"""Map pixels of real Level-1b frames, against astropy and healpy for every detector pixel."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import FK5, ICRS, Galactic, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.imaging.healbin import bin_frame
from photomitrus_cli.imaging.healnodes import frame_nodes
from photomitrus_cli.imaging.healpix import rotation_from_fk5
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.wise.framewcs import frame_geometry

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

FRAMES = {"galactic": Galactic(), "equatorial": ICRS()}


def header_of(folder: Path, band: int, crval: tuple[float, float] | None) -> fits.Header:
    header = fits.getheader(folder / "wise-l1b" / "allsky4band" / f"00805b089-w{band}-int-1b.fits")
    if crval:
        header["CRVAL1"], header["CRVAL2"] = crval
    return header


def true_directions(header: fits.Header, system: str) -> np.ndarray:
    renamed = header.copy()
    renamed.rename_keyword("RADECSYS", "RADESYS")
    # The only cards that are not of the standard and that astropy would warn at.
    wcs = WCS(renamed, fix=False)
    y, x = np.mgrid[: header["NAXIS2"], : header["NAXIS1"]]
    ra, dec = wcs.all_pix2world(x.ravel(), y.ravel(), 0)
    sky = SkyCoord(ra * u.deg, dec * u.deg, frame=FK5(equinox="J2000"))
    return np.asarray(sky.transform_to(FRAMES[system]).cartesian.xyz.value)


@pytest.mark.parametrize(
    ("band", "system", "crval"),
    [
        (1, "galactic", None),
        (2, "equatorial", None),
        (3, "equatorial", (90.0, 88.0)),
        (4, "galactic", None),
        (4, "galactic", (192.859, 27.1)),
        (4, "equatorial", (33.0, -41.8)),
    ],
)
def test_every_detector_pixel_falls_where_it_belongs(
    real_data: Path, band: int, system: str, crval: tuple[float, float] | None
) -> None:
    header = header_of(real_data, band, crval)
    geometry = frame_geometry(Cards(Path("frame.fits"), header.tostring()))
    vectors = true_directions(header, system)
    nodes = frame_nodes(geometry.directions, geometry.shape, rotation_from_fk5(system))
    # Every pixel has a value of its own, so that the sums tell which pixels fell where.
    count = vectors.shape[1]
    value = (np.arange(count) % 4093).astype(np.float32).reshape(geometry.shape)
    ones, used = np.ones_like(value), np.zeros(value.shape, np.uint8)
    for nside in (256, 1024, 4096):
        sums = bin_frame(nodes, value, ones, used, nside, level=0.0, per_pixel=False)
        pixels, place = np.unique(healpy.vec2pix(nside, *vectors), return_inverse=True)
        assert np.array_equal(sums.pixels, pixels)
        moved = np.abs(sums.hits - np.bincount(place)).sum() / 2
        assert moved <= 1e-5 * count
        same = sums.hits == np.bincount(place)
        assert np.array_equal(sums.sum_wx[same], np.bincount(place, value.ravel())[same])


def test_the_geometry_is_that_of_astropy(real_data: Path) -> None:
    for band in (1, 2, 3, 4):
        header = header_of(real_data, band, None)
        geometry = frame_geometry(Cards(Path("frame.fits"), header.tostring()))
        renamed = header.copy()
        renamed.rename_keyword("RADECSYS", "RADESYS")
        y, x = np.mgrid[-0.5 : header["NAXIS2"] : 31, -0.5 : header["NAXIS1"] : 31]
        lon, lat = np.radians(WCS(renamed, fix=False).all_pix2world(x, y, 0))
        expected = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        assert np.abs(geometry.directions(x, y) - expected).max() < 5e-13  # 1e-7 arcsec
