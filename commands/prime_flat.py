"""`astromap prime flat`."""

from __future__ import annotations

import click

from photomitrus_cli.options import LegacyCommand, settings_of, stage_options

_KEY = "prime.flat"
_set = settings_of(_KEY)


@click.command("flat", cls=LegacyCommand)
@_set("--parent", help="Folder with the frames of each chip in C<chip>.", type=click.Path())
@_set("-o", "--output", help="Folder of the flats.", type=click.Path())
@_set("--chip", help="Chip, several with commas, or all.", metavar="CHIP")
@_set("--band", help="Only flats in this band.")
@_set("--instrument", help="Name or YAML file of the camera's description.")
@_set("--frames", help="Frames whose header says FLAT, or all that there are.", type=["marked", "all"])
@stage_options
def command(ctx: click.Context, /, **_: object) -> None:
    """Make master flats from twilight frames.

    The frames of a twilight are split in two: frame i of the first half less frame i of the second is free of
    everything that does not fade with the sky. The flat is the median of these differences, each over its own
    median. There is one for each chip and band, mflat.<band>.<date>.C<chip>.fits; frames of several nights
    make an sflat.<band>.<first>-<last>.C<chip>.fits, which prime stack prefers.

    \b
    Examples:
      astromap prime flat -parent twilight -o J_Band/mflats
      astromap prime flat -parent twilight -chip 1 -band J --frames all
    """
    from photomitrus_cli.launch import launch

    launch(ctx, "photomitrus_cli.prime.makeflat", _KEY)
