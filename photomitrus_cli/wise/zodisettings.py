"""The settings of ``wise.zodi``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from photomitrus_cli.run.config import RelativePath, Section
from photomitrus_cli.wise.coaddsettings import names


class ZodiChoices(Section):
    """What decides the brightness of the template.

    Attributes
    ----------
    band : int
        1 to 4.
    model : str
        Of zodipy.
    spectrum : {'mono', 'bandpass'}
        At the isophotal wavelength, or averaged over the band as WISE states fluxes; see `zodibands`.
    components : tuple of str
        Some of those that the model has; empty for all.
    observer : {'earth', 'semb-l2', 'header'}
    quadrature : int
        Points along each line of sight.
    """

    band: Annotated[int, Field(ge=1, le=4)]
    model: Literal["dirbe", "planck13", "planck15", "planck18", "odegard", "rrm-experimental"]
    spectrum: Literal["mono", "bandpass"]
    components: Annotated[tuple[str, ...], BeforeValidator(names)]
    observer: Literal["earth", "semb-l2", "header"]
    quadrature: Annotated[int, Field(ge=10, le=1000)]


class ZodiSettings(ZodiChoices):
    """Keys of ``wise.zodi``; configs/wise.yaml explains each."""

    maps: Annotated[tuple[Path, ...], RelativePath()]
    output: Annotated[Path, RelativePath()]
    scans: Annotated[tuple[str, ...], BeforeValidator(names)]
