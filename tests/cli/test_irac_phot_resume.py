"""`astromap irac phot` where there are products already: refused, replaced, up to date, made again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from truthkit.faultkit import names
from truthkit.photkit import (
    DEC,
    PRODUCTS,
    RA,
    TABLES,
    TARGET,
    Shot,
    measured,
    phot,
    rows,
    series,
    take,
    write_pairs,
)

pytestmark = pytest.mark.xdist_group("phot-cli")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two observations of three full frames each, in channels 1 and 2."""
    base = tmp_path_factory.mktemp("two")
    take(base, *series(3), *series(3, Shot(aorkey=2000, channel=2, mjd=53600.0, x=90.1, y=200.4)))
    return base


def test_an_existing_product_is_refused_before_any_work(two: Path, tmp_path: Path) -> None:
    (tmp_path / TABLES[1]).write_text("mine")
    done = measured(two, "-o", tmp_path)
    assert done.code == 5
    assert f"{tmp_path / TABLES[1]} exists" in done.error
    assert "--overwrite" in done.error
    assert names(tmp_path) == {TABLES[1]}
    assert measured(tmp_path / "nowhere", "-o", tmp_path, "--overwrite").code == 3
    assert (tmp_path / TABLES[1]).read_text() == "mine"
    assert measured(two, "-o", tmp_path, "--overwrite").code == 0
    assert names(tmp_path) == PRODUCTS


def test_resume_on_a_complete_product_touches_nothing(two: Path, tmp_path: Path) -> None:
    assert measured(two, "-o", tmp_path).code == 0
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path, *tmp_path.iterdir())}
    done = measured(two, "-o", tmp_path, "--resume")
    assert done.code == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "IRAC photometry, run1: up to date"
    assert "  fluxes: 6 of 6 used" in lines
    after = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (tmp_path, *tmp_path.iterdir())}
    assert after == before


def test_resume_remakes_what_is_not_as_recorded(two: Path, tmp_path: Path) -> None:
    field, out = tmp_path / "field", tmp_path / "out"
    shutil.copytree(two, field)
    table = write_pairs(tmp_path / "pairs.csv", (str(field), TARGET))

    def run(*more: object) -> str:
        done = phot(table, "-o", out, "--resume", *more)
        assert done.code == 0, done.stderr
        return done.stdout.splitlines()[0].rpartition(": ")[2]

    assert [run(), run()] == ["done", "up to date"]
    assert [run("-r", 3, 3, 7), run("-r", 3, 3, 7)] == ["done", "up to date"]
    assert [run(), run()] == ["done", "up to date"]
    # Another name of a target, a frame more, a damaged table, a missing picture.
    write_pairs(table, (str(field), f"{RA}0 {DEC}"))
    assert [run(), run()] == ["done", "up to date"]
    take(field, Shot(expid=8))
    assert [run(), run()] == ["done", "up to date"]
    assert len(rows(out, "img")) == 7
    (out / TABLES[0]).write_text((out / TABLES[0]).read_text().replace("N", "Y", 1))
    assert [run(), run()] == ["done", "up to date"]
    (out / "run1_aors.png").unlink()
    assert [run(), run()] == ["done", "up to date"]
