"""The circle on the sky that holds the frames of a set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.tangent import directions_of, positions_of

Float = NDArray[np.float64]

# Around the frames of a set, so that a cached circle serves later sets of the same field; degrees.
FIELD_MARGIN = 5.0 / 60.0


@dataclass(frozen=True, slots=True)
class Field:
    """A circle on the sky.

    Attributes
    ----------
    ra, dec : float
        Centre, degrees ICRS.
    radius : float
        Degrees.
    """

    ra: float
    dec: float
    radius: float

    def distances(self, ra: ArrayLike, dec: ArrayLike) -> Float:
        """Give the distances of positions from the centre.

        Parameters
        ----------
        ra, dec : array_like
            Degrees ICRS.

        Returns
        -------
        ndarray of float64
            Degrees, of the same shape.
        """
        chord = directions_of(ra, dec).T - directions_of(self.ra, self.dec)
        half = np.minimum(0.5 * np.sqrt(np.sum(chord**2, axis=-1)), 1.0)
        return np.asarray(np.degrees(2.0 * np.arcsin(half)))

    def __str__(self) -> str:
        return f"{self.radius:.3g} deg around {self.ra:.4f} {self.dec:+.4f}"


def field_around(ra: ArrayLike, dec: ArrayLike, reach: float, margin: float = FIELD_MARGIN) -> Field:
    """Give the circle that holds a set of frames.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Centres of the frames, degrees ICRS.
    reach : float
        From the centre of a frame to its corner, degrees.
    margin : float, optional
        Added, degrees.

    Returns
    -------
    Field
        Around the mean direction.
    """
    mean = directions_of(ra, dec).reshape(3, -1).mean(axis=1)
    centre = tuple(float(value) for value in positions_of(mean))
    circle = Field(centre[0], centre[1], 0.0)
    farthest = float(np.max(circle.distances(np.atleast_1d(ra), np.atleast_1d(dec))))
    return replace(circle, radius=farthest + reach + margin)
