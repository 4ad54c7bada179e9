"""`astromap wise calibrate`."""

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

_KEY = "wise.calibrate"


@click.command("calibrate")
@click.argument("scans", nargs=-1, cls=SettingArgument, key=f"{_KEY}.scans")
@setting(
    "--maps",
    key=f"{_KEY}.maps",
    help="Folder of scan maps from `wise coadd`, or a map; may be repeated.",
    type=click.Path(),
    multiple=True,
)
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--band", key=f"{_KEY}.band", help="WISE band.", type=click.IntRange(1, 4))
@setting(
    "--method",
    key=f"{_KEY}.method",
    help="All scans together, or each by itself as WISEmapper does.",
    type=choice(["joint", "seed"]),
)
@setting(
    "--zero",
    key=f"{_KEY}.zero",
    help="Level of the sky: cosecant, MJy/sr added to that, or a map whose mean it gets.",
    metavar="cosecant|NUMBER|FILE",
)
@setting("--galaxy-deg", key=f"{_KEY}.galaxy_deg", help="Fit beyond this Galactic latitude, deg.", type=float)
@setting("--moon-deg", key=f"{_KEY}.moon_deg", help="Leave out samples nearer to the Moon, deg.", type=float)
@setting(
    "--user-map",
    key=f"{_KEY}.user_map",
    help="Map of what takes no part in the fit.",
    type=click.Path(),
    metavar="FILE",
)
@setting(
    "--min-correlation",
    key=f"{_KEY}.min_correlation",
    help="Least r^2 of a scan with the zodiacal template.",
    type=float,
)
@setting(
    "--spectrum",
    key="wise.zodi.spectrum",
    help="Template at the isophotal wavelength, or averaged over the band.",
    type=choice(["mono", "bandpass"]),
)
@setting(
    "--start",
    key=f"{_KEY}.start",
    help="Output of an earlier calibration to start from.",
    type=click.Path(),
    metavar="FOLDER",
)
@setting(
    "--cache",
    key=f"{_KEY}.cache",
    help="Folder that keeps templates for further runs.",
    type=click.Path(),
    metavar="FOLDER",
)
@setting("--pictures/--no-pictures", key=f"{_KEY}.pictures", help="Draw maps and charts.")
@write_options
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **given: object) -> None:
    """Calibrate scan maps against the zodiacal light and map the sky.

    SCANS are names such as 01772a; without any, all scan maps of the band are taken. Gains, offsets along the
    scans, amplitudes of the template and the sky are solved for together; the template's choices are those of
    wise.zodi. The folder given with -o gets w<B>_fullsky.fits in MJy/sr (sky, total, zodiacal light, errors,
    hits, times, mask), differences between halves of the scans, tables of scans and residuals, and pictures.

    \b
    Examples:
      astromap wise calibrate --band 3
      astromap wise calibrate --band 3 --zero dirbe12.fits -o fullsky-dirbe
    """
    from photomitrus_cli.launch import launch

    del given
    launch(ctx, "photomitrus_cli.wise.calibrate", "wise")
