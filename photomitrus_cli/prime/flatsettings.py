"""Settings of ``prime flat``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from photomitrus_cli.prime.stacksettings import Chips
from photomitrus_cli.run.config import RelativePath, Section


class FlatSettings(Section):
    """Keys of ``prime.flat``; configs/prime.yaml explains each."""

    parent: Annotated[Path | None, RelativePath()]
    output: Annotated[Path | None, RelativePath()]
    chip: Chips
    band: str | None
    instrument: str
    frames: Literal["marked", "all"]
