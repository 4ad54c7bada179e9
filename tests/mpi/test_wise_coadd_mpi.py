"""`mpiexec -n N astromap wise coadd`: the same maps as in one process, and failures end the whole job."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from truthkit.faultkit import Ran, environment, names, program, run_program
from truthkit.wisefaults import (
    N_FRAMES,
    NSIDE,
    SCANS,
    TABLE,
    VICTIM,
    assert_same_maps,
    coadd,
    copy_survey,
    cut,
    long_survey,
    part_of,
    product_names,
    survey,
)

pytest.importorskip("mpi4py")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("mpi"),
    pytest.mark.skipif(not Path(program("mpiexec")).exists(), reason="mpiexec is not installed"),
]

# Where a rank falls dead, as a node that is lost.
DEADLY = """
import sys
from truthkit.wisefaults import coadd_or_die
import photomitrus_cli.wise.coadd
photomitrus_cli.wise.coadd.coadd_frames = coadd_or_die
from photomitrus_cli.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def serial(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("serial")
    done = coadd(long_survey(base), "-o", out)
    assert done.code == 0, done.stderr
    return out


def ranks(number: int, folder: Path, out: Path, *more: object) -> Ran:
    words = ("--frames", folder / TABLE, "--nside", NSIDE, "--no-pictures", "-o", out)
    return run_program(program("mpiexec"), "-n", number, program(), "wise", "coadd", *words, *more)


def test_ranks_give_the_same_maps(base: Path, serial: Path, tmp_path: Path) -> None:
    done = ranks(3, long_survey(base), tmp_path / "out")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "WISE band 3 coadd: done"
    assert done.stdout.count("WISE band 3 coadd") == 1
    assert names(tmp_path / "out") == product_names(SCANS[0], SCANS[1])
    assert_same_maps(tmp_path / "out", serial, SCANS[0], SCANS[1])
    table = "w3_frames.ecsv"
    assert (tmp_path / "out" / table).read_bytes() == (serial / table).read_bytes()


def test_a_broken_file_ends_the_job_with_its_exit_code(base: Path, tmp_path: Path) -> None:
    """Broken where only a worker sees it."""
    folder = copy_survey(base, tmp_path / "in")
    cut(part_of(folder, "msk"), 3000)
    done = ranks(3, folder, tmp_path / "out")
    assert done.code == 3, done.stderr
    assert f"{VICTIM}-w3-msk-1b.fits.gz: truncated gzip" in done.error
    assert not names(tmp_path / "out") & product_names(SCANS[1])
    done = ranks(3, folder, tmp_path / "out", "--keep-going", "--resume")
    assert done.code == 6, done.stderr
    assert f"{N_FRAMES - 1} used, 0 skipped, 1 failed" in done.stdout
    assert names(tmp_path / "out") == product_names(*SCANS)


def test_a_wrong_request_ends_the_job(base: Path, tmp_path: Path) -> None:
    done = ranks(2, survey(base), tmp_path / "out", "99999z")
    assert done.code == 2, done.stderr
    assert "has no scan 99999z" in done.error


def test_a_rank_that_dies_ends_the_job(base: Path, tmp_path: Path) -> None:
    script = tmp_path / "deadly.py"
    script.write_text(DEADLY)
    words = ("wise", "coadd", "--frames", survey(base) / TABLE, "--nside", NSIDE, "--no-pictures")
    path = f"{Path(__file__).parents[2] / 'benchmarks'}{os.pathsep}{environment().get('PYTHONPATH', '')}"
    done = run_program(
        *("env", f"PYTHONPATH={path}", program("mpiexec"), "-n", "3", program("python"), script),
        *(*words, "-o", tmp_path / "out", "--keep-going"),
    )
    assert done.code != 0
    assert not names(tmp_path / "out") & product_names(SCANS[1])
