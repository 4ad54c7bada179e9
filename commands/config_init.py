"""`astromap config init`."""

from __future__ import annotations

from pathlib import Path

import click

from photomitrus_cli.options import common_options


@click.command("init")
@click.argument(
    "file", required=False, default="astromap.yaml", type=click.Path(dir_okay=False, path_type=Path)
)
@click.option("--overwrite", is_flag=True, help="Replace an existing file.")
@common_options
def command(file: Path, *, overwrite: bool) -> None:
    """Write FILE (astromap.yaml) with every key, its packaged default and what it means."""
    from photomitrus_cli.errors import OutputExistsError
    from photomitrus_cli.io.atomic import remove_stale_parts, write_text
    from photomitrus_cli.run.config import packaged_yaml
    from photomitrus_cli.settings import SECTIONS

    if file.exists() and not overwrite:
        raise OutputExistsError(f"{file} exists", hint="--overwrite replaces it")
    remove_stale_parts(file.parent)
    write_text(file, "\n".join(packaged_yaml(section) for section in SECTIONS))
    click.echo(f"wrote {file}")
