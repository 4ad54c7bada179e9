"""`astromap wise zodi`."""

from __future__ import annotations

import click

from photomitrus_cli.options import (
    SettingArgument,
    choice,
    common_options,
    run_options,
    setting,
    write_options,
)

_KEY = "wise.zodi"


@click.command("zodi")
@click.argument("scans", nargs=-1, cls=SettingArgument, key=f"{_KEY}.scans")
@setting(
    "--maps",
    key=f"{_KEY}.maps",
    help="Folder of scan maps from `wise coadd`, or a map; may be repeated.",
    type=click.Path(),
    multiple=True,
)
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--band", key=f"{_KEY}.band", help="WISE band.", type=click.IntRange(1, 4))
@setting(
    "--model",
    key=f"{_KEY}.model",
    help="Model of the interplanetary dust, by zodipy's name.",
    type=choice(["dirbe", "planck13", "planck15", "planck18", "odegard", "rrm-experimental"]),
)
@setting(
    "--spectrum",
    key=f"{_KEY}.spectrum",
    help="At the isophotal wavelength, or averaged over the band.",
    type=choice(["mono", "bandpass"]),
)
@setting(
    "--component",
    key=f"{_KEY}.components",
    help="A component of the model; may be repeated. Without it all.",
    multiple=True,
)
@setting(
    "--observer",
    key=f"{_KEY}.observer",
    help="Where the light is seen from; header is the spacecraft by the frames' headers.",
    type=choice(["earth", "semb-l2", "header"]),
)
@setting("--quadrature", key=f"{_KEY}.quadrature", help="Points along each line of sight.", type=int)
@write_options
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
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

    del given
    launch(ctx, "photomitrus_cli.wise.zodi", _KEY)
