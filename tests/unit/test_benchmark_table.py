"""The benchmark's table: ratios and verdicts, rows that are kept, yardsticks that are missing."""

from __future__ import annotations

import math
import sys
from functools import partial
from pathlib import Path

import pytest
import run as benchmark_script
from truthkit import machine, primespeed, ratiosprime, ratioswise, timing
from truthkit.ratios import Goal, Plan, Row, figure, keep_rows, kept_rows, table
from truthkit.ratioswise import coadd_rows
from truthkit.timing import FailedError, Times, call, in_turn, per_item, summed
from truthkit.wisescan import read_table, write_table

OURS, THEIRS = Times(2.0, 1.5, 0.5), Times(30.0, 6.0, 1.0)
HEAVY, LIGHT = Times(2.0, 1.5, 0.5, 2e9), Times(1.0, 1.0, 0.5, 1e9)
FAST = Row("fast", "slow", OURS, THEIRS, (Goal("wall", 10.0),), runs=3, load=0.25)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return Plan(tmp_path, 3, True, lambda _: None)


def test_ratios_are_those_of_the_yardstick_to_astromap() -> None:
    values = [FAST.value(quantity) for quantity in ("wall", "user", "CPU", "s", "GB")]
    assert values == [15.0, 4.0, 3.5, 2.0, None]
    assert Row("", ours=HEAVY).value("GB") == 2.0
    # A difference of noisy times can be negative; that is no ratio.
    assert Row("", ours=Times(-0.1, 1.0, 0.0), theirs=THEIRS).value("wall") is None
    assert Times(1.0, 2.0, math.nan).cpu == 2.0


@pytest.mark.parametrize(
    ("goals", "lacks", "verdict"),
    [
        ((), "", ""),
        ((Goal("wall", 15.0),), "", "met"),
        ((Goal("wall", 15.1),), "", "NOT met"),
        ((Goal("wall", 10.0), Goal("user", 5.0)), "", "NOT met"),
        ((Goal("s", 2.0),), "", "met"),
        ((Goal("s", 1.9),), "", "NOT met"),
        ((Goal("GB", 4.0),), "", "not measured"),
        ((), "SWarp not installed", "not measured"),
    ],
)
def test_verdicts(goals: tuple[Goal, ...], lacks: str, verdict: str) -> None:
    assert Row("", "", OURS, THEIRS, goals, lacks).verdict == verdict


def test_what_is_missed_without_a_yardstick_is_still_missed() -> None:
    goals = (Goal("wall", 4.0), Goal("s", 1.0))
    assert Row("", "", OURS, None, goals, "SCAMP not installed").verdict == "NOT met"


def test_table_tells_times_ratios_goals_and_what_is_missing() -> None:
    memory = Row("memory", "", HEAVY.memory(), LIGHT.memory(), (Goal("GB", 4.0),))
    _, _, *lines = table([FAST, memory, Row("long", lacks="not measured")])
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells == [
        ["fast", "slow", "2 / 1.5 / 0.5", "30 / 6 / 1", "15 / 4 / 3.5", "", "wall 10", "met", "3", "0.2"],
        ["memory", "", "", "", "", "2000; 1000", "≤ 4 GB", "met", "", ""],
        ["long", "not measured", "", "", "", "", "", "not measured", "", ""],
    ]


def test_figures_have_three_digits() -> None:
    assert [figure(value) for value in (119.4, 12.345, 4.0, 0.0123456, math.nan, None)] == [
        *("119", "12.3", "4", "0.012", "-", "-")
    ]


def test_rows_are_kept_for_the_same_sources_only(tmp_path: Path) -> None:
    path = tmp_path / "rows" / "one.json"
    rows = [FAST, Row("memory", ours=HEAVY.memory())]
    assert kept_rows(path, "key") is None
    keep_rows(path, "key", rows)
    # NaN differs from itself.
    assert repr(kept_rows(path, "key")) == repr(rows)
    assert kept_rows(path, "another") is None


def test_key_follows_the_sources(tmp_path: Path) -> None:
    path = tmp_path / "photomitrus_cli" / "imaging" / "one.py"
    path.parent.mkdir(parents=True)
    keys = []
    for content in ("a = 1\n", "a = 2\n"):
        path.write_text(content)
        keys.append(machine.sources_key(tmp_path))
    path.with_name("notes.md").write_text("no source")
    assert keys[0] != keys[1] == machine.sources_key(tmp_path)


