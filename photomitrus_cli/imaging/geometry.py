"""Frame geometry from a WCS: checks, sky positions in ICRS, footprints, pixel solid angles."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from astropy.coordinates import FK5, ICRS, Galactic, SkyCoord
from astropy.wcs.utils import wcs_to_celestial_frame
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.grid import ARCSEC_PER_RADIAN

Float = NDArray[np.float64]

MIN_SCALE_ARCSEC = 0.01
MAX_SCALE_ARCSEC = 100.0
AREA_STEP = 8


def check_wcs(wcs: Any, path: object = "frame") -> None:
    """Refuse a WCS that cannot place a frame on the sky.

    astropy repairs some broken headers silently (an all-zero CD matrix becomes the identity, one degree a
    pixel), so the matrix in use is judged and not only its presence.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        As built from the frame's header.
    path : object, optional
        Named in the error.

    Raises
    ------
    InputError
        If the WCS is not celestial with two axes, not in ICRS, FK5 or Galactic coordinates, has a reference
        value that is not finite, a pixel scale outside 0.01 to 100 arcsec, or axes that (nearly) coincide.
    """
    if wcs.naxis != 2 or not wcs.has_celestial:
        raise InputError(
            f"{path}: the header has no celestial WCS with two axes", hint="check CTYPE1 and CTYPE2"
        )
    matrix = np.asarray(wcs.pixel_scale_matrix, dtype=np.float64) * 3600.0
    if not (
        np.isfinite(matrix).all() and np.isfinite(wcs.wcs.crval).all() and np.isfinite(wcs.wcs.crpix).all()
    ):
        raise InputError(f"{path}: the WCS holds values that are not finite")
    scales = np.hypot(matrix[0], matrix[1])
    if not ((scales > MIN_SCALE_ARCSEC) & (scales < MAX_SCALE_ARCSEC)).all():
        raise InputError(
            f"{path}: the WCS has pixels of {scales[0]:.4g} x {scales[1]:.4g} arcsec",
            hint="check the CD matrix or CDELT",
        )
    if abs(np.linalg.det(matrix)) < 0.1 * scales[0] * scales[1]:
        raise InputError(f"{path}: the axes of the WCS coincide", hint="check the CD matrix")
    _rotation_of(wcs, path)


@lru_cache(maxsize=32)
def _rotation_to_icrs(name: str, equinox: float) -> tuple[tuple[float, ...], ...]:
    """Rotation matrix from a celestial system to ICRS: its axes seen in ICRS."""
    frame = Galactic() if name == "galactic" else FK5(equinox=f"J{equinox}")
    axes = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame=frame).transform_to(ICRS())
    matrix = np.asarray(axes.cartesian.xyz.value)
    return tuple(tuple(float(v) for v in row) for row in matrix)


def _rotation_of(wcs: Any, path: object) -> Float | None:
    """Rotation of the WCS's system to ICRS; None for ICRS itself."""
    try:
        frame = wcs_to_celestial_frame(wcs)
    except ValueError as error:
        raise InputError(
            f"{path}: unknown celestial system ({error})", hint="check RADESYS and CTYPE"
        ) from error
    if frame.name == "icrs":
        return None
    if frame.name not in {"fk5", "galactic"}:
        raise InputError(
            f"{path}: celestial system {frame.name} is not supported", hint="use ICRS, FK5 or Galactic"
        )
    equinox = float(frame.equinox.jyear) if frame.name == "fk5" else 2000.0
    return np.array(_rotation_to_icrs(frame.name, equinox))


def sky_positions(wcs: Any, x: Float, y: Float) -> tuple[Float, Float]:
    """Sky positions of frame pixels, with all distortions.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Accepted by `check_wcs`.
    x, y : ndarray of float64
        0-based frame pixel positions, one dimension.

    Returns
    -------
    ra, dec : ndarray of float64
        Degrees ICRS (FK5 and Galactic positions are rotated).
    """
    world = wcs.all_pix2world(x, y, 0)
    lon, lat = world[wcs.wcs.lng], world[wcs.wcs.lat]
    rotation = _rotation_of(wcs, "frame")
    if rotation is None:
        return lon, lat
    v = rotation @ _unit_vectors(lon, lat)
    return np.degrees(np.arctan2(v[1], v[0])) % 360.0, np.degrees(np.arctan2(v[2], np.hypot(v[0], v[1])))


def _unit_vectors(lon: Float, lat: Float) -> Float:
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def perimeter(shape: tuple[int, int], spacing: float = 16.0) -> tuple[Float, Float]:
    """Pixel positions along the outer edge of a frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    spacing : float, optional
        Largest distance between neighbours, pixels.

    Returns
    -------
    x, y : ndarray of float64
        From -0.5 to n - 0.5, corners included, going round once.
    """
    ny, nx = shape
    right = np.linspace(-0.5, nx - 0.5, max(3, int(np.ceil(nx / spacing)) + 1))
    up = np.linspace(-0.5, ny - 0.5, max(3, int(np.ceil(ny / spacing)) + 1))
    x = np.concatenate([right[:-1], np.full(up.size - 1, nx - 0.5), right[:0:-1], np.full(up.size - 1, -0.5)])
    y = np.concatenate([np.full(right.size - 1, -0.5), up[:-1], np.full(right.size - 1, ny - 0.5), up[:0:-1]])
    return x, y


def footprint(wcs: Any, shape: tuple[int, int]) -> tuple[Float, Float]:
    """Outline of a frame on the sky.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Accepted by `check_wcs`.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    ra, dec : ndarray of float64, shape (n,)
        Positions along the outer pixel edges, degrees ICRS.
    """
    return sky_positions(wcs, *perimeter(shape))


def pixel_area_map(wcs: Any, shape: tuple[int, int]) -> Float:
    """Solid angle of every pixel of a frame.

    The triple product of the sky direction and its derivatives along x and y, at nodes 8 pixels apart and
    bilinear between them (relative error below 1e-5 for IRAC distortion).

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Accepted by `check_wcs`.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    ndarray of float64, shape (ny, nx)
        arcsec^2.
    """
    ny, nx = shape
    rows = np.linspace(0.0, max(ny - 1, 1), max(2, ny // AREA_STEP + 1))
    cols = np.linspace(0.0, max(nx - 1, 1), max(2, nx // AREA_STEP + 1))
    y, x = (v.ravel() for v in np.meshgrid(rows, cols, indexing="ij"))
    n = x.size
    shifted_x = np.concatenate([x - 0.5, x + 0.5, x, x])
    shifted_y = np.concatenate([y, y, y - 0.5, y + 0.5])
    v = _unit_vectors(*sky_positions(wcs, shifted_x, shifted_y))
    along_x, along_y = v[:, n : 2 * n] - v[:, :n], v[:, 3 * n :] - v[:, 2 * n : 3 * n]
    area = np.linalg.norm(np.cross(along_x, along_y, axis=0), axis=0) * ARCSEC_PER_RADIAN**2
    return _spread(area.reshape(rows.size, cols.size), rows, cols, shape)


def _spread(node: Float, rows: Float, cols: Float, shape: tuple[int, int]) -> Float:
    """Bilinear interpolation of a node table to every pixel."""
    x, y = np.arange(shape[1], dtype=np.float64), np.arange(shape[0], dtype=np.float64)
    across = np.stack([np.interp(x, cols, line) for line in node])
    j = np.clip(np.searchsorted(rows, y, side="right") - 1, 0, rows.size - 2)
    share = ((y - rows[j]) / (rows[j + 1] - rows[j]))[:, None]
    return np.asarray(across[j] * (1.0 - share) + across[j + 1] * share)
