"""All sections of ``astromap.yaml`` as one typed model."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from photomitrus_cli.irac.config import IracSection
from photomitrus_cli.run.config import Section

SECTIONS = ("run", "irac")


class RunSection(Section):
    """What every command shares."""

    jobs: PositiveInt | Literal["auto"]


class AstromapConfig(Section):
    """The whole configuration; the packaged YAML files hold every default."""

    run: RunSection
    irac: IracSection
