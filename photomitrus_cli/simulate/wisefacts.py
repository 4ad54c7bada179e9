"""What is known of the WISE instrument: bands, geometry, mask bits, as real Level-1b headers give them.

Distortion: headers of the frameset 00805b089 (2010-01-10), polynomials from degree 0 on; within a degree n
the coefficients run over (p, q) = (n, 0), (n-1, 1) ... (0, n) for ``u**p * v**q``, u and v in native pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from photomitrus_cli.simulate.sipdata import Polynomial, SipTable
from photomitrus_cli.simulate.wisesip import SIP

NATIVE_PX = 1016  # side of a frame in W1 to W3; W4 frames are binned to half of it
ORDER = 4


class Band(NamedTuple):
    """Facts of one band.

    ``wavelength_um`` is the one of the header, ``isophotal_um`` that of the zodiacal light (Wright et al.
    2010), ``pxscal`` are the signed pixel sides in arcsec, ``turn_deg`` the position angle of the second axis
    less that of W1, ``febgain`` and ``debgain`` the gains of the header, ``magzp`` the zero point and its
    error, ``dmax`` the largest distortion in pixels along the two axes.
    """

    wavelength_um: float
    isophotal_um: float
    pxscal: tuple[float, float]
    turn_deg: float
    exptime_s: float
    debgain: float
    febgain: float
    magzp: tuple[float, float]
    dmax: tuple[float, float]
    size_divisor: int = 1


BANDS = {
    1: Band(3.368, 3.3526, (-2.7590922, 2.74106736), 0.0, 7.7, 3.75, 5.74, (20.752, 0.006), (2.075, 1.071)),
    2: Band(
        4.618, 4.6028, (-2.77489548, 2.74053204), 0.2456, 7.7, 4.6, 6.86, (19.596, 0.007), (2.119, 1.073)
    ),
    3: Band(
        12.0, 11.5608, (-2.75848164, 2.75399388), 0.5291, 8.8, 6.83, 12.83, (17.8, 0.012), (2.129, 1.304)
    ),
    4: Band(
        22.0, 22.0883, (-5.5225512, 5.54143716), 0.0158, 8.8, 4.73, 8.86, (12.945, 0.012), (0.911, 0.555), 2
    ),
}

# Mask bits (Explanatory Supplement IV.4.a).
BIT_NOISY_DARK, BIT_NOISY, BIT_DEAD, BIT_LOW, BIT_NONLINEAR = 0, 1, 2, 3, 6
BIT_SATURATED_ANYWHERE, BIT_BROKEN_NOISY = 5, 7
BIT_FIRST_SATURATED = 10  # bits 10 to 18: saturated from sample 1 to 9 on
BIT_SPIKE = 28
N_SAMPLES = 9


def frame_side(band: int, frame_px: int) -> int:
    """Return the side in pixels of a band's frames when those of W1 to W3 have ``frame_px``."""
    return frame_px // BANDS[band].size_divisor


def shrink(polynomial: Polynomial, ratio: float) -> Polynomial:
    """Rescale a distortion polynomial to pixels that are larger.

    Parameters
    ----------
    polynomial : Polynomial
        From degree 0 on, in native pixels.
    ratio : float
        Side of the new pixel over that of the native one.

    Returns
    -------
    Polynomial
        The same distortion of the sky, in the new pixels: ``c * ratio**(degree - 1)``.
    """
    return tuple(
        tuple(value * ratio ** (degree - 1) for value in row) for degree, row in enumerate(polynomial)
    )


def distortion(band: int, ratio: float = 1.0) -> SipTable:
    """Return the distortion of a band for pixels ``ratio`` times the native ones."""
    table = SIP[band]
    if ratio == 1.0:
        return table
    return SipTable(*(shrink(polynomial, ratio) for polynomial in table))
