"""`astromap simulate prime`."""

from __future__ import annotations

import click

from photomitrus_cli.options import SettingArgument, choice, common_options, run_options, setting

_KEY = "prime.simulate"


@click.command("prime")
@click.argument("output", metavar="OUT", cls=SettingArgument, key=f"{_KEY}.output", type=click.Path())
@setting("--seed", key=f"{_KEY}.seed", help="Seed of all random numbers.", type=int)
@setting(
    "--chip", key=f"{_KEY}.chips", help="Chip, 1 to 4. Repeatable.", type=click.IntRange(1, 4), multiple=True
)
@setting("--band", key=f"{_KEY}.band", help="Band.", type=choice(["Z", "Y", "J", "H"]))
@setting("--frames", key=f"{_KEY}.n_frames", help="Number of dithered exposures.", type=int)
@setting("--scale", key=f"{_KEY}.scale", help="Pixels so many times as large; the field stays.", type=int)
@setting("--rotation", key=f"{_KEY}.rotation_deg", help="Rotation (deg).", type=float)
@setting(
    "--rotoff", key=f"{_KEY}.rotoff", help="ROTOFF in headers.", type=choice(["degrees", "arcsec", "text"])
)
@setting(
    "--distortion", key=f"{_KEY}.distortion", help="Family of distortion.", type=choice(["tpv", "radial"])
)
@setting("--cloudy", key=f"{_KEY}.cloudy", help="Frames seen through a cloud.", type=int)
@setting("--trailed", key=f"{_KEY}.trailed", help="Frames with trailed stars.", type=int)
@setting("--mispointed", key=f"{_KEY}.mispointed", help="Frames pointed elsewhere.", type=int)
@setting("--twilight", key=f"{_KEY}.twilight", help="Twilight ramps, from which flats are made.", type=int)
@setting("--master-flat/--no-master-flat", key=f"{_KEY}.master_flat", help="Write a master flat.")
@setting("--bad-pixel-mask/--no-bad-pixel-mask", key=f"{_KEY}.bad_pixel_mask", help="Write a bad-pixel mask.")
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
