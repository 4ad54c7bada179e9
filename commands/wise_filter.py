"""`astromap wise filter`."""

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

_KEY = "wise.filter"


@click.command("filter")
@click.argument("inputs", nargs=-1, cls=SettingArgument, key=f"{_KEY}.inputs", type=click.Path())
@setting(
    "--from-frames", key=f"{_KEY}.from_frames", help="Folder of frames: headers are read.", type=click.Path()
)
@setting("-o", "--output", key=f"{_KEY}.output", help="Folder of the products.", type=click.Path())
@setting("--band", key=f"{_KEY}.band", help="Band 1 to 4, or all.", metavar="N")
@setting("--preset", key=f"{_KEY}.preset", help="Set of cuts: seed, unwise, wssa, none, or an own one.")
@setting(
    "--without",
    key=f"{_KEY}.without",
    help="Leave out the preset's cut on a column. Repeatable.",
    multiple=True,
    metavar="COLUMN",
)
@setting(
    "--cut",
    key=f"{_KEY}.cuts",
    help='A further cut, such as "moon_sep > 30". Repeatable.',
    multiple=True,
    metavar="TEXT",
)
@setting(
    "--duplicates",
    key=f"{_KEY}.duplicates",
    help="Rows that repeat a frame.",
    type=choice(["drop", "refuse"]),
)
@setting(
    "--root",
    key=f"{_KEY}.roots",
    help="Folder that holds the frames. Repeatable: the first that has a frame counts.",
    multiple=True,
    type=click.Path(),
)
@setting("--template", key=f"{_KEY}.template", help="Where a frame is below its root.")
@setting(
    "--missing-files",
    key=f"{_KEY}.missing_files",
    help="Frames without a file; keep does not look for them.",
    type=choice(["refuse", "drop", "keep"]),
)
@setting(
    "--extra-column",
    key=f"{_KEY}.extra_columns",
    help="Keep a further column of the table. Repeatable.",
    multiple=True,
    metavar="NAME",
)
@write_options
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Choose the WISE frames that are worth coadding.

    INPUTS are frame tables (IPAC .tbl, CSV, ECSV, FITS, VOTable, or the 31-column dump that WISEmapper
    reads) or folders of frames. The folder given with -o gets for each band filtered_df_band<B>.csv (the
    frames that pass every cut, with the path of each), w<B>_scans.ecsv, w<B>_cuts.ecsv (what each cut
    removes, alone and in order), a picture, the configuration and a manifest.

    \b
    Examples:
      astromap wise filter allsky_4band_p1bm_frm.tbl --band 3 --root /data/wise -o coadd
      astromap wise filter frames.csv --preset unwise --cut "moon_sep > 20" --missing-files drop
      astromap wise filter --from-frames /data/wise --without qual_frame --without qual_scan
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.wise.filter", _KEY)
