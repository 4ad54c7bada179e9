"""Bad pixels are filled from their good neighbours before interpolation, so that they cannot ring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]

# Exponent of the inverse distance weights and the neighbours looked at, pixels to each side.
POWER = 4.0
REACH = 2


@kernel
def _fill(sci: Float32, var: Float32, good: NDArray[np.bool_], reach: int, power: float) -> int:
    """Fill what has a good pixel within reach, in place; return the number of pixels left."""
    ny, nx = sci.shape
    left = 0
    for j in range(ny):
        for i in range(nx):
            if good[j, i]:
                continue
            total = 0.0
            value = 0.0
            noise = 0.0
            for b in range(max(j - reach, 0), min(j + reach + 1, ny)):
                for a in range(max(i - reach, 0), min(i + reach + 1, nx)):
                    if good[b, a]:
                        weight = float((b - j) ** 2 + (a - i) ** 2) ** (-0.5 * power)
                        total += weight
                        value += weight * sci[b, a]
                        noise += weight * var[b, a]
            if total > 0.0:
                sci[j, i] = value / total
                var[j, i] = noise / total
            else:
                left += 1
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
        Copies. The variance of a filled pixel is the same mean of its neighbours' variances. Inside large
        holes, where no neighbour is near, both take the median of the good pixels (0 if none is good); such
        pixels never reach a valid output pixel.
    """
    good = ~bad
    out = np.array(sci, dtype=np.float32, order="C")
    out_var = np.array(var, dtype=np.float32, order="C")
    if bad.any():
        middle, noise = (np.median(out[good]), np.median(out_var[good])) if good.any() else (0.0, 0.0)
        out[bad], out_var[bad] = middle, noise
        _fill(out, out_var, good, REACH, POWER)
    return out, out_var
