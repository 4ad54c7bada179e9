"""Kernels of star detection: smoothing, peaks, centroids in a recentred box."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

RING_GAP = 1.7  # px between the box and the pixels that give the background
MAX_SHIFT_PX = 1.5  # of a centroid from its peak
SETTLED_PX = 1e-3
_ITERATIONS = 30


@kernel
def add_scaled(total: Float32, term: Float32, factor: float) -> None:
    """Add a multiple of one row to another, in place.

    Parameters
    ----------
    total, term : ndarray of float32, shape (n,)
    factor : float
    """
    for x in range(total.size):
        total[x] += factor * term[x]


@kernel
def smooth_image(
    sci: Float32, bad: NDArray[np.bool_], level: float, taps: Float32, scratch: Float32, out: Float32
) -> None:
    """Smooth a frame by a separable kernel, its level removed and bad pixels taken as level.

    Parameters
    ----------
    sci, scratch, out : ndarray of float32, shape (ny, nx)
        Image, working space, result; both are 0 in the border of half the kernel.
    bad : ndarray of bool, shape (ny, nx)
    level : float
    taps : ndarray of float32, shape (2 k + 1,)
        The kernel along one axis.
    """
    ny, nx = sci.shape
    k = taps.size // 2
    base = np.float32(level)
    line = np.empty(nx, np.float32)
    for y in range(ny):
        for x in range(nx):
            value = sci[y, x] - base
            good = abs(value) < np.float32(1e30) and not bad[y, x]
            line[x] = value if good else np.float32(0.0)
        row = scratch[y]
        row[:] = 0.0
        inner = row[k : nx - k]
        for t in range(taps.size):
            add_scaled(inner, line[t : t + inner.size], taps[t])
    out[:] = 0.0
    for y in range(k, ny - k):
        for t in range(taps.size):
            add_scaled(out[y], scratch[y - k + t], taps[t])


@kernel
def find_peaks(
    smooth: Float32,
    var: Float32,
    min_var: float,
    threshold: float,
    margin: int,
    where: NDArray[np.int64],
    snr: Float,
) -> int:
    """Find pixels of a smoothed frame that are above their eight neighbours and the noise.

    Parameters
    ----------
    smooth : ndarray of float32, shape (ny, nx)
        From `smooth_image`.
    var : ndarray of float32, shape (ny, nx)
        Variance of the frame's pixels.
    min_var : float
        Used where `var` is smaller or not finite.
    threshold : float
        Smallest height over the square root of the pixel's variance.
    margin : int
        Pixels along the edges where no peak is taken, at least 1.
    where : ndarray of int64, shape (n, 2)
        Result: y, x.
    snr : ndarray of float64, shape (n,)
        Result: height over the square root of the variance.

    Returns
    -------
    int
        Number of peaks, at most n.
    """
    ny, nx = smooth.shape
    count = 0
    lowest = np.float32(threshold * np.sqrt(min_var))
    for y in range(margin, ny - margin):
        for x in range(margin, nx - margin):
            value = smooth[y, x]
            if not value > lowest:
                continue
            ratio = value / np.sqrt(var[y, x] if var[y, x] > min_var else min_var)
            if not ratio > threshold or count == where.shape[0]:
                continue
            highest = True
            for j in range(-1, 2):
                for i in range(-1, 2):
                    other = smooth[y + j, x + i]
                    # Of two equal neighbours the first in reading order is the peak.
                    if other > value or (other == value and (j < 0 or (j == 0 and i < 0))):
                        highest = False
            if highest:
                where[count, 0], where[count, 1], snr[count] = y, x, ratio
                count += 1
    return count


@kernel
def ring_level(
    sci: Float32, bad: NDArray[np.bool_], y: int, x: int, reach: int, inner: float, ring: Float
) -> float:
    """Median of the good pixels around a position.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    y, x : int
        The position, at least `reach` pixels inside the frame.
    reach : int
        Half the side of the square that holds the ring.
    inner : float
        Pixels nearer than this are left out.
    ring : ndarray of float64
        Working space for the square.

    Returns
    -------
    float
        NaN with fewer than eight pixels.
    """
    count = 0
    for j in range(-reach, reach + 1):
        for i in range(-reach, reach + 1):
            value = sci[y + j, x + i]
            if i * i + j * j > inner * inner and not bad[y + j, x + i] and np.isfinite(value):
                ring[count] = value
                count += 1
    return np.median(ring[:count]) if count >= 8 else np.nan


@kernel
def box_moments(
    sci: Float32,
    var: Float32,
    bad: NDArray[np.bool_],
    base: float,
    min_var: float,
    saturation: float,
    centre: tuple[float, float],
    half: float,
    sums: Float,
) -> bool:
    """Sum a square box whose edges cut through pixels, and its moments about the centre.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    base : float
        Background.
    min_var : float
        Used where `var` is smaller or not finite.
    saturation : float
        Value of a pixel that is not to be used.
    centre : tuple of float
        y, x; the box is inside the frame.
    half : float
        Half the width of the box, pixels.
    sums : ndarray of float64, shape (8,)
        Result, of the light above the background: sum; first moments x, y; second moments xx, yy, xy; mean
        over the axes of what a shift of the box by a pixel gains in the first moment through its edges;
        mean over the axes of the variance of the first moments.

    Returns
    -------
    bool
        False when a pixel of the box cannot be used.
    """
    sums[:] = 0.0
    cy, cx = centre
    for j in range(int(np.ceil(cy - half - 0.5)), int(np.floor(cy + half + 0.5)) + 1):
        dy = j - cy
        wy = min(1.0, half + 0.5 - abs(dy))
        for i in range(int(np.ceil(cx - half - 0.5)), int(np.floor(cx + half + 0.5)) + 1):
            dx = i - cx
            wx = min(1.0, half + 0.5 - abs(dx))
            w = wx * wy
            # A pixel that only touches the box takes no part.
            if w <= 0.0:
                continue
            value = sci[j, i]
            if bad[j, i] or not value < saturation or not np.isfinite(value):
                return False
            light = value - base
            noise = var[j, i] if var[j, i] > min_var else min_var
            sums[0] += w * light
            sums[1] += w * light * dx
            sums[2] += w * light * dy
            sums[3] += w * light * dx * dx
            sums[4] += w * light * dy * dy
            sums[5] += w * light * dx * dy
            sums[6] += 0.5 * light * ((wx < 1.0) * wy * abs(dx) + (wy < 1.0) * wx * abs(dy))
            sums[7] += 0.5 * w * w * noise * (dx * dx + dy * dy)
    return True


@kernel
def measure_peaks(
    sci: Float32,
    var: Float32,
    bad: NDArray[np.bool_],
    min_var: float,
    saturation: float,
    where: NDArray[np.int64],
    half: float,
    out: Float,
) -> None:
    """Measure position, light and shape at peaks.

    The position is the first moment in a box of full width 2 `half` (an integer) whose edges cut through
    pixels and which is centred anew on every moment until it rests: a box fixed on the pixels pulls stars
    towards its centre. The background is the median of the pixels around.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Image and variance.
    bad : ndarray of bool, shape (ny, nx)
    min_var : float
        Used where `var` is smaller or not finite.
    saturation : float
        Value of a pixel that makes its star unusable.
    where : ndarray of int64, shape (n, 2)
        y, x of the peaks, at least ``ceil(half + 2.5)`` pixels inside the frame.
    half : float
        Half the width of the box, pixels.
    out : ndarray of float64, shape (n, 7)
        Result: x, y, sum above the background, error of x and y, sharpness (the peak's share of the sum),
        elongation (of the second moments: 0 round, 1 a line), and 1 if usable, else 0.
    """
    reach = int(np.ceil(half + 2.5))
    ring, sums = np.empty((2 * reach + 1) ** 2), np.empty(8)
    for n in range(where.shape[0]):
        py, px = where[n]
        out[n, :] = 0.0
        base = ring_level(sci, bad, py, px, reach, half + RING_GAP, ring)
        cy, cx = float(py), float(px)
        for _ in range(_ITERATIONS):
            good = box_moments(sci, var, bad, base, min_var, saturation, (cy, cx), half, sums)
            # NaN, the level of an empty ring, fails this too.
            if not (good and sums[0] > 0.0):
                break
            # What enters and leaves at the edges moves the moment too: a Newton step.
            rest = max(sums[0] - sums[6], 0.3 * sums[0])
            dx, dy = sums[1] / rest, sums[2] / rest
            cx, cy = cx + dx, cy + dy
            if abs(cx - px) > MAX_SHIFT_PX or abs(cy - py) > MAX_SHIFT_PX:
                break
            if abs(dx) + abs(dy) < SETTLED_PX:
                size = sums[3] + sums[4]
                out[n, 0], out[n, 1], out[n, 2] = cx, cy, sums[0]
                out[n, 3] = np.sqrt(sums[7]) / rest
                out[n, 4] = (sci[py, px] - base) / sums[0]
                out[n, 5] = np.hypot(sums[3] - sums[4], 2.0 * sums[5]) / size if size > 0.0 else 1.0
                out[n, 6] = 1.0
                break


@kernel
def lone_peaks(
    smooth: Float32, where: NDArray[np.int64], reach: float, share: float, alone: NDArray[np.bool_]
) -> None:
    """Tell which peaks have no comparable peak near them.

    Parameters
    ----------
    smooth : ndarray of float32, shape (ny, nx)
        From `smooth_image`.
    where : ndarray of int64, shape (n, 2)
        y, x of the peaks in reading order.
    reach : float
        How near, pixels.
    share : float
        A neighbour is comparable when it is higher than this share of the peak.
    alone : ndarray of bool, shape (n,)
        Result.
    """
    alone[:] = True
    for n in range(where.shape[0]):
        mine = smooth[where[n, 0], where[n, 1]]
        for m in range(n + 1, where.shape[0]):
            dy, dx = where[m, 0] - where[n, 0], where[m, 1] - where[n, 1]
            if dy > reach:
                break
            if dx * dx + dy * dy <= reach * reach:
                other = smooth[where[m, 0], where[m, 1]]
                if other > share * mine:
                    alone[n] = False
                if mine > share * other:
                    alone[m] = False
