"""Flags of a frame on the grid of a map: the nearest pixel's, no interpolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.framemap import FrameMap
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.lanczos import row_positions
from photomitrus_cli.imaging.pixelmap import Box, PixelMap


@kernel
def nearest_window(
    flags: NDArray[np.bool_],
    node_x: NDArray[np.float64],
    node_y: NDArray[np.float64],
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    out: NDArray[np.bool_],
) -> None:
    """Look up the nearest frame pixel of every pixel of a grid window.

    Parameters
    ----------
    flags : ndarray of bool, shape (ny, nx)
    node_x, node_y, origin, step
        The node table, see `photomitrus_cli.imaging.pixelmap.PixelMap`.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, inside the node table.
    out : ndarray of bool, shape (y1 - y0, x1 - x0)
        Result; False off the frame.
    """
    y0, y1, x0, x1 = window
    ny, nx = flags.shape
    across, along = np.empty(x1 - x0), np.empty(x1 - x0)
    for y in range(y0, y1):
        row_positions(node_x, origin, step, y, x0, across)
        row_positions(node_y, origin, step, y, x0, along)
        for n in range(x1 - x0):
            i, j = np.floor(across[n] + 0.5), np.floor(along[n] + 0.5)
            # Written so that NaN fails it too.
            inside = i >= 0 and i < nx and j >= 0 and j < ny
            out[y - y0, n] = flags[int(j), int(i)] if inside else False


@kernel
def nearest_few(
    pixels: NDArray[np.int64],
    places: NDArray[np.float64],
    place_step: int,
    node_x: NDArray[np.float64],
    node_y: NDArray[np.float64],
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    reach: int,
    out: NDArray[np.bool_],
) -> None:
    """Flag the grid pixels nearest to a few frame pixels, looking only around these.

    Parameters
    ----------
    pixels : ndarray of int64, shape (n, 2)
        Frame pixels (y, x).
    places : ndarray of float64, shape (2, nj, ni)
        Grid x and y at every `place_step`-th frame pixel, see `photomitrus_cli.imaging.framemap.FrameMap`.
    node_x, node_y, origin, step, window
        As for `nearest_window`.
    reach : int
        Grid pixels around the centre of a frame pixel that may be nearest to it.
    out : ndarray of bool, shape (y1 - y0, x1 - x0)
        Set to True there, otherwise left as it is.
    """
    y0, y1, x0, x1 = window
    across, along = np.empty(1), np.empty(1)
    for n in range(pixels.shape[0]):
        j, i = pixels[n, 0], pixels[n, 1]
        b, a = min(j // place_step, places.shape[1] - 2), min(i // place_step, places.shape[2] - 2)
        v, u = j / place_step - b, i / place_step - a
        gx, gy = 0.0, 0.0
        for db in range(2):
            for da in range(2):
                share = (v if db else 1.0 - v) * (u if da else 1.0 - u)
                gx += share * places[0, b + db, a + da]
                gy += share * places[1, b + db, a + da]
        x_near, y_near = int(np.floor(gx + 0.5)), int(np.floor(gy + 0.5))
        for y in range(max(y_near - reach, y0), min(y_near + reach + 1, y1)):
            for x in range(max(x_near - reach, x0), min(x_near + reach + 1, x1)):
                row_positions(node_x, origin, step, y, x, across)
                row_positions(node_y, origin, step, y, x, along)
                if np.floor(across[0] + 0.5) == i and np.floor(along[0] + 0.5) == j:
                    out[y - y0, x - x0] = True


def few_flags(
    pixels: NDArray[np.int64], pixel_map: PixelMap, frame_map: FrameMap, window: Box
) -> NDArray[np.bool_]:
    """Tell which output pixels lie nearest to some pixels of the frame: as `nearest_flags`, for few.

    Parameters
    ----------
    pixels : ndarray of int64, shape (n, 2)
        Frame pixels (y, x).
    pixel_map, frame_map : PixelMap, FrameMap
        Of the frame.
    window
        See `nearest_flags`.

    Returns
    -------
    ndarray of bool, shape (y1 - y0, x1 - x0)
    """
    out = np.zeros((window[1] - window[0], window[3] - window[2]), dtype=np.bool_)
    if not pixels.size:
        return out
    places = np.stack([frame_map.node_x, frame_map.node_y])
    # The distance of neighbours hardly changes over a frame.
    first = np.abs(places[:, 0, 1] - places[:, 0, 0]), np.abs(places[:, 1, 0] - places[:, 0, 0])
    spacing = 1.1 * max(float(step.max()) for step in first) / frame_map.step
    nearest_few(
        pixels, places, frame_map.step, pixel_map.node_x, pixel_map.node_y, pixel_map.origin,
        pixel_map.step, window, int(np.ceil(spacing)) + 1, out,
    )  # fmt: skip
    return out


def nearest_flags(flags: NDArray[np.bool_], pixel_map: PixelMap, window: Box) -> NDArray[np.bool_]:
    """Tell which output pixels lie nearest to a flagged pixel of the frame.

    Parameters
    ----------
    flags : ndarray of bool, shape (ny, nx)
    pixel_map : PixelMap
        Of the frame.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, within ``pixel_map.bbox``.

    Returns
    -------
    ndarray of bool, shape (y1 - y0, x1 - x0)
    """
    out = np.zeros((window[1] - window[0], window[3] - window[2]), dtype=np.bool_)
    nearest_window(flags, pixel_map.node_x, pixel_map.node_y, pixel_map.origin, pixel_map.step, window, out)
    return out
