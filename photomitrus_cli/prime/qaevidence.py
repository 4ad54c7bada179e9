"""What the quality of a stack is judged from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.qaareas import Areas
from photomitrus_cli.prime.qafields import Residuals, Shapes, position_residuals, star_shapes
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackastrom import Judged
from photomitrus_cli.prime.stackmeasure import Measured
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.summary import UnitRecord


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of a stack at its end.

    Attributes
    ----------
    plan : StackPlan
    indices : sequence of int
        Frames that could be read, by their numbers in the plan.
    sources : sequence of Sources
        Their stars.
    judged : Judged
    measured : Measured
    records : sequence of UnitRecord
        Of all frames, unreadable ones too.
    residuals : Residuals
        Of the frames in the stack.
    shapes : Shapes
        Of their stars.
    """

    plan: StackPlan
    indices: Sequence[int]
    sources: Sequence[Sources]
    judged: Judged
    measured: Measured
    records: Sequence[UnitRecord]
    residuals: Residuals
    shapes: Shapes

    @property
    def used(self) -> list[int]:
        """Frames in the stack, by their numbers in the plan."""
        return sorted(self.judged.scales)

    @property
    def residual_areas(self) -> Areas:
        """Areas of the chip for the residuals."""
        return self.residuals.areas(self.plan.chip.window.shape)

    @property
    def shape_areas(self) -> Areas:
        """Areas of the chip for the shapes of stars."""
        return self.shapes.areas(self.plan.chip.window.shape)


def gather(
    plan: StackPlan,
    indices: Sequence[int],
    sources: Sequence[Sources],
    judged: Judged,
    measured: Measured,
    records: Sequence[UnitRecord],
) -> Evidence:
    """Compare the frames of a stack with the catalogue once more, and collect the shapes of their stars.

    Parameters
    ----------
    plan : StackPlan
    indices : sequence of int
    sources : sequence of Sources
    judged : Judged
    measured : Measured
    records : sequence of UnitRecord

    Returns
    -------
    Evidence
    """
    placed = zip(indices, sources, judged.solution.wcs, strict=True)
    used = [(index, one, wcs) for index, one, wcs in placed if index in judged.scales and wcs is not None]
    frames, geometry = plan.chip.frames, plan.settings.geometry
    starts = [initial_geometry(frames[index], plan.instrument, geometry) for index, _, _ in used]
    stars, wcs = [one for _, one, _ in used], [one for _, _, one in used]
    residuals = position_residuals(stars, starts, wcs, judged.catalogue)
    return Evidence(plan, indices, sources, judged, measured, records, residuals, star_shapes(stars, wcs))
