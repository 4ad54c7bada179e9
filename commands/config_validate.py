"""`astromap config validate`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, config_options


@click.command("validate")
@config_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Check ./astromap.yaml, --config files, the environment and --set; exit 2 names what is wrong."""
    from photomitrus_cli.launch import resolve

    resolve(ctx)
    click.echo("the configuration is valid")
