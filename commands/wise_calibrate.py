"""`astromap wise calibrate`."""

from __future__ import annotations

import click

from photomitrus_cli.options import scan_map_options, setting, settings_of, stage_options

_KEY = "wise.calibrate"
_set = settings_of(_KEY)


@click.command("calibrate")
@scan_map_options(_KEY)
@_set("--method", help="All scans together, or each by itself as WISEmapper does.", type=["joint", "seed"])
@_set(
    "--zero",
    help="Level of the sky: cosecant, MJy/sr added to that, or a map whose mean it gets.",
    metavar="cosecant|NUMBER|FILE",
)
@_set("--galaxy-deg", help="Fit beyond this Galactic latitude, deg.", type=float)
@_set("--moon-deg", help="Leave out samples nearer to the Moon, deg.", type=float)
@_set("--user-map", help="Map of what takes no part in the fit.", type=click.Path(), metavar="FILE")
@_set("--min-correlation", help="Least r^2 of a scan with the zodiacal template.", type=float)
@setting(
    "--spectrum",
    key="wise.zodi.spectrum",
    help="Template at the isophotal wavelength, or averaged over the band.",
    type=["mono", "bandpass"],
)
@_set("--start", help="Output of an earlier calibration to start from.", type=click.Path(), metavar="FOLDER")
@_set("--cache", help="Folder that keeps templates for further runs.", type=click.Path(), metavar="FOLDER")
@_set("--pictures/--no-pictures", help="Draw maps and charts.")
@stage_options
def command(ctx: click.Context, /, **_: object) -> None:
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

    launch(ctx, "photomitrus_cli.wise.calibrate", "wise")
