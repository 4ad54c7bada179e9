"""WCS of test frames: plain, mirrored, SIP and TPV."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

# Distortion of an IRAC channel 1 frame (S18.25 headers), strongest terms.
SIP = {
    "A_ORDER": 3, "A_2_0": -2.3863e-5, "A_1_1": 2.1886e-5, "A_3_0": -1.4172e-7, "A_0_2": 4.0e-7,
    "B_ORDER": 3, "B_0_2": 2.31e-5, "B_1_1": -2.4386e-5, "B_2_0": 1.0e-6, "B_0_3": 1.0e-7,
}  # fmt: skip


def make_header(
    ra: float,
    dec: float,
    *,
    scale: float = 1.2233,
    angle: float = 0.0,
    crpix: tuple[float, float] = (127.0, 127.0),
    mirrored: bool = False,
    distortion: str = "",
) -> fits.Header:
    """Build the WCS cards of a frame.

    Parameters
    ----------
    ra, dec : float
        Reference position, degrees.
    scale : float, optional
        Pixel size, arcsec.
    angle : float, optional
        Position angle of the y axis, degrees.
    crpix : tuple of float, optional
        0-based (x, y) of the reference position.
    mirrored : bool, optional
        East to the right when north is up.
    distortion : {"", "sip", "tpv"}, optional
        Kind of distortion.

    Returns
    -------
    astropy.io.fits.Header
    """
    header = fits.Header()
    cos, sin = np.cos(np.radians(angle)) * scale / 3600.0, np.sin(np.radians(angle)) * scale / 3600.0
    flip = 1.0 if mirrored else -1.0
    cards = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg",
        "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": crpix[0] + 1.0, "CRPIX2": crpix[1] + 1.0,
        "CD1_1": flip * cos, "CD1_2": sin, "CD2_1": -flip * sin, "CD2_2": cos, "RADESYS": "ICRS",
    }  # fmt: skip
    header.update(cards)
    if distortion == "sip":
        header["CTYPE1"], header["CTYPE2"] = "RA---TAN-SIP", "DEC--TAN-SIP"
        header.update(SIP)
    elif distortion == "tpv":
        header["CTYPE1"], header["CTYPE2"] = "RA---TPV", "DEC--TPV"
        for axis in (1, 2):
            # About 8 arcsec at 0.3 degrees from the axis.
            header.update(
                {f"PV{axis}_1": 1.0, f"PV{axis}_7": 0.08, f"PV{axis}_9": 0.08, f"PV{axis}_4": 0.002}
            )
    return header


def make_wcs(ra: float, dec: float, **options: Any) -> WCS:
    """Build the WCS of a frame; parameters of `make_header`.

    Parameters
    ----------
    ra, dec : float
        Reference position, degrees.
    **options
        Passed to `make_header`.

    Returns
    -------
    astropy.wcs.WCS
    """
    return WCS(make_header(ra, dec, **options))
