"""The chips of a camera in its description: where each lies and how it is distorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from photomitrus_cli.prime.tpv import POWERS
from photomitrus_cli.run.config import Section

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Degrees = Annotated[float, Field(ge=-720.0, le=720.0)]


class Template(Section):
    """Distorted geometry of a chip (TPV).

    Attributes
    ----------
    rotation : float
        Rotator angle for which all the others and the TPV coefficients hold, degrees.
    separation : float
        From the pointing to the chip's reference point, degrees.
    angle : float
        Position angle of that point, degrees east of north.
    pa_x, pa_y : float
        Angles of the two pixel axes, degrees; see `template_geometry`.
    scale_x, scale_y : float
        Arcsec a pixel, with the signs of the axes.
    crpix : tuple of float
        Reference point (x, y) in the active area, 1-based as in FITS.
    pv1, pv2 : mapping of int to float
        TPV coefficients PV1_k and PV2_k (degrees); those of no distortion by default.
    """

    rotation: Degrees = 0.0
    separation: Annotated[float, Field(ge=0.0, lt=90.0)]
    angle: Degrees
    pa_x: Degrees
    pa_y: Degrees
    scale_x: Finite
    scale_y: Finite
    crpix: tuple[Finite, Finite]
    pv1: Mapping[int, Finite] = {1: 1.0}
    pv2: Mapping[int, Finite] = {1: 1.0}

    @field_validator("pv1", "pv2")
    @classmethod
    def _polynomial(cls, terms: Mapping[int, float]) -> Mapping[int, float]:
        for term in terms:
            if term not in POWERS:
                raise ValueError(f"term {term} of TPV is no polynomial of degree 7 or less")
        if not terms.get(1):
            raise ValueError("term 1, the linear one, is missing or 0")
        return dict(terms)

    @field_validator("scale_x", "scale_y")
    @classmethod
    def _some_scale(cls, scale: float) -> float:
        if not 0.001 < abs(scale) < 100.0:
            raise ValueError("a pixel is 0.001 to 100 arcsec wide")
        return scale


class Corners(Section):
    """Linear geometry of a chip from places that are known on the sky.

    Attributes
    ----------
    separation, angle : tuple of float
        From the pointing to each place: distance and position angle, degrees.
    rotation : float
        Rotator angle at which the angles were measured, degrees.
    x, y : tuple of float
        Pixel positions of the places in the active area, 1-based as in FITS.
    """

    separation: tuple[Finite, ...]
    angle: tuple[Degrees, ...]
    rotation: Degrees
    x: tuple[Finite, ...]
    y: tuple[Finite, ...]

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {len(values) for values in (self.separation, self.angle, self.x, self.y)}
        if len(lengths) > 1 or min(lengths) < 3:
            raise ValueError(
                "separation, angle, x and y must have one value for each of three or more places"
            )
        return self


class Chip(Section):
    """One of the camera's detectors.

    Attributes
    ----------
    label : str or None
        What the chip keyword holds, where it is not the chip's number.
    sky_sigma : float
        Default clip of the first sky, standard deviations.
    template, corners : Template, Corners or None
        Geometry; a camera may have none but that of its headers.
    """

    label: str | None = None
    sky_sigma: Positive = 4.0
    template: Template | None = None
    corners: Corners | None = None
