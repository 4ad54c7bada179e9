"""The ``prime`` section of the configuration."""

from __future__ import annotations

from photomitrus_cli.prime.flatsettings import FlatSettings
from photomitrus_cli.prime.stacksettings import StackSettings
from photomitrus_cli.run.config import Section
from photomitrus_cli.simulate.primeconfig import PrimeSimulation


class PrimeSection(Section):
    """Keys of ``prime``."""

    flat: FlatSettings
    stack: StackSettings
    simulate: PrimeSimulation
