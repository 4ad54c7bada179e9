"""`astromap doctor`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.options import common_options

if TYPE_CHECKING:
    from photomitrus_cli.run.requirements import Finding

_COLOURS = {"ok": "green", "note": "yellow", "absent": "bright_black", "broken": "bold red"}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts and for reports of problems.")
@common_options
def command(*, as_json: bool, **_: object) -> None:
    """Look at the installation: versions, MPI, cores, memory, folders, optional programs.

    Nothing is changed, and nothing asked from the network. The exit code is 1 when a required part is broken.

    \b
    ok      there, and works
    note    works, but the hint is worth reading
    absent  optional, and not there; the hint says what it is for
    broken  required; astromap does not work without it
    """
    from photomitrus_cli.doctor import examine

    findings = examine()
    broken = [finding.name for finding in findings if finding.status == "broken"]
    if as_json:
        checks = [vars(finding) for finding in findings]
        click.echo(json.dumps({"status": "broken" if broken else "ok", "checks": checks}, indent=2))
    elif sys.stdout.isatty() and "rich" not in broken:
        _draw(findings)
    else:
        for finding in findings:
            hint = f" ({finding.hint})" if finding.hint else ""
            click.echo(f"{finding.status}: {finding.name}: {finding.value}{hint}")
    if broken:
        raise AstromapError(f"broken: {', '.join(broken)}", hint="see the hints above")


def _draw(findings: list[Finding]) -> None:
    """Draw the findings as a table, a section for each group."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("", "", "found", "hint", box=None, pad_edge=False)
    for group in dict.fromkeys(finding.group for finding in findings):
        table.add_row(Text(group, style="bold"))
        for finding in findings:
            if finding.group == group:
                status = Text(f"  {finding.status}", style=_COLOURS[finding.status])
                table.add_row(status, finding.name, Text(finding.value), Text(finding.hint, style="dim"))
    Console().print(table)
