"""Settings of ``prime stack``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.run.settingwords import Words

ALL_CHIPS = "all"
OWN_STARS = "self"
"""Instead of the file of a reference catalogue: the stars of the field themselves."""


def _chips(value: Any) -> Any:
    """Read ``all``, one chip, or several with commas between them."""
    if isinstance(value, str) and value.strip().lower() != ALL_CHIPS:
        return [part.strip() for part in value.split(",")]
    if isinstance(value, str):
        return ALL_CHIPS
    return [value] if isinstance(value, int) else value


def _parts(value: Any) -> Any:
    """Read text with commas in it as a list."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


Chips = Annotated[
    Annotated[tuple[int, ...], Field(min_length=1)] | Literal["all"],
    BeforeValidator(_chips),
    Words("the number of a chip, several such as 1,3, or all"),
]


class StackSettings(Section):
    """Keys of ``prime.stack``; configs/prime.yaml explains each."""

    parent: Annotated[Path | None, RelativePath()]
    output: Annotated[Path | None, RelativePath()]
    chip: Chips
    band: str | None
    instrument: str
    geometry: Literal["template", "corners", "header"] | None
    rot_val: Annotated[float | None, Field(ge=-360, le=360)]
    sigma: Annotated[float, Field(ge=1, le=100)] | Literal["auto"]
    flat_fielding: bool
    flats: Annotated[Path | None, RelativePath()]
    bad_pixels: Annotated[Path | None, RelativePath()]
    bad_pixels_good: Annotated[int, Field(ge=0, le=1)]
    dark: Annotated[Path | None, RelativePath()]
    sky: Literal["median", "mesh"]
    sky_frames: Annotated[int, Field(ge=0)] | Literal["auto"]
    second_pass: bool
    channel_offsets: bool
    mesh_px: Annotated[int, Field(ge=0, le=1024)]
    refcat: Annotated[Literal["self"] | Path | None, RelativePath(words=(OWN_STARS,))]
    refcat_columns: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[^=]+=[^=]+$")], ...],
        BeforeValidator(_parts),
        Words("columns such as ra=gra,dec=gde"),
    ]
    refcat_cache: Annotated[Path | None, RelativePath()]
    refcat_timeout_s: Annotated[float, Field(gt=0, le=3600)]
    degrees: Annotated[tuple[Annotated[int, Field(ge=1, le=5)], ...], Field(min_length=1)]
    max_extinction_mag: Annotated[float, Field(gt=0, le=5)]
    clip_sigma: Annotated[float, Field(ge=2, le=100)]
    pixel_scale_arcsec: Annotated[float | None, Field(gt=0)]
    allow_poor_wcs: bool
    net_refine: bool
    keep: bool
    pictures: bool
    compress: Literal["none", "rice", "gzip"]
    compress_level: Annotated[float, Field(ge=1, le=1000)]

    @property
    def refcat_file(self) -> Path | None:
        """The reference catalogue, when it is a file."""
        return self.refcat if isinstance(self.refcat, Path) else None
