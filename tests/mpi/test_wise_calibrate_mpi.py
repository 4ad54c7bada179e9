"""`mpiexec -n N astromap wise calibrate`: the same product as in one process, and failures end the job."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.calibsurvey import CalibSurvey, calib_survey
from truthkit.faultkit import Ran, names, program, run_program
from truthkit.wisefaults import content, cut

pytest.importorskip("mpi4py")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("mpi"),
    pytest.mark.skipif(not Path(program("mpiexec")).exists(), reason="mpiexec is not installed"),
]

N_SCANS = 6


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> CalibSurvey:
    return calib_survey(tmp_path_factory.getbasetemp())


def run(survey: CalibSurvey, out: Path, *more: object, ranks: int = 0) -> Ran:
    """Calibrate as `truthkit.calibsurvey.calibrate` does, as a program: alone, or on some ranks."""
    start = (program("mpiexec"), "-n", ranks) if ranks else ()
    words = ("--maps", survey.folder, "--spectrum", "mono", "-o", out, "--no-pictures")
    fixed = ("--set", "wise.zodi.quadrature=20")
    return run_program(*start, program(), "wise", "calibrate", *words, *fixed, *more)


def test_ranks_give_the_same_bytes(survey: CalibSurvey, tmp_path: Path) -> None:
    scans = survey.names[:N_SCANS]
    one, two = tmp_path / "one", tmp_path / "two"
    done = run(survey, one, *scans)
    assert done.code == 0, done.stderr
    done = run(survey, two, *scans, ranks=2)
    assert done.code == 0, done.stderr
    assert done.stdout.count("WISE band 3 calibration: done") == 1
    assert f"in the map: {N_SCANS} scans, 0 refused, 0 failed" in done.stdout
    assert names(two) == names(one)
    assert len(names(two / "templates")) == N_SCANS
    for path in one.glob("*.fits"):
        assert content(path) == content(two / path.name), path.name
    for table in ("w3_calibration.ecsv", "w3_residuals.ecsv"):
        assert (one / table).read_bytes() == (two / table).read_bytes()


def test_a_broken_map_ends_the_job_with_its_exit_code(survey: CalibSurvey, tmp_path: Path) -> None:
    """Broken where only a worker sees it: the header is whole."""
    folder = tmp_path / "maps"
    folder.mkdir()
    for name in survey.names[:N_SCANS]:
        for path in survey.folder.glob(f"w3_{name}*"):
            (folder / path.name).write_bytes(path.read_bytes())
    victim = folder / f"w3_{survey.names[3]}.fits"
    cut(victim, victim.stat().st_size - 2880)
    broken = CalibSurvey(folder, survey.names, survey.gain, survey.offset)
    done = run(broken, tmp_path / "out", ranks=2)
    assert done.code == 3, done.stderr
    assert victim.name in done.error
    assert not list((tmp_path / "out").glob("*.fits"))
