"""`astromap irac correct`."""

from __future__ import annotations

import click

from photomitrus_cli.options import SettingArgument, choice, common_options, config_options, setting

_KEY = "irac.correct"


@click.command("correct")
@click.argument("table", required=False, cls=SettingArgument, key=f"{_KEY}.table", type=click.Path())
@setting("-o", "--output", key=f"{_KEY}.output", help="The table to write.", type=click.Path())
@setting("--channel", key=f"{_KEY}.channel", help="IRAC channel.", type=click.IntRange(1, 4))
@setting(
    "--mission",
    key=f"{_KEY}.mission",
    help="Calibration: hora and reach are older ones of the cryogenic mission.",
    type=choice(["cryo", "warm", "hora", "reach"]),
)
@setting("--subarray/--full", key=f"{_KEY}.subarray", help="Readout mode of the frames.")
@setting(
    "--functions",
    key=f"{_KEY}.functions",
    help="seed: as irac_aphot_corr; matched: by mode and aperture.",
    type=choice(["seed", "matched", "none"]),
)
@setting(
    "--aperture",
    key=f"{_KEY}.aperture",
    help="Radius and annulus radii (px) of the fluxes, for --functions matched.",
    nargs=3,
    type=float,
    metavar="R R_IN R_OUT",
)
@setting(
    "--spectrum",
    key=f"{_KEY}.spectrum",
    help="Of the sources; red ones need no array-location correction.",
    type=choice(["stellar", "red"]),
)
@setting(
    "--coefficients",
    key=f"{_KEY}.coefficients",
    help="As published, or in single precision as in IDL.",
    type=choice(["decimal", "idl"]),
)
@setting("--x-column", key=f"{_KEY}.x_column", help="Column of x (px).", metavar="NAME")
@setting("--y-column", key=f"{_KEY}.y_column", help="Column of y (px).", metavar="NAME")
@setting(
    "--flux-column", key=f"{_KEY}.flux_column", help="Column of fluxes, any linear unit.", metavar="NAME"
)
@setting(
    "--first-pixel",
    key=f"{_KEY}.first_pixel",
    help="Position of the centre of the first pixel, 0 or 1.",
    type=click.IntRange(0, 1),
)
@setting(
    "--off-array",
    key=f"{_KEY}.off_array",
    help="Positions off the array.",
    type=choice(["refuse", "nan"]),
)
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
    from photomitrus_cli.launch import session

    with session(ctx) as (config, _progress):
        summary = correct_file(config.irac.correct, overwrite=overwrite)
    print_summary(summary)
