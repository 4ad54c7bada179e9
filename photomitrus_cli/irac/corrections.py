"""Response of IRAC to a point source by its place on the array and within the pixel.

A flux is divided by both responses, ``corrected = observed / (R_al R_pp)``; the headers of some published
images, which say "multiply", are wrong.

Array location, with i = trunc(x) - 127 and j = trunc(y) - 127 in full-array pixels::

    R_al = A + B i + C j + D i j + E i^2 + F j^2

hora and reach divide this by its median over the array and by A; warm2010 is the inverse of such a
polynomial, scaled to a mean of 1 over the array as the others have.

Pixel phase, with xp = x - round(x), yp = y - round(y), halves rounded away from zero::

    cryo, warm, warm2011   R_pp = dFx g(xp - x0, sx) + dFy g(yp - y0, sy) + F0
                           g(z, s) = exp(-w^2 / (2 s^2)), w = |z| if |z| <= 1/2 else 1 - |z|
    hora, reach            R_pp = 1 + a (1 / sqrt(2 pi) - hypot(xp, yp))

and R_pp = 1 in channels 3 and 4. Source: the SSC programmes named in `photomitrus_cli.irac.responses`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac import responses
from photomitrus_cli.irac.responses import Aperture, PhaseGaussians, Quadratic

Float = NDArray[np.float64]
ArrayName = Literal["cryo", "warm", "hora", "reach", "warm2010", "none"]
PhaseName = Literal["cryo", "warm", "hora", "reach", "warm2011", "none"]
Coefficients = Literal["decimal", "idl"]
Terms = TypeVar("Terms", Quadratic, PhaseGaussians)

_ARRAYS: Mapping[str, Mapping[int, Quadratic]] = {
    "cryo": responses.CRYO_ARRAY,
    "warm": responses.WARM_ARRAY,
    "hora": responses.EARLY_ARRAY,
    "reach": responses.EARLY_ARRAY,
    "warm2010": responses.WARM2010_CORRECTION,
}
_PHASES = {"cryo": responses.CRYO_PHASE, "warm": responses.WARM_PHASE}
_SLOPES = {"hora": responses.HORA_SLOPE, "reach": responses.REACH_SLOPE}
# Distance at which the radial response is 1; see the formula.
_RADIAL_LEVEL = 1.0 / math.sqrt(2.0 * math.pi)


def array_location(
    x: ArrayLike,
    y: ArrayLike,
    channel: int,
    kind: ArrayName,
    *,
    subarray: bool = False,
    coefficients: Coefficients = "decimal",
) -> Float:
    """Give the response to a point source by its place on the array; a flux is divided by it.

    Parameters
    ----------
    x, y : array_like
        0-based positions on the frame, pixels; of a subarray frame on the subarray.
    channel : int
        1 to 4.
    kind : {'cryo', 'warm', 'hora', 'reach', 'warm2010', 'none'}
        Set of coefficients; none gives 1.
    subarray : bool
        Whether the frame is a subarray.
    coefficients : {'decimal', 'idl'}
        As published, or rounded to single precision as the literals of the IDL programme are.

    Returns
    -------
    ndarray of float64
        Observed over true flux, of the shape that x and y broadcast to; NaN where a position is NaN, and
        extrapolated off the array, see `off_array`.

    Raises
    ------
    ConfigError
        When there is no such set for the channel.
    """
    x, y = _full_array(x, y, channel, subarray=subarray)
    if kind == "none":
        return np.where(np.isnan(x + y), np.nan, 1.0)
    terms = _known(_ARRAYS.get(kind), channel, kind, "array-location")
    value = _quadratic(x, y, Quadratic(*_digits(terms, coefficients)))
    if kind == "warm2010":
        np.reciprocal(value, out=value)
    return value / _scale(kind, channel, coefficients)


def pixel_phase(
    x: ArrayLike,
    y: ArrayLike,
    channel: int,
    kind: PhaseName,
    *,
    aperture: Aperture | None = None,
    subarray: bool = False,
    coefficients: Coefficients = "decimal",
) -> Float:
    """Give the response to a point source by its place within the pixel; a flux is divided by it.

    Parameters
    ----------
    x, y : array_like
        0-based positions, pixels. The phases of full-array and subarray frames are the same.
    channel : int
        1 to 4.
    kind : {'cryo', 'warm', 'hora', 'reach', 'warm2011', 'none'}
        Set of coefficients; none gives 1.
    aperture : (float, float, float), optional
        Radius, inner and outer radius of the annulus of a warm2011 set, px; exactly one of
        `photomitrus_cli.irac.responses.WARM2011_PHASE`.
    subarray : bool
        Whether to take the warm2011 set of subarray frames.
    coefficients : {'decimal', 'idl'}
        As published, or rounded to single precision as the literals of the IDL programme are.

    Returns
    -------
    ndarray of float64
        Observed over true flux, of the shape that x and y broadcast to; NaN where a position is NaN.

    Raises
    ------
    ConfigError
        When there is no such set for the channel or the aperture.
    """
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    if channel not in responses.SUBARRAY_ORIGIN:
        raise _no_channel(channel)
    flat = channel > 2 and not kind.startswith("warm")
    if kind == "none" or flat:
        return np.where(np.isnan(x + y), np.nan, 1.0)
    phase_x, phase_y = _phase(x), _phase(y)
    if kind in _SLOPES:
        (slope,) = _digits([_SLOPES[kind][channel]], coefficients)
        return np.asarray(1.0 + slope * (_RADIAL_LEVEL - np.hypot(phase_x, phase_y)))
    published = _gaussians(channel, kind, aperture, subarray=subarray)
    terms = PhaseGaussians(*_digits(published, coefficients))
    value = terms.amp_x * _bump(phase_x - terms.x0, terms.sigma_x)
    value += terms.amp_y * _bump(phase_y - terms.y0, terms.sigma_y)
    return np.asarray(value + terms.floor)


def off_array(x: ArrayLike, y: ArrayLike, *, subarray: bool = False) -> NDArray[np.bool_]:
    """Tell which positions lie on no pixel of the array, where the responses are not known.

    Parameters
    ----------
    x, y : array_like
        0-based positions on the frame, pixels.
    subarray : bool
        Whether the frame is a subarray of 32 x 32 pixels.

    Returns
    -------
    ndarray of bool
        False where a position is NaN.
    """
    last = (responses.SUBARRAY_SIZE if subarray else responses.ARRAY_SIZE) - 0.5
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    return np.asarray((x < -0.5) | (y < -0.5) | (x > last) | (y > last))


def _full_array(x: ArrayLike, y: ArrayLike, channel: int, *, subarray: bool) -> tuple[Float, Float]:
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if channel not in responses.SUBARRAY_ORIGIN:
        raise _no_channel(channel)
    if subarray:
        x0, y0 = responses.SUBARRAY_ORIGIN[channel]
        x, y = x + x0, y + y0
    return x, y


def _quadratic(x: Float, y: Float, terms: Quadratic) -> Float:
    i, j = np.trunc(x) - responses.ORIGIN, np.trunc(y) - responses.ORIGIN
    value = terms.const + terms.i * i + terms.j * j + terms.ij * i * j + terms.ii * i**2 + terms.jj * j**2
    return np.asarray(value)


@lru_cache(maxsize=32)
def _scale(kind: ArrayName, channel: int, coefficients: Coefficients) -> float:
    """Give what the polynomial (of warm2010: its inverse) is divided by."""
    if kind in ("cryo", "warm"):
        return 1.0
    terms = Quadratic(*_digits(_ARRAYS[kind][channel], coefficients))
    if kind == "reach":
        return terms.const
    pixels = np.arange(responses.ARRAY_SIZE, dtype=np.float64)
    values = _quadratic(pixels, pixels[:, None], terms)
    if kind == "warm2010":
        return float(np.mean(1.0 / values))
    # The MEDIAN of IDL is the upper one of the two middle values.
    return float(np.partition(values, values.size // 2, axis=None)[values.size // 2])


def _phase(position: Float) -> Float:
    """Give the distance from the nearest pixel centre; NumPy's own rounding takes halves to even numbers."""
    return np.asarray(position - np.copysign(np.floor(np.abs(position) + 0.5), position))


