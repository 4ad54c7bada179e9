"""The settings of ``wise.calibrate``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat

from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.wise.coaddsettings import names
from photomitrus_cli.wise.templatemodes import MODES

COSECANT = "cosecant"

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Sigma = Annotated[float, Field(ge=2, le=1000)]
_Measured = Annotated[PositiveFloat, Field(allow_inf_nan=False)] | Literal["auto"]
_Window = Annotated[tuple[_Finite, _Finite], Field()]


def _window(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError(f"the window {value[0]:g} to {value[1]:g} ends before it begins")
    return value


def _known(value: Mapping[str, float]) -> Mapping[str, float]:
    for name in value:
        if name not in MODES:
            raise ValueError(f"{name!r} is no mode; there are {', '.join(MODES)}")
    return value


def _zero(value: Any) -> Any:
    """Tell the word and numbers, which were made paths, from paths."""
    if not isinstance(value, Path):
        return value
    if value.name == COSECANT:
        return COSECANT
    try:
        return float(value.name)
    except ValueError:
        return value


class LineSettings(Section):
    """Keys of ``wise.calibrate.lines``."""

    ecliptic_deg: Annotated[float, Field(gt=0, le=90)]
    rounds: Annotated[int, Field(ge=1, le=1000)]
    splines: Literal["both", "gain", "none"]
    median_scans: Annotated[int, Field(ge=3, le=100_000)]
    clip_sigma: Annotated[float, Field(ge=0, le=1000)]


class CalibrateSettings(Section):
    """Keys of ``wise.calibrate``; configs/wise.yaml explains each."""

    maps: Annotated[tuple[Path, ...], RelativePath()]
    output: Annotated[Path, RelativePath()]
    band: Annotated[int, Field(ge=1, le=4)]
    scans: Annotated[tuple[str, ...], BeforeValidator(names)]
    galaxy_deg: Annotated[float, Field(ge=0, lt=90)]
    bright_sigma: Annotated[float, Field(ge=0, le=1000)]
    min_coverage: Annotated[float, Field(ge=0, lt=1)]
    moon_deg: Annotated[float, Field(ge=0, lt=180)]
    moon_windows: tuple[Annotated[_Window, AfterValidator(_window)], ...]
    planet_deg: Annotated[float, Field(ge=0, lt=180)]
    user_map: Annotated[Path | None, RelativePath()]
    flag_bits: Annotated[int, Field(ge=0, lt=2**31)]
    method: Literal["joint", "seed"]
    baseline_deg: Annotated[float, Field(ge=0, le=360)]
    baseline_length_deg: Annotated[float, Field(gt=0, le=1000)]
    baseline_dn: _Measured
    gain_walk: _Measured
    gain_jitter: _Measured
    modes: Annotated[dict[str, Annotated[float, Field(ge=0, le=10)]], AfterValidator(_known)]
    lines: LineSettings
    robust_sigma: Annotated[float, Field(ge=1, le=1000)]
    rounds: Annotated[int, Field(ge=1, le=100)]
    cycles: Annotated[int, Field(ge=1, le=20)]
    leave_out_sigma: Annotated[float, Field(ge=3, le=1000)]
    min_samples: Annotated[int, Field(ge=20)]
    min_correlation: Annotated[float, Field(ge=0, lt=1)]
    max_contradicted: Annotated[float, Field(ge=0, le=1)]
    residual_sigma: _Sigma
    gain_sigma: _Sigma
    drift_sigma: _Sigma
    zero: Annotated[Literal["cosecant"] | _Finite | Path, RelativePath(), BeforeValidator(_zero)]
    zodi_error: Annotated[float, Field(ge=0, le=1)]
    draws: Annotated[int, Field(ge=2, le=1000)]
    draw_seed: Annotated[int, Field(ge=0, lt=2**32)]
    start: Annotated[Path | None, RelativePath()]
    cache: Annotated[Path | None, RelativePath()]
    pictures: bool

    @property
    def templates(self) -> Path:
        """Folder that keeps the templates of the scans."""
        return self.output / "templates" if self.cache is None else self.cache
