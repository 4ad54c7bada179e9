"""`astromap irac phot`."""

from __future__ import annotations

import click

from photomitrus_cli.options import setting_argument, settings_of, stage_options

_KEY = "irac.phot"
_set = settings_of(_KEY)


@click.command("phot")
@setting_argument("inputs", _KEY, nargs=-1, type=click.Path())
@_set("-o", "--output", help="Folder of the products.", type=click.Path())
@_set("--run", "-rn", help="Name of the run; a number N gives run<N>_....")
@_set("--target", help='Position, "18 02 30.74 +58 37 38.16" or degrees.')
@_set("--target-name", help="Its name in tables and log.")
@_set(
    "--proper-motion",
    help="mas/yr in RA (times cos dec) and Dec, and epoch (Julian year).",
    type=float,
    nargs=3,
    metavar="PMRA PMDEC EPOCH",
)
@_set("--comment", help="Written into the log.")
@_set("--channel", help="IRAC channel, or all.", metavar="N")
@_set("--filetype", "-f", help="Last word of the frames' names: bcd, cbcd, sub2d ...")
@_set("--min-framtime", key="min_framtime_s", help="Leave out shorter frames (s).", type=float)
@_set(
    "-r",
    "--aperture",
    key="apertures",
    help="Radius, inner and outer radius of the annulus (native pixels). Repeatable.",
    type=float,
    nargs=3,
    multiple=True,
    metavar="R R_IN R_OUT",
)
@_set("--centroid", help="How the target is centred.", type=["auto", "moment", "gaussian", "fixed"])
@_set("--max-offset", key="max_offset_px", help="Farther centroids are another source's (px).", type=float)
@_set("--background", help="Statistic of the annulus.", type=["clipped", "median", "mean"])
@_set("--subarray", help="What to measure of a cube.", type=["cube", "archive", "planes", "seed"])
@_set("--functions", help="Correction functions.", type=["matched", "seed", "hora", "reach"])
@_set("--coefficients", help="As published, or as the IDL program rounds them.", type=["decimal", "idl"])
@_set("--array-location/--no-array-location", help="Divide by the array-location response.")
@_set("--pixel-phase/--no-pixel-phase", help="Divide by the pixel-phase response.")
@_set(
    "--ap-corr",
    "-a",
    key="aperture_correction",
    help="Aperture correction: auto, none, or a factor for each aperture.",
)
@_set("--spectrum", help="Of the sources.", type=["stellar", "red"])
@_set("--missing", help="When uncertainty or mask are absent.", type=["estimate", "refuse", "drop"])
@_set("--imask-bits", help="Fatal bits of bimsk: list, pattern or 'any'.")
@_set("--saturated", help="Saturated frames.", type=["exclude", "keep"])
@_set("--reject", help="Outliers of an AOR.", type=["mad", "seed", "none"])
@_set("--clip-sigma", help="Limit of mad.", type=float)
@stage_options
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
