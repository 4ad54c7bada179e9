"""What a calibration tells at its end, or before its begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.calibcards import zero_text
from photomitrus_cli.wise.calibrun import CalibrateRun
from photomitrus_cli.wise.calibstart import AMPLITUDES, ZERO_SHIFT

_CAPTIONS = {
    "fullsky": "Sky without zodiacal light, zodiacal light, random error, number of scans",
    "half": "Half the difference: scans before the median time less those after",
    "oddeven": "Half the difference: odd less even orbits",
    "updown": "Half the difference: scans to the north less scans to the south",
    "calibration": "Gain, offset, correlation and residuals of each scan",
    "residuals": "Residuals against ecliptic latitude and elongation",
    "stripes": "Residuals by scan and ecliptic latitude",
}


def planned(run: CalibrateRun, context: Context) -> Summary:
    """Say what would be done.

    Parameters
    ----------
    run : CalibrateRun
    context : Context

    Returns
    -------
    Summary
    """
    facts = _of_plan(run) | {"memory": f"{run.memory_bytes() / 1e9:.2g} GB"}
    return Summary(_title(run), "planned", facts, run.product.paths, warnings=_warnings(run, context))


def summarise(
    run: CalibrateRun,
    product: Product,
    facts: Mapping[str, Any],
    units: Sequence[UnitRecord],
    status: RunStatus,
    context: Context,
) -> Summary:
    """Say what was done.

    Parameters
    ----------
    run : CalibrateRun
    product : Product
    facts : mapping
        Of the manifest.
    units : sequence of UnitRecord
        All scans; those that are not in the map are listed.
    status : {'done', 'partial', 'up to date'}
    context : Context

    Returns
    -------
    Summary
    """
    told = _of_plan(run) | _of_result(run, facts)
    warnings = _warnings(run, context)
    if not facts["settled"]:
        warnings.append(
            f"after {facts['n_cycles']} solutions scans or samples are still being refused: raise cycles"
        )
    shown = [path for path in product.paths if path.suffix == ".png"]
    drawn = {path.stem for path in shown}
    stems = [path.stem for path in product.paths if path.suffix != ".png"] + [f"w{run.settings.band}_stripes"]
    if run.settings.pictures and (lacking := [f"{stem}.png" for stem in stems if stem not in drawn]):
        warnings.append(f"pictures that could not be drawn: {', '.join(lacking)}; the log says why")
    return Summary(
        _title(run),
        status,
        told,
        [path for path in product.paths if path.suffix != ".png"],
        units=[unit for unit in units if unit.status != "used"],
        warnings=warnings,
        figures=[Figure(path, _CAPTIONS[_kind(path)]) for path in shown],
        stem=product.stem,
        n_units=len(units),
    )


def _title(run: CalibrateRun) -> str:
    return f"WISE band {run.settings.band} calibration"


def _kind(path: Path) -> str:
    return path.stem.partition("_")[2]


def _of_plan(run: CalibrateRun) -> dict[str, str]:
    scans, zodi = run.scans, run.zodi
    facts = {
        "scans": f"{len(scans.scans)}, nside {scans.nside}, {scans.system}",
        "template": f"{zodi.model}, {zodi.spectrum}, seen from {zodi.observer}: {', '.join(run.components)}",
    }
    if scans.ignored:
        facts["ignored"] = f"{len(scans.ignored)} files that are no scan maps"
    return facts


def _of_result(run: CalibrateRun, facts: Mapping[str, Any]) -> dict[str, str]:
    accepted, refused, failed = (facts[f"n_{word}"] for word in ("accepted", "refused", "failed"))
    middle, low, high = (facts[f"gain_{word}"] for word in ("median", "lowest", "highest"))
    told = {
        "in the map": f"{accepted} scans, {refused} refused, {failed} failed",
        "gain": f"{middle:.4g} DN sr/MJy, {low:.4g} to {high:.4g}",
    }
    if facts["gain_common_sigma"] is not None:
        told["gain"] += f", all uncertain by {100 * facts['gain_common_sigma']:.2g} % in common"
    fitted = facts[AMPLITUDES] if run.settings.method == "joint" else {}
    if fitted:
        values = (f"{name} {one['value']:+.4f} +- {one['sigma']:.4f}" for name, one in fitted.items())
        told["amplitudes"] = ", ".join(values)
    told["zero level"] = zero_text(run.settings)
    if facts[ZERO_SHIFT]:
        told["zero level"] += f", {facts[ZERO_SHIFT]:+.4g} MJy/sr"
    if facts["zero_level_sigma"] is not None:
        told["zero level"] += f", +- {facts['zero_level_sigma']:.2g} MJy/sr"
    for name, half in facts["differences"].items():
        if half["rms"] is not None:
            told[f"difference {name}"] = (
                f"rms {half['rms']:.3g} MJy/sr, chi^2 {half['chi2_typical']:.3g}, {half['pixels']:.0f} pixels"
            )
    return told


def _warnings(run: CalibrateRun, context: Context) -> list[str]:
    warnings = list(run.scans.mixed)
    needed = run.memory_bytes()
    if needed > context.memory_bytes:
        warnings.append(
            f"about {needed / 1e9:.2g} GB of memory are needed, and {context.memory_bytes / 1e9:.2g} GB may "
            "be filled: use fewer scans or a smaller nside"
        )
    n_partial = sum(scan.partial for scan in run.scans.scans)
    if n_partial:
        warnings.append(f"{n_partial} scan maps lack frames that could not be read")
    return warnings
