"""`mpiexec -n N astromap irac phot`: the same bytes as in one process, and failures end the whole job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from truthkit.faultkit import Ran, edit, names, program, run_program
from truthkit.photkit import (
    PRODUCTS,
    SMALL,
    SMALL_APERTURE,
    TABLES,
    TARGET,
    measured,
    series,
    take,
)

pytest.importorskip("mpi4py")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("mpi"),
    pytest.mark.skipif(not Path(program("mpiexec")).exists(), reason="mpiexec is not installed"),
]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("many")
    take(base, *series(40, SMALL))
    return base


def ranks(number: int, field: Path, out: Path, *more: str) -> Ran:
    words = [program("mpiexec"), "-n", number, program(), "irac", "phot", field, "--target", TARGET]
    return run_program(*words, *SMALL_APERTURE, "-o", out, *more)


def test_ranks_give_the_same_tables(many: Path, tmp_path: Path) -> None:
    assert measured(many, "-o", tmp_path / "one", *SMALL_APERTURE).code == 0
    done = ranks(3, many, tmp_path / "out")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "IRAC photometry, run1: done"
    assert done.stdout.count("IRAC photometry") == 1
    assert names(tmp_path / "out") == PRODUCTS
    for name in TABLES:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_a_broken_mask_ends_the_job_with_its_exit_code(tmp_path: Path) -> None:
    """Broken where only a worker sees it."""
    take(tmp_path / "in", *series(20, SMALL))
    edit(replace(SMALL, expid=17).path(tmp_path / "in", "bimsk"), data=np.zeros((16, 16), "i2"))
    done = ranks(2, tmp_path / "in", tmp_path / "out")
    assert done.code == 3, done.stderr
    assert "shape (16, 16) differs" in done.error
    assert not names(tmp_path / "out") & PRODUCTS
    done = ranks(2, tmp_path / "in", tmp_path / "out", "--keep-going")
    assert done.code == 6, done.stderr
    assert "19 used, 0 skipped, 1 failed" in done.stdout