def test_an_interrupted_run_goes_on(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []

    def rows_of(name: str, _: Plan) -> list[Row]:
        measured.append(name)
        if name == "b" and measured.count("b") == 1:
            raise FailedError("broken")
        return [Row(f"work {name}", "", OURS, THEIRS)]

    units = {name: benchmark_script.Unit(partial(rows_of, name), f"what {name}") for name in "abc"}
    monkeypatch.setattr(benchmark_script, "UNITS", units)
    page = plan.folder / "build" / "page.md"
    assert benchmark_script.benchmark(plan, ["a", "b"], page) == 1
    first = page.read_text()
    assert "| work a |" in first
    assert "| what b | failed |" in first
    assert "| what c | not measured |" in first
    assert first.startswith("# Benchmarks at small sizes")
    assert benchmark_script.benchmark(plan, ["a", "b"], page) == 0
    assert measured == ["a", "b", "b"]
    assert "| work a |" in page.read_text()
    assert "| work b |" in page.read_text()


def test_long_units_need_full_or_their_name() -> None:
    def named(*words: str) -> set[str]:
        return set(benchmark_script.names(benchmark_script.parse(words)))

    long = {"mission", "scale", "stack-memory"}
    assert named() == benchmark_script.UNITS.keys() - long
    assert named("--full") == set(benchmark_script.UNITS)
    assert named("--which", "mission", "help") == {"mission", "help"}


def test_missing_programs_are_named_with_their_packages(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"SWarp": "/usr/bin/SWarp"}
    monkeypatch.setattr(machine, "found", found.get)
    assert machine.lacking(["SWarp"]) == ""
    told = machine.lacking(primespeed.YARDSTICKS)
    assert told == "SExtractor, SCAMP not installed (Debian: apt install source-extractor scamp)"
    calls: list[str] = []

    def stand_in(command: list[object], *_: object) -> Times:
        calls.append(str(command[0]))
        return OURS

    for module in (primespeed, ratiosprime):
        monkeypatch.setattr(module, "run", stand_in)
    monkeypatch.setattr(ratiosprime, "weigh", stand_in)
    monkeypatch.setattr(ratiosprime, "dither", lambda *_: plan.folder)
    two, one, memory = ratiosprime.stack_rows(plan)
    assert set(calls) == {timing.PROGRAM}
    assert (two.theirs, one.theirs) == (None, None)
    assert (two.verdict, one.verdict, memory.verdict) == ("not measured", "not measured", "")
    assert f"| SExtractor + SCAMP + SWarp; {told} |" in list(table([two]))[-1]


def test_missing_healpy_leaves_the_reading(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = plan.folder / "scan-8"
    folder.mkdir()
    write_table(folder / "frames.csv", [["s", n, 3, 0, 0, 0, 0, 0, 0, "f"] for n in range(8)])
    (folder / "template.txt").write_text("a frame")
    monkeypatch.setattr(ratioswise, "lacking_package", lambda name: f"{name} not installed")
    ran: list[str] = []

    def stand_in(command: list[object], *_: object) -> Times:
        ran.append("reading" if "reading" in command else str(command[1]))
        # Two seconds to start, a tenth for each of the frames.
        frames = len(read_table(next(one for one in command if isinstance(one, Path))))
        return Times(2.0 + 0.1 * frames, 1.0 + 0.1 * frames, 0.0)

    monkeypatch.setattr(ratioswise, "run", stand_in)
    reading, vector, seed, workers = coadd_rows(plan)
    assert set(ran) == {"wise", "reading"}
    assert reading.value("wall") == pytest.approx(1.0)
    assert reading.ours is not None
    assert reading.ours.wall == pytest.approx(0.1)
    assert (vector.theirs, seed.theirs) == (None, None)
    assert vector.lacks == "healpy not installed"
    assert (vector.verdict, seed.verdict, workers.verdict) == ("not measured", "not measured", "")


def test_runs_take_turns_and_medians_are_quoted() -> None:
    order: list[str] = []

    def runner(name: str, walls: list[float]) -> Times:
        order.append(name)
        return Times(walls.pop(0), 1.0, 1.0)

    a, b = [1.0, 9.0, 2.0], [5.0, 4.0, 6.0]
    medians = in_turn({"a": lambda: runner("a", a), "b": lambda: runner("b", b)}, 3)
    assert order == ["a", "b"] * 3
    assert (medians["a"].wall, medians["b"].wall) == (2.0, 5.0)


def test_start_up_is_taken_off_and_parts_are_added() -> None:
    net = per_item(lambda n: Times(1.0 + 0.5 * n, 0.5 * n, 0.25, n), (4, 4), (24, 24))
    assert net == Times(0.5, 0.5, 0.0, 24)
    assert summed([HEAVY, LIGHT]) == Times(3.0, 2.5, 1.0, 2e9)


def test_a_process_is_timed_weighed_and_may_fail() -> None:
    words = [
        sys.executable,
        "-c",
        "import time; held = bytearray(60_000_000); time.sleep(0.5); print('done')",
    ]
    for weighed in (False, True):
        times, text = call(words, weighed=weighed)
        assert text == "done\n"
        assert times.wall > 0.5 > times.user
        assert 60e6 < times.peak < 120e6 if weighed else math.isnan(times.peak)
    with pytest.raises(FailedError, match="no such luck"):
        call([sys.executable, "-c", "raise SystemExit('no such luck')"])
