"""`astromap irac correct`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, config_options, setting_argument, settings_of

_KEY = "irac.correct"
_set = settings_of(_KEY)


@click.command("correct")
@setting_argument("table", _KEY, required=False, type=click.Path())
@_set("-o", "--output", help="The table to write.", type=click.Path())
@_set("--channel", help="IRAC channel.", type=click.IntRange(1, 4))
@_set(
    "--mission",
    help="Calibration: hora and reach are older ones of the cryogenic mission.",
    type=["cryo", "warm", "hora", "reach"],
)
@_set("--subarray/--full", help="Readout mode of the frames.")
@_set(
    "--functions",
    help="seed: as irac_aphot_corr; matched: by mode and aperture.",
    type=["seed", "matched", "none"],
)
@_set(
    "--aperture",
    help="Radius and annulus radii (px) of the fluxes, for --functions matched.",
    nargs=3,
    type=float,
    metavar="R R_IN R_OUT",
)
@_set(
    "--spectrum", help="Of the sources; red ones need no array-location correction.", type=["stellar", "red"]
)
@_set("--coefficients", help="As published, or in single precision as in IDL.", type=["decimal", "idl"])
@_set("--x-column", help="Column of x (px).", metavar="NAME")
@_set("--y-column", help="Column of y (px).", metavar="NAME")
@_set("--flux-column", help="Column of fluxes, any linear unit.", metavar="NAME")
@_set("--first-pixel", help="Position of the centre of the first pixel, 0 or 1.", type=click.IntRange(0, 1))
@_set("--off-array", help="Positions off the array.", type=["refuse", "nan"])
@click.option("--overwrite", is_flag=True, help="Replace an existing output.")
@config_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, *, overwrite: bool, **_: object) -> None:
    """Correct fluxes for the response of IRAC at their positions.

    TABLE (CSV, ECSV or FITS, told by its name) has the columns x, y and flux, and channel, mission and
    subarray (0 or 1) unless options give these. The output has all its rows and columns, and r_al (array
    location), r_pp (pixel phase) and flux_corrected = flux / (r_al * r_pp). It does what the IDL program
    irac_aphot_corr does.

    \b
    Examples:
      astromap irac correct fluxes.csv -o corrected.csv --channel 1 --mission warm
      astromap irac correct fluxes.fits -o corrected.ecsv --functions matched --aperture 5 5 10
    """
    from photomitrus_cli.console import print_summary
    from photomitrus_cli.irac.correct import correct_file
    from photomitrus_cli.irac.fluxtable import table_format
    from photomitrus_cli.launch import session

    with session(ctx) as (config, _progress):
        if config.irac.correct.output is not None:
            # First of all: of a folder it would be said that it exists, and may be replaced.
            table_format(config.irac.correct.output)
        summary = correct_file(config.irac.correct, overwrite=overwrite)
    print_summary(summary)
