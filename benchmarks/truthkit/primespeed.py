"""Time of ``prime stack`` against SExtractor, SCAMP and SWarp on the same frames."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.io import fits
from astropy.table import Table

from truthkit.faultkit import environment, program
from truthkit.primeruns import CHIP, QUIET, simulate
from truthkit.primetrials import N_USED

# The names that programs go by.
YARDSTICKS = {"SExtractor": ("source-extractor", "sex"), "SCAMP": ("scamp",), "SWarp": ("SWarp", "swarp")}
CORES = 2
# What SCAMP needs to know of a star.
_COLUMNS = (
    *("NUMBER", "XWIN_IMAGE", "YWIN_IMAGE", "ERRAWIN_IMAGE", "ERRBWIN_IMAGE", "ERRTHETAWIN_IMAGE"),
    *("FLUX_AUTO", "FLUXERR_AUTO", "FLUX_RADIUS", "ELONGATION", "FLAGS"),
)
_REFCAT = "reference.cat"


@dataclass(frozen=True)
class Raced:
    """What a program took.

    Attributes
    ----------
    name : str
    wall, cpu : float
        Seconds; several processes after each other are one program.
    peak_gb : float
        Resident, of the largest process.
    load : float
        Of the machine before, in the last minute.
    """

    name: str
    wall: float
    cpu: float
    peak_gb: float
    load: float


def missing() -> list[str]:
    """Name the yardsticks that are not installed."""
    return [name for name, names in YARDSTICKS.items() if _found(names) is None]


def _found(names: Sequence[str]) -> str | None:
    return next((path for path in map(shutil.which, names) if path), None)


def race(folder: Path, scale: int, yardsticks: Sequence[str]) -> list[Raced]:
    """Time the stack of a set of frames, one after the other.

    Parameters
    ----------
    folder : Path
        Gets the frames for the time being.
    scale : int
        Of pixels.
    yardsticks : sequence of str
        Other programs to be timed.

    Returns
    -------
    list of Raced
    """
    with TemporaryDirectory(dir=folder) as name:
        base = simulate(Path(name) / "frames", scale=scale, n_frames=N_USED, **QUIET)
        words: list[object] = [
            program(),
            "prime",
            "stack",
            "-parent",
            base,
            "-chip",
            CHIP,
            "--overwrite",
            "-j",
            CORES,
        ]
        words += ["--refcat", base / "refcat.ecsv"]
        words += ["--bad-pixels", base / "weightmaps" / f"badpixmask_c{CHIP}.fits"]
        # The first run compiles what is not compiled yet, and leaves the frames for the others.
        weigh("", [[*words, "--keep"]], base)
        found = [
            weigh("prime stack", [words], base),
            weigh("prime stack --one-pass", [[*words, "--one-pass"]], base),
        ]
        return found + [weigh(one, list(_calls(one, base, scale)), base) for one in yardsticks]


def weigh(name: str, calls: Sequence[Sequence[object]], folder: Path) -> Raced:
    """Run processes after each other.

    Parameters
    ----------
    name : str
    calls : sequence of sequence of object
        Their words.
    folder : Path
        Where they run.

    Raises
    ------
    RuntimeError
        When one fails.
    """
    load, began, cpu, peak = os.getloadavg()[0], time.perf_counter(), 0.0, 0
    for words in calls:
        with (folder / "log").open("w+", encoding="utf-8") as log:
            running = subprocess.Popen(
                [str(word) for word in words], cwd=folder, env=environment(), stdout=log, stderr=log
            )
            _, status, used = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
            if running.returncode:
                log.seek(0)
                raise RuntimeError(f"{words[0]} failed: {log.read()[-2000:]}")
        cpu += used.ru_utime + used.ru_stime
        peak = max(peak, used.ru_maxrss)
    return Raced(name, time.perf_counter() - began, cpu, peak * 1024 / 1e9, load)


def _calls(name: str, base: Path, scale: int) -> Iterator[list[object]]:
    """Give the processes of another program on the frames less sky, as PRIME's own pipeline calls them."""
    path = _found(YARDSTICKS[name])
    words: list[object]
    frames = sorted((base / f"C{CHIP}_sub").glob("*.sky.flat.fits"))
    if name == "SExtractor":
        (base / "fields").write_text("\n".join(_COLUMNS), encoding="ascii")
        for frame in frames:
            words = [path, frame, "-CATALOG_NAME", frame.with_suffix(".sex"), "-CATALOG_TYPE", "FITS_LDAC"]
            words += ["-PARAMETERS_NAME", base / "fields", "-FILTER", "N", "-DETECT_MINAREA", 10]
            yield [*words, "-DETECT_THRESH", 2, "-BACK_SIZE", 32, "-DEBLEND_MINCONT", 1e-4]
    elif name == "SCAMP":
        write_reference(base / "refcat.ecsv", base / _REFCAT)
        words = [path, *(frame.with_suffix(".sex") for frame in frames), "-DISTORT_DEGREES", 4]
        words += ["-ASTREF_CATALOG", "FILE", "-ASTREFCAT_NAME", base / _REFCAT]
        words += [
            "-ASTREFCENT_KEYS",
            "X_WORLD,Y_WORLD",
            "-ASTREFMAG_KEY",
            "MAG",
            "-ASTREFMAGERR_KEY",
            "MAGERR",
        ]
        words += ["-ASTREFERR_KEYS", "ERRA_WORLD,ERRB_WORLD,ERRTHETA_WORLD", "-ASTREFOBSDATE_KEY", "OBSDATE"]
        words += ["-POSITION_MAXERR", 1.0, "-MATCH_FLIPPED", "Y", "-SOLVE_PHOTOM", "N"]
        yield [*words, "-CHECKPLOT_DEV", "NULL", "-NTHREADS", CORES]
    else:
        words = [
            path,
            *frames,
            "-IMAGEOUT_NAME",
            base / "swarp.fits",
            "-WEIGHTOUT_NAME",
            base / "swarp.w.fits",
        ]
        words += ["-COMBINE_TYPE", "CLIPPED", "-RESAMPLING_TYPE", "LANCZOS3", "-OVERSAMPLING", 1]
        words += [
            "-PIXELSCALE_TYPE",
            "MANUAL",
            "-PIXEL_SCALE",
            0.497 * scale,
            "-BACK_SIZE",
            max(128 // scale, 16),
        ]
        yield [*words, "-WRITE_XML", "N", "-NTHREADS", CORES]


def write_reference(catalogue: Path, path: Path) -> None:
    """Write a reference catalogue as SCAMP reads it."""
    stars = Table.read(catalogue, format="ascii.ecsv")
    n, error = len(stars), np.asarray(stars["ra_error"], np.float64) / 3.6e6
    columns = {
        "X_WORLD": ("1D", "deg", stars["ra"]),
        "Y_WORLD": ("1D", "deg", stars["dec"]),
        "ERRA_WORLD": ("1E", "deg", error),
        "ERRB_WORLD": ("1E", "deg", error),
        "ERRTHETA_WORLD": ("1E", "deg", np.zeros(n)),
        "MAG": ("1E", "mag", stars["Jmag"]),
        "MAGERR": ("1E", "mag", stars["e_Jmag"]),
        "OBSDATE": ("1D", "yr", stars["ref_epoch"]),
    }
    made = [fits.Column(key, kind, unit, array=np.asarray(v)) for key, (kind, unit, v) in columns.items()]
    objects = fits.BinTableHDU.from_columns(made, name="LDAC_OBJECTS")
    card = fits.Header({"SIMPLE": True}).tostring(padding=False)
    head = fits.Column("Field Header Card", f"{len(card)}A", array=np.array([card]))
    headers = fits.BinTableHDU.from_columns([head], name="LDAC_IMHEAD")
    fits.HDUList([fits.PrimaryHDU(), headers, objects]).writeto(path, overwrite=True)
