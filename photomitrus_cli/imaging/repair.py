"""Bad pixels are filled from their good neighbours before interpolation, so that they cannot ring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]

# Pixels to each side that are looked at, and how often what was filled serves to fill what is deeper in a
# hole.
REACH = 2
PASSES = 3


@kernel
def fill_pass(sci: Float32, var: Float32, known: NDArray[np.bool_]) -> int:
    """Fill every unknown pixel that has known ones within reach, weighted by distance^-4.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Changed in place.
    known : ndarray of bool, same shape
        Pixels with a value; filled ones are added at the end, so that the order of filling does not matter.

    Returns
    -------
    int
        Number of pixels still unknown.
    """
    ny, nx = sci.shape
    filled = np.zeros(sci.shape, dtype=np.bool_)
    left = 0
    for j in range(ny):
        for i in range(nx):
            if known[j, i]:
                continue
            total, value, noise = 0.0, 0.0, 0.0
            for b in range(max(j - REACH, 0), min(j + REACH + 1, ny)):
                for a in range(max(i - REACH, 0), min(i + REACH + 1, nx)):
                    if known[b, a]:
                        weight = 1.0 / ((b - j) ** 2 + (a - i) ** 2) ** 2
                        total += weight
                        value += weight * sci[b, a]
                        noise += weight * var[b, a]
            if total > 0.0:
                sci[j, i] = value / total
                var[j, i] = noise / total
                filled[j, i] = True
            else:
                left += 1
    known |= filled
    return left


def fill_bad(
    sci: NDArray[np.floating], var: NDArray[np.floating], bad: NDArray[np.bool_]
) -> tuple[Float32, Float32]:
    """Replace bad pixels by a mean of the good ones near them, weighted by inverse distance.

    Parameters
    ----------
    sci, var : ndarray of float, shape (ny, nx)
        Frame and variance; may be NaN where bad.
    bad : ndarray of bool, shape (ny, nx)
        Pixels to replace. Pixels that are not finite must be among them.

    Returns
    -------
    sci, var : ndarray of float32, shape (ny, nx)
        Copies. The variance of a filled pixel is the same mean of its neighbours' variances. Deep inside
        large holes both take the mean of the good pixels (0 if none is good): no valid output pixel reaches
        there.
    """
    out = np.array(sci, dtype=np.float32, order="C")
    out_var = np.array(var, dtype=np.float32, order="C")
    known = ~bad
    left = int(bad.sum())
    for _ in range(PASSES if 0 < left < bad.size else 0):
        left = fill_pass(out, out_var, known)
        if left == 0:
            break
    if left:
        for image in (out, out_var):
            image[~known] = np.mean(image[~bad], dtype=np.float64) if not bad.all() else 0.0
    return out, out_var
