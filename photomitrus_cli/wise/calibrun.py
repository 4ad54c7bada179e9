"""The plan of ``wise calibrate``: which scans, which template, which product, and what identifies a run."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, guard_outputs, run_key
from photomitrus_cli.wise.calibmasks import MaskRules
from photomitrus_cli.wise.calibplan import plan_scans
from photomitrus_cli.wise.calibproducts import product_of
from photomitrus_cli.wise.calibsettings import CalibrateSettings
from photomitrus_cli.wise.calibsolve import choices_of
from photomitrus_cli.wise.calibstart import start_files
from photomitrus_cli.wise.calibzero import check_reference
from photomitrus_cli.wise.jointdesign import Choices
from photomitrus_cli.wise.scanrefs import CalibPlan
from photomitrus_cli.wise.zodimodel import component_names
from photomitrus_cli.wise.zodiobserver import Track
from photomitrus_cli.wise.zodiplan import digest, tracks_of
from photomitrus_cli.wise.zodisettings import ZodiChoices

if TYPE_CHECKING:
    from photomitrus_cli.wise.config import WiseSection

# Of settings that name files or say where and how to write: the files themselves are in the key.
_NOT_DECISIVE = {"maps", "output", "scans", "user_map", "start", "cache", "pictures"}
# Arrays of the solver, per sample, and of each mode and component of the template.
_SOLVER_BYTES, _MODE_BYTES = 110, 4


@dataclass(frozen=True, slots=True)
class CalibrateRun:
    """What will be done.

    Attributes
    ----------
    settings : CalibrateSettings
    zodi : ZodiChoices
        Of the template, for the band of `settings`.
    components : tuple of str
        Of the template.
    choices : Choices
        Of the joint solution.
    scans : CalibPlan
    tracks : dict of str to Track
        Of the spacecraft; empty when the light is seen from elsewhere.
    product : Product
        With everything that there may be.
    """

    settings: CalibrateSettings
    zodi: ZodiChoices
    components: tuple[str, ...]
    choices: Choices
    scans: CalibPlan
    tracks: dict[str, Track]
    product: Product

    def rules(self) -> MaskRules:
        """Give what is left out from the beginning."""
        settings = self.settings
        return MaskRules(
            settings.galaxy_deg,
            settings.moon_deg,
            settings.moon_windows,
            settings.planet_deg,
            settings.user_map,
            settings.min_coverage,
        )

    def further_inputs(self) -> list[Path]:
        """Give the files besides scan maps that decide the product."""
        settings = self.settings
        named = [settings.user_map, settings.zero if isinstance(settings.zero, Path) else None]
        start = () if settings.start is None else start_files(settings.start, settings.band)
        return [path for path in named if path is not None] + list(start)

    def key(self) -> str:
        """Identify the product by its settings and the state of its inputs."""
        decisive = self.settings.model_dump(mode="json", exclude=_NOT_DECISIVE)
        decisive["zodi"] = self.zodi.model_dump(mode="json")
        decisive["versions"] = [version(name) for name in ("numpy", "scipy", "speclite", "zodipy")]
        decisive["observers"] = {name: digest(track) for name, track in self.tracks.items()}
        inputs = [*(scan.path for scan in self.scans.scans), *self.further_inputs()]
        return run_key("wise calibrate", decisive, inputs)

    def memory_bytes(self) -> int:
        """Estimate the largest memory that the run takes."""
        scans, n_components = self.scans, len(self.components)
        solver = _SOLVER_BYTES + _MODE_BYTES * (n_components + 2 * len(self.choices.modes))
        return max(scans.memory_bytes(n_components), scans.n_samples * solver)


def make_run(wise: WiseSection, context: Context) -> CalibrateRun:
    """Find the scan maps, and make sure that settings fit and no product stands in the way.

    Parameters
    ----------
    wise : WiseSection
    context : Context

    Returns
    -------
    CalibrateRun

    Raises
    ------
    ConfigError
        When modes and template, model and band do not fit, a scan is not there, or a product is an input.
    InputError
        When a file is absent or not what it should be, or maps do not belong together.
    NoDataError
        When there is no scan map.
    OutputExistsError
        When a product exists and neither ``--overwrite`` nor ``--resume`` is given.
    """
    settings = wise.calibrate
    zodi = ZodiChoices(
        **{name: getattr(wise.zodi, name) for name in ZodiChoices.model_fields} | {"band": settings.band}
    )
    components = component_names(zodi)
    choices = choices_of(settings, components)
    scans = plan_scans(settings.maps, settings.band, settings.scans)
    product = product_of(settings.output, settings.band, pictures=settings.pictures)
    run = CalibrateRun(settings, zodi, components, choices, scans, tracks_of(zodi, scans.scans), product)
    further = run.further_inputs()
    for path in further:
        if not path.is_file():
            raise InputError(f"{path}: no such file", hint="user_map and zero of wise.calibrate name files")
    if isinstance(settings.zero, Path):
        check_reference(settings.zero)
    everything = product_of(settings.output, settings.band, pictures=True)
    refuse_overwriting_inputs(everything.written, [*(scan.path for scan in scans.scans), *further])
    guard_outputs(product, context)
    return run
