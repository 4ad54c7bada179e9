"""What a coadd run has come to, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.coaddgroups import Group
from photomitrus_cli.wise.coaddplan import CoaddPlan

_LISTED = 20


@dataclass
class Made:
    """What the run has come to so far.

    Attributes
    ----------
    facts : dict
        Numbers of each map that there is.
    left_out : list of UnitRecord
        Frames of these maps that were not used; not all frames, because a survey has a million of them.
    unusable : dict
        The frames of each group without a map.
    without : list of UnitRecord
        Groups without a map, skipped or failed, and why.
    n_kept : int
        Number of maps that an earlier run has made.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[UnitRecord] = field(default_factory=list)
    unusable: dict[str, list[UnitRecord]] = field(default_factory=dict)
    without: list[UnitRecord] = field(default_factory=list)
    n_kept: int = 0

    def add(self, group: Group, facts: dict[str, Any], units: list[UnitRecord]) -> None:
        """Take note of a map."""
        self.facts[group.name] = facts
        self.left_out += [unit for unit in units if unit.status != "used"]

    def units(self) -> list[UnitRecord]:
        """Give the frames that were not used, and the groups without a map."""
        return [*self.left_out, *(unit for many in self.unusable.values() for unit in many), *self.without]


def summarise(plan: CoaddPlan, made: Made, status: RunStatus) -> Summary:
    """Tell of all maps of a run.

    Parameters
    ----------
    plan : CoaddPlan
    made : Made
    status : str

    Returns
    -------
    Summary
    """
    settings = plan.settings
    used = sum(int(facts["n_used"]) for facts in made.facts.values())
    units = [*made.units(), *plan.failed]
    # What is not a frame is a group without a map.
    refused, broken = (
        sum(unit.status == word for unit in units) - sum(one.status == word for one in made.without)
        for word in ("skipped", "failed")
    )
    facts = {
        "frames of": str(plan.source),
        "maps": f"{len(plan.groups)} by {settings.group}, nside {settings.nside}, {settings.system}",
        "frames": f"{plan.n_frames}"
        if status == "planned"
        else f"{used} used, {refused} skipped, {broken} failed",
    }
    if made.without:
        facts["without a map"] = f"{len(made.without)} of {len(plan.groups)}"
    if made.n_kept:
        facts["up to date already"] = f"{made.n_kept} of {len(plan.groups)} maps"
    groups = [group for group in plan.groups if status == "planned" or group.name in made.facts]
    products = [path for group in groups for path in group.product.paths if path.suffix == ".fits"]
    if len(products) > _LISTED:
        facts["products"] = f"{len(products)} maps in {settings.output}"
        products = []
    return Summary(
        f"WISE band {settings.band} coadd",
        status,
        facts,
        products + _tables(plan),
        units=units,
        figures=_figures(groups),
        stem=f"w{settings.band}_coadd",
        n_units=used + refused + broken,
    )


def _tables(plan: CoaddPlan) -> list[Path]:
    everything = plan.settings.all_scans_map
    return [plan.frame_table, *([everything] if everything else [])]


def _figures(groups: Sequence[Group]) -> list[Figure]:
    shown = [path for group in groups for path in group.product.paths if path.suffix == ".png"]
    return [Figure(path, path.stem) for path in shown[:_LISTED]]
