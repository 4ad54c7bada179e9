"""The settings of ``irac.phot``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from photomitrus_cli.irac.settingtypes import Bits, FileType, position, single_path
from photomitrus_cli.run.config import RelativePath, Section

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"


def _apertures(value: Any) -> Any:
    """Read ``[[10, 12, 20], ...]``, one aperture ``[10, 12, 20]``, or the texts ``10,12,20``."""
    if isinstance(value, str):
        value = [part for part in value.split(";") if part.strip()]
    if isinstance(value, Sequence) and value and all(_is_number(part) for part in value):
        value = [value]
    if not isinstance(value, Sequence):
        return value
    return [part.replace(",", " ").split() if isinstance(part, str) else part for part in value]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _ordered(value: tuple[tuple[float, float, float], ...]) -> tuple[tuple[float, float, float], ...]:
    """Make sure that every annulus lies around its aperture."""
    for r, r_in, r_out in value:
        if not 0 < r <= 100 or not r <= r_in < r_out <= 200:
            raise ValueError(
                f"aperture {r:g} with annulus {r_in:g} to {r_out:g}: 0 < r <= r_in < r_out is needed"
            )
    if len(set(value)) < len(value):
        raise ValueError("the same aperture twice")
    return value


def _channel(value: Any) -> Any:
    """Read ``all`` or a number, also as text."""
    number = int(value) if isinstance(value, str) and value.isdigit() else value
    if number != "all" and (isinstance(number, bool) or number not in (1, 2, 3, 4)):
        raise ValueError("give a channel from 1 to 4, or all")
    return number


def _factors(value: Any) -> Any:
    """Read ``auto``, ``none``, a factor, or one for each aperture."""
    if isinstance(value, str):
        words = value.replace(",", " ").split()
        return words[0] if words in (["auto"], ["none"]) else words
    return [value] if _is_number(value) else value


def _text(value: Any) -> Any:
    """Take a number for its text: ``--run 5`` and ``run: 5`` are the same."""
    return str(value) if _is_number(value) else value


Aperture = tuple[float, float, float]
Factor = Annotated[float, Field(gt=0.1, lt=10)]


class PhotSettings(Section):
    """Keys of ``irac.phot``; configs/irac.yaml explains each."""

    inputs: Annotated[tuple[Path, ...], BeforeValidator(single_path), RelativePath()]
    output: Annotated[Path, RelativePath()]
    run: Annotated[str, BeforeValidator(_text), Field(pattern=_NAME)]
    target: Annotated[str | None, AfterValidator(position)]
    target_name: str | None
    proper_motion: tuple[float, float, float] | None
    comment: str
    channel: Annotated[Literal["all"] | Annotated[int, Field(ge=1, le=4)], BeforeValidator(_channel)]
    filetype: FileType
    min_framtime_s: Annotated[float, Field(ge=0)]
    apertures: Annotated[
        Annotated[tuple[Aperture, ...], Field(min_length=1, max_length=50)],
        BeforeValidator(_apertures),
        AfterValidator(_ordered),
    ]
    centroid: Literal["auto", "moment", "gaussian", "fixed"]
    max_offset_px: Annotated[float, Field(gt=0, le=50)]
    background: Literal["clipped", "median", "mean"]
    subarray: Literal["cube", "archive", "planes", "seed"]
    functions: Literal["matched", "seed", "hora", "reach"]
    coefficients: Literal["decimal", "idl"]
    array_location: bool
    pixel_phase: bool
    aperture_correction: Annotated[Literal["auto", "none"] | tuple[Factor, ...], BeforeValidator(_factors)]
    spectrum: Literal["stellar", "red"]
    missing: Literal["estimate", "refuse", "drop"]
    imask_bits: Bits
    saturated: Literal["exclude", "keep"]
    reject: Literal["mad", "seed", "none"]
    clip_sigma: Annotated[float, Field(ge=2, le=100)]

    @property
    def stem(self) -> str:
        """Start of the names of the products: run5 for the run 5."""
        return f"run{self.run}" if self.run.isdigit() else self.run
