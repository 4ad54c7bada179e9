"""The ``irac`` section of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.simulate.iracconfig import IracSimulation

ANY_BIT = tuple(range(16))


def _bits(value: Any) -> Any:
    """Read a bit list in any of its spellings: ``[3, 8]``, ``"3,8"``, the pattern ``264``, ``any``."""
    if isinstance(value, str):
        words = value.replace(",", " ").split()
        if words == ["any"]:
            return ANY_BIT
        if len(words) > 1 or "," in value:
            return words
        if not value.strip().isdigit():
            raise ValueError("give bits such as 3,8, a pattern such as 32520, or any")
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << len(ANY_BIT):
        return [bit for bit in ANY_BIT if value >> bit & 1]
    return value


def _paths(value: Any) -> Any:
    """Take one path for a list of one."""
    return [value] if isinstance(value, str | Path) else value


def _refuse_with(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _position(text: str | None) -> str | None:
    """Make sure that a position can be read; astropy is loaded only when there is one."""
    if text is not None:
        from photomitrus_cli.imaging.skytext import parse_position

        _refuse_with(parse_position, text)
    return text


def _size(text: str | None) -> str | None:
    """Make sure that a size can be read."""
    if text is not None:
        from photomitrus_cli.imaging.skytext import parse_size

        _refuse_with(parse_size, text)
    return text


Bit = Annotated[int, Field(ge=0, le=15)]
Bits = Annotated[tuple[Bit, ...], BeforeValidator(_bits)]


class MosaicSettings(Section):
    """Keys of ``irac.mosaic``; configs/irac.yaml explains each."""

    inputs: Annotated[tuple[Path, ...], BeforeValidator(_paths), RelativePath()]
    output: Annotated[Path, RelativePath()]
    channel: Annotated[int, Field(ge=1, le=4)]
    filetype: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")]
    min_exptime_s: Annotated[float, Field(ge=0)]
    missing: Literal["estimate", "refuse", "drop"]
    imask_bits: Bits
    rmask_bits: Bits
    background: Literal["median", "mode", "mesh", "overlap", "none"]
    mesh_size_px: Annotated[int, Field(ge=8, le=128)]
    delta_dark: bool
    align: Annotated[Path | None, RelativePath()]
    align_frames: bool
    reject: Literal["two-pass", "none"]
    reject_sigma: Annotated[float, Field(ge=3, le=100)]
    reject_grow_sigma: Annotated[float, Field(ge=2, le=100)]
    reject_softening: Annotated[float, Field(ge=0, le=10)]
    rejection_masks: bool
    combine: Literal["weighted", "clipped", "median-exptime"]
    clip_sigma: Annotated[float, Field(ge=2, le=100)]
    weights: Literal["inverse-variance", "exposure"]
    resample: Literal["lanczos3", "drizzle"]
    pixfrac: Annotated[float, Field(gt=0, le=1)]
    pixel_scale_arcsec: PositiveFloat
    center: Annotated[str | None, AfterValidator(_position)]
    size: Annotated[str | None, AfterValidator(_size)]
    like: Annotated[Path | None, RelativePath()]


class IracSection(Section):
    """Keys of ``irac``."""

    mosaic: MosaicSettings
    simulate: IracSimulation
