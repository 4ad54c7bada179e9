"""The settings of ``wise.coadd``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat

from photomitrus_cli.run.config import RelativePath, Section

MAX_NSIDE = 8192

PerBand = Annotated[tuple[PositiveFloat, ...], Field(min_length=4, max_length=4)]


def names(value: Any) -> Any:
    """Read ``[01772a, 01773b]``, or names in one text."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _power_of_two(value: int) -> int:
    if value & (value - 1):
        raise ValueError(f"nside {value} is not a power of two")
    return value


def _fits(value: Path | None) -> Path | None:
    if value is not None and value.suffix != ".fits":
        raise ValueError(f"{value} does not end in .fits")
    return value


class CoaddSettings(Section):
    """Keys of ``wise.coadd``; configs/wise.yaml explains each."""

    frames: Annotated[Path, RelativePath()]
    output: Annotated[Path, RelativePath()]
    band: Annotated[int, Field(ge=1, le=4)]
    scans: Annotated[tuple[str, ...], BeforeValidator(names)]
    group: Literal["scan", "day", "week"]
    all_scans_map: Annotated[Path | None, RelativePath(), AfterValidator(_fits)]
    nside: Annotated[int, Field(ge=1, le=MAX_NSIDE), AfterValidator(_power_of_two)]
    system: Literal["galactic", "ecliptic", "equatorial"]
    masks: Literal["seed", "unwise", "catwise", "wssa"]
    missing: Literal["estimate", "refuse", "drop"]
    weights: Literal["frame", "pixel"]
    magzp: bool
    magzp_nominal: PerBand
    gain_e_dn: PerBand
    spikes: bool
    spike_sigma: Annotated[float, Field(ge=3, le=1000)]
    spike_sharpness: Annotated[float, Field(gt=0, lt=1)]
    mask_stars: bool
    star_sigma: Annotated[float, Field(ge=2, le=1000)]
    star_grow_px: Annotated[int, Field(ge=0, le=50)]
    judge: bool
    min_used: Annotated[float, Field(ge=0, le=1)]
    level_sigma: Annotated[float, Field(ge=3, le=1000)]
    gradient_sigma: Annotated[float, Field(ge=3, le=1000)]
    moon_sigma: Annotated[float, Field(ge=1, le=1000)]
    moon_contrast: Annotated[float, Field(ge=1, le=1000)]
    moon_light: Annotated[float, Field(ge=0, le=1000)]
    moon_near_deg: Annotated[float, Field(ge=0, le=180)]
    leave_out_sigma: Annotated[float, Field(ge=3, le=1000)]
    timestamps: bool
    pictures: bool
