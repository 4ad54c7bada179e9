"""The grid of a map that exists already, from its header."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.grid import Grid

Float = NDArray[np.float64]

# Allowed departure from square, perpendicular axes, as a share of the pixel.
SQUARE = 1e-6
_DISTORTION = ("A_ORDER", "B_ORDER", "CPDIS1", "CPDIS2", "D2IMDIS1", "D2IMDIS2")


def grid_like(cards: Mapping[str, Any], path: object = "map") -> Grid:
    """Take over the pixel grid of an existing map.

    Parameters
    ----------
    cards : mapping of str to value
        WCS keywords and NAXIS1, NAXIS2. CD, PC with CDELT, or CDELT with CROTA2. The map may be turned.
    path : object, optional
        The map, named in errors.

    Returns
    -------
    Grid
        With the same sky position for every pixel, to 1e-6 of the pixel.

    Raises
    ------
    ConfigError
        Unless the map is a plain gnomonic projection in ICRS with square pixels and east to the left of
        north; says what it is instead.
    """
    _check_kind(cards, path)
    shape = int(_number(cards, "NAXIS2", path)), int(_number(cards, "NAXIS1", path))
    matrix = _matrix(cards, path)
    step = float(np.sqrt(abs(np.linalg.det(matrix))))
    cos, sin = 0.5 * (matrix[1, 1] - matrix[0, 0]), 0.5 * (matrix[0, 1] + matrix[1, 0])
    turned = np.array([[-cos, sin], [sin, cos]])
    if not step > 0.0:
        raise ConfigError(f"{path}: the CD matrix is singular: no grid to follow")
    if np.linalg.det(matrix) > 0.0:
        raise ConfigError(
            f"{path}: a mirrored map (east is to the right of north) cannot be followed",
            hint="flip it left to right, or give --center and --size",
        )
    if np.abs(matrix - turned).max() > SQUARE * step:
        raise ConfigError(
            f"{path}: the pixels of the map are not square, a grid has one pixel scale",
            hint="give --center and --size instead",
        )
    return Grid(
        _number(cards, "CRVAL1", path) % 360.0,
        _number(cards, "CRVAL2", path),
        # Rounded where degrees a pixel have lost the last digit of the scale in arcsec.
        float(f"{math.hypot(cos, sin) * 3600.0:.13g}"),
        shape,
        (_number(cards, "CRPIX1", path) - 1.0, _number(cards, "CRPIX2", path) - 1.0),
        float(f"{math.degrees(math.atan2(sin, cos)):.13g}"),
    )


def _check_kind(cards: Mapping[str, Any], path: object) -> None:
    """Refuse other projections, distortions, systems and native poles."""
    types = tuple(str(cards.get(f"CTYPE{axis}", "")).strip() for axis in (1, 2))
    if types != ("RA---TAN", "DEC--TAN"):
        raise ConfigError(
            f"{path}: a map of type {types[0] or 'none'}, {types[1] or 'none'} cannot be followed",
            hint="only RA---TAN, DEC--TAN without distortion",
        )
    distorted = [key for key in cards if key in _DISTORTION or key.startswith(("PV1_", "PV2_"))]
    if distorted:
        raise ConfigError(f"{path}: a map with distortion ({distorted[0]}) cannot be followed")
    for key in ("CUNIT1", "CUNIT2"):
        if str(cards.get(key, "deg")).strip() not in ("deg", ""):
            raise ConfigError(f"{path}: {key} is {cards[key]!r}, not deg")
    system = str(cards.get("RADESYS", cards.get("RADECSYS", ""))).strip()
    if system != "ICRS" and (system or "EQUINOX" in cards or "EPOCH" in cards):
        name = system or f"of equinox {cards.get('EQUINOX', cards.get('EPOCH'))}"
        raise ConfigError(
            f"{path}: the celestial system of the map is {name}, maps are made in ICRS",
            hint="reproject it to ICRS; FK5 J2000 differs by 0.02 arcsec: if that does not matter "
            "write RADESYS = 'ICRS' into its header",
        )
    # Away from the poles the default is 180, and there it must be said.
    default = 180.0 if abs(_number(cards, "CRVAL2", path)) < 90.0 else 0.0
    if _number(cards, "LONPOLE", path, default) != 180.0:
        raise ConfigError(f"{path}: LONPOLE is not 180, such a map cannot be followed")


def _matrix(cards: Mapping[str, Any], path: object) -> Float:
    """CD matrix, degrees a pixel, however it is written."""
    names = [(i, j) for i in (1, 2) for j in (1, 2)]
    if any(f"CD{i}_{j}" in cards for i, j in names):
        values = [_number(cards, f"CD{i}_{j}", path, 0.0) for i, j in names]
        return np.array(values).reshape(2, 2)
    scale = np.array([_number(cards, f"CDELT{axis}", path) for axis in (1, 2)])
    if any(f"PC{i}_{j}" in cards for i, j in names):
        values = [_number(cards, f"PC{i}_{j}", path, float(i == j)) for i, j in names]
        return np.asarray(np.array(values).reshape(2, 2) * scale[:, None])
    angle = math.radians(_number(cards, "CROTA2", path, 0.0))
    cos, sin = math.cos(angle), math.sin(angle)
    # Calabretta & Greisen 2002, section 6.1.
    return np.array([[scale[0] * cos, -scale[1] * sin], [scale[0] * sin, scale[1] * cos]])


def _number(cards: Mapping[str, Any], key: str, path: object, default: float | None = None) -> float:
    value = cards.get(key, default)
    if value is None:
        raise ConfigError(f"{path}: {key} is missing: no grid to follow")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ConfigError(f"{path}: {key} is {value!r}, not a number")
    return float(value)
