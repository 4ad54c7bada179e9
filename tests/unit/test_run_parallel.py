"""The executor: order, errors across processes, dying workers, the same outcome for any number of workers."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from truthkit.workunits import (
    count_and_die,
    die_at,
    explode_at_three,
    interrupt_blocked,
    process_of,
    refuse_three,
    square_slowly,
    write_or_refuse,
)

from photomitrus_cli.errors import AstromapError, ConfigError, InputError, PartialError, WriteError
from photomitrus_cli.run.checkpoint import open_store
from photomitrus_cli.run.machine import available_cores
from photomitrus_cli.run.parallel import Executor, SerialExecutor, local_executor

pytestmark = pytest.mark.xdist_group("executor")


@pytest.fixture(scope="module")
def two() -> Iterator[Executor]:
    with local_executor(2) as executor:
        yield executor


@pytest.fixture(params=["serial", "processes"])
def executor(request: pytest.FixtureRequest) -> Executor:
    chosen: Executor = SerialExecutor() if request.param == "serial" else request.getfixturevalue("two")
    return chosen


def test_outcomes_come_in_the_order_of_the_units(executor: Executor) -> None:
    done: list[int] = []
    outcomes = executor.run(square_slowly, range(9), advance=done.append)
    assert [(o.index, o.result, o.error) for o in outcomes] == [(i, i * i, None) for i in range(9)]
    assert sum(done) == 9


def test_outcomes_are_consumed_in_order_while_others_are_worked_on(executor: Executor) -> None:
    seen: list[int | None] = []
    executor.run(square_slowly, range(9), consume=lambda one: seen.append(one.result))
    assert seen == [i * i for i in range(9)]


def test_failed_units_are_consumed_too(executor: Executor) -> None:
    seen: list[int] = []
    executor.run(refuse_three, range(6), keep_going=True, consume=lambda one: seen.append(one.index))
    assert seen == list(range(6))


def test_no_units(executor: Executor) -> None:
    assert executor.run(square_slowly, []) == []


def test_the_first_error_is_raised_whole(executor: Executor) -> None:
    with pytest.raises(InputError) as caught:
        executor.run(refuse_three, range(6))
    assert (caught.value.message, caught.value.hint) == ("frame 3: broken", "repair it")
    assert str(caught.value) == "frame 3: broken (repair it)"


def test_keep_going_collects_errors(executor: Executor) -> None:
    done: list[int] = []
    outcomes = executor.run(refuse_three, range(6), keep_going=True, advance=done.append)
    assert [o.result for o in outcomes] == [0, 1, 4, None, 16, 25]
    assert [o.index for o in outcomes if o.error] == [3]
    assert isinstance(outcomes[3].error, InputError)
    assert outcomes[3].error.hint == "repair it"
    assert sum(done) == 6


def test_unexpected_failures_are_never_collected(executor: Executor) -> None:
    with pytest.raises(RuntimeError, match="boom"):
        executor.run(explode_at_three, range(6), keep_going=True)


@pytest.mark.parametrize("kind", [AstromapError, WriteError, ConfigError, InputError, PartialError])
def test_errors_survive_pickling(kind: type[AstromapError]) -> None:
    copy = pickle.loads(pickle.dumps(kind("what", hint="do")))  # noqa: S301 - our own bytes
    assert (type(copy), copy.message, copy.hint, copy.exit_code) == (kind, "what", "do", kind.exit_code)


def test_a_dying_worker_costs_one_unit() -> None:
    units = [(i, (2, 9)) for i in range(12)]
    done: list[int] = []
    with local_executor(2) as executor:
        outcomes = executor.run(die_at, units, keep_going=True, advance=done.append)
        assert [o.result for o in outcomes] == [None if i in (2, 9) else i * i for i in range(12)]
        assert [str(outcomes[i].error) for i in (2, 9)] == [
            f"{units[i]}: the worker process died while working on it" for i in (2, 9)
        ]
        assert sum(done) == 12
        assert [o.result for o in executor.run(refuse_three, range(3))] == [0, 1, 4]


def test_a_dying_worker_ends_the_run_without_keep_going() -> None:
    with local_executor(2) as executor, pytest.raises(InputError, match="the worker process died"):
        executor.run(die_at, [(i, (1,)) for i in range(4)])


def test_a_failed_run_leaves_no_worker_at_work(tmp_path: Path) -> None:
    """What a worker is writing when another unit fails is neither finished nor left behind."""
    folder = tmp_path / "work"
    with local_executor(2) as executor:
        with pytest.raises(InputError, match="refused"), open_store(folder, "key", resume=False):
            executor.run(write_or_refuse, [(0, folder), (1, folder)])
        assert {path.name for path in folder.iterdir()} == {"lock"}
        assert [one.result for one in executor.run(square_slowly, range(3))] == [0, 1, 4]


def test_few_units_are_repeated_after_a_death(tmp_path: Path) -> None:
    """Finding the culprit does not throw away or serialise the rest of the run."""
    units = [(i, str(tmp_path)) for i in range(20)]
    with local_executor(2) as executor:
        outcomes = executor.run(count_and_die, units, keep_going=True)
    assert [o.result for o in outcomes] == [None if i == 2 else i for i in range(20)]
    attempts = [int(path.name.partition("-")[0]) for path in tmp_path.iterdir()]
    assert attempts.count(2) == 2
    assert len(attempts) <= 20 + 2 * 2 + 1


def test_workers_are_other_processes_with_one_thread_each(two: Executor) -> None:
    seen = [o.result for o in two.run(process_of, range(8)) if o.result]
    assert os.getpid() not in {pid for pid, _ in seen}
    assert {threads for _, threads in seen} == {"1"}


def test_interrupts_are_left_to_the_master(two: Executor) -> None:
    assert all(o.result for o in two.run(interrupt_blocked, range(4)))
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_cores_are_the_fewest_of_batch_system_and_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("photomitrus_cli.run.machine._CPU_QUOTA", Path("no such file"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)))
    for given, cores in (("3", 3), ("8", 5), ("0", 5), ("many", 5), ("", 5)):
        monkeypatch.setenv("SLURM_CPUS_PER_TASK", given)
        assert available_cores() == cores


@pytest.mark.parametrize("jobs", [0, 1])
def test_one_worker_is_this_process(jobs: int) -> None:
    with local_executor(jobs) as executor:
        assert executor.workers == 1
        assert executor.run(process_of, [1])[0].result == (os.getpid(), os.environ.get("OMP_NUM_THREADS", ""))
