"""Numbers of the zodiacal dust model of Kelsall et al. 1998 (ApJ 508, 44), tables 1 and 2.

Digits beyond the printed tables are those of the DIRBE Zodiacal Light Prediction Software, from which the
tables were rounded. Densities are cross-section per volume, 1/AU; lengths AU; angles degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Component = Literal["cloud", "band1", "band2", "band3", "ring", "blob"]
Material = Literal["cloud", "band", "ring"]

TEMPERATURE_1AU = 286.0  # K
TEMPERATURE_SLOPE = 0.46686260  # T ~ r^-slope
OUTER_RADIUS = 5.2  # AU; the paper integrates to Jupiter's orbit
SOLAR_RADIUS = 0.00465  # AU; no dust is nearer


@dataclass(frozen=True, slots=True)
class Plane:
    """Symmetry plane and centre of a component.

    Attributes
    ----------
    node, inclination : float
        Ascending node and inclination to the ecliptic, deg.
    centre : tuple of float
        Heliocentric ecliptic position of the centre, AU.
    """

    node: float
    inclination: float
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Cloud:
    """The smooth cloud: equations 6 and 7 of the paper."""

    plane: Plane
    density: float
    alpha: float
    beta: float
    gamma: float
    mu: float


@dataclass(frozen=True, slots=True)
class Band:
    """A dust band: equation 8; `width` deg, `inner` AU."""

    plane: Plane
    density: float
    width: float
    shape: float
    inner: float


@dataclass(frozen=True, slots=True)
class Ring:
    """The circumsolar ring: equation 9; radius and widths AU."""

    plane: Plane
    density: float
    radius: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Blob:
    """The Earth-trailing blob: a ring times a Gaussian in longitude; `trail` and `length` deg."""

    ring: Ring
    trail: float
    length: float


CLOUD = Cloud(
    Plane(77.657956, 2.0335188, (0.011887801, 0.0054765065, -0.0021530908)),
    density=1.1344374e-7,
    alpha=1.3370697,
    beta=4.1415004,
    gamma=0.94206179,
    mu=0.18873176,
)
BANDS: dict[Component, Band] = {
    "band1": Band(Plane(80.0, 0.56438265), 5.5890290e-10, width=8.7850534, shape=0.10, inner=1.5),
    "band2": Band(Plane(30.347476, 1.2), 1.9877609e-9, width=1.9917032, shape=0.90, inner=0.94121881),
    "band3": Band(Plane(80.0, 0.8), 1.4369827e-10, width=15.0, shape=0.05, inner=1.5),
}
_RING_PLANE = Plane(22.278980, 0.48707166)
RING = Ring(_RING_PLANE, 1.8260528e-8, radius=1.0281924, width=0.025, height=0.054068037)
BLOB = Blob(
    Ring(_RING_PLANE, 2.0094267e-8, radius=1.0579183, width=0.10287315, height=0.091442964),
    trail=-10.0,
    length=12.115211,
)
COMPONENTS: tuple[Component, ...] = ("cloud", "band1", "band2", "band3", "ring", "blob")
MATERIAL: dict[Component, Material] = {
    "cloud": "cloud",
    "band1": "band",
    "band2": "band",
    "band3": "band",
    "ring": "ring",
    "blob": "ring",
}

# Nominal wavelengths of the DIRBE bands, um; the rows below have one value for each.
WAVELENGTHS = (1.25, 2.2, 3.5, 4.9, 12.0, 25.0, 60.0, 100.0, 140.0, 240.0)
EMISSIVITY: dict[Material, tuple[float, ...]] = {
    "cloud": (
        1.0,
        1.0,
        1.6598924,
        0.99740908,
        0.95766915,
        1.0,
        0.73338833,
        0.64789882,
        0.67694206,
        0.51912085,
    ),
    "band": (1.0, 1.0, 1.6598924, 0.35926452, 1.0127927, 1.0, 1.2539242, 1.5167023, 1.1317240, 1.3996146),
    "ring": (1.0, 1.0, 1.6598924, 1.0675117, 1.0608769, 1.0, 0.87266361, 1.0985347, 1.1515826, 0.85763801),
}
ALBEDO = (0.20411940, 0.25521133, 0.21043660, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
# Flux of the Sun at 1 AU, MJy.
SOLAR_FLUX = (
    2.3405606e8,
    1.2309874e8,
    64292872.0,
    35733824.0,
    5763843.0,
    1327989.4,
    230553.73,
    82999.336,
    42346.605,
    14409.608,
)
# C0, C1 (1/rad), C2 (1/rad) of the phase function C0 + C1 angle + exp(C2 angle); isotropic from 4.9 um on.
PHASE = ((-0.9421, 0.1214, -0.1648), (-0.5267, 0.1872, -0.5983), (-0.4312, 0.1715, -0.6333), (0.0, 0.0, 0.0))