def _bump(distance: Float, sigma: float) -> Float:
    distance = np.abs(distance)
    distance = np.where(distance > 0.5, 1.0 - distance, distance)
    return np.asarray(np.exp(-(distance**2) / (2.0 * sigma**2)))


def _gaussians(channel: int, kind: str, aperture: Aperture | None, *, subarray: bool) -> PhaseGaussians:
    if kind != "warm2011":
        return _known(_PHASES.get(kind), channel, kind, "pixel-phase")
    _known(responses.WARM_PHASE, channel, kind, "pixel-phase")
    table = responses.WARM2011_PHASE[channel, subarray]
    if aperture is None or aperture not in table:
        raise ConfigError(
            f"there is no warm2011 pixel-phase set for the aperture {aperture} in channel {channel}",
            hint=f"one of {_listed(table)}",
        )
    return table[aperture]


def _known(table: Mapping[int, Terms] | None, channel: int, kind: str, what: str) -> Terms:
    if table is None:
        raise ConfigError(f"there is no {what} set '{kind}'")
    if channel not in table:
        raise ConfigError(
            f"there is no {what} correction '{kind}' for channel {channel}",
            hint="channels 3 and 4 did not work in the warm mission; the set none leaves fluxes as they are",
        )
    return table[channel]


def _no_channel(channel: int) -> ConfigError:
    return ConfigError(f"IRAC has no channel {channel}", hint="1 to 4")


def _listed(apertures: Iterable[Aperture]) -> str:
    return ", ".join("/".join(f"{radius:g}" for radius in aperture) for aperture in apertures)


def _digits(published: Iterable[float], coefficients: Coefficients) -> Iterator[float]:
    """Give published numbers, or what single-precision literals make of them."""
    return (float(np.float32(value)) if coefficients == "idl" else value for value in published)
