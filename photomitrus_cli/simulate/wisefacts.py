"""What is known of the WISE instrument: bands, geometry, mask bits, as real Level-1b headers give them.

Distortion: headers of the frameset 00805b089 (2010-01-10), polynomials from degree 0 on; within a degree n
the coefficients run over (p, q) = (n, 0), (n-1, 1) ... (0, n) for ``u**p * v**q``, u and v in native pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from photomitrus_cli.simulate.sipdata import Polynomial, SipTable

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


SIP: dict[int, SipTable] = {
    1: SipTable(
        a=(
            (0.71839149905754,),
            (-0.0007779935189, -0.0001339348),
            (-1.490523e-06, 1.319662e-06, -7.865474e-06),
            (3.075193e-09, -1.774975e-10, 1.40211e-09, -2.197543e-10),
            (1.268865e-12, -4.456145e-13, 1.378454e-12, -4.91699e-13, -1.650831e-13),
        ),
        b=(
            (-0.0800418805839,),
            (-0.000303693199999993, 0.0003859591411),
            (-3.894091e-08, -3.427523e-06, 1.053036e-06),
            (1.011286e-10, -4.203492e-11, -2.803326e-10, -3.251883e-09),
            (8.859376e-13, 8.828245e-13, -2.228216e-13, 8.58959e-13, -2.838759e-13),
        ),
        ap=(
            (-0.71892629905754,),
            (0.0007776814189, 0.0001357412),
            (1.498243e-06, -1.316141e-06, 7.867368e-06),
            (-3.081662e-09, 1.688004e-10, -1.337672e-09, 1.974483e-10),
            (-1.281481e-12, 4.586934e-13, -1.462359e-12, 5.028983e-13, 2.082039e-13),
        ),
        bp=(
            (0.0798161205839,),
            (0.000304400299999993, -0.0003875423411),
            (4.010036e-08, 3.427776e-06, -1.048795e-06),
            (-1.03665e-10, 5.357017e-11, 2.689765e-10, 3.275245e-09),
            (-8.85461e-13, -8.917543e-13, 2.224483e-13, -8.272042e-13, 2.705566e-13),
        ),
    ),
    2: SipTable(
        a=(
            (0.75549509905754,),
            (-0.0004474933189, -0.0001308954),
            (-1.16499e-06, 9.924474e-07, -8.132115e-06),
            (3.199472e-09, -1.234467e-09, 3.316744e-10, -3.395389e-10),
            (1.295599e-12, -6.657977e-13, 1.440712e-12, 6.799057e-14, 3.224128e-13),
        ),
        b=(
            (-0.0945113105839,),
            (-0.000247721499999993, 0.0006192415411),
            (-7.115521e-08, -3.845905e-06, 1.045147e-06),
            (1.836336e-10, 2.605273e-10, -7.88936e-10, -3.798278e-09),
            (4.866445e-13, 1.304809e-12, -1.148863e-13, 8.652999e-13, -2.168492e-13),
        ),
        ap=(
            (-0.75580199905754,),
            (0.0004471121189, 0.0001328432),
            (1.170992e-06, -9.894524e-07, 8.12717e-06),
            (-3.202889e-09, 1.22705e-09, -2.650042e-10, 3.187257e-10),
            (-1.298692e-12, 6.804466e-13, -1.525058e-12, -3.838742e-14, -2.636979e-13),
        ),
        bp=(
            (0.0942656605839,),
            (0.000247989399999993, -0.0006214130411),
            (7.304711e-08, 3.843941e-06, -1.040582e-06),
            (-1.841593e-10, -2.489038e-10, 7.794493e-10, 3.826243e-09),
            (-4.887003e-13, -1.319024e-12, 1.207586e-13, -8.203934e-13, 2.063336e-13),
        ),
    ),
    3: SipTable(
        a=(
            (0.72326219905754,),
            (-0.0004527079189, -0.0006466572),
            (-1.388593e-06, 7.847421e-07, -8.297047e-06),
            (3.057e-09, -8.589188e-10, 2.946478e-10, -1.834331e-10),
            (1.849866e-12, -3.332627e-12, 1.352139e-12, -4.424708e-13, 2.193042e-13),
        ),
        b=(
            (-0.0714310005839,),
            (-0.000684316099999993, 0.0005826283411),
            (3.837248e-07, -3.525015e-06, 5.307964e-07),
            (9.571486e-11, 8.437907e-11, -2.502898e-10, -3.819966e-09),
            (-1.542144e-13, 1.395592e-12, -1.857388e-12, 1.068308e-12, 1.437915e-13),
        ),
        ap=(
            (-0.72363269905754,),
            (0.0004547246189, 0.0006467594),
            (1.396252e-06, -7.707694e-07, 8.294177e-06),
            (-3.076601e-09, 8.571137e-10, -2.332227e-10, 1.810216e-10),
            (-1.862967e-12, 3.32842e-12, -1.42547e-12, 4.60951e-13, -1.654561e-13),
        ),
        bp=(
            (0.0709095305839,),
            (0.000684504599999993, -0.0005813530411),
            (-3.800985e-07, 3.523375e-06, -5.229389e-07),
            (-9.722229e-11, -7.592878e-11, 2.53653e-10, 3.822359e-09),
            (1.521716e-13, -1.404701e-12, 1.853499e-12, -1.026959e-12, -1.443931e-13),
        ),
    ),
    4: SipTable(
        a=(
            (0.46308514952877,),
            (-0.0005970635189, 0.0002332514),
            (-3.61467e-06, 9.011667e-07, -1.70265e-05),
            (1.29418e-08, -2.655488e-09, 2.807784e-09, 1.599944e-10),
            (1.10038e-11, -2.878698e-11, 1.640879e-11, 1.599651e-13, 2.120892e-12),
        ),
        b=(
            (-0.007681776292,),
            (-0.000188295699999993, 0.0005725877411),
            (1.119106e-06, -8.033771e-06, 1.154229e-06),
            (-3.277415e-10, 9.547495e-10, -6.323605e-10, -1.529993e-08),
            (-5.636248e-12, 1.208143e-11, -1.183975e-11, 8.69529e-12, 2.702715e-12),
        ),
        ap=(
            (-0.46339104952877,),
            (0.0006029214189, -0.0002340477),
            (3.635092e-06, -8.980314e-07, 1.702485e-05),
            (-1.322224e-08, 2.679127e-09, -2.50457e-09, -1.873453e-10),
            (-1.112074e-11, 2.879584e-11, -1.715996e-11, -7.356357e-14, -1.697125e-12),
        ),
        bp=(
            (0.007566403292,),
            (0.000188475499999993, -0.0005672365411),
            (-1.117048e-06, 8.032379e-06, -1.148422e-06),
            (3.249408e-10, -9.03746e-10, 6.178992e-10, 1.511057e-08),
            (5.64874e-12, -1.220405e-11, 1.182814e-11, -8.320149e-12, -2.81038e-12),
        ),
    ),
}
