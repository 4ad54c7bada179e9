"""What a mosaic run tells: the plan, what was measured, what to be warned of."""

from __future__ import annotations

from dataclasses import replace

from photomitrus_cli.irac.assemble import Assembled
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.inputstable import column_units
from photomitrus_cli.irac.plan import Plan
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.run.provenance import recorded_facts, recorded_files, recorded_units
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord

# A frame that loses more than this share disagrees with the others: its position, level or noise is wrong.
_MUCH_REJECTED = 0.05


def summarise(plan: Plan, units: list[UnitRecord], status: RunStatus) -> Summary:
    """Tell of the frames and the grid."""
    grid = plan.grid
    names = {unit.name for unit in units if unit.status == "used"}
    used = [frame for frame in plan.selection.frames if str(frame.path) in names]
    absent = {role: sum(getattr(frame, role) is None for frame in used) for role in ("unc", "imask", "rmask")}
    counts = [sum(unit.status == kind for unit in units) for kind in ("used", "skipped", "failed")]
    facts = {
        "mosaic": f"{grid.shape[1]} x {grid.shape[0]} pixels of {grid.scale:g} arcsec, "
        f"centre of projection {grid.ra:.5f} {grid.dec:+.5f} deg",
        "frames": f"{counts[0]} used, {counts[1]} skipped, {counts[2]} failed",
        "without uncertainty": f"{absent['unc']} (estimated from the frame)" if absent["unc"] else "0",
        "without imask / rmask": f"{absent['imask']} / {absent['rmask']}",
    }
    if status == "planned":
        facts["needs"] = (
            f"{plan.disk_bytes / 1e6:.0f} MB of disk, {plan.planes_bytes / 1e6:.0f} MB of it products"
        )
    return Summary(
        f"IRAC channel {plan.settings.channel} mosaic",
        status,
        facts,
        [*plan.product.paths, plan.product.manifest],
        units,
        _warnings(plan.settings, used, units),
        value_units=column_units(),
    )


def up_to_date(plan: Plan) -> Summary:
    """Tell of a finished product what was told when it was made."""
    product = replace(plan.product, files=recorded_files(plan.product))
    summary = summarise(replace(plan, product=product), recorded_units(product), "up to date")
    facts = recorded_facts(plan.product).get("summary", summary.facts)
    return replace(summary, facts=facts, figures=[figure(plan)])


def figure(plan: Plan) -> Figure:
    """Give the picture and its caption."""
    caption = (
        f"Channel {plan.settings.channel} mosaic (asinh stretch) and number of frames. "
        "White rings in the cores of bright stars are the negative lobes of the interpolation."
    )
    return Figure(plan.product.paths[1], caption)


def measured(assembled: Assembled, plan: Plan) -> dict[str, str]:
    """Tell what was measured on the mosaic and its frames."""
    units = [unit.values for unit in plan.record.units if unit.status == "used"]
    facts = {
        "coverage": f"up to {assembled.most} frames, {assembled.covered:.1%} of the pixels",
        "median uncertainty": f"{assembled.unc_median:.5g} MJy/sr per pixel",
        "noise correlation factor": f"{assembled.correlation:.3f} "
        "(aperture sigma = factor x sqrt(sum UNC^2))",
        "uJy per MJy/sr and pixel": f"{plan.grid.ujy_per_mjysr:.6f}",
    }
    if plan.settings.reject != "none":
        pixels = sum(values["n_rejected"] for values in units)
        facts["own rejection"] = f"{pixels} pixels, {pixels / max(1, len(units)):.0f} per frame"
    return facts


def _warnings(settings: MosaicSettings, used: list[Frame], units: list[UnitRecord]) -> list[str]:
    warnings = []
    versions = sorted({frame.creator for frame in used})
    if len(versions) > 1:
        warnings.append(f"frames of several pipeline versions ({', '.join(versions)}); their FLUXCONV differ")
    bare = sum(frame.imask is None and frame.rmask is None for frame in used)
    if bare and settings.combine == "weighted" and settings.reject == "none":
        warnings.append(
            f"{bare} frames have no mask: their cosmic rays stay in the weighted mean; "
            "--reject two-pass removes them"
        )
    n_pixels = 256 * 256
    strange = [
        unit.name for unit in units if (unit.values.get("n_rejected") or 0) > _MUCH_REJECTED * n_pixels
    ]
    if strange:
        warnings.append(
            f"{len(strange)} frames lost more than {_MUCH_REJECTED:.0%} of their pixels to the rejection, "
            f"such as {strange[0]}: look at their positions (--align) and levels (--background overlap)"
        )
    turned = sum(unit.values.get("align_source") == "none" for unit in units if unit.status == "used")
    if turned:
        warnings.append(f"{turned} frames could not be aligned and keep their header positions")
    return warnings
