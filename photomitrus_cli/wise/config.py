"""The ``wise`` section of the configuration."""

from __future__ import annotations

from photomitrus_cli.run.config import Section
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.filtersettings import FilterSettings


class WiseSection(Section):
    """Keys of ``wise``."""

    filter: FilterSettings
    coadd: CoaddSettings
    simulate: WiseSimulation
