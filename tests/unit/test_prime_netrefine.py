"""solve-field as a second opinion: what it is asked, what is made of its answer, and what when it fails."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.sphere import rotation_matrix
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime import solvefield
from photomitrus_cli.prime.geometry import template_geometry
from photomitrus_cli.prime.instrument import load_instrument
from photomitrus_cli.prime.netrefine import ask_solver, turned_onto
from photomitrus_cli.prime.solvefield import SolveTask, find_solver, solver_words
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.run.checkpoint import Store

SIZE = 510


def frame() -> TanSip:
    """The distorted template of a chip."""
    camera = load_instrument("prime")
    template = camera.chip(2).template
    assert template is not None
    return template_geometry(template, (30.0, -35.0), 48.0, camera.detector.window((512, 512)))


def answer(wcs: TanSip, path: Path, *, scale: float = 1.0, mirrored: bool = False) -> None:
    """Write what solve-field would: a linear WCS in FK5 through the stars of a frame, without its size."""
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0, SIZE - 1, 15), np.linspace(0, SIZE - 1, 15)))
    ra, dec = wcs.crval
    header = fits.Header()
    cd = wcs.header_cd * scale * (np.array([[1.0, -1.0], [1.0, -1.0]]) if mirrored else 1.0)
    header.update(CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=ra, CRVAL2=dec, EQUINOX=2000.0, WCSAXES=2)
    header.update(CRPIX1=wcs.crpix[0] + 1.0, CRPIX2=wcs.crpix[1] + 1.0, IMAGEW=SIZE, IMAGEH=SIZE)
    header.update({f"CD{i + 1}_{j + 1}": cd[i, j] for i in (0, 1) for j in (0, 1)})
    assert np.isfinite(WCS(header).all_pix2world(x, y, 0)).all()
    fits.PrimaryHDU(None, header).writeto(path, overwrite=True)


def stars() -> Sources:
    values = np.linspace(1.0, 500.0, 400)
    numbers: dict[str, Any] = dict.fromkeys(Sources.__dataclass_fields__, values)
    numbers["flags"] = np.zeros(400, np.int64)
    return Sources(**numbers)


def task(tmp_path: Path, script: str) -> SolveTask:
    """A frame for a program that does what a shell script says; $3 is the folder of the answer."""
    program = tmp_path / "solve-field"
    program.write_text(
        '#!/bin/sh\nfor w in "$@"; do case $w in --dir=*) dir=${w#--dir=};; esac; done\n' + script
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    (tmp_path / "work").mkdir(exist_ok=True)
    log = tmp_path / "C2_astrom" / "00000001C2.solve-field.log"
    return SolveTask(str(program), 3, "a frame", stars(), frame(), log, Store(tmp_path / "work", "key"))


def away(one: TanSip, other: TanSip) -> float:
    """The largest distance, arcsec."""
    x, y = np.meshgrid(np.linspace(0, SIZE - 1, 9), np.linspace(0, SIZE - 1, 9))
    return float(
        np.degrees(np.linalg.norm(one.directions(x, y) - other.directions(x, y), axis=0).max()) * 3600
    )


def test_a_frame_is_turned_to_where_the_answer_has_it(tmp_path: Path) -> None:
    start = frame()
    # Half a degree away and turned by 3 degrees.
    true = start.moved(rotation_matrix(np.array([0.004, -0.005, 0.006]))).moved(
        rotation_matrix(np.radians(3.0) * start.axes[2])
    )
    assert away(start, true) > 1500.0
    answer(true, tmp_path / "a.wcs", scale=1.001)
    found = turned_onto(start, tmp_path / "a.wcs")
    assert found is not None
    # The answer knows nothing of the distortion, up to 8 arcsec; the frame keeps its own.
    assert away(found, true) < 6.0
    np.testing.assert_array_equal(found.sip, start.sip)
    np.testing.assert_array_equal(found.cd, start.cd)


def test_answers_that_no_turn_explains_are_refused(tmp_path: Path) -> None:
    for wrong in ({"mirrored": True}, {"scale": 1.2}):
        answer(frame(), tmp_path / "a.wcs", **wrong)
        assert turned_onto(frame(), tmp_path / "a.wcs") is None


def test_the_program_is_asked_once_and_its_log_is_kept(tmp_path: Path) -> None:
    true = frame().moved(rotation_matrix(np.array([0.002, 0.003, 0.0])))
    answer(true, tmp_path / "right.wcs")
    job = task(tmp_path, f'cp "$dir/stars.xyls" "{tmp_path}"\ncp "{tmp_path}/right.wcs" "$dir/stars.wcs"\n')
    index, place = ask_solver(job)
    assert index == 3
    assert place is not None
    assert away(place, true) < 6.0
    with fits.open(tmp_path / "stars.xyls") as hdus:
        table = hdus[1].data
        assert len(table) == 300
        assert table["X"][0] == pytest.approx(2.0)
    log = job.log.read_text()
    assert "--scale-low=3.5" in log
    assert log.endswith("exit code 0\n")
    # Nothing of it stays, and a resumed run does not ask again.
    assert {path.name for path in job.store.folder.iterdir()} == {"solved_3.unit"}
    again = ask_solver(replace(job, program="/nonexistent"))[1]
    assert again is not None
    assert away(again, place) < 1e-6


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no index files >&2\nexit 3\n", "no index files"),
        ("exit 0\n", "exit code 0"),
        ("echo nonsense > $dir/stars.wcs\n", "exit code 0"),
        ("printf '\\377' > $dir/stars.wcs\n", "exit code 0"),
        ("sleep 60 &\nwait\n", "ended after"),
    ],
)
def test_no_answer_is_no_error(
    tmp_path: Path, script: str, said: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(solvefield, "_WALL_S", 1.0)
    job = task(tmp_path, script)
    assert ask_solver(job) == (3, None)
    assert said in job.log.read_text()
    assert str(job.log) in caplog.text
    # That too is remembered.
    assert ask_solver(replace(job, program="/nonexistent")) == (3, None)


def test_the_words_hold_the_search_about_the_header(tmp_path: Path) -> None:
    said = dict(word[2:].partition("=")[::2] for word in solver_words(task(tmp_path, ""), tmp_path)[1:-1])
    ra, dec = frame().sky((SIZE - 1) / 2, (SIZE - 1) / 2)
    assert (float(said["ra"]), float(said["dec"])) == pytest.approx((float(ra), float(dec)), abs=1e-5)
    assert (said["width"], said["height"], said["cpulimit"]) == ("510", "510", "60")
    assert float(said["scale-low"]) < 8 * 0.497 < float(said["scale-high"])


def test_without_the_program_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"solve-field.*Debian package astrometry\.net"):
        find_solver()
    program = tmp_path / "solve-field"
    program.touch(mode=0o755)
    assert find_solver() == str(program)
