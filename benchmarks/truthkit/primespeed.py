"""Time of ``prime stack`` against SExtractor, SCAMP and SWarp on the same frames."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from astropy.io import fits
from astropy.table import Table

from truthkit.machine import found
from truthkit.primeruns import CHIP, QUIET, simulate
from truthkit.timing import PROGRAM, Times, run, summed, weigh

# In the order in which they work.
YARDSTICKS = ("SExtractor", "SCAMP", "SWarp")
TWO_PASSES, ONE_PASS = "prime stack", "prime stack --one-pass"
N_FRAMES, CORES = 9, 2
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
    times : Times
        With the memory, from another run; several processes after each other are one program.
    load : float
        Of the machine before, in the last minute.
    """

    name: str
    times: Times
    load: float


def missing() -> list[str]:
    """Name the yardsticks that are not installed."""
    return [name for name in YARDSTICKS if found(name) is None]


def race(folder: Path, scale: int, yardsticks: Sequence[str]) -> list[Raced]:
    """Time the stack of a set of frames, one after the other, and weigh each once more.

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
        base = dither(Path(name), scale)
        warm_up(base)
        timed, weighed = (contenders(base, scale, yardsticks, how) for how in (run, weigh))
        return [
            Raced(one, load=os.getloadavg()[0], times=replace(start(), peak=weighed[one]().peak))
            for one, start in timed.items()
        ]


def dither(folder: Path, scale: int, n_frames: int = N_FRAMES) -> Path:
    """Simulate frames that are all used, or take those that are there."""
    return simulate(folder / f"prime-{scale}-{n_frames}", scale=scale, n_frames=n_frames, **QUIET)


def stack_words(base: Path, *more: str) -> list[object]:
    """Give the command line of a stack of simulated frames."""
    words: list[object] = [PROGRAM, "prime", "stack", "-parent", base, "-chip", CHIP, "--overwrite"]
    words += ["-j", CORES, "--refcat", base / "refcat.ecsv"]
    return [*words, "--bad-pixels", base / "weightmaps" / f"badpixmask_c{CHIP}.fits", *more]


def warm_up(base: Path) -> None:
    """Stack once: compile what is not compiled yet, and leave frames less sky for the other programs."""
    run(stack_words(base, "--keep"), base)


def contenders(
    base: Path, scale: int, yardsticks: Sequence[str], how: Callable[[Sequence[object], Path], Times]
) -> dict[str, Callable[[], Times]]:
    """List what is timed, by name; the yardsticks need `warm_up`, and each of them the ones before it.

    Parameters
    ----------
    base : Path
        Of the simulation.
    scale : int
        Of pixels.
    yardsticks : sequence of str
        Other programs.
    how : callable
        Runs, or weighs.
    """
    ours: dict[str, Callable[[], Times]] = {
        TWO_PASSES: partial(how, stack_words(base), base),
        ONE_PASS: partial(how, stack_words(base, "--one-pass"), base),
    }
    return ours | {name: partial(_yardstick, name, base, scale, how) for name in yardsticks}


def _yardstick(name: str, base: Path, scale: int, how: Callable[[Sequence[object], Path], Times]) -> Times:
    return summed([how(words, base) for words in _calls(name, base, scale)])


def _calls(name: str, base: Path, scale: int) -> Iterator[list[object]]:
    """Give the processes of another program on the frames less sky, as PRIME's own pipeline calls them."""
    path = found(name)
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
