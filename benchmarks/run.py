"""Time stages against their yardsticks, both in turn in one run, and write the table (``make benchmark``).

Times are those of whole processes, start-up included where the table does not say otherwise, compiled code
cached; medians are quoted. Yardsticks that are not installed are named, and what takes long or much memory is
measured with --full or where --which names it. Finished rows are kept beside the simulated frames when --keep
names a folder; they are measured again once the sources, the versions or the machine have changed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from truthkit.machine import machine_line, sources_key, versions
from truthkit.ratios import Plan, Row, keep_rows, kept_rows, table
from truthkit.ratiosirac import MEDIAN, WEIGHTED, mosaic_memory_rows, mosaic_rows, scale_rows
from truthkit.ratiosphot import phot_memory_rows, phot_rows
from truthkit.ratiosprime import stack_memory_rows, stack_rows
from truthkit.ratioswise import calibrate_rows, coadd_memory_rows, coadd_rows, mission_rows
from truthkit.timing import PROGRAM, in_turn
from truthkit.timing import run as run_process

from photomitrus_cli.io.atomic import write_text

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Unit:
    """What is measured at once.

    Attributes
    ----------
    rows : callable
        Measures.
    what : str
        For the table when it was not measured.
    long : bool
        Only with --full, or when it is named.
    """

    rows: Callable[[Plan], list[Row]]
    what: str
    long: bool = False


def help_rows(plan: Plan) -> list[Row]:
    """Time ``astromap --help`` against importing click."""
    runs, load = 2 * plan.repeat + 1, plan.load
    contenders = {
        "ours": partial(run_process, [PROGRAM, "--help"]),
        "theirs": partial(run_process, [sys.executable, "-c", "import click"]),
    }
    in_turn(contenders, 1)
    medians = in_turn(contenders, runs)
    ours, theirs = medians["ours"], medians["theirs"]
    return [Row("`astromap --help`", '`python -c "import click"`', ours, theirs, runs=runs, load=load)]


UNITS = {
    "help": Unit(help_rows, "`astromap --help`"),
    "mosaic": Unit(partial(mosaic_rows, rules=WEIGHTED), "`irac mosaic`, weighted"),
    "median": Unit(partial(mosaic_rows, rules=MEDIAN), "`irac mosaic`, median"),
    "mosaic-memory": Unit(mosaic_memory_rows, "memory of `irac mosaic`"),
    "scale": Unit(scale_rows, "`irac mosaic`, 3000 frames", long=True),
    "phot": Unit(phot_rows, "`irac phot`"),
    "phot-memory": Unit(phot_memory_rows, "memory of `irac phot`"),
    "coadd": Unit(coadd_rows, "`wise coadd`"),
    "coadd-memory": Unit(coadd_memory_rows, "memory of `wise coadd`"),
    "calibrate": Unit(calibrate_rows, "`wise calibrate`, 120 scans"),
    "mission": Unit(mission_rows, "`wise calibrate`, 6323 scans", long=True),
    "stack": Unit(stack_rows, "`prime stack`, 9 frames"),
    "stack-memory": Unit(stack_memory_rows, "memory of `prime stack`, 30 frames", long=True),
}


def main() -> None:
    """Measure what is asked for and write the table; the exit code is 1 when something failed."""
    chosen = parse(sys.argv[1:])
    with tempfile.TemporaryDirectory() as name:
        folder = (chosen.keep or Path(name)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        failed = benchmark(Plan(folder, chosen.repeat, chosen.small, tell), names(chosen), chosen.output)
    tell(f"wrote {chosen.output}")
    sys.exit(failed)


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--which", nargs="+", choices=["all", *UNITS], default=["all"])
    parser.add_argument("--full", action="store_true", help="also what takes long or much memory")
    parser.add_argument("--small", action="store_true", help="small sizes, to try this script")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each, in turn")
    parser.add_argument("--keep", type=Path, help="keep frames and rows in this folder, use those in it")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "benchmarks.md")
    chosen = parser.parse_args(words)
    if chosen.repeat < 1:
        parser.error("--repeat must be 1 at least")
    return chosen


def names(chosen: argparse.Namespace) -> list[str]:
    """List the units to be measured."""
    named = set(chosen.which)
    every = {name for name, unit in UNITS.items() if chosen.full or not unit.long}
    return [name for name in UNITS if name in named or ("all" in named and name in every)]


def tell(line: str) -> None:
    """Write a line about the progress."""
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {line}\n")


def benchmark(plan: Plan, chosen: Sequence[str], output: Path) -> int:
    """Measure units, and write the table after each of them; 1 when one has failed."""
    key, told, began = sources_key(), versions(), _moment()
    kept = {name: kept_rows(_place(plan, name), key) for name in UNITS}
    done = {name: kept[name] or [Row(unit.what, lacks="not measured")] for name, unit in UNITS.items()}
    plan.tell(f"kept from an earlier run: {', '.join(name for name in UNITS if kept[name]) or 'nothing'}")
    fresh = [name for name in chosen if not kept[name]]
    failed = 0
    page = partial(write_page, output, plan.small, told)
    page((began, _moment()), done)
    for number, name in enumerate(fresh, start=1):
        plan.tell(f"{name}: {number} of {len(fresh)}")
        try:
            done[name] = UNITS[name].rows(plan)
        except (RuntimeError, OSError) as error:
            plan.tell(f"{name}: {error}")
            done[name], failed = [Row(UNITS[name].what, lacks="failed")], 1
        else:
            keep_rows(_place(plan, name), key, done[name])
        page((began, _moment()), done)
    return failed


def _place(plan: Plan, name: str) -> Path:
    return plan.folder / f"rows{'-small' if plan.small else ''}" / f"{name}.json"


def _moment() -> str:
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC (load {load})"


SMALL_TITLE = "# Benchmarks at small sizes: for trying the script, no measure of anything"
TEXT = """Whole processes, compiled code cached, start-up included unless the row says that it is taken off;
medians of *runs*, in turn. *ratio*: yardstick / astromap, above 1 where astromap is quicker. *memory*: at
most, the sum over all processes; the yardstick's beside it. *load*: of the machine before the row, in the
last minute."""


def write_page(
    output: Path,
    small: bool,
    told: Mapping[str, str],
    moments: tuple[str, str],
    done: Mapping[str, Sequence[Row]],
) -> None:
    """Write the table with what it was measured on.

    Parameters
    ----------
    output : Path
    small : bool
        At small sizes.
    told : mapping of str to str
        Versions.
    moments : tuple of str
        Beginning and end, with the load of the machine.
    done : mapping of str to sequence of Row
        By unit.
    """
    lines = [SMALL_TITLE if small else "# Benchmarks", "", f"Machine: {machine_line()}."]
    lines += ["", f"Versions: {', '.join(f'{name} {number}' for name, number in told.items())}."]
    lines += ["", f"From {moments[0]} to {moments[1]}.", "", TEXT, ""]
    lines += table([one for rows in done.values() for one in rows])
    output.parent.mkdir(parents=True, exist_ok=True)
    write_text(output, "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
