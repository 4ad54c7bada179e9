"""The ``wise`` section of the configuration."""

from __future__ import annotations

from photomitrus_cli.run.config import Section
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.wise.calibsettings import CalibrateSettings
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.filtersettings import FilterSettings
from photomitrus_cli.wise.zodisettings import ZodiSettings


class WiseSection(Section):
    """Keys of ``wise``."""

    filter: FilterSettings
    coadd: CoaddSettings
    zodi: ZodiSettings
    calibrate: CalibrateSettings
    simulate: WiseSimulation
