"""`astromap prime stack`."""

from __future__ import annotations

import click

from photomitrus_cli.options import LegacyCommand, settings_of, stage_options

_KEY = "prime.stack"
_set = settings_of(_KEY)


@click.command("stack", cls=LegacyCommand)
@_set("--parent", help="Folder of one band of one field.", type=click.Path())
@_set("-o", "--output", help="Folder of the products.", type=click.Path())
@_set("--chip", help="Chip, several with commas, or all.", metavar="CHIP")
@_set("--band", help="Band the frames must be of.")
@_set("--instrument", help="Name or YAML file of the camera's description.")
@_set("--geometry", help="First geometry of the frames.", type=["template", "corners", "header"])
@_set("--rot-val", help="Rotator angle instead of the headers' (deg).", type=float)
@_set("--sigma", help="Clipping of the sky, sigma, or auto.", metavar="SIGMA")
@_set("--ff/--no-ff", key="flat_fielding", help="Divide by the master flat.")
@_set("--flats", help="Folder of master flats, or one flat.", type=click.Path())
@_set("--bad-pixels", help="Bad-pixel mask.", type=click.Path())
@_set("--bad-pixels-good", help="Value of good pixels in it.", type=["0", "1"])
@_set("--dark", help="Dark frame.", type=click.Path())
@_set(
    "--sex",
    "sky",
    key="sky",
    help="Subtract a background mesh instead of a sky.",
    is_flag=True,
    flag_value="mesh",
)
@_set("--second-pass/--one-pass", help="Make the sky again with the stack's objects.")
@_set("--refcat", help="Reference catalogue (a file), or self: the field's own stars.", type=click.Path())
@_set("--refcat-columns", help="Unusual columns of it, as ra=gra,dec=gde.", metavar="ROLE=NAME,...")
@_set("--clip-sigma", help="Limit of the clipped mean, sigma.", type=float)
@_set("--pixel-scale", key="pixel_scale_arcsec", help="Pixel scale of the stack (arcsec).", type=float)
@_set("--allow-poor-wcs/--refuse-poor-wcs", help="Write a stack whose astrometry fails the quality gates.")
@_set("--net-refine/--no-net-refine", help="Ask solve-field where frames look.")
@_set("--keep/--no-keep", help="Keep the frames of the steps in between.")
@_set("--pictures/--no-pictures", help="Draw the stack and its quality.")
@_set(
    "--compress",
    help="Pack the products: numbers rounded to steps of their noise.",
    is_flag=True,
    flag_value="rice",
)
@_set(
    "--compress-lossless",
    key="compress",
    help="Pack the products, nothing is lost.",
    is_flag=True,
    flag_value="gzip",
)
@_set("--compress-level", help="Steps per sigma of the noise, for --compress.", type=float)
@stage_options
def command(ctx: click.Context, /, **_: object) -> None:
    """Stack a night's dithers of one chip.

    The parent folder holds the ramps of each chip in C<chip>. The stack, its weights and its sky are
    written there, or into the folder given with -o, as stack/coadd..., stack/weight... and sky/sky...
    The words of the original pipeline (-parent, -rot_val, -no_FF, -net_refine, ...) are understood as well.

    \b
    Examples:
      astromap prime stack -parent J_Band -chip 1 --refcat gaia.fits
      for c in 1 2 3 4; do prime stack -parent J_Band -chip $c; done
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.prime.stack", _KEY)
