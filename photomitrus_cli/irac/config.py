"""The ``irac`` section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat

from photomitrus_cli.irac.correctsettings import CorrectSettings
from photomitrus_cli.irac.photsettings import PhotSettings
from photomitrus_cli.irac.settingtypes import Bits, FileType, position, single_path, size
from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.simulate.iracconfig import IracSimulation


class MosaicSettings(Section):
    """Keys of ``irac.mosaic``; configs/irac.yaml explains each."""

    inputs: Annotated[tuple[Path, ...], BeforeValidator(single_path), RelativePath()]
    output: Annotated[Path, RelativePath()]
    channel: Annotated[int, Field(ge=1, le=4)]
    filetype: FileType
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
    center: Annotated[str | None, AfterValidator(position)]
    size: Annotated[str | None, AfterValidator(size)]
    like: Annotated[Path | None, RelativePath()]


class IracSection(Section):
    """Keys of ``irac``."""

    mosaic: MosaicSettings
    phot: PhotSettings
    correct: CorrectSettings
    simulate: IracSimulation
