"""The ways in which a model of the zodiacal light may be wrong: names and what they are made of.

Settings are checked against these names when a program starts, long before anything is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping

# The components of the template whose sum, times an amplitude, is added to it.
MODES: Mapping[str, tuple[str, ...]] = {
    "sides": (),
    "asymmetry": (),
    "cloud": ("cloud",),
    "bands": ("band1", "band2", "band3"),
    "ring": ("ring",),
    "feature": ("feature",),
}
