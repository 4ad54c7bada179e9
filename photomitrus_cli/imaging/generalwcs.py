"""The geometry of a frame whose WCS astropy evaluates."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.tangent import directions_of, positions_of

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GeneralWcs:
    """Whatever celestial WCS astropy reads.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Two axes, in ICRS, FK5 or Galactic coordinates.
    shape : tuple of int
        (ny, nx) of the frame.
    rotation : ndarray of float64, shape (3, 3), optional
        From directions in the system of ``wcs`` to ICRS and on, if the frame was moved; None for identity.
    header : str, optional
        The cards ``wcs`` was built from. With them it is pickled to the last digit, without as astropy does.
    """

    wcs: Any
    shape: tuple[int, int]
    rotation: Float | None = None
    header: str = ""

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give the sky directions of frame positions; see `TanSip.directions`."""
        vectors = directions_of(*self._native(x, y))
        return vectors if self.rotation is None else np.tensordot(self.rotation, vectors, axes=1)

    def sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        """Give the sky positions of frame positions; see `TanSip.sky`."""
        if self.rotation is not None:
            return positions_of(self.directions(x, y))
        lon, lat = self._native(x, y)
        return lon % 360.0, lat

    def _native(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        x, y = np.broadcast_arrays(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
        world = self.wcs.all_pix2world(x.ravel(), y.ravel(), 0)
        return world[self.wcs.wcs.lng].reshape(x.shape), world[self.wcs.wcs.lat].reshape(x.shape)

    def moved(self, rotation: Float) -> Self:
        """Turn the frame on the sky; see `TanSip.moved`."""
        rotation = np.asarray(rotation, dtype=np.float64)
        return replace(self, rotation=rotation if self.rotation is None else rotation @ self.rotation)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle the cards where they are known: astropy's own pickle rounds the numbers."""
        if self.header:
            return (_rebuild, (self.header, self.shape, self.rotation))
        return (type(self), (self.wcs, self.shape, self.rotation))


def read_wcs(header: str) -> Any:
    """Let astropy read WCS cards.

    Parameters
    ----------
    header : str
        80 characters a card.

    Returns
    -------
    astropy.wcs.WCS
        Errors are astropy's own.
    """
    from astropy.io import fits
    from astropy.wcs import WCS, FITSFixedWarning

    with warnings.catch_warnings():
        # Archive headers carry obsolete spellings that astropy corrects and reports one by one.
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(fits.Header.fromstring(header))


def _rebuild(header: str, shape: tuple[int, int], rotation: Float | None) -> GeneralWcs:
    return GeneralWcs(read_wcs(header), shape, rotation, header)


def rotation_to_icrs(wcs: Any, path: object) -> Float | None:
    """Find the rotation from the system of a WCS to ICRS.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Celestial.
    path : object
        Named in the error.

    Returns
    -------
    ndarray of float64, shape (3, 3), or None
        None for ICRS itself.

    Raises
    ------
    InputError
        For a system other than ICRS, FK5 and Galactic.
    """
    from astropy.wcs.utils import wcs_to_celestial_frame

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
    return np.array(_axes_in_icrs(frame.name, equinox))


@lru_cache(maxsize=32)
def _axes_in_icrs(name: str, equinox: float) -> tuple[tuple[float, ...], ...]:
    """Rotation matrix from a celestial system to ICRS: its axes seen in ICRS."""
    from astropy.coordinates import FK5, ICRS, Galactic, SkyCoord

    frame = Galactic() if name == "galactic" else FK5(equinox=f"J{equinox}")
    axes = SkyCoord([0.0, 90.0, 0.0], [0.0, 0.0, 90.0], unit="deg", frame=frame).transform_to(ICRS())
    matrix = np.asarray(axes.cartesian.xyz.value)
    return tuple(tuple(float(v) for v in row) for row in matrix)
