"""The active area of a frame: where it lies in the file, and how pixels there relate to the detector's."""

from __future__ import annotations

from dataclasses import dataclass

from photomitrus_cli.errors import InputError


@dataclass(frozen=True)
class Window:
    """The pixels of a file that see light.

    Attributes
    ----------
    file_shape : tuple of int
        (ny, nx) of the image in the file.
    y0, y1, x0, x1 : int
        Half-open bounds of the active area in the file.
    scale : int
        Side of a pixel in pixels of the detector.
    offset : tuple of float
        Position (x, y) of the active area's first pixel in the active area of the whole detector, detector
        pixels, 0-based.
    """

    file_shape: tuple[int, int]
    y0: int
    y1: int
    x0: int
    x1: int
    scale: int
    offset: tuple[float, float]

    @property
    def shape(self) -> tuple[int, int]:
        """(ny, nx) of the active area."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """What cuts the active area out of the image in the file."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Turn a position in the detector's active area into one in the window.

        Parameters
        ----------
        x, y : float
            0-based, detector pixels.

        Returns
        -------
        x, y : float
            0-based, pixels of the frame.
        """
        return (x - self.offset[0]) / self.scale, (y - self.offset[1]) / self.scale


def find_window(
    shape: tuple[int, ...], detector: tuple[int, int], active: tuple[int, int, int, int], path: object
) -> Window:
    """Find the active area in an image.

    Parameters
    ----------
    shape : tuple of int
        Of the image: that of the detector, of the detector in pixels n times as large along each axis, or of
        the active area alone.
    detector : tuple of int
        (ny, nx) of the detector.
    active : tuple of int
        Half-open y0, y1, x0, x1 on the detector.
    path : object
        Named in the error.

    Returns
    -------
    Window
        Larger pixels that are active only in part are left out.

    Raises
    ------
    InputError
        When the image has none of these shapes.
    """
    y0, y1, x0, x1 = active
    if shape == (y1 - y0, x1 - x0):
        return Window((shape[0], shape[1]), 0, shape[0], 0, shape[1], 1, (0.0, 0.0))
    scale = max(detector[0] // shape[0], 1) if len(shape) == 2 and shape[0] else 1
    # First and last of the larger pixels that lie wholly within the active area.
    low_y, high_y, low_x, high_x = -(-y0 // scale), y1 // scale, -(-x0 // scale), x1 // scale
    if tuple(side * scale for side in shape) != detector or low_y >= high_y or low_x >= high_x:
        found = " x ".join(str(side) for side in reversed(shape))
        raise InputError(
            f"{path}: the image has {found} pixels, no frame of {detector[1]} x {detector[0]} pixels",
            hint="is it of this instrument? its description tells the shape and the active area",
        )
    # Where the centre of the first one is.
    offset = ((low_x + 0.5) * scale - 0.5 - x0, (low_y + 0.5) * scale - 0.5 - y0)
    return Window((shape[0], shape[1]), low_y, high_y, low_x, high_x, scale, offset)
