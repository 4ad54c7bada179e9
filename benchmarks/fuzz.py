"""Feed damaged files to the readers and commands: `python benchmarks/fuzz.py --cases 10000`.

Every case must end in success or in one line with its exit code, in little memory, and leave inputs and
products alone. A finding is repeated by its number: `--first N --cases 1`, with the same seed.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from truthkit.fuzzkit import Fuzzer

# A case that takes longer than this hangs; the process is ended with a traceback.
_HANGS_S = 120.0
_TOLD_EVERY = 1000


def main() -> int:
    """Run the cases; exit code 1 when there are findings."""
    options = _options()
    # As in the tests: a warning that nobody has foreseen is a finding.
    warnings.simplefilter("error")
    faulthandler.enable()
    with _folder(options.base) as base, tempfile.TemporaryDirectory() as work:
        only = frozenset(options.only) if options.only else None
        fuzzer = Fuzzer(base, Path(work) / "work", options.seed, only)
        found = _run(fuzzer, range(options.first, options.first + options.cases))
    for line in _table(fuzzer):
        _say(line)
    _say(f"{options.cases} cases, seed {options.seed}: {found} findings")
    return 1 if found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", help="name of a target; repeatable")
    parser.add_argument("--base", type=Path, help="keep the simulated inputs in this folder")
    return parser.parse_args()


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        chosen.mkdir(parents=True, exist_ok=True)
        yield chosen.resolve()
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _run(fuzzer: Fuzzer, numbers: range) -> int:
    found = 0
    for number in numbers:
        if number % _TOLD_EVERY == 0:
            _say(f"from case {number}")
        faulthandler.dump_traceback_later(_HANGS_S, exit=True)
        finding = fuzzer.case(number)
        faulthandler.cancel_dump_traceback_later()
        if finding is not None:
            found += 1
            _say(f"case {finding.number}, {finding.target}: {finding.problem}")
    return found


def _table(fuzzer: Fuzzer) -> Iterator[str]:
    yield f"{'target':24s} {'cases':>6s} {'refused':>8s} {'s CPU':>7s}"
    for name, count in fuzzer.counts.items():
        yield f"{name:24s} {count:6d} {fuzzer.refused[name]:8d} {fuzzer.seconds[name]:7.1f}"


def _say(line: str) -> None:
    sys.stdout.write(line + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
