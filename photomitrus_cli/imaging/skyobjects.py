"""Masks of objects that reach beyond what is seen of them in one frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Bool = NDArray[np.bool_]
Int32 = NDArray[np.int32]

# Radii by which an object is grown: its own radius times the first, plus the second, at most the third.
FACTOR, LEAST, MOST = 0.8, 2.0, 64.0


def grow_objects(
    found: Bool, *, fewest: int = 3, factor: float = FACTOR, least: float = LEAST, most: float = MOST
) -> Bool:
    """Grow each object by a part of its own size, and leave out those of a few pixels.

    The light of a star falls off with a power of the radius (Moffat 1969, A&A 3, 455): with an exponent of
    5.6 it is ten times fainter at 1.5 times and twenty times at 1.7 times the radius to which it is seen,
    however bright the star is.

    Parameters
    ----------
    found : ndarray of bool, shape (ny, nx)
        Pixels of objects, as from `photomitrus_cli.imaging.objects.object_mask` without growth. Pixels that
        touch at a side or a corner belong together.
    fewest : int, optional
        Objects of fewer pixels are dropped.
    factor, least, most : float, optional
        An object of n pixels is grown by ``least + factor sqrt(n / pi)``, at most ``most``, pixels.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    out = np.zeros(found.shape, dtype=np.bool_)
    found = np.ascontiguousarray(found)
    left = found.copy()
    room = np.empty(max(int(np.count_nonzero(left)), 1), np.int32)
    _grow(found, left, (fewest, factor, least, most), room, out)
    return out


@kernel
def _grow(found: Bool, left: Bool, rules: tuple[int, float, float, float], room: Int32, out: Bool) -> None:
    """Take the objects out of `left` one by one; room holds the pixels of one, y nx + x."""
    ny, nx = left.shape
    fewest, factor, least, most = rules
    for y in range(ny):
        for x in range(nx):
            if not left[y, x]:
                continue
            n = _collect(left, y, x, room)
            if n < fewest:
                continue
            radius = min(least + factor * np.sqrt(n / np.pi), most)
            for k in range(n):
                _paint(found, room[k] // nx, room[k] % nx, radius, out)


@kernel
def _paint(found: Bool, y: int, x: int, radius: float, out: Bool) -> None:
    """Set the pixels around a pixel of an object; one inside the object adds only itself."""
    ny, nx = found.shape
    out[y, x] = True
    inside = 0 < y < ny - 1 and 0 < x < nx - 1
    if inside and found[y - 1, x] and found[y + 1, x] and found[y, x - 1] and found[y, x + 1]:
        return
    reach = int(radius)
    for dy in range(-reach, reach + 1):
        if 0 <= y + dy < ny:
            half = int(np.sqrt(radius * radius - dy * dy))
            out[y + dy, max(x - half, 0) : min(x + half + 1, nx)] = True


@kernel
def _collect(left: Bool, y: int, x: int, room: Int32) -> int:
    """Collect the pixels that hang together with one, and take them out of `left`."""
    ny, nx = left.shape
    left[y, x] = False
    room[0] = y * nx + x
    n, k = 1, 0
    while k < n:
        j, i = room[k] // nx, room[k] % nx
        k += 1
        for v in range(max(j - 1, 0), min(j + 2, ny)):
            for u in range(max(i - 1, 0), min(i + 2, nx)):
                if left[v, u]:
                    left[v, u] = False
                    room[n] = v * nx + u
                    n += 1
    return n
