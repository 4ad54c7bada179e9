"""The page on mutation testing, from what was tried and how survivors are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from truthkit.mutantjudged import judged
from truthkit.mutantkit import Trial
from truthkit.mutantops import Mutant

OUTCOMES = ("killed", "crashed", "timed out", "broken", "survived")
_TOP = """# Mutation testing

Written by `python benchmarks/mutants.py --keep FOLDER --page docs/mutation.md`. A mutant is the program
with one small wrong change: an operator or a comparison swapped, a constant moved by one, a condition
turned around, a loop or a slice one shorter, a statement left out. Mutants are drawn at random (seed
{seed}) from all that a module has; texts, annotations and decorators are left alone. Each is made in a copy
of the tree and has to be noticed by the unit, differential and property tests of its module; kernels are
compiled anew, or run as Python where that is quicker. A mutant survives when all of these tests pass. It
counts as noticed when a test fails, when the process dies or hangs (*timed out*: six times as long as
without the change), and when it cannot be imported or compiled (*broken*).

{tried} mutants in {modules} modules; modules without a row have not been measured. Shares of few mutants are
rough: 8 of 10 is 80 % give or take 13. Samples are to show where tests are blind, and tests were written for
what survived. The column *at first* is from before that: what tests noticed that did not know their mutants.
"""

_VERDICTS = """*Equivalent*: nothing that is calculated changes. *Harmless*: nobody relies on what does.
*Gap*: a test is missing.
"""


@dataclass(frozen=True)
class Result:
    """A mutant that was tried.

    Attributes
    ----------
    group : str
        What it is counted with.
    mutant : Mutant
        The change.
    trial : Trial
        What became of it.
    seen_at_first : bool
        Whether a test noticed it when it was tried for the first time, before tests were written for it.
    """

    group: str
    mutant: Mutant
    trial: Trial
    seen_at_first: bool

    @property
    def survived(self) -> bool:
        """Whether no test noticed it."""
        return self.trial.outcome == "survived"


@dataclass(frozen=True)
class Report:
    """What is told of mutants, line by line.

    Attributes
    ----------
    results : sequence of Result
        All of the sources as they are.
    root : Path
        The checkout, where the changed lines are looked up.
    """

    results: Sequence[Result]
    root: Path

    def page(self, seed: int) -> Iterator[str]:
        """Give the page; the seed is that of the sample."""
        modules = {result.mutant.module for result in self.results}
        yield from _TOP.format(seed=seed, tried=len(self.results), modules=len(modules)).splitlines()
        yield from ("", "## Result", "")
        yield from self.table()
        yield from ("", "## Survivors", "")
        yield from (*_VERDICTS.splitlines(), "")
        yield from self.survivors()

    def table(self) -> Iterator[str]:
        """Give the table of groups and modules; the last column leaves equivalent mutants out."""
        yield f"| module | tried | {' | '.join(OUTCOMES)} | at first | noticed | without equivalent ones |"
        yield "| --- |" + " ---: |" * (len(OUTCOMES) + 4)
        for group in self.shares():
            rows = [result for result in self.results if result.group == group]
            yield self._row(f"**{group}**", rows)
            for module in sorted({result.mutant.module for result in rows}):
                name = module.removeprefix("photomitrus_cli/").removesuffix(".py")
                yield self._row(name, [result for result in rows if result.mutant.module == module])

    def shares(self) -> dict[str, float]:
        """Give the percentage of each group that was noticed, equivalent mutants left out."""
        found = {}
        for group in dict.fromkeys(result.group for result in self.results):
            rows = [result for result in self.results if result.group == group]
            left = [self._verdict(row.mutant)[0] for row in rows if row.survived]
            whole = len(rows) - left.count("equivalent")
            found[group] = 100.0 * (len(rows) - len(left)) / max(1, whole)
        return found

    def survivors(self) -> Iterator[str]:
        """Give a line for each mutant that survived, with its judgement."""
        left = [result.mutant for result in self.results if result.survived]
        for mutant in sorted(left, key=lambda one: (one.module, one.start, one.after)):
            verdict, reason = self._verdict(mutant)
            yield f"- {line(mutant)}: *{verdict}*{', ' if reason else ''}{reason}"

    def _row(self, name: str, rows: Sequence[Result]) -> str:
        counts = Counter(row.trial.outcome for row in rows)
        noticed = len(rows) - counts["survived"]
        same = sum(row.survived and self._verdict(row.mutant)[0] == "equivalent" for row in rows)
        at_first = sum(row.seen_at_first for row in rows)
        parts = ((at_first, len(rows)), (noticed, len(rows)), (noticed, len(rows) - same))
        told = [str(counts[one]) for one in OUTCOMES]
        told += [f"{100 * part / max(1, whole):.0f} %" for part, whole in parts]
        return f"| {name} | {len(rows)} | {' | '.join(told)} |"

    def _verdict(self, mutant: Mutant) -> tuple[str, str]:
        lines = (self.root / mutant.module).read_text(encoding="utf-8").splitlines()
        found = judged(mutant.module, lines[mutant.line - 1], mutant.before, mutant.after)
        return (found.verdict, found.reason) if found else ("not judged", "")


def line(mutant: Mutant) -> str:
    """Give a mutant in one line.

    Parameters
    ----------
    mutant : Mutant

    Returns
    -------
    str
    """
    before, after = (" ".join(text.split()) for text in (mutant.before, mutant.after))
    place = f"{mutant.module.removeprefix('photomitrus_cli/')}:{mutant.line}"
    return f"`{place}` {mutant.operator} `{before}` -> `{after or ' '}`"
