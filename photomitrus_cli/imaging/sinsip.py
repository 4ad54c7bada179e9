"""The geometry of a frame with an orthographic projection and SIP polynomials, from its numbers alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.sip import BLOCK, ROWS, undistorted
from photomitrus_cli.imaging.sipgeometry import SipGeometry
from photomitrus_cli.imaging.tangent import DEGREE, flat_pair

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SinSip(SipGeometry):
    """An orthographic projection (SIN; Calabretta & Greisen 2002, section 5.1.5) in FK5 (J2000).

    Its reference point is no pole.
    """

    def directions(self, x: ArrayLike, y: ArrayLike) -> Float:
        """Give directions as `SipGeometry`; NaN more than 90 degrees from the reference point."""
        flat_x, flat_y, shape = flat_pair(x, y)
        out = np.empty((3, flat_x.size))
        _sine_directions(flat_x, flat_y, self.crpix, self.table, self.cd * DEGREE, self.axes, out)
        return out.reshape(3, *shape)


@kernel
def _sine_directions(
    x: Float, y: Float, crpix: Float, table: Float, scale: Float, axes: Float, out: Float
) -> None:
    """Undo the distortion and the projection; `scale` is from pixels to radians on the plane."""
    work = np.empty(ROWS * min(x.size, BLOCK))
    for start in range(0, x.size, BLOCK):
        right, up = undistorted(x, y, start, crpix, table, work)
        for n in range(right.size):
            a = scale[0, 0] * right[n] + scale[0, 1] * up[n]
            b = scale[1, 0] * right[n] + scale[1, 1] * up[n]
            rest = 1.0 - a * a - b * b
            c = np.sqrt(rest) if rest >= 0.0 else np.nan
            for k in range(3):
                out[k, start + n] = axes[0, k] * a + axes[1, k] * b + axes[2, k] * c
