"""`astromap wise zodi`."""

from __future__ import annotations

import click

from photomitrus_cli.options import scan_map_options, settings_of, stage_options

_KEY = "wise.zodi"
_set = settings_of(_KEY)


@click.command("zodi")
@scan_map_options(_KEY)
@_set(
    "--model",
    help="Model of the interplanetary dust, by zodipy's name.",
    type=["dirbe", "planck13", "planck15", "planck18", "odegard", "rrm-experimental"],
)
@_set("--spectrum", help="At the isophotal wavelength, or averaged over the band.", type=["mono", "bandpass"])
@_set(
    "--component",
    key="components",
    help="A component of the model; may be repeated. Without it all.",
    multiple=True,
)
@_set(
    "--observer",
    help="Where the light is seen from; header is the spacecraft by the frames' headers.",
    type=["earth", "semb-l2", "header"],
)
@_set("--quadrature", help="Points along each line of sight.", type=int)
@stage_options
def command(ctx: click.Context, /, **_: object) -> None:
    """Compute the zodiacal light at the pixels and times of scan maps.

    SCANS are names such as 01772a; without any, all scan maps of the band are taken. The folder given with
    -o gets w<B>_<scan>_zodi.fits for each: a partial HEALPix map of the same pixels with the total and every
    component in MJy/sr. Nothing is downloaded.

    \b
    Examples:
      astromap wise zodi --band 3
      astromap wise zodi 01772a --band 3 --spectrum mono --component cloud --component ring
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.wise.zodi", _KEY)
