"""`astromap wise coadd`."""

from __future__ import annotations

import click

from photomitrus_cli.options import setting_argument, settings_of, stage_options

_KEY = "wise.coadd"
_set = settings_of(_KEY)


@click.command("coadd")
@setting_argument("scans", _KEY, nargs=-1)
@_set(
    "--frames",
    help="Table of the frames (from `wise filter`) or folder; {band} stands for the band.",
    type=click.Path(),
)
@_set("-o", "--output", help="Folder of the products.", type=click.Path())
@_set("--band", help="WISE band.", type=click.IntRange(1, 4))
@_set("--group", help="What makes one map.", type=["scan", "day", "week"])
@_set("--day", "by_day", key="group", flag_value="day", help="The same as --group day.")
@_set("--week", "by_week", key="group", flag_value="week", help="The same as --group week.")
@_set(
    "--all-scans-map",
    help="Also combine all maps of the run into this file.",
    type=click.Path(),
    metavar="FILE",
)
@_set("--nside", help="Resolution of the maps.", type=int)
@_set("--system", help="Coordinates of the maps.", type=["galactic", "ecliptic", "equatorial"])
@_set("--masks", help="Which mask bits make a pixel unusable.", type=["seed", "unwise", "catwise", "wssa"])
@_set("--missing", help="When uncertainty or mask are absent.", type=["estimate", "refuse", "drop"])
@_set("--weights", help="Weights of the frames' pixels.", type=["frame", "pixel"])
@_set("--magzp/--no-magzp", help="Bring the frames to one zero point.")
@_set("--spikes/--no-spikes", help="Reject sharp outliers, high and low.")
@_set("--mask-stars/--keep-stars", help="Leave out stars.")
@_set("--judge/--no-judge", help="Refuse frames that do not fit their scan.")
@_set("--timestamps/--no-timestamps", help="Also write ..._pixel_timestamps.csv.")
@_set("--pictures/--no-pictures", help="Draw each map.")
@stage_options
def command(ctx: click.Context, /, **given: object) -> None:
    """Coadd WISE frames into one HEALPix map per scan.

    SCANS are names such as 01772a; without any, all scans of the frame table are made. Every frame is
    masked, freed of sharp outliers, compared with its neighbours and added up in the HEALPix pixels that
    its header's distortion places it in. The folder given with -o gets w<B>_<scan>.fits (value in DN,
    sigma, hits, frames, time, extremes, mask), a picture and a manifest each, and w<B>_frames.ecsv with
    every number of every frame.

    \b
    Examples:
      astromap wise coadd --band 3
      astromap wise coadd 01772a 01773b --band 3 --nside 1024
      for b in 1 2 3 4; do astromap wise coadd --band $b; done
    """
    from photomitrus_cli.launch import launch

    if len({given[name] for name in ("group", "by_day", "by_week")} - {None}) > 1:
        raise click.UsageError("--group, --day and --week contradict each other.", ctx)
    launch(ctx, "photomitrus_cli.wise.coadd", _KEY)
