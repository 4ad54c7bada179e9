"""HEALPix in the RING scheme: from directions to map pixels and back, and the systems of maps.

Formulas: Gorski et al. 2005, ApJ 622, 759, sections 4 and 5.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Index = NDArray[np.int64]

MAX_NSIDE = 8192
SYSTEMS = ("galactic", "ecliptic", "equatorial")

# Parts of the sphere with charts of their own: the equatorial belt, and quarters 1-4 north, 5-8 south of it.
BELT, NORTH, SOUTH = 0, 1, 5
_BORDER = 2.0 / 3.0
_TURN = 4.0

# From FK5 (J2000) directions to those of a map; a rotation each, as astropy has them (its matrices multiplied
# out in double precision). Galactic: the pole and zero of longitude that Reid & Brunthaler 2004 give for
# J2000. Ecliptic: mean ecliptic and equinox of J2000, obliquity of IAU 2006. Equatorial: ICRS, the rotation
# between Hipparcos and FK5 of Mignard & Froeschle 2000.
_FROM_FK5 = {
    "galactic": (
        (-0.054875539395714525, -0.8734371047274332, -0.4838349917703224),
        (0.49410945362336345, -0.44482959429881663, 0.74698224870205),
        (-0.8676661356858694, -0.1980763896109499, 0.4559837945175692),
    ),
    "ecliptic": (
        (0.9999999999999906, 4.023865539325281e-08, 1.2468018087495808e-07),
        (-8.651314600163712e-08, 0.9174821682916503, 0.3977769109272727),
        (-9.838583464995653e-08, -0.3977769109272802, 0.9174821682916464),
    ),
    "equatorial": (
        (0.9999999999999921, 1.1102233723050035e-07, 4.411803426976326e-08),
        (-1.1102233297408327e-07, 0.9999999999999889, -9.647792751958126e-08),
        (-4.411804498096771e-08, 9.647792246010129e-08, 0.9999999999999943),
    ),
}


def rotation_from_fk5(system: str) -> Float:
    """Give the rotation from FK5 (J2000) to the system of a map.

    Parameters
    ----------
    system : str
        "galactic", "ecliptic" (mean, J2000) or "equatorial" (ICRS).

    Returns
    -------
    ndarray of float64, shape (3, 3)
        A direction v in FK5 is ``rotation @ v`` in the map.

    Raises
    ------
    ValueError
        For another word.
    """
    if system not in _FROM_FK5:
        raise ValueError(f"no system {system!r}; there are {', '.join(SYSTEMS)}")
    return np.array(_FROM_FK5[system])


def ring_pixels(vectors: ArrayLike, nside: int) -> Index:
    """Find the map pixels of directions.

    Parameters
    ----------
    vectors : array_like of float64, shape (3, n)
        Directions of any length above 0, in the system of the map.
    nside : int
        A power of two up to 8192.

    Returns
    -------
    ndarray of int64, shape (n,)
        RING indices.

    Raises
    ------
    ValueError
        For another nside.
    """
    check_nside(nside)
    # A copy, because the kernel is compiled for arrays that may be written to.
    given = np.array(vectors, dtype=np.float64, order="C")
    out = np.empty(given.shape[1], dtype=np.int64)
    _ring_pixels(given, int(nside), out)
    return out


def pixel_directions(pixels: ArrayLike, nside: int) -> Float:
    """Give the directions of the centres of map pixels.

    Parameters
    ----------
    pixels : array_like of int64, shape (n,)
        RING indices.
    nside : int
        A power of two up to 8192.

    Returns
    -------
    ndarray of float64, shape (3, n)
        Unit vectors.

    Raises
    ------
    ValueError
        For another nside, or an index outside of the map.
    """
    check_nside(nside)
    given = np.array(pixels, dtype=np.int64, order="C")
    if given.size and not (given.min() >= 0 and given.max() < 12 * nside * nside):
        raise ValueError(f"map pixels of nside {nside} are from 0 to {12 * nside * nside - 1}")
    out = np.empty((3, given.size))
    _pixel_directions(given, int(nside), out)
    return out


def check_nside(nside: int) -> None:
    """Raise ValueError unless `nside` is a power of two from 1 to 8192."""
    if not 1 <= nside <= MAX_NSIDE or nside & (nside - 1):
        raise ValueError(f"nside is {nside}, not a power of two from 1 to {MAX_NSIDE}")


@kernel
def chart_of(x: float, y: float, z: float, nside: int) -> tuple[int, float, float]:
    """Place a direction on the chart of its part of the sphere, where map pixels are unit squares.

    Parameters
    ----------
    x, y, z : float
        A direction of any length above 0.
    nside : int
        Of the map.

    Returns
    -------
    part : int
        BELT, or NORTH or SOUTH plus the quarter of longitude, 0-3.
    p, q : float
        The numbers of the descending and of the ascending line of pixels that meet there are their whole
        parts: see `ring_of`. In the belt both grow by 4 nside in a turn of longitude.
    """
    across = x * x + y * y
    length = math.sqrt(across + z * z)
    height = z / length
    # At a pole zeros have signs, which mean nothing.
    turn = math.atan2(y, x) * (2.0 / math.pi) if across > 0.0 else 0.0
    if turn < 0.0:
        turn += _TURN
    if abs(height) <= _BORDER:
        middle, shift = nside * (0.5 + turn), nside * height * 0.75
        return BELT, middle - shift, middle + shift
    quarter = min(int(turn), 3)
    # The square root of 3 (1 - |z|) without its loss of digits at the pole.
    reach = nside * math.sqrt(3.0 * across / (1.0 + abs(height))) / length
    p = (turn - quarter) * reach
    return (NORTH if z > 0.0 else SOUTH) + quarter, p, reach - p


@kernel
def ring_of(part: int, p: int, q: int, nside: int) -> int:
    """Give the number of a pixel of a chart.

    Parameters
    ----------
    part, p, q : int
        As from `chart_of`, whole; in the belt also a turn further, up to 8 nside more.
    nside : int
        Of the map.

    Returns
    -------
    int
        RING index.
    """
    ring_length = 4 * nside
    cap = 2 * nside * (nside - 1)
    if part == BELT:
        ring = nside + 1 + p - q
        odd = 1 - (ring & 1)
        place = (p + q - nside + odd + 1 + 2 * ring_length) >> 1
        return cap + (ring - 1) * ring_length + (place & (ring_length - 1))
    ring = p + q + 1
    if part < SOUTH:
        return 2 * ring * (ring - 1) + (part - NORTH) * ring + p
    return 12 * nside * nside - 2 * ring * (ring + 1) + (part - SOUTH) * ring + p


@kernel
def ring_pixel(x: float, y: float, z: float, nside: int) -> int:
    """Find the map pixel of one direction of any length above 0; RING."""
    part, p, q = chart_of(x, y, z, nside)
    return ring_of(part, int(p), int(q), nside)


@kernel
def _ring_pixels(vectors: Float, nside: int, out: Index) -> None:
    for n in range(out.size):
        out[n] = ring_pixel(vectors[0, n], vectors[1, n], vectors[2, n], nside)


@kernel
def _pixel_directions(pixels: Index, nside: int, out: Float) -> None:
    cap, total = 2 * nside * (nside - 1), 12 * nside * nside
    for n in range(pixels.size):
        pixel = pixels[n]
        if cap <= pixel < total - cap:
            ring = (pixel - cap) // (4 * nside) + nside
            place = (pixel - cap) % (4 * nside)
            z = (2 * nside - ring) * 2.0 / (3.0 * nside)
            across = math.sqrt((1.0 - z) * (1.0 + z))
            lon = (place + 0.5 * (1 - ((ring + nside) & 1))) * math.pi / (2.0 * nside)
        else:
            north = pixel < cap
            count = pixel if north else total - 1 - pixel
            ring = _ring_of_cap(count)
            place = count - 2 * ring * (ring - 1)
            # From the end of a southern ring the places count backwards.
            place = place if north else 4 * ring - 1 - place
            depth = ring * ring / (3.0 * nside * nside)
            z = 1.0 - depth if north else depth - 1.0
            across = math.sqrt(depth * (2.0 - depth))
            lon = (place + 0.5) * math.pi / (2.0 * ring)
        out[0, n], out[1, n], out[2, n] = across * math.cos(lon), across * math.sin(lon), z


@kernel
def _ring_of_cap(count: int) -> int:
    """Find the ring, from 1 at the pole, of the pixel with so many before it."""
    ring = int((1.0 + math.sqrt(1.0 + 2.0 * count)) * 0.5)
    if 2 * ring * (ring - 1) > count:
        ring -= 1
    if 2 * ring * (ring + 1) <= count:
        ring += 1
    return ring
