"""`astromap config validate`."""

from __future__ import annotations

import click

from photomitrus_cli.options import common_options, config_options


class _Validate(click.Command):
    """Tells how files are given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as usual; a bare name gets a hint."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            # Not one of its children, which tell of options.
            if type(error) is not click.UsageError:
                raise
            raise click.UsageError(f"{error.message}: give files as --config FILE", ctx=ctx) from None


@click.command("validate", cls=_Validate)
@config_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    """Check ./astromap.yaml, --config files, the environment and --set; exit 2 names what is wrong."""
    from photomitrus_cli.launch import resolve

    resolve(ctx)
    click.echo("the configuration is valid")
