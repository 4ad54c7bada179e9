"""The plan of ``wise zodi``: which scan maps get a template, from where it is seen, which products."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, guard_outputs, run_key
from photomitrus_cli.wise.calibplan import plan_scans
from photomitrus_cli.wise.scanrefs import ScanRef
from photomitrus_cli.wise.zodimodel import component_names
from photomitrus_cli.wise.zodiobserver import Track, read_tracks
from photomitrus_cli.wise.zodisettings import ZodiChoices, ZodiSettings


@dataclass(frozen=True, slots=True)
class ZodiTask:
    """A scan map and what its template is computed with; a unit of work.

    Attributes
    ----------
    scan : ScanRef
    settings : ZodiSettings
    product : Product
    observer : Track or None
    """

    scan: ScanRef
    settings: ZodiSettings
    product: Product
    observer: Track | None

    def __str__(self) -> str:
        return f"scan {self.scan.name}"

    def key(self) -> str:
        """Identify the product by its settings and the state of its inputs."""
        decisive = {name: getattr(self.settings, name) for name in ZodiChoices.model_fields} | {
            "versions": [version(name) for name in ("speclite", "zodipy")],
            "observers": "" if self.observer is None else digest(self.observer),
        }
        return run_key("wise zodi", decisive, [self.scan.path])


@dataclass(frozen=True, slots=True)
class ZodiPlan:
    """What will be done.

    Attributes
    ----------
    settings : ZodiSettings
    nside : int
    system : str
    components : tuple of str
    tasks : tuple of ZodiTask
        One a scan, in the order of time.
    n_ignored : int
        Number of files of the folders that have names like scan maps and are none.
    """

    settings: ZodiSettings
    nside: int
    system: str
    components: tuple[str, ...]
    tasks: tuple[ZodiTask, ...]
    n_ignored: int = 0

    @property
    def lock(self) -> Path:
        """Path of the folder that keeps a second run of the same scans out."""
        settings = self.settings
        name = "_".join([f"w{settings.band}", *settings.scans[:3], "zodi"])
        return settings.output / f".{name}.work"


def make_plan(settings: ZodiSettings, context: Context) -> ZodiPlan:
    """Find the scan maps and make sure that no product stands in the way.

    Parameters
    ----------
    settings : ZodiSettings
    context : Context

    Returns
    -------
    ZodiPlan

    Raises
    ------
    ConfigError
        When the model does not cover the band or lacks a component, a scan is not there, or a product is one
        of the inputs.
    InputError
        When a file is no scan map of the band, or positions of the spacecraft are needed and absent.
    NoDataError
        When there is no scan map.
    OutputExistsError
        When a product exists and neither ``--overwrite`` nor ``--resume`` is given.
    """
    found = plan_scans(settings.maps, settings.band, settings.scans)
    components = component_names(settings)
    tracks = tracks_of(settings, found.scans)
    tasks = tuple(
        ZodiTask(scan, settings, _product(settings, scan.name), tracks.get(scan.name)) for scan in found.scans
    )
    outputs = [path for task in tasks for path in task.product.paths]
    written = [path for task in tasks for path in task.product.written]
    refuse_overwriting_inputs(written, [scan.path for scan in found.scans])
    for task in tasks:
        guard_outputs(task.product, context)
    # Templates may stand beside the maps.
    own = {path.resolve() for path in outputs}
    others = [path for path in found.ignored if path.resolve() not in own]
    return ZodiPlan(settings, found.nside, found.system, components, tasks, len(others))


def _product(settings: ZodiSettings, scan: str) -> Product:
    stem = f"w{settings.band}_{scan}_zodi"
    return Product(settings.output, stem, (f"{stem}.fits",))


def tracks_of(choices: ZodiChoices, scans: Sequence[ScanRef]) -> dict[str, Track]:
    """Read where the light of scans is seen from, when the headers of their frames decide that.

    Parameters
    ----------
    choices : ZodiChoices
    scans : sequence of ScanRef

    Returns
    -------
    dict of str to Track
        By the names of scans; empty for another observer.

    Raises
    ------
    InputError
        As `read_tracks`.
    """
    if choices.observer != "header":
        return {}
    folders = dict.fromkeys(scan.path.parent for scan in scans)
    tables = [path for folder in folders for path in sorted(folder.glob(f"w{choices.band}_*frames.ecsv"))]
    return read_tracks(tables, [scan.name for scan in scans])


def digest(track: Track) -> str:
    """Hash positions and times, for the key of a run."""
    return hashlib.sha256(track.mjd.tobytes() + track.positions.tobytes()).hexdigest()
