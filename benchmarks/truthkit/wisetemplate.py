"""The WISE frame that the frames of a test scan are copies of: a real one, or one that is made up."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Template:
    """The frame that all frames of a scan are made of.

    Attributes
    ----------
    sci : ndarray of float32, shape (ny, nx)
        DN.
    header : astropy.io.fits.Header
        With RA---SIN-SIP.
    """

    sci: Float32
    header: fits.Header

    @property
    def sigma(self) -> float:
        """Robust scatter of the pixels, DN."""
        return float(1.4826 * np.nanmedian(np.abs(self.sci - np.nanmedian(self.sci))))


def real_template(path: Path) -> Template:
    """Take a real intensity frame."""
    sci, header = fits.getdata(path, header=True)
    return Template(sci.astype(np.float32), header)


def made_template(side: int = 1016, *, ra: float = 228.5, dec: float = -18.6, seed: int = 0) -> Template:
    """Make up a frame of the field of band 3 on `side` pixels: level, gradient, noise, stars, dead pixels.

    Parameters
    ----------
    side : int
        Pixels. The field stays 46.7 arcmin wide, so that a small frame is a coarse one.
    ra, dec : float
        Centre, degrees.
    seed : int

    Returns
    -------
    Template
        The distortion is that of a frame of 1016 pixels, to second order.
    """
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    sci = 1440.0 + 20.0 * y + 10.0 * x + rng.normal(0.0, 24.0, (side, side))
    for row, col in rng.integers(3, side - 3, (side // 4, 2)):
        sci[row - 1 : row + 2, col - 1 : col + 2] += (
            rng.exponential(3000.0) * np.outer([1, 2, 1], [1, 2, 1]) / 16
        )
    sci[rng.random((side, side)) < 3e-3] = np.nan
    return Template(sci.astype(np.float32), _made_header(side, ra, dec))


def _made_header(side: int, ra: float, dec: float) -> fits.Header:
    scale = 1016.0 / side
    turn = np.radians(15.6)
    cd = 2.7549 / 3600.0 * scale * np.array([[-np.cos(turn), np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    header = fits.Header()
    header.update(
        {
            "BUNIT": "DN",
            "EQUINOX": 2000.0,
            "RADECSYS": "FK5",
            "BAND": 3,
            "CTYPE1": "RA---SIN-SIP",
            "CTYPE2": "DEC--SIN-SIP",
            "CRVAL1": ra,
            "CRVAL2": dec,
            "CRPIX1": (side + 1) / 2,
            "CRPIX2": (side + 1) / 2,
            "A_ORDER": 2,
            "B_ORDER": 2,
            "MAGZP": 17.8,
            "MAGZPUNC": 0.012,
            "EXPTIME": 8.8,
            "MJD_OBS": 55238.15739468,
            "DTANNEAL": 47827.6,
            "MOONSEP": 59.94,
            "GCD2SAA": 8.73,
        }
    )
    for i, j in np.ndindex(2, 2):
        header[f"CD{i + 1}_{j + 1}"] = cd[i, j]
    for name, value in _SIP.items():
        header[name] = value * scale ** (int(name[2]) + int(name[4]) - 1)
    return header


# Of a real frame, band 3, pixels.
_SIP = {
    "A_0_0": 0.7233,
    "A_0_1": -6.466572e-4,
    "A_1_0": -4.30430626e-4,
    "A_2_0": -1.388593e-6,
    "A_1_1": 7.847421e-7,
    "A_0_2": -8.297047e-6,
    "B_0_0": -0.0713918,
    "B_0_1": 6.04905452e-4,
    "B_1_0": -6.843161e-4,
    "B_2_0": 3.837248e-7,
    "B_1_1": -3.525015e-6,
    "B_0_2": 5.307964e-7,
}
