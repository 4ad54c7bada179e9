"""`astromap wise filter`."""

from __future__ import annotations

import click

from photomitrus_cli.options import setting_argument, settings_of, stage_options

_KEY = "wise.filter"
_set = settings_of(_KEY)


@click.command("filter")
@setting_argument("inputs", _KEY, nargs=-1, type=click.Path())
@_set("--from-frames", help="Folder of frames: headers are read.", type=click.Path())
@_set("-o", "--output", help="Folder of the products.", type=click.Path())
@_set("--band", help="Band 1 to 4, or all.", metavar="N")
@_set("--preset", help="Set of cuts: seed, unwise, wssa, none, or an own one.")
@_set(
    "--without", help="Leave out the preset's cut on a column. Repeatable.", multiple=True, metavar="COLUMN"
)
@_set(
    "--cut",
    key="cuts",
    help='A further cut, such as "moon_sep > 30". Repeatable.',
    multiple=True,
    metavar="TEXT",
)
@_set("--duplicates", help="Rows that repeat a frame.", type=["drop", "refuse"])
@_set(
    "--root",
    key="roots",
    help="Folder that holds the frames. Repeatable: the first that has a frame counts.",
    multiple=True,
    type=click.Path(),
)
@_set("--template", help="Where a frame is below its root.")
@_set(
    "--missing-files",
    help="Frames without a file; keep does not look for them.",
    type=["refuse", "drop", "keep"],
)
@_set(
    "--extra-column",
    key="extra_columns",
    help="Keep a further column of the table. Repeatable.",
    multiple=True,
    metavar="NAME",
)
@stage_options
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
