"""`astromap prime stack`."""

from __future__ import annotations

import click

from photomitrus_cli.options import (
    LegacyCommand,
    choice,
    common_options,
    run_options,
    setting,
    write_options,
)

_KEY = "prime.stack"


@click.command("stack", cls=LegacyCommand)
@setting("--parent", key=f"{_KEY}.parent", help="Folder of one band of one field.", type=click.Path())
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--chip", key=f"{_KEY}.chip", help="Chip, several with commas, or all.", metavar="CHIP")
@setting("--band", key=f"{_KEY}.band", help="Band the frames must be of.")
@setting("--instrument", key=f"{_KEY}.instrument", help="Name or YAML file of the camera's description.")
@setting(
    "--geometry",
    key=f"{_KEY}.geometry",
    help="First geometry of the frames.",
    type=choice(["template", "corners", "header"]),
)
@setting("--rot-val", key=f"{_KEY}.rot_val", help="Rotator angle instead of the headers' (deg).", type=float)
@setting("--sigma", key=f"{_KEY}.sigma", help="Clipping of the sky, sigma, or auto.", metavar="SIGMA")
@setting("--ff/--no-ff", key=f"{_KEY}.flat_fielding", help="Divide by the master flat.")
@setting("--flats", key=f"{_KEY}.flats", help="Folder of master flats, or one flat.", type=click.Path())
@setting("--bad-pixels", key=f"{_KEY}.bad_pixels", help="Bad-pixel mask.", type=click.Path())
@setting(
    "--bad-pixels-good",
    key=f"{_KEY}.bad_pixels_good",
    help="Value of good pixels in it.",
    type=choice(["0", "1"]),
)
@setting("--dark", key=f"{_KEY}.dark", help="Dark frame.", type=click.Path())
@setting(
    "--sex",
    "sky",
    key=f"{_KEY}.sky",
    help="Subtract a background mesh instead of a sky.",
    is_flag=True,
    flag_value="mesh",
)
@setting(
    "--second-pass/--one-pass", key=f"{_KEY}.second_pass", help="Make the sky again with the stack's objects."
)
@setting(
    "--refcat",
    key=f"{_KEY}.refcat",
    help="Reference catalogue (a file), or self: the field's own stars.",
    type=click.Path(),
)
@setting(
    "--refcat-columns",
    key=f"{_KEY}.refcat_columns",
    help="Unusual columns of it, as ra=gra,dec=gde.",
    metavar="ROLE=NAME,...",
)
@setting("--clip-sigma", key=f"{_KEY}.clip_sigma", help="Limit of the clipped mean, sigma.", type=float)
@setting(
    "--pixel-scale", key=f"{_KEY}.pixel_scale_arcsec", help="Pixel scale of the stack (arcsec).", type=float
)
@setting(
    "--allow-poor-wcs/--refuse-poor-wcs",
    key=f"{_KEY}.allow_poor_wcs",
    help="Write a stack whose astrometry fails the quality gates.",
)
@setting("--net-refine/--no-net-refine", key=f"{_KEY}.net_refine", help="Ask solve-field where frames look.")
@setting("--keep/--no-keep", key=f"{_KEY}.keep", help="Keep the frames of the steps in between.")
@setting("--pictures/--no-pictures", key=f"{_KEY}.pictures", help="Draw the stack and its quality.")
@setting(
    "--compress",
    key=f"{_KEY}.compress",
    help="Pack the products: numbers rounded to steps of their noise.",
    is_flag=True,
    flag_value="rice",
)
@setting(
    "--compress-lossless",
    key=f"{_KEY}.compress",
    help="Pack the products, nothing is lost.",
    is_flag=True,
    flag_value="gzip",
)
@setting(
    "--compress-level",
    key=f"{_KEY}.compress_level",
    help="Steps per sigma of the noise, for --compress.",
    type=float,
)
@write_options
@run_options
@common_options
@click.pass_context
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
