"""Small wrong changes, and whether the tests notice them: `python benchmarks/mutants.py --keep FOLDER`.

Every change is made in a copy of the tree, one at a time. What was tried is kept in FOLDER/mutants.jsonl:
a run that was stopped goes on there, and `--again` tries those once more that had survived, on the tests as
they are now.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from queue import SimpleQueue

from truthkit.mutantkit import Bed, MutationError, Target, Trial, drawn
from truthkit.mutantops import Mutant, mutants_of
from truthkit.mutantpage import Report, Result, line
from truthkit.mutanttargets import targets

_ROOT = Path(__file__).resolve().parent.parent
# Machines are shared: a mutant that takes this much longer than the tests without a change is taken to hang.
_PATIENCE, _LEAST_S = 6.0, 90.0
_BASE_S = 900.0


class _Ledger:
    """What was tried, a line of JSON each; the last line on a mutant counts."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.results: dict[Mutant, Result] = {}
        if path.exists():
            for text in path.read_text(encoding="utf-8").splitlines():
                cells = json.loads(text)
                self._take(cells["group"], Mutant(**cells["mutant"]), Trial(**cells["trial"]))

    def _take(self, group: str, mutant: Mutant, trial: Trial) -> Result:
        earlier = self.results.get(mutant)
        first = earlier.seen_at_first if earlier else trial.outcome != "survived"
        self.results[mutant] = Result(group, mutant, trial, first)
        return self.results[mutant]

    def add(self, group: str, mutant: Mutant, trial: Trial) -> None:
        """Keep a result, and tell it."""
        with self._lock:
            result = self._take(group, mutant, trial)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(result)) + os.linesep)
            _say(f"{result.trial.outcome:9s} {result.trial.seconds:5.0f} s  {line(result.mutant)}")


def main() -> int:
    """Try mutants and write the table; exit code 1 when too few were noticed in a group."""
    options = _options()
    options.keep.mkdir(parents=True, exist_ok=True)
    ledger = _Ledger(options.keep / "mutants.jsonl")
    chosen = [target for target in targets(options.each) if _wanted(target, options.only)]
    _work(chosen, ledger, options)
    results = _current(chosen, ledger)
    report = Report(results, _ROOT)
    for text in (*report.table(), "", *report.survivors()):
        _say(text)
    if options.page:
        options.page.write_text("\n".join((*report.page(options.seed), "")), encoding="utf-8")
    return 1 if any(share < options.least for share in report.shares().values()) else 0


def _current(chosen: Iterable[Target], ledger: _Ledger) -> list[Result]:
    """Give what was tried on the sources as they are: an edit of a module makes its older results void."""
    groups = {target.module: target.group for target in chosen}
    texts = {module: set(mutants_of(module, (_ROOT / module).read_bytes())) for module in groups}
    kept = (
        result for result in ledger.results.values() if result.mutant in texts.get(result.mutant.module, ())
    )
    rows = [replace(result, group=groups[result.mutant.module]) for result in kept]
    return sorted(rows, key=lambda row: (list(groups).index(row.mutant.module), row.mutant.start))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, required=True, help="folder of the results")
    parser.add_argument("--each", type=int, default=10, help="mutants of each module")
    parser.add_argument("--only", action="append", help="a part of the name of a group or module; repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="try those again that survived, no others")
    parser.add_argument(
        "--least", type=float, default=80.0, help="percentage that has to be killed in each group"
    )
    parser.add_argument("--page", type=Path, help="write the page to this file")
    return parser.parse_args()


def _wanted(target: Target, only: list[str] | None) -> bool:
    return only is None or any(part in f"{target.group} {target.module}" for part in only)


def _work(chosen: Iterable[Target], ledger: _Ledger, options: argparse.Namespace) -> None:
    """Try all mutants: each module by one worker, in a copy of its own."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch, ExitStack() as ending:
        beds: SimpleQueue[Bed] = SimpleQueue()
        for number in range(options.processes):
            bed = Bed(_ROOT, Path(scratch) / f"{number}")
            ending.callback(bed.close)
            beds.put(bed)

        def run(target: Target) -> None:
            bed = beds.get()
            try:
                _try_all(bed, target, ledger, options)
            except MutationError as error:
                _say(f"not measured: {error}")
            finally:
                beds.put(bed)

        with ThreadPoolExecutor(options.processes) as pool:
            for _ in pool.map(run, chosen):
                pass


def _try_all(bed: Bed, target: Target, ledger: _Ledger, options: argparse.Namespace) -> None:
    known = ledger.results
    mutants = drawn(target, _ROOT, options.seed)
    if options.again:
        mutants = [
            mutant for mutant in mutants if mutant in known and known[mutant].trial.outcome == "survived"
        ]
    else:
        mutants = [mutant for mutant in mutants if mutant not in known]
    if not mutants:
        return
    seconds = bed.check(target, _BASE_S)
    for mutant in mutants:
        trial = bed.tried(target, mutant, max(_LEAST_S, _PATIENCE * seconds))
        ledger.add(target.group, mutant, trial)


def _say(text: str) -> None:
    sys.stdout.write(text + os.linesep)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
