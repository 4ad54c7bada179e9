"""Frame position as a function of grid position: exact for gnomonic frames, fitted polynomials for others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.fittedinverse import fit_inverse
from photomitrus_cli.imaging.geometry import lattice
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.sip import ROWS, distort
from photomitrus_cli.imaging.sipinverse import invert_points
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]
# Slopes of the distortion above which the exact inverse might have several solutions, or none just outside.
STEEP = 0.25


class NoSolutionError(ArithmeticError):
    """A grid position near the frame comes from nowhere in it."""


class Inverse(Protocol):
    """What the making of a node table needs.

    Attributes
    ----------
    error : float
        Largest error of the positions within the frame, frame pixels.
    """

    @property
    def error(self) -> float:
        """Largest error within the frame, frame pixels."""

    def points(self, gx: Float, gy: Float, margin: float) -> Float:
        """Give the frame positions of grid positions, NaN farther than a margin from the frame."""


@dataclass(frozen=True, eq=False)
class ExactInverse:
    """Grid to frame through the sky, solved for every position.

    Two gnomonic projections differ by a linear map of homogeneous coordinates: no angle is ever computed.
    The SIP polynomials are then inverted by Newton's method.

    Parameters
    ----------
    wcs : TanSip
        The frame.
    shape : tuple of int
        (ny, nx) of the frame.
    matrix : ndarray of float64, shape (3, 3)
        From grid (x, y, 1) to a multiple of the frame's (u + f, v + g, 1).
    shift : float
        Largest SIP shift, pixels.
    error : float
        The limit of Newton's method, frame pixels.
    """

    wcs: TanSip
    shape: tuple[int, int]
    matrix: Float
    shift: float
    error: float = 1e-9

    def points(self, gx: Float, gy: Float, margin: float) -> Float:
        """Give the frame positions of grid positions.

        Parameters
        ----------
        gx, gy : ndarray of float64, the same shape
            Grid positions.
        margin : float
            Positions farther than this from the frame's pixel centres are NaN, frame pixels.

        Returns
        -------
        ndarray of float64, shape (2, ...)
            x and y.

        Raises
        ------
        NoSolutionError
            When a position that may be within the margin has no solution.
        """
        ny, nx = self.shape
        box = np.array([-margin, nx - 1 + margin, -margin, ny - 1 + margin])
        out = np.empty((2, gx.size))
        wcs = self.wcs
        # Beyond twice the largest shift within the frame nothing falls inside the margin.
        reach = 2.0 * self.shift + 1.0
        if not invert_points(gx.ravel(), gy.ravel(), self.matrix, wcs.crpix, wcs.table, box, reach, out):
            raise NoSolutionError("the distortion cannot be inverted")
        return out.reshape(2, *gx.shape)


def find_inverse(wcs: SkyWcs, shape: tuple[int, int], grid: Grid, accuracy: float) -> Inverse:
    """Choose and prepare the inverse transform of a frame.

    Parameters
    ----------
    wcs : SkyWcs
        The frame.
    shape : tuple of int
        (ny, nx) of the frame.
    grid : Grid
        The output grid.
    accuracy : float
        What a fit should reach, frame pixels.

    Returns
    -------
    Inverse
        Exact for a TAN-SIP frame without absurd slopes, else `fit_inverse`.
    """
    if isinstance(wcs, TanSip):
        slope, shift = strength(wcs, shape)
        if slope < STEEP:
            return ExactInverse(wcs, shape, wcs.inverse_matrix @ grid.matrix, shift)
    return fit_inverse(wcs, shape, grid, accuracy)


def strength(wcs: TanSip, shape: tuple[int, int]) -> tuple[float, float]:
    """Measure the distortion within a frame, on a lattice.

    Parameters
    ----------
    wcs : TanSip
        The frame.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    slope : float
        The largest (Frobenius norm); below 1 no two positions have the same image.
    shift : float
        The largest, pixels.
    """
    x, y = lattice(shape)
    out = np.empty((ROWS, x.size))
    distort(x - wcs.crpix[0], y - wcs.crpix[1], wcs.table, out)
    squares = out[:6] * out[:6]
    return math.sqrt(squares[2:].sum(axis=0).max()), math.sqrt((squares[0] + squares[1]).max())
