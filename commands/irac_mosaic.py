"""`astromap irac mosaic`."""

from __future__ import annotations

import click

from photomitrus_cli.options import setting_argument, settings_of, stage_options

_KEY = "irac.mosaic"
_set = settings_of(_KEY)


@click.command("mosaic")
@setting_argument("inputs", _KEY, nargs=-1, type=click.Path())
@_set("-o", "--output", help="Folder of the products.", type=click.Path())
@_set("--channel", help="IRAC channel.", type=click.IntRange(1, 4))
@_set("--filetype", help="Last word of the frames' names: cbcd, bcd, clean ...")
@_set("--min-exptime", key="min_exptime_s", help="Leave out shorter exposures (s).", type=float)
@_set("--missing", help="When uncertainty or masks are absent.", type=["estimate", "refuse", "drop"])
@_set("--imask-bits", help="Fatal bits of bimsk: list, pattern or 'any'.")
@_set("--rmask-bits", help="Fatal bits of brmsk: list, pattern or 'any'.")
@_set("--background", help="Sky taken off each frame.", type=["median", "mode", "mesh", "overlap", "none"])
@_set(
    "--delta-dark/--no-delta-dark",
    help="Take off the pattern that the frames of an AOR share on the detector.",
)
@_set(
    "--align",
    help="Shift the frames onto this reference catalogue first.",
    type=click.Path(),
    metavar="REFCAT",
)
@_set("--align-frames/--no-align-frames", help="Align the frames with each other.")
@_set("--reject", help="Own rejection of outliers, besides the masks.", type=["two-pass", "none"])
@_set("--reject-sigma", help="Limit of the rejection, sigma.", type=float)
@_set("--rejection-masks/--no-rejection-masks", help="Write the rejected pixels of every frame.")
@_set("--combine", help="How frames are combined.", type=["weighted", "clipped", "median-exptime"])
@_set("--weights", help="Weight of a frame in the means.", type=["inverse-variance", "exposure"])
@_set("--resample", help="Interpolation.", type=["lanczos3", "drizzle"])
@_set("--pixfrac", help="Side of a drizzled pixel's drop, pixels.", type=float)
@_set("--pixel-scale", key="pixel_scale_arcsec", help="Pixel scale (arcsec).", type=float)
@_set("--center", help='Centre, "02 23 10 -04 59 00" or degrees "35.79 -4.98".')
@_set("--size", help='Width and height, such as "12 10" (arcmin).')
@_set("--like", help="Use the grid of this FITS file.", type=click.Path())
@stage_options
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
