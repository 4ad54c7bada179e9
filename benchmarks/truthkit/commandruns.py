"""One small, whole run of every command that writes, and what such runs leave behind."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from astropy.io import fits

from photomitrus_cli.cli import make_cli, run_command
from photomitrus_cli.errors import AstromapError
from photomitrus_cli.run.parallel import Executor, PoolExecutor
from truthkit.calibsurvey import calib_survey
from truthkit.faultkit import SMALL, Ran, copy_field, frames, token_picture
from truthkit.photkit import SMALL as SHOT
from truthkit.photkit import SMALL_APERTURE, TARGET, series, take, token_pictures
from truthkit.stackset import REFCAT, copy_dithers, ramp
from truthkit.wisefaults import SCANS, TABLE, copy_survey, part_of
from truthkit.wisefaults import reference as wise_maps

# Beside the product of a run: of it nothing but its end is told.
_NO_PRODUCT = (".failed.json", ".unit", "/lock")
# Where equal runs differ, or what only pictures and times make.
_TOLD = (".json", ".yaml", ".png", ".txt")


@dataclass(frozen=True)
class CommandRun:
    """A run that ends well on sound inputs.

    Attributes
    ----------
    command : str
    words : callable
        From the output folder, which need not exist, to what is typed after the command.
    victim : Path or None
        An input that counts; None where there is none.
    again : str
        The option that makes what a run that ended early has left undone.
    """

    command: str
    words: Callable[[Path], tuple[object, ...]]
    victim: Path | None
    again: str = "--resume"

    def run(self, out: Path, *more: object, executor: Executor | None = None) -> Ran:
        """Run in this process, with tokens for the pictures of IRAC and PRIME, whose drawing takes long.

        Parameters
        ----------
        out : Path
        *more : object
            Further options.
        executor : Executor, optional
            In the place of the one of MPI.

        Returns
        -------
        Ran
        """
        if self.command in ("irac correct", "config init") and not out.exists():
            out.mkdir(parents=True)
        args = [str(word) for word in (*self.command.split(), *self.words(out), *more)]
        stdout, stderr = io.StringIO(), io.StringIO()
        with (
            mock.patch("photomitrus_cli.irac.assemble.draw_mosaic", token_picture),
            mock.patch("photomitrus_cli.irac.phot.draw", token_pictures),
            mock.patch("photomitrus_cli.prime.qafigures.draw_mosaic", token_picture),
            mock.patch("photomitrus_cli.prime.qafigures.draw_plates", token_picture),
            mock.patch("photomitrus_cli.prime.qafigures.draw_frames", token_picture),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            code = run_command(make_cli(), "astromap", args, executor)
        return Ran(code, stdout.getvalue(), stderr.getvalue())


def all_runs(base: Path, work: Path) -> list[CommandRun]:
    """List one run of every command that writes.

    Parameters
    ----------
    base : Path
        Folder of the simulated inputs, which are shared with other tests.
    work : Path
        Gets copies that may be damaged; must not exist.

    Returns
    -------
    list of CommandRun
    """
    work.mkdir()
    return [*_irac(base, work), *_prime(base, work), *_wise(base, work), *_makers()]


def _irac(base: Path, work: Path) -> Iterator[CommandRun]:
    field = copy_field(base, work / "field")
    words = ("--pixel-scale", "1.2", "-j", 1, field, "-o")
    yield CommandRun("irac mosaic", lambda out: (*words, out), frames(field)[1])
    take(work / "series", *series(4, SHOT))
    one = ("--target", TARGET, *SMALL_APERTURE, "-j", 1, work / "series", "-o")
    yield CommandRun("irac phot", lambda out: (*one, out), SHOT.path(work / "series"))
    table = work / "fluxes.csv"
    table.write_text("x,y,flux\n1,2,3\n4,5,6\n", encoding="utf-8")
    chosen = ("--channel", "1", "--mission", "cryo", table, "-o")
    yield CommandRun("irac correct", lambda out: (*chosen, out / "corrected.csv"), table, "--overwrite")


def _prime(base: Path, work: Path) -> Iterator[CommandRun]:
    parent = copy_dithers(base, work / "J_Band", 1)
    words = ("-parent", parent, "-chip", 1, "-j", 1)
    stack = (*words, "--refcat", parent / REFCAT, "-o")
    yield CommandRun("prime stack", lambda out: (*stack, out), ramp(parent))
    flat = (*words, "--frames", "all", "-o")
    yield CommandRun("prime flat", lambda out: (*flat, out), ramp(parent))


def _wise(base: Path, work: Path) -> Iterator[CommandRun]:
    survey = copy_survey(base, work / "survey")
    victim = part_of(survey, "int", SCANS[0])
    chosen = ("--preset", "none", "--from-frames", survey, "-j", 1, "-o")
    yield CommandRun("wise filter", lambda out: (*chosen, out), victim)
    plan = ("--frames", survey / TABLE, "--nside", "64", "--no-pictures", *SCANS[:2], "-j", 1, "-o")
    yield CommandRun("wise coadd", lambda out: (*plan, out), victim)
    maps = Path(shutil.copytree(wise_maps(base), work / "maps"))
    light = ("--maps", maps, "--quadrature", "20", *SCANS[:2], "-j", 1, "-o")
    yield CommandRun("wise zodi", lambda out: (*light, out), maps / f"w3_{SCANS[0]}.fits")
    scans = calib_survey(base)
    copied = Path(shutil.copytree(scans.folder, work / "scans"))
    words = ("--maps", copied, "--spectrum", "mono", "--no-pictures", "--method", "seed", "-j", 1)
    quick = (*words, "--set", "wise.zodi.quadrature=20", "-o")
    yield CommandRun("wise calibrate", lambda out: (*quick, out), copied / f"w3_{scans.names[3]}.fits")


def _makers() -> Iterator[CommandRun]:
    """Give the commands that read nothing but settings; they have nothing to resume from."""
    changed = SMALL | {"n_aors": 1, "dithers_per_aor": 2}
    sets = [f"irac.simulate.{key}={value}".replace("False", "false") for key, value in changed.items()]
    field = tuple(word for text in sets for word in ("--set", text))
    yield CommandRun("simulate irac", lambda out: (out, *field), None, "--overwrite")
    survey = ("--frame-px", "32", "--scans", "1", "--latitude", "-1", "1", "-j", 1)
    yield CommandRun("simulate wise", lambda out: (out, *survey), None, "--overwrite")
    dithers = ("--scale", "16", "--frames", "3", "-j", 1)
    yield CommandRun("simulate prime", lambda out: (out, *dithers), None, "--overwrite")
    yield CommandRun("config init", lambda out: (out / "astromap.yaml",), None, "--overwrite")


@dataclass
class CountingPool:
    """A pool like that of MPI, which works in this process; a unit may end as on a rank that fails.

    Attributes
    ----------
    fails_at : int or None
        Number of the unit that fails.
    n_units : int
        That were handed in.
    """

    fails_at: int | None = None
    n_units: int = field(default=0, init=False)

    def submit(self, function: Callable[[Any], Any], unit: Any) -> Future[Any]:
        """Work on a unit at once.

        Parameters
        ----------
        function : callable
        unit : object

        Returns
        -------
        Future
        """
        done: Future[Any] = Future()
        number, self.n_units = self.n_units, self.n_units + 1
        if number == self.fails_at:
            done.set_exception(RuntimeError("the rank failed"))
            return done
        try:
            done.set_result(function(unit))
        except AstromapError as error:
            done.set_exception(error)
        return done

    def executor(self) -> PoolExecutor:
        """Give an executor on it that does not know where its workers are, as under MPI."""
        return PoolExecutor(self, 2)


def products(out: Path) -> dict[str, Path]:
    """List what has a final name below a folder: neither work folders, nor parts, nor records of failures.

    Parameters
    ----------
    out : Path

    Returns
    -------
    dict of str to Path
        By the name relative to the folder.
    """
    files = {path.relative_to(out): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {
        str(name): path
        for name, path in files.items()
        if not f"/{name}".endswith(_NO_PRODUCT) and not any(part.startswith(".") for part in name.parts)
    }


def parts(out: Path) -> list[Path]:
    """List unfinished files below a folder."""
    return [path for path in out.rglob("*.part*") if path.is_file()]


def difference(a: Path, b: Path) -> str:
    """Tell in what two product folders differ besides times and pictures.

    Parameters
    ----------
    a, b : Path

    Returns
    -------
    str
        Empty when in nothing.
    """
    one, other = products(a), products(b)
    if set(one) != set(other):
        return f"files: {sorted(set(one) ^ set(other))}"
    return next((name for name in one if not equal(one[name], other[name])), "")


def equal(a: Path, b: Path) -> bool:
    """Compare two products by what does not tell of the run, or of how matplotlib draws.

    Parameters
    ----------
    a, b : Path

    Returns
    -------
    bool
    """
    if a.name.endswith(_TOLD):
        return b.stat().st_size > 0
    if a.suffix != ".fits":
        return a.read_bytes() == b.read_bytes()
    with fits.open(a) as left, fits.open(b) as right:
        pairs = list(zip(left, right, strict=True))
        return all(_bytes(one) == _bytes(other) for one, other in pairs)


def _bytes(hdu: Any) -> bytes:
    return b"" if hdu.data is None else bytes(hdu.data.tobytes())
