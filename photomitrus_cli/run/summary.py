"""What a stage gives back: the lines for stdout, the products, one record per unit of work."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from photomitrus_cli.errors import AstromapError

UnitStatus = Literal["used", "skipped", "failed", "done"]
RunStatus = Literal["done", "up to date", "planned", "partial"]


def finite(value: float) -> float | None:
    """Give None for NaN and infinity, which JSON cannot hold.

    Parameters
    ----------
    value : float

    Returns
    -------
    float or None
    """
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True)
class UnitRecord:
    """One unit of work (a frame, a scan): what became of it and why.

    Attributes
    ----------
    name : str
        The unit, usually its main file.
    status : {'used', 'skipped', 'failed', 'done'}
    reason : str
        Why it was skipped or failed; empty otherwise.
    values : dict
        Numbers worth keeping (background level, weight, ...), with units in the keys where they have any.
    """

    name: str
    status: UnitStatus
    reason: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_error(cls, name: str, error: AstromapError) -> UnitRecord:
        """Record a failed unit; its name is not repeated in the reason."""
        return cls(name, "failed", error.message.removeprefix(f"{name}: "))


@dataclass(frozen=True)
class Figure:
    """A picture for the report page."""

    path: Path
    caption: str


@dataclass
class Summary:
    """The outcome of a run.

    Attributes
    ----------
    title : str
        One line: what was done.
    status : {'done', 'up to date', 'planned', 'partial'}
    facts : dict of str to str
        The lines printed on stdout, in order.
    products : list of Path
        Files written (or, for a plan, that would be written).
    units : list of UnitRecord
        Of all units, or of those left out where there are too many.
    warnings : list of str
    figures : list of Figure
    value_units : dict of str to str
        Units of the units' values, for tables.
    stem : str
        Name of the report page; empty for that of the first product.
    n_units : int
        Number of all units where not all are listed; else 0.
    """

    title: str
    status: RunStatus = "done"
    facts: dict[str, str] = field(default_factory=dict)
    products: list[Path] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    value_units: dict[str, str] = field(default_factory=dict)
    stem: str = ""
    n_units: int = 0

    def failed(self) -> list[UnitRecord]:
        """Give the units that failed."""
        return [unit for unit in self.units if unit.status == "failed"]

    def as_dict(self) -> dict[str, Any]:
        """Give the summary as plain JSON-ready values."""
        return {
            "title": self.title,
            "status": self.status,
            "facts": dict(self.facts),
            "products": [str(path) for path in self.products],
            "warnings": list(self.warnings),
            "units": [asdict(unit) for unit in self.units],
        }
