"""What the frames of a chip are matched by: their stars, the catalogue, what is asked of a match."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.starmatch import Search
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framequality import Limits
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]


class Reference(Protocol):
    """What is needed of a catalogue: columns of one length, positions at the epoch of the frames."""

    @property
    def ra(self) -> Float:
        """Degrees ICRS."""

    @property
    def dec(self) -> Float:
        """Degrees ICRS."""

    @property
    def err(self) -> Float:
        """Error of each coordinate, arcsec."""

    @property
    def brightness(self) -> Float:
        """A magnitude that orders the stars, NaN where there is none."""


@dataclass(frozen=True)
class FrameStars:
    """One frame as detected.

    Attributes
    ----------
    name : str
        For messages.
    sources : Sources
    starts : tuple of TanSip
        Where it should look; then where it would with the rotator turned by 90, 180 and 270 degrees about the
        axis of the telescope, if these are to be tried.
    """

    name: str
    sources: Sources
    starts: tuple[TanSip, ...]


@dataclass(frozen=True)
class AstrometrySettings:
    """How frames are matched and fitted.

    Attributes
    ----------
    search : Search
    degrees : tuple of int
        Of the common polynomial; cross-validation chooses. 1 keeps the distortion of the first geometry.
    floor_arcsec : float
        Error of a position that brightness does not reduce.
    tolerance_px : float
        Detections of a star lie as close to each other.
    limits : Limits
        What makes a frame useless.
    """

    search: Search = field(default_factory=Search)
    degrees: tuple[int, ...] = (1, 3, 4, 5)
    floor_arcsec: float = 0.010
    tolerance_px: float = 1.2
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Catalogue:
    """Reference stars, brightest first.

    Attributes
    ----------
    vectors : ndarray of float64, shape (3, m)
        Unit vectors, ICRS.
    error : ndarray of float64, shape (m,)
        Of each coordinate, arcsec.
    """

    vectors: Float
    error: Float


def brightest_first(reference: Reference) -> Catalogue:
    """Sort a catalogue by brightness, stars of unknown brightness last."""
    order = np.argsort(reference.brightness, kind="stable")
    error = np.asarray(reference.err, dtype=np.float64)[order]
    return Catalogue(directions_of(reference.ra, reference.dec)[:, order], error)
