"""Ways to resample, reject and combine, and one measurement for all of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from truthkit.measures import BlankSky, StarErrors, blank_sky, star_errors
from truthkit.runs import BLANK_FIELD, CLEAN_FIELD, Mosaic, make_mosaic

MIN_FRAMES = 5
# What a field is like when nobody else has looked for hits.
UNMASKED: dict[str, Any] = {"rmask_completeness": 0.0, "pointing_rms_arcsec": 0.15}
UNMASKED_STARS: dict[str, Any] = {**CLEAN_FIELD, **UNMASKED}
UNMASKED_BLANK: dict[str, Any] = {**BLANK_FIELD, **UNMASKED}


@dataclass(frozen=True)
class Choice:
    """One way to make a mosaic.

    Attributes
    ----------
    resample : str
        As tables name it.
    combine : str
    reject : str
    options : dict
        Settings of the stage.
    """

    resample: str
    combine: str
    reject: str
    options: dict[str, Any] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"{self.resample} {self.combine} {self.reject}"

    def make(self, frames: Path, output: Path, **more: Any) -> Mosaic:
        """Make the mosaic of some frames."""
        return make_mosaic(frames, output, **self.options, **more)


def choice(combine: str, reject: str = "two-pass", pixfrac: float | None = None) -> Choice:
    """Name a way to make a mosaic; without a pixfrac the frames are interpolated."""
    options: dict[str, Any] = {"combine": combine, "reject": reject}
    if pixfrac is None:
        return Choice("lanczos3", combine, reject, options)
    options |= {"resample": "drizzle", "pixfrac": pixfrac}
    return Choice(f"drizzle {pixfrac:g}", combine, reject, options)


MEANS = [choice(rule, pixfrac=size) for size in (None, 1.0, 0.7) for rule in ("weighted", "clipped")]
FLUX_CHOICES = [
    *MEANS,
    choice("weighted", "none"),
    choice("clipped", "none"),
    choice("median-exptime"),
    choice("median-exptime", "none"),
]
BLANK_CHOICES = [
    *MEANS,
    *(choice(rule, pixfrac=0.5) for rule in ("weighted", "clipped")),
    choice("median-exptime"),
]
# Ways to live with hits that no mask knows.
ROBUST_CHOICES = [
    choice("weighted"),
    choice("clipped", "none"),
    choice("clipped"),
    choice("median-exptime", "none"),
    choice("median-exptime"),
    choice("weighted", "none"),
]


@dataclass(frozen=True)
class Bias:
    """The flux bias of many fields.

    Attributes
    ----------
    n : int
        Stars.
    mean, error : float
        Weighted mean of the biases and its standard error, as a share.
    """

    n: int
    mean: float
    error: float


def mean_bias(measured: list[StarErrors]) -> Bias:
    """Put the biases of fields together by their errors."""
    weights = np.array([1 / one.flux_bias_error**2 for one in measured])
    mean = float(np.average([one.flux_bias for one in measured], weights=weights))
    return Bias(sum(one.n for one in measured), mean, float(weights.sum() ** -0.5))


def mean_ratio(measured: list[BlankSky]) -> BlankSky:
    """Put the blank apertures of fields together by their numbers."""
    n = np.array([one.n for one in measured])
    ratio = float(np.sqrt(np.average([one.sigma_ratio**2 for one in measured], weights=n)))
    return BlankSky(int(n.sum()), ratio, float(1.17 * ratio / np.sqrt(n.sum())))


def stars(mosaic: Mosaic, truth: Path, one: Choice) -> StarErrors:
    """Measure stars with the weights of a choice."""
    return star_errors(mosaic, truth, rule=one.combine)


def blank(mosaic: Mosaic, truth: Path, n: int = 6000) -> tuple[BlankSky, float]:
    """Measure blank apertures; also give the true noise of large areas, per pixel, MJy/sr."""
    sky = blank_sky(mosaic, truth, n=n)
    known = mosaic.coverage >= MIN_FRAMES
    unc = float(np.sqrt(np.mean(np.square(mosaic.unc[known]))))
    return sky, sky.sigma_ratio * mosaic.correlation * unc
