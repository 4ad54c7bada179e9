"""`astromap simulate prime`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, run_options, setting_argument, settings_of

_KEY = "prime.simulate"
_set = settings_of(_KEY)


@click.command("prime")
@setting_argument("output", _KEY, metavar="OUT", type=click.Path())
@_set("--seed", help="Seed of all random numbers.", type=int)
@_set("--chip", key="chips", help="Chip, 1 to 4. Repeatable.", type=click.IntRange(1, 4), multiple=True)
@_set("--band", help="Band.", type=["Z", "Y", "J", "H"])
@_set("--frames", key="n_frames", help="Number of dithered exposures.", type=int)
@_set("--scale", help="Pixels so many times as large; the field stays.", type=int)
@_set("--rotation", key="rotation_deg", help="Rotation (deg).", type=float)
@_set("--rotoff", help="ROTOFF in headers.", type=["degrees", "arcsec", "text"])
@_set("--distortion", help="Family of distortion.", type=["tpv", "radial"])
@_set("--cloudy", help="Frames seen through a cloud.", type=int)
@_set("--trailed", help="Frames with trailed stars.", type=int)
@_set("--mispointed", help="Frames pointed elsewhere.", type=int)
@_set("--twilight", help="Twilight ramps, from which flats are made.", type=int)
@_set("--master-flat/--no-master-flat", help="Write a master flat.")
@_set("--bad-pixel-mask/--no-bad-pixel-mask", help="Write a bad-pixel mask.")
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds frames already.")
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Simulate a dithered set of PRIME ramps in the folder OUT, with its truth.

    OUT gets C<chip>/<serial>C<chip>.ramp.fits, a master flat in mflats/, a bad-pixel mask in weightmaps/, the
    reference catalogue refcat.ecsv, and truth/. Equal seeds give equal files.

    \b
    Examples:
      astromap simulate prime J_Band --chip 1 --chip 2
      astromap simulate prime small --scale 8 --band H --distortion radial
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.simulate.prime", _KEY)
