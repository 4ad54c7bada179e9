"""The plan of a coadd run: which frames, in which groups, which products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import guard_outputs
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.coaddframes import listed_frames
from photomitrus_cli.wise.coaddgroups import Group, files_of, product_of, product_of_everything
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.groups import group_frames


@dataclass(frozen=True)
class CoaddPlan:
    """What will be done.

    Attributes
    ----------
    settings : CoaddSettings
    source : Path
        The frame table, or the folder.
    groups : tuple of Group
        In the order of their names.
    failed : tuple of UnitRecord
        Frames of a folder whose headers cannot be read, under ``--keep-going``.
    """

    settings: CoaddSettings
    source: Path
    groups: tuple[Group, ...]
    failed: tuple[UnitRecord, ...] = ()

    @property
    def n_frames(self) -> int:
        """Number of all frames."""
        return sum(len(group.frames) for group in self.groups)

    @property
    def frame_table(self) -> Path:
        """Path of the table of all frames: of the band, or of the scans when some were asked for.

        Runs for single scans, as job arrays start them, do not replace each other's table.
        """
        settings = self.settings
        which = settings.scans[:3] or ([] if settings.group == "scan" else [settings.group])
        return settings.output / f"{'_'.join([f'w{settings.band}', *which, 'frames'])}.ecsv"


def make_plan(settings: CoaddSettings, context: Context) -> CoaddPlan:
    """Read the frame table, group its frames and make sure that no product stands in the way.

    Parameters
    ----------
    settings : CoaddSettings
    context : Context

    Returns
    -------
    CoaddPlan

    Raises
    ------
    ConfigError
        When a scan that was asked for is not in the table, or a product is one of the inputs.
    InputError
        When the table is absent or broken, or lacks what is needed.
    NoDataError
        When no frame is left.
    OutputExistsError
        When a product exists and neither ``--overwrite`` nor ``--resume`` is given.
    """
    source = Path(str(settings.frames).replace("{band}", str(settings.band)))
    refs, failed = listed_frames(source, settings.band, context)
    grouped = _chosen(group_frames(refs, settings.group), settings, source)
    groups = tuple(
        Group(name, tuple(sorted(frames, key=_by_time)), product_of(settings, name))
        for name, frames in sorted(grouped.items())
    )
    plan = CoaddPlan(settings, source, groups, tuple(failed))
    _guard(plan, refs, context)
    return plan


def _guard(plan: CoaddPlan, refs: Sequence[FrameRef], context: Context) -> None:
    """Make sure that the run replaces nothing that it must not."""
    outputs = [path for group in plan.groups for path in group.product.written]
    inputs = [plan.source, *(ref.path for ref in refs if ref.path.exists())]
    everything = plan.settings.all_scans_map
    # Uncertainties and masks are thousands of files more to look at, and only these names can lead there.
    if any(path.is_symlink() for path in outputs) or (everything is not None and everything.exists()):
        inputs += [path for ref in refs for path in files_of(ref)]
    refuse_overwriting_inputs([*outputs, plan.frame_table], inputs)
    for group in plan.groups:
        guard_outputs(group.product, context)
    if everything is None:
        return
    whole = product_of_everything(everything)
    refuse_overwriting_inputs(whole.written, [*inputs, *outputs])
    guard_outputs(whole, context)


def _by_time(ref: FrameRef) -> tuple[float, str]:
    return (ref.mjd, ref.name)


def _chosen(
    groups: Mapping[str, list[FrameRef]], settings: CoaddSettings, source: Path
) -> dict[str, list[FrameRef]]:
    """Take the groups that were asked for."""
    if not settings.scans:
        return dict(groups)
    for name in settings.scans:
        if name not in groups:
            raise ConfigError(
                f"{source}: has no {settings.group} {name} in band {settings.band}",
                hint=f"it has {len(groups)}, such as {', '.join(sorted(groups)[:3])}",
            )
    return {name: groups[name] for name in settings.scans}
