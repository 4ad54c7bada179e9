"""`astromap simulate wise`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, run_options, setting_argument, settings_of

_KEY = "wise.simulate"
_set = settings_of(_KEY)


@click.command("wise")
@setting_argument("output", _KEY, metavar="OUT", type=click.Path())
@_set("--seed", help="Seed of all random numbers.", type=int)
@_set("--band", key="bands", help="Band, 1 to 4. Repeatable.", type=click.IntRange(1, 4), multiple=True)
@_set("--scans", key="n_scans", help="Number of half-orbit scans.", type=int)
@_set(
    "--latitude",
    key="latitude_deg",
    help="Ecliptic latitudes between which frames are made (deg).",
    type=(float, float),
)
@_set("--max-frames", help="At most this many frames of a scan.", type=int)
@_set("--frame-px", help="Side of the frames; the field stays.", type=int)
@_set("--start-mjd", help="Begin of the first scan, MJD.", type=float)
@_set("--packed", help="Uncertainties and masks.", type=["gzip", "plain"])
@_set("--truth-frames/--no-truth-frames", help="Also write the frames without noise and artefacts.")
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
