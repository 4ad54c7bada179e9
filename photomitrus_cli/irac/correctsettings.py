"""The settings of ``irac.correct``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat

from photomitrus_cli.run.config import RelativePath, Section


def _radii(value: Any) -> Any:
    """Read ``[10, 12, 20]`` or its text ``10 12 20``."""
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _word(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


ColumnName = Annotated[str, Field(min_length=1)]


class CorrectSettings(Section):
    """Keys of ``irac.correct``; configs/irac.yaml explains each."""

    table: Annotated[Path | None, RelativePath()]
    output: Annotated[Path | None, RelativePath()]
    channel: Annotated[int, Field(ge=1, le=4)] | None
    mission: Annotated[Literal["cryo", "warm", "hora", "reach"] | None, BeforeValidator(_word)]
    subarray: bool | None
    functions: Literal["seed", "matched", "none"]
    aperture: Annotated[tuple[PositiveFloat, PositiveFloat, PositiveFloat], BeforeValidator(_radii)]
    spectrum: Literal["stellar", "red"]
    coefficients: Literal["decimal", "idl"]
    x_column: ColumnName
    y_column: ColumnName
    flux_column: ColumnName
    first_pixel: Literal[0, 1]
    off_array: Literal["refuse", "nan"]
