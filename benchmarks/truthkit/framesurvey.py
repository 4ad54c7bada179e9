"""Small simulated surveys, run through the package's own commands, with the sky that is behind them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import healpy
import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisesky import galaxy
from truthkit.faultkit import run_here
from truthkit.runs import settings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Zodiacal light, Galaxy and cirrus with everything that the detector adds, but no sources and no movers.
DIFFUSE: dict[str, Any] = {
    "packed": "plain",
    "header_cards": 0,
    "frame_px": 64,
    "latitude_deg": [-90, 90],
    "star_density_deg2": 0,
    "latent_fraction": 0,
    "n_asteroids": 0,
    "trail_fraction": 0,
}
# Points along each side of a map pixel whose mean is the true sky there.
_SPLIT = 8
_CHUNK = 4096  # map pixels at once


def astromap(*words: object, sets: Mapping[str, Any] | None = None) -> str:
    """Run a command that has to succeed.

    Parameters
    ----------
    *words : object
        Of the command line.
    sets : mapping of str to object, optional
        Settings by their dotted names.

    Returns
    -------
    str
        What it printed.

    Raises
    ------
    RuntimeError
        When it fails.
    """
    more = [part for key, value in (sets or {}).items() for part in ("--set", f"{key}={_yaml(value)}")]
    done = run_here(*words, *more)
    if done.code:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def _yaml(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_yaml(one) for one in value) + "]"
    return str(value)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder, whose astromap.yaml tells the commands where everything is."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make_survey(folder: Path, *, band: int, workers: int = 1, **changes: Any) -> WiseSimulation:
    """Simulate a survey in one band and filter its frames.

    Parameters
    ----------
    folder : Path
        New.
    band : int
    workers : int
    **changes : object
        Settings of the simulation besides `DIFFUSE`.

    Returns
    -------
    WiseSimulation
        What it was made with.
    """
    chosen = {f"wise.simulate.{key}": value for key, value in {**DIFFUSE, **changes}.items()}
    astromap("simulate", "wise", folder, "--band", band, "-j", workers, sets=chosen)
    with inside(folder):
        astromap("wise", "filter", "--preset", "unwise", "--without", "dtanneal")
    return settings({"wise.simulate.output": folder, "wise.simulate.bands": [band], **chosen}).wise.simulate


def coadd_survey(folder: Path, *, band: int, nside: int, workers: int = 1, **changes: Any) -> Path:
    """Make the scan maps of a survey.

    Parameters
    ----------
    folder : Path
        Of `make_survey`.
    band, nside : int
    workers : int
    **changes : object
        Settings of the coadd.

    Returns
    -------
    Path
        The folder of the maps.
    """
    output = folder / f"coadd-{nside}"
    chosen = {f"wise.coadd.{key}": value for key, value in {"pictures": False, **changes}.items()}
    words = ("--band", band, "--nside", nside, "-o", output, "-j", workers)
    with inside(folder):
        astromap("wise", "coadd", *words, sets=chosen)
    return output


def true_sky(simulation: WiseSimulation, band: int, pixels: Ints, nside: int) -> Floats:
    """Average the simulation's diffuse sky without zodiacal light over map pixels.

    Parameters
    ----------
    simulation : WiseSimulation
    band : int
    pixels : ndarray of int64, shape (P,)
        RING numbers of a Galactic map.
    nside : int

    Returns
    -------
    ndarray of float64, shape (P,)
        MJy/sr, the mean over 64 points of each pixel.
    """
    found = np.empty(len(pixels))
    nested = healpy.ring2nest(nside, pixels)
    for start in range(0, len(pixels), _CHUNK):
        mine = nested[start : start + _CHUNK, None] * _SPLIT**2 + np.arange(_SPLIT**2)
        vectors = np.array(healpy.pix2vec(nside * _SPLIT, mine.ravel(), nest=True))
        # The simulator's axes are those of FK5, as are healpy's.
        sky = galaxy(simulation, band, np.array(healpy.Rotator(coord=["G", "C"])(vectors)))
        found[start : start + _CHUNK] = sky.reshape(mine.shape).mean(axis=1)
    return found
