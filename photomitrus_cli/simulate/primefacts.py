"""What is known of PRIME: chips, distortion, bands, readout, as its pipeline's own templates give them."""

from __future__ import annotations

from typing import NamedTuple

NATIVE_PX = 4096  # side of a chip
BORDER_PX = 4  # reference pixels on all sides
CHANNEL_PX = 128  # columns of an output
PIXEL_ARCSEC = 0.497
ROTATION_DEG = 0.0  # of the rotator, for which places and distortion of the chips are given
CRPIX_PX = 2044.0  # reference pixel of a chip without its border, 0-based
GAIN_E_ADU = 1.8
READ_NOISE_E = 15.0
FULL_ADU = 50_000.0  # of all reads
FRAME_S = 2.86  # from read to read
INVALID = 65535.0  # of pixels that are full before the second read
RADIAL_DEG2 = 0.0098  # distortion about the axis: rho (1 + RADIAL_DEG2 rho^2), rho in deg
BANDS = ("Z", "Y", "J", "H")
ZERO_POINT = {"Z": 23.88, "Y": 23.88, "J": 23.88, "H": 24.111}  # Vega magnitude of 1 ADU a read
MOFFAT_BETA = 2.8


class Chip(NamedTuple):
    """Place of a chip at `ROTATION_DEG`.

    ``sep_deg`` and ``pa_deg`` lead from the axis of the mosaic to the reference pixel, ``axis_pa_deg`` are
    the angles of the two axes, ``scale_arcsec`` the signed sides of a pixel, ``pv1`` and ``pv2`` the terms 12
    to 16 of the TPV distortion, which belong to the same rotation: there they are symmetric about the line
    from the axis of the mosaic to the chip.
    """

    sep_deg: float
    pa_deg: float
    axis_pa_deg: tuple[float, float]
    scale_arcsec: tuple[float, float]
    pv1: tuple[float, float, float, float, float]
    pv2: tuple[float, float, float, float, float]


CHIPS = {
    1: Chip(
        0.44539,
        267.271,
        (-47.393, -47.088),
        (0.49692, -0.49712),
        (0.1063, -0.0118, 0.2406, 0.0057, 0.0235),
        (-0.0014, 0.0974, -0.0025, 0.0986, 0.0),
    ),
    2: Chip(
        0.44386,
        357.738,
        (-46.815, -47.119),
        (0.49697, -0.49708),
        (0.0085, -0.0838, 0.0175, -0.0836, 0.0008),
        (-0.1009, 0.0037, -0.2314, 0.0184, -0.0236),
    ),
    3: Chip(
        0.44523,
        177.673,
        (-47.379, -47.658),
        (-0.49699, 0.49724),
        (0.0082, 0.0722, 0.0259, 0.0750, 0.0057),
        (0.0793, 0.0229, 0.1818, 0.0078, 0.0189),
    ),
    4: Chip(
        0.44955,
        87.768,
        (-47.731, -47.430),
        (-0.49702, 0.49713),
        (-0.0792, 0.0063, -0.1772, -0.0085, -0.0165),
        (-0.0140, -0.0851, -0.0367, -0.0829, -0.0056),
    ),
}


class Shape(NamedTuple):
    """Pixels of a chip, whole or reduced.

    ``scale`` is the side of a pixel over the native one, ``side`` that of the frame, ``border`` the width of
    its frame of reference pixels, ``channel`` that of an output.
    """

    scale: int
    side: int
    border: int
    channel: int

    @property
    def active(self) -> int:
        """Side of the frame without its border."""
        return self.side - 2 * self.border


def frame_shape(scale: int) -> Shape:
    """Return the pixels of a chip whose pixels are ``scale`` times the native ones."""
    return Shape(scale, NATIVE_PX // scale, max(1, BORDER_PX // scale), CHANNEL_PX // scale)
