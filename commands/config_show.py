"""`astromap config show`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, config_options


@click.command("show")
@click.argument("key", required=False)
@click.option("--sources", is_flag=True, help="Name the source of every value.")
@config_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, key: str | None, *, sources: bool, **_: object) -> None:
    """Print the resolved configuration, or the part below KEY (such as irac.mosaic)."""
    from photomitrus_cli.launch import resolve
    from photomitrus_cli.run.config import source_lines, to_yaml

    config, layers = resolve(ctx)
    text = "\n".join(source_lines(config, layers, key)) if sources else to_yaml(config, key).rstrip()
    click.echo(text)
