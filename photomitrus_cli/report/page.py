"""The report page of a run: one self-contained HTML file, no JavaScript."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from photomitrus_cli import __version__
from photomitrus_cli.io.atomic import check_folder, write_text
from photomitrus_cli.run.provenance import utc_now
from photomitrus_cli.run.summary import Figure, Summary, UnitRecord


def write_page(folder: Path, summary: Summary, *, command: str) -> Path:
    """Write the page of a run.

    Parameters
    ----------
    folder : Path
        Created when absent. The page is named after the run or its first product.
    summary : Summary
    command : str
        Such as ``astromap irac mosaic``.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    WriteError
        When the folder cannot be written.
    """
    check_folder(folder)
    stem = summary.stem or (summary.products[0].stem if summary.products else "run")
    page = folder / f"{stem}.html"
    columns = _columns(summary.units)
    text = render(
        "run.html",
        summary=summary,
        command=command,
        made=utc_now(),
        figures=[_embedded(figure) for figure in summary.figures],
        not_used=[unit for unit in summary.units if unit.reason],
        columns=columns,
        rows=[_row(unit, columns) for unit in summary.units],
    )
    write_text(page, text)
    return page


def render(template: str, **values: Any) -> str:
    """Fill in a template of this package.

    Parameters
    ----------
    template : str
        Name of its file.
    **values
        By the names that it has for them; the version is known.

    Returns
    -------
    str
        HTML, the values escaped.
    """
    environment = Environment(
        loader=PackageLoader("photomitrus_cli.report"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template(template).render(version=__version__, **values)


def _embedded(figure: Figure) -> dict[str, str]:
    data = base64.b64encode(figure.path.read_bytes()).decode("ascii")
    return {"source": f"data:image/png;base64,{data}", "caption": figure.caption}


def _columns(units: list[UnitRecord]) -> list[str]:
    names: dict[str, None] = {}
    for unit in units:
        names.update(dict.fromkeys(unit.values))
    return list(names)


def _row(unit: UnitRecord, columns: list[str]) -> list[str]:
    cells: list[Any] = [Path(unit.name).name, unit.status, *(unit.values.get(name) for name in columns)]
    return [_number(cell) if isinstance(cell, float) else "" if cell is None else str(cell) for cell in cells]


def _number(value: float) -> str:
    """Give six digits, or ten of a large number: a date needs them."""
    return f"{value:.10g}" if abs(value) >= 1e4 else f"{value:.6g}"
