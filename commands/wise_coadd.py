"""`astromap wise coadd`."""

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

_KEY = "wise.coadd"


@click.command("coadd")
@click.argument("scans", nargs=-1, cls=SettingArgument, key=f"{_KEY}.scans")
@setting(
    "--frames",
    key=f"{_KEY}.frames",
    help="Table of the frames (from `wise filter`) or folder; {band} stands for the band.",
    type=click.Path(),
)
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--band", key=f"{_KEY}.band", help="WISE band.", type=click.IntRange(1, 4))
@setting("--group", key=f"{_KEY}.group", help="What makes one map.", type=choice(["scan", "day", "week"]))
@setting("--day", "by_day", key=f"{_KEY}.group", flag_value="day", help="The same as --group day.")
@setting("--week", "by_week", key=f"{_KEY}.group", flag_value="week", help="The same as --group week.")
@setting(
    "--all-scans-map",
    key=f"{_KEY}.all_scans_map",
    help="Also combine all maps of the run into this file.",
    type=click.Path(),
    metavar="FILE",
)
@setting("--nside", key=f"{_KEY}.nside", help="Resolution of the maps.", type=int)
@setting(
    "--system",
    key=f"{_KEY}.system",
    help="Coordinates of the maps.",
    type=choice(["galactic", "ecliptic", "equatorial"]),
)
@setting(
    "--masks",
    key=f"{_KEY}.masks",
    help="Which mask bits make a pixel unusable.",
    type=choice(["seed", "unwise", "catwise", "wssa"]),
)
@setting(
    "--missing",
    key=f"{_KEY}.missing",
    help="When uncertainty or mask are absent.",
    type=choice(["estimate", "refuse", "drop"]),
)
@setting(
    "--weights", key=f"{_KEY}.weights", help="Weights of the frames' pixels.", type=choice(["frame", "pixel"])
)
@setting("--magzp/--no-magzp", key=f"{_KEY}.magzp", help="Bring the frames to one zero point.")
@setting("--spikes/--no-spikes", key=f"{_KEY}.spikes", help="Reject sharp outliers, high and low.")
@setting("--mask-stars/--keep-stars", key=f"{_KEY}.mask_stars", help="Leave out stars.")
@setting("--judge/--no-judge", key=f"{_KEY}.judge", help="Refuse frames that do not fit their scan.")
@setting(
    "--timestamps/--no-timestamps", key=f"{_KEY}.timestamps", help="Also write ..._pixel_timestamps.csv."
)
@setting("--pictures/--no-pictures", key=f"{_KEY}.pictures", help="Draw each map.")
@write_options
@run_options
@common_options
@click.pass_context
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
