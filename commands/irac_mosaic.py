"""`astromap irac mosaic`."""

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

_KEY = "irac.mosaic"


@click.command("mosaic")
@click.argument("inputs", nargs=-1, cls=SettingArgument, key=f"{_KEY}.inputs", type=click.Path())
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--channel", key=f"{_KEY}.channel", help="IRAC channel.", type=click.IntRange(1, 4))
@setting("--filetype", key=f"{_KEY}.filetype", help="Last word of the frames' names: cbcd, bcd, clean ...")
@setting("--min-exptime", key=f"{_KEY}.min_exptime_s", help="Leave out shorter exposures (s).", type=float)
@setting(
    "--missing",
    key=f"{_KEY}.missing",
    help="When uncertainty or masks are absent.",
    type=choice(["estimate", "refuse", "drop"]),
)
@setting("--imask-bits", key=f"{_KEY}.imask_bits", help="Fatal bits of bimsk: list, pattern or 'any'.")
@setting("--rmask-bits", key=f"{_KEY}.rmask_bits", help="Fatal bits of brmsk: list, pattern or 'any'.")
@setting(
    "--background",
    key=f"{_KEY}.background",
    help="Sky taken off each frame.",
    type=choice(["median", "mode", "mesh", "overlap", "none"]),
)
@setting(
    "--delta-dark/--no-delta-dark",
    key=f"{_KEY}.delta_dark",
    help="Take off the pattern that the frames of an AOR share on the detector.",
)
@setting(
    "--align",
    key=f"{_KEY}.align",
    help="Shift the frames onto this reference catalogue first.",
    type=click.Path(),
    metavar="REFCAT",
)
@setting(
    "--align-frames/--no-align-frames", key=f"{_KEY}.align_frames", help="Align the frames with each other."
)
@setting(
    "--reject",
    key=f"{_KEY}.reject",
    help="Own rejection of outliers, besides the masks.",
    type=choice(["two-pass", "none"]),
)
@setting("--reject-sigma", key=f"{_KEY}.reject_sigma", help="Limit of the rejection, sigma.", type=float)
@setting(
    "--rejection-masks/--no-rejection-masks",
    key=f"{_KEY}.rejection_masks",
    help="Write the rejected pixels of every frame.",
)
@setting(
    "--combine",
    key=f"{_KEY}.combine",
    help="How frames are combined.",
    type=choice(["weighted", "clipped", "median-exptime"]),
)
@setting(
    "--weights",
    key=f"{_KEY}.weights",
    help="Weight of a frame in the means.",
    type=choice(["inverse-variance", "exposure"]),
)
@setting("--resample", key=f"{_KEY}.resample", help="Interpolation.", type=choice(["lanczos3", "drizzle"]))
@setting("--pixfrac", key=f"{_KEY}.pixfrac", help="Side of a drizzled pixel's drop, pixels.", type=float)
@setting("--pixel-scale", key=f"{_KEY}.pixel_scale_arcsec", help="Pixel scale (arcsec).", type=float)
@setting("--center", key=f"{_KEY}.center", help='Centre, "02 23 10 -04 59 00" or degrees "35.79 -4.98".')
@setting("--size", key=f"{_KEY}.size", help='Width and height, such as "12 10" (arcmin).')
@setting("--like", key=f"{_KEY}.like", help="Use the grid of this FITS file.", type=click.Path())
@write_options
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Combine IRAC frames into one mosaic with its uncertainty.

    INPUTS are folders (searched recursively), FITS files, or text files listing either. Frames are
    recognised, grouped and paired with their uncertainties and masks by their headers. The folder
    given with -o gets ch<N>_mosaic.fits (SCI UNC COV EXP STD MASK and the table INPUTS), a picture,
    the configuration and a manifest.

    \b
    Examples:
      astromap irac mosaic r17577216 -o out --channel 1
      for c in 1 2; do astromap irac mosaic --channel $c; done
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.irac.mosaic", _KEY)
