"""Pixels of one frame that are hit by particles, told from stars by their sharpness.

Everything that comes through the telescope is spread by its point-spread function. Where that is a Gaussian
of standard deviation s, the product of two opposite neighbours of a pixel is exp(-1/s^2) of its square,
wherever between the pixels the star stands; nearly so for pixels that integrate it, and more for blends,
wings and nebulae. So the geometric mean of opposite neighbours over the pixel is 0.63 at WISE's full width of
6.5" with pixels of 2.75" (0.59 at 12" with 5.5"; 0.4 to 0.6 at the cores of real stars of W1 and W2), and
near 0 for a hit.

Pixels that are too low are judged as their mirror images above the level. No star is that low, but dark
edges and latent images are, which are as wide as a star; and with one rule for both sides the tails of the
noise go in equal parts, so that the mean of the sky stays.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.bitmasks import SATURATED, SPIKE
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import LocalModel, cell_at, cell_row

Float32 = NDArray[np.float32]
State = NDArray[np.uint8]

SHARPNESS = 0.35
"""Mean of four neighbours over the pixel: stars have 0.40 and more, hits on cores of their height 0.32."""
# One pair alone is a worse witness: a star between two pixels has one neighbour of 0.15 of it on real frames.
_PAIR = 0.7
# Noise that the neighbours may have, in sigma: of a pixel judged for itself, and of one beside a hit.
_SLACK, _SLACK_BESIDE = 1.75, 0.7
# A neighbour is taken for no less than this, in sigma: on the wing of a bright star one of a pair is much
# higher than the pixel and the other may be lost in the noise.
_FLOOR = 1.0
# Height of a pixel beside a hit, in sigma.
_BESIDE = 3.0
# Opposite of a hit a pixel is dark below this, in sigma above the lowered level: beside the path of a track.
_DARK = _SLACK_BESIDE + 2.0


def flag_spikes(
    sci: Float32,
    unc: Float32,
    state: State,
    model: LocalModel,
    *,
    sigma: float = 5.0,
    sharpness: float = SHARPNESS,
) -> int:
    """Flag pixels that stand out more sharply than a star can.

    A pixel higher than ``sigma`` above the level is a hit if the geometric mean of its four side neighbours
    is less than ``sharpness`` times the pixel, or that of an opposite pair less than 0.7 of this; neighbours
    are taken for 1.75 sigma higher than they are and for 1 sigma at least. Then pixels above 3 sigma beside a
    hit are hits, too, if a pair without a hit is sharp, allowing 0.7 sigma, or if opposite of a hit there is
    less than 2 sigma or another hit, and so on along a track. Pixels below the level are judged likewise,
    upside down. Pixels beside saturated ones are not judged, which would make rings about stars, nor those
    without a complete pair of good neighbours.

    Parameters
    ----------
    sci, unc : ndarray of float32, shape (ny, nx), C order
        Image and its 1-sigma uncertainties. The larger of uncertainty and local sigma counts as noise.
    state : ndarray of uint8, shape (ny, nx), C order
        0 where a pixel is used. Bit `SPIKE` is added in place.
    model : LocalModel
        Of this frame.
    sigma : float
        Least height or depth in units of the noise.
    sharpness : float
        Between 0 (nothing is a hit) and what stars have, see the module.

    Returns
    -------
    int
        Pixels flagged.

    Raises
    ------
    InputError
        If sigma is not positive or the sharpness not between 0 and 1.
    """
    if not sigma > 0.0 or not 0.0 <= sharpness < 1.0:
        raise InputError(
            f"spikes of {sigma} sigma with sharpness {sharpness}: above 0, and from 0 to below 1"
        )
    if not np.isfinite(model.level[0, 0]):
        return 0
    found = np.empty(sci.size, np.int32)
    limit, sharp = np.float32(sigma), np.float32(sharpness)
    hits = _seeds(sci, unc, state, model.level, model.sigma, limit, sharp, found)
    return _follow(sci, unc, state, model.level, model.sigma, sharp, found, hits)


@kernel
def _seeds(
    sci: Float32,
    unc: Float32,
    state: State,
    level: Float32,
    sigma: Float32,
    limit: np.float32,
    sharpness: np.float32,
    found: NDArray[np.int32],
) -> int:
    """Flag and list the pixels that are hits by themselves; answer how many."""
    ny, nx = sci.shape
    sky, noise, over = np.empty(nx, np.float32), np.empty(nx, np.float32), np.empty(nx, np.uint8)
    hits = 0
    for y in range(ny):
        cell_row(level, y, sky)
        cell_row(sigma, y, noise)
        some = 0
        for x in range(nx):
            noise[x] = max(noise[x], unc[y, x])
            over[x] = np.uint8((abs(sci[y, x] - sky[x]) > limit * noise[x]) & (state[y, x] == 0))
            some += over[x]
        if some == 0:
            continue
        for x in range(nx):
            if over[x] and _judge(sci, state, y, x, sky[x], noise[x], sharpness):
                found[hits] = y * nx + x
                hits += 1
    for k in range(hits):
        state[found[k] // nx, found[k] % nx] |= np.uint8(SPIKE)
    return hits


@kernel
def _side(height: np.float32) -> np.float32:
    """Give the sign of a height."""
    return np.float32(1.0) if height > 0.0 else np.float32(-1.0)


@kernel
def _pair(
    sci: Float32,
    state: State,
    y: int,
    x: int,
    dy: int,
    dx: int,
    side: np.float32,
    base: np.float32,
    least: np.float32,
) -> np.float32:
    """Geometric mean of two opposite neighbours beyond a base, at least so much; -1 if one is not known."""
    ny, nx = sci.shape
    if y < dy or x < dx or y + dy >= ny or x + dx >= nx or state[y - dy, x - dx] or state[y + dy, x + dx]:
        return np.float32(-1.0)
    before = max(side * (sci[y - dy, x - dx] - base), least)
    after = max(side * (sci[y + dy, x + dx] - base), least)
    return np.float32(np.sqrt(before * after))


@kernel
def _judge(
    sci: Float32, state: State, y: int, x: int, sky: np.float32, noise: np.float32, sharpness: np.float32
) -> bool:
    """Tell whether a high or low pixel is a hit by itself."""
    side = _side(sci[y, x] - sky)
    base, least = sky - side * np.float32(_SLACK) * noise, np.float32(_FLOOR) * noise
    limit = sharpness * abs(sci[y, x] - sky)
    across = _pair(sci, state, y, x, 0, 1, side, base, least)
    along = _pair(sci, state, y, x, 1, 0, side, base, least)
    if across < 0.0 and along < 0.0:
        return False
    pair = np.float32(_PAIR) * limit
    sharp = 0.0 <= across < pair or 0.0 <= along < pair
    if across >= 0.0 and along >= 0.0:
        sharp |= np.sqrt(across * along) < limit
    return sharp and not _beside_saturated(state, y, x)


@kernel
def _beside_saturated(state: State, y: int, x: int) -> bool:
    for v in range(max(y - 1, 0), min(y + 2, state.shape[0])):
        for u in range(max(x - 1, 0), min(x + 2, state.shape[1])):
            if state[v, u] & np.uint8(SATURATED):
                return True
    return False


@kernel
def _follow(
    sci: Float32,
    unc: Float32,
    state: State,
    level: Float32,
    sigma: Float32,
    sharpness: np.float32,
    found: NDArray[np.int32],
    hits: int,
) -> int:
    """Add what belongs to the hits, pixel by pixel; answer how many there are then."""
    ny, nx = sci.shape
    k = 0
    while k < hits:
        y, x = found[k] // nx, found[k] % nx
        side = _side(sci[y, x] - cell_at(level, y, x))
        k += 1
        for v in range(max(y - 1, 0), min(y + 2, ny)):
            for u in range(max(x - 1, 0), min(x + 2, nx)):
                if state[v, u]:
                    continue
                sky = cell_at(level, v, u)
                noise = max(cell_at(sigma, v, u), unc[v, u])
                if side * (sci[v, u] - sky) > np.float32(_BESIDE) * noise and _belongs(
                    sci, state, v, u, side, sky, noise, sharpness
                ):
                    state[v, u] |= np.uint8(SPIKE)
                    found[hits] = v * nx + u
                    hits += 1
    return hits


@kernel
def _belongs(
    sci: Float32,
    state: State,
    y: int,
    x: int,
    side: np.float32,
    sky: np.float32,
    noise: np.float32,
    sharpness: np.float32,
) -> bool:
    """Tell whether a pixel beside a hit, and on its side of the level, is part of it."""
    base, least = sky - side * np.float32(_SLACK_BESIDE) * noise, np.float32(_FLOOR) * noise
    limit = sharpness * side * (sci[y, x] - sky)
    across = _pair(sci, state, y, x, 0, 1, side, base, least)
    along = _pair(sci, state, y, x, 1, 0, side, base, least)
    if _beside_saturated(state, y, x):
        return False
    if 0.0 <= across < limit or 0.0 <= along < limit:
        return True
    return _half(sci, state, y, x, 0, 1, side, base, noise, limit) or _half(
        sci, state, y, x, 1, 0, side, base, noise, limit
    )


@kernel
def _half(
    sci: Float32,
    state: State,
    y: int,
    x: int,
    dy: int,
    dx: int,
    side: np.float32,
    base: np.float32,
    noise: np.float32,
    limit: np.float32,
) -> bool:
    """Tell whether a pair of which at least one is a hit is sharp, were the hits as high as the pixel."""
    ny, nx = sci.shape
    if y < dy or x < dx or y + dy >= ny or x + dx >= nx:
        return False
    first, second = state[y - dy, x - dx], state[y + dy, x + dx]
    if (first | second) != np.uint8(SPIKE):
        return False
    if first == second:
        return True
    other = sci[y - dy, x - dx] if second else sci[y + dy, x + dx]
    height, across = side * (sci[y, x] - base), side * (other - base)
    return bool(across < np.float32(_DARK) * noise or across * height < limit * limit)
