"""All sections of ``astromap.yaml`` as one typed model."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt

from photomitrus_cli.irac.config import IracSection
from photomitrus_cli.prime.config import PrimeSection
from photomitrus_cli.run.config import Section
from photomitrus_cli.run.settingwords import Words
from photomitrus_cli.wise.config import WiseSection

SECTIONS = ("run", "irac", "prime", "wise")
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_MEMORY = re.compile(r"(?P<number>\d+(\.\d*)?|\.\d+) ?(?P<unit>|[kKmMgGtT]i?[bB])")


def _memory(value: Any) -> Any:
    """Read 1GB, 800 MB, 1.5GiB or a number of bytes."""
    match = _MEMORY.fullmatch(str(value).strip())
    if match is None:
        return value
    return round(float(match["number"]) * _UNITS[match["unit"].upper()])


class RunSection(Section):
    """What every command shares."""

    jobs: Annotated[PositiveInt | Literal["auto"], Words("a number of workers, at least 1, or auto")]
    memory: Annotated[
        Annotated[int, Field(ge=200_000_000)] | Literal["auto"],
        BeforeValidator(_memory),
        Words("a size from 200MB on such as 800MB or 2GB, or auto"),
    ]


class AstromapConfig(Section):
    """The whole configuration; the packaged YAML files hold every default."""

    run: RunSection
    irac: IracSection
    prime: PrimeSection
    wise: WiseSection
