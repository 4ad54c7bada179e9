"""The geometry of a frame with a gnomonic projection, from its numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.sip import tangent_directions
from photomitrus_cli.imaging.sipgeometry import SipGeometry
from photomitrus_cli.imaging.tangent import DEGREE, flat_pair, invert_pair, tangent_axes

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TanSip(SipGeometry):
    """A gnomonic projection in ICRS; its reference point is the tangent point."""

    @cached_property
    def matrix(self) -> Float:
        """From (u + f, v + g, 1), pixels from the tangent point, to a direction of any length, (3, 3)."""
        out = np.empty((3, 3))
        out[:, :2] = self.axes[:2].T @ (self.cd * DEGREE)
        out[:, 2] = self.axes[2]
        return out

    @cached_property
    def inverse_matrix(self) -> Float:
        """From a direction to a multiple of (u + f, v + g, 1), (3, 3); the last is negative behind."""
        out = self.axes.copy()
        out[:2] = invert_pair(self.cd * DEGREE) @ self.axes[:2]
        return out

    @property
    def header_cd(self) -> Float:
        """CD matrix that belongs to `crval` with LONPOLE 180, degrees a pixel, shape (2, 2)."""
        return tangent_axes(*self.crval)[:2] @ self.axes[:2].T @ self.cd

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give directions, as `SipGeometry`."""
        flat_x, flat_y, shape = flat_pair(x, y)
        out = np.empty((3, flat_x.size))
        tangent_directions(flat_x, flat_y, self.crpix, self.table, self.matrix, out)
        return out.reshape(3, *shape)

    def moved(self, rotation: Float) -> Self:
        """Turn the frame on the sky.

        Parameters
        ----------
        rotation : ndarray of float64, shape (3, 3)
            A direction v of this frame becomes ``rotation @ v``.

        Returns
        -------
        TanSip
            Exact: the tangent plane turns with the sphere.
        """
        return replace(self, axes=self.axes @ np.asarray(rotation, dtype=np.float64).T)
