"""Pixels of sources in one frame, for maps without stars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.bitmasks import SATURATED, STAR
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import LocalModel, cell_row

Float32 = NDArray[np.float32]
State = NDArray[np.uint8]


def flag_stars(
    sci: Float32, unc: Float32, state: State, model: LocalModel, *, sigma: float = 5.0, grow: int = 2
) -> int:
    """Flag the pixels of sources.

    Parameters
    ----------
    sci, unc : ndarray of float32, shape (ny, nx), C order
        Image and its 1-sigma uncertainties. The larger of uncertainty and local sigma counts as noise.
    state : ndarray of uint8, shape (ny, nx), C order
        0 where a pixel is used; hits must be flagged before, they are no sources. Saturated pixels are. Bit
        `STAR` is added in place.
    model : LocalModel
        Of this frame.
    sigma : float
        Pixels higher than this above the level, in units of the noise, belong to a source. Structure wider
        than about 50 pixels is in the level; sharper edges of nebulae count as sources.
    grow : int
        Pixels by which sources are grown, in every direction, >= 0.

    Returns
    -------
    int
        Used pixels that were flagged.

    Raises
    ------
    InputError
        If sigma is not positive or `grow` is negative.
    """
    if not sigma > 0.0 or grow < 0:
        raise InputError(
            f"stars of {sigma} sigma grown by {grow} pixels: sigma must be above 0, growth not below"
        )
    if not np.isfinite(model.level[0, 0]):
        return 0
    bright = np.zeros(sci.shape, np.uint8)
    _mark(sci, unc, state, model.level, model.sigma, np.float32(sigma), grow, bright)
    return _take_over(bright, state)


@kernel
def _mark(
    sci: Float32,
    unc: Float32,
    state: State,
    level: Float32,
    sigma: Float32,
    limit: np.float32,
    grow: int,
    bright: State,
) -> None:
    """Set what lies within a disc about every high or saturated pixel."""
    ny, nx = sci.shape
    sky, noise, over = np.empty(nx, np.float32), np.empty(nx, np.float32), np.empty(nx, np.uint8)
    reach = np.empty(2 * grow + 1, np.int64)
    for v in range(-grow, grow + 1):
        # Half a pixel more than the radius makes a disc of what would be a diamond.
        reach[v + grow] = int(np.sqrt(grow * (grow + 1.0) - v * v))
    for y in range(ny):
        cell_row(level, y, sky)
        cell_row(sigma, y, noise)
        some = 0
        for x in range(nx):
            high = (sci[y, x] - sky[x] > limit * max(noise[x], unc[y, x])) & (state[y, x] == 0)
            over[x] = np.uint8(high | ((state[y, x] & np.uint8(SATURATED)) != 0))
            some += over[x]
        if some == 0:
            continue
        for x in range(nx):
            if over[x]:
                for v in range(max(y - grow, 0), min(y + grow + 1, ny)):
                    r = reach[v - y + grow]
                    for u in range(max(x - r, 0), min(x + r + 1, nx)):
                        bright[v, u] = 1


@kernel
def _take_over(bright: State, state: State) -> int:
    """Flag marked pixels, of which the used ones are counted."""
    found = 0
    for y in range(state.shape[0]):
        for x in range(state.shape[1]):
            found += 1 if bright[y, x] and state[y, x] == 0 else 0
            state[y, x] |= np.uint8(STAR) if bright[y, x] else np.uint8(0)
    return found
