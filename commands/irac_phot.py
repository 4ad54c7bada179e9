"""`astromap irac phot`."""

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

_KEY = "irac.phot"


@click.command("phot")
@click.argument("inputs", nargs=-1, cls=SettingArgument, key=f"{_KEY}.inputs", type=click.Path())
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--run", "-rn", key=f"{_KEY}.run", help="Name of the run; a number N gives run<N>_....")
@setting("--target", key=f"{_KEY}.target", help='Position, "18 02 30.74 +58 37 38.16" or degrees.')
@setting("--target-name", key=f"{_KEY}.target_name", help="Its name in tables and log.")
@setting(
    "--proper-motion",
    key=f"{_KEY}.proper_motion",
    help="mas/yr in RA (times cos dec) and Dec, and epoch (Julian year).",
    type=float,
    nargs=3,
    metavar="PMRA PMDEC EPOCH",
)
@setting("--comment", key=f"{_KEY}.comment", help="Written into the log.")
@setting("--channel", key=f"{_KEY}.channel", help="IRAC channel, or all.", metavar="N")
@setting(
    "--filetype", "-f", key=f"{_KEY}.filetype", help="Last word of the frames' names: bcd, cbcd, sub2d ..."
)
@setting("--min-framtime", key=f"{_KEY}.min_framtime_s", help="Leave out shorter frames (s).", type=float)
@setting(
    "-r",
    "--aperture",
    key=f"{_KEY}.apertures",
    help="Radius, inner and outer radius of the annulus (native pixels). Repeatable.",
    type=float,
    nargs=3,
    multiple=True,
    metavar="R R_IN R_OUT",
)
@setting(
    "--centroid",
    key=f"{_KEY}.centroid",
    help="How the target is centred.",
    type=choice(["auto", "moment", "gaussian", "fixed"]),
)
@setting(
    "--max-offset",
    key=f"{_KEY}.max_offset_px",
    help="Farther centroids are another source's (px).",
    type=float,
)
@setting(
    "--background",
    key=f"{_KEY}.background",
    help="Statistic of the annulus.",
    type=choice(["clipped", "median", "mean"]),
)
@setting(
    "--subarray",
    key=f"{_KEY}.subarray",
    help="What to measure of a cube.",
    type=choice(["cube", "archive", "planes", "seed"]),
)
@setting(
    "--functions",
    key=f"{_KEY}.functions",
    help="Correction functions.",
    type=choice(["matched", "seed", "hora", "reach"]),
)
@setting(
    "--coefficients",
    key=f"{_KEY}.coefficients",
    help="As published, or as the IDL program rounds them.",
    type=choice(["decimal", "idl"]),
)
@setting(
    "--array-location/--no-array-location",
    key=f"{_KEY}.array_location",
    help="Divide by the array-location response.",
)
@setting(
    "--pixel-phase/--no-pixel-phase", key=f"{_KEY}.pixel_phase", help="Divide by the pixel-phase response."
)
@setting(
    "--ap-corr",
    "-a",
    key=f"{_KEY}.aperture_correction",
    help="Aperture correction: auto, none, or a factor for each aperture.",
)
@setting("--spectrum", key=f"{_KEY}.spectrum", help="Of the sources.", type=choice(["stellar", "red"]))
@setting(
    "--missing",
    key=f"{_KEY}.missing",
    help="When uncertainty or mask are absent.",
    type=choice(["estimate", "refuse", "drop"]),
)
@setting("--imask-bits", key=f"{_KEY}.imask_bits", help="Fatal bits of bimsk: list, pattern or 'any'.")
@setting("--saturated", key=f"{_KEY}.saturated", help="Saturated frames.", type=choice(["exclude", "keep"]))
@setting("--reject", key=f"{_KEY}.reject", help="Outliers of an AOR.", type=choice(["mad", "seed", "none"]))
@setting("--clip-sigma", key=f"{_KEY}.clip_sigma", help="Limit of mad.", type=float)
@write_options
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Measure targets on IRAC frames: corrected fluxes per image and per AOR.

    INPUTS are folders of AORs (searched recursively), FITS files, patterns, text files listing them, or
    CSV/ECSV tables of AOR-target pairs (columns "AOR Filepath" and "Target Coordinates"). The folder
    given with -o gets run<N>_img_data and run<N>_aor_data as CSV and ECSV, run<N>_log.txt, two plots,
    the configuration and a manifest.

    \b
    Examples:
      astromap irac phot r* --target "18 02 30.74 +58 37 38.16" -r 10 12 20 --run 5
      astromap irac phot pairs.csv -r 3 3 7 -r 5 5 10 -o phot
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.irac.phot", _KEY)
