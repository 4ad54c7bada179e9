"""All sections of ``astromap.yaml`` as one typed model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import PositiveInt, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from photomitrus_cli.irac.config import IracSection
from photomitrus_cli.run.config import Section

SECTIONS = ("run", "irac")


def _jobs(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError as error:
        raise ValueError("give a number of workers, at least 1, or auto") from error


class RunSection(Section):
    """What every command shares."""

    jobs: Annotated[PositiveInt | Literal["auto"], WrapValidator(_jobs)]


class AstromapConfig(Section):
    """The whole configuration; the packaged YAML files hold every default."""

    run: RunSection
    irac: IracSection
