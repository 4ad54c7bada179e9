"""`mpiexec -n N astromap prime stack`: the same products as in one process."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.faultkit import names, program, run_program
from truthkit.stackset import (
    assert_same_stack,
    dithers,
    reference,
    stack_names,
    words,
)

pytest.importorskip("mpi4py")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("mpi"),
    pytest.mark.skipif(not Path(program("mpiexec")).exists(), reason="mpiexec is not installed"),
]


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def test_ranks_give_the_same_bytes(base: Path, tmp_path: Path) -> None:
    done = run_program(program("mpiexec"), "-n", 2, program(), *words(dithers(base), "-o", tmp_path))
    assert done.code == 0, done.stderr
    assert done.stdout.count("prime stack, J, chip 1: done") == 1
    assert names(tmp_path / "stack") == stack_names(1)
    assert_same_stack(tmp_path, reference(base))
