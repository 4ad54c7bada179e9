"""`astromap simulate wise`."""

from __future__ import annotations

import click

from photomitrus_cli.options import SettingArgument, choice, common_options, run_options, setting

_KEY = "wise.simulate"


@click.command("wise")
@click.argument("output", metavar="OUT", cls=SettingArgument, key=f"{_KEY}.output", type=click.Path())
@setting("--seed", key=f"{_KEY}.seed", help="Seed of all random numbers.", type=int)
@setting(
    "--band",
    key=f"{_KEY}.bands",
    help="Band, 1 to 4. Repeatable.",
    type=click.IntRange(1, 4),
    multiple=True,
)
@setting("--scans", key=f"{_KEY}.n_scans", help="Number of half-orbit scans.", type=int)
@setting(
    "--latitude",
    key=f"{_KEY}.latitude_deg",
    help="Ecliptic latitudes between which frames are made (deg).",
    type=(float, float),
)
@setting("--max-frames", key=f"{_KEY}.max_frames", help="At most this many frames of a scan.", type=int)
@setting("--frame-px", key=f"{_KEY}.frame_px", help="Side of the frames; the field stays.", type=int)
@setting("--start-mjd", key=f"{_KEY}.start_mjd", help="Begin of the first scan, MJD.", type=float)
@setting("--packed", key=f"{_KEY}.packed", help="Uncertainties and masks.", type=choice(["gzip", "plain"]))
@setting(
    "--truth-frames/--no-truth-frames",
    key=f"{_KEY}.truth_frames",
    help="Also write the frames without noise and artefacts.",
)
@click.option("--overwrite", is_flag=True, help="Write into a folder that holds frames already.")
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Simulate a slice of the WISE survey in the folder OUT, as the archive would deliver it, with its truth.

    OUT gets <scangrp>/<scan_id>/<frame>/<scan_id><frame>-w<band>-{int,unc,msk}-1b.fits, the frame table
    frames.tbl, an astromap.yaml for the wise commands, and truth/. Equal seeds give equal frames.

    \b
    Examples:
      astromap simulate wise slice --frame-px 128
      cd slice && astromap wise filter && astromap wise coadd
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.simulate.wise", _KEY)
