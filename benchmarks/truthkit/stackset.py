"""Small sets of PRIME dithers, and ways to stack and compare them; shared by CLI, fault and MPI tests."""

# ruff: noqa: S101 - what several tests assert is here

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from truthkit.faultkit import Ran, names, run_here
from truthkit.wisefaults import content

SERIALS = ("01599131", "01599153", "01599175", "01599197")
CHIPS = (1, 2, 3, 4)
REFCAT = "refcat.ecsv"
# Four frames of 256 x 256 pixels without any accident, in a field that is not crowded at 8 arcsec a pixel.
_FIELD: dict[str, Any] = {
    "cloudy": 0,
    "trailed": 0,
    "mispointed": 0,
    "satellites": 0,
    "extended_mag": "null",
    "galaxy_density_deg2": 0,
    "star_density_deg2": 3000,
    "star_mag": "[12, 15.5]",
    "refcat_mag": 16.0,
    "refcat_error_arcsec": 0.02,
    "refcat_missing": 0,
    "bad_fraction": 0.001,
    "cosmic_rays": 100,
}
_SUFFIXES = (".fits", ".qa.json", ".manifest.json", ".config.yaml")


def dithers(base: Path) -> Path:
    """Give the parent folder of four frames of each chip, simulated at the first call.

    Parameters
    ----------
    base : Path

    Returns
    -------
    Path
        With ``C1`` to ``C4``, ``mflats``, ``weightmaps`` and ``refcat.ecsv``; without the truth.
    """
    folder = base / "prime_dithers"
    if not folder.exists():
        part = base / "prime_dithers.part"
        chips = [word for chip in CHIPS for word in ("--chip", chip)]
        sets = [word for key, value in _FIELD.items() for word in ("--set", f"prime.simulate.{key}={value}")]
        done = run_here("simulate", "prime", part, "--scale", 16, "--frames", 4, "-j", 1, *chips, *sets)
        assert done.code == 0, done.stderr
        shutil.rmtree(part / "truth")
        part.rename(folder)
    return folder


def copy_dithers(base: Path, target: Path, *chips: int) -> Path:
    """Copy the frames of some chips, their calibration files and the catalogue, to be broken."""
    others = [f"C{chip}" for chip in CHIPS if chip not in chips]
    # Times are part of what a run knows its inputs by; copies keep them.
    shutil.copytree(dithers(base), target, ignore=shutil.ignore_patterns(*others))
    return target


def ramp(folder: Path, number: int = 1, chip: int = 1) -> Path:
    """Name a frame by its number in the set."""
    return folder / f"C{chip}" / f"{SERIALS[number]}C{chip}.ramp.fits"


def words(folder: Path, *args: object, chip: object = 1, refcat: Path | None = None) -> tuple[object, ...]:
    """Give the words of a serial run for a parent folder."""
    found = refcat or folder / REFCAT
    return ("prime", "stack", "-parent", folder, "-chip", chip, "--refcat", found, "-j", 1, *args)


def stack(folder: Path, *args: object, chip: object = 1, refcat: Path | None = None) -> Ran:
    """Stack frames in this process, serially."""
    return run_here(*words(folder, *args, chip=chip, refcat=refcat))


def reference(base: Path) -> Path:
    """Give the folder of the stack of chip 1, made at the first call."""
    folder = base / "prime_reference"
    if not folder.exists():
        done = stack(dithers(base), "-o", folder)
        assert done.code == 0, done.stderr
    return folder


def label(chip: int = 1) -> str:
    """Give what the names of the products of a chip share."""
    return f"Open-J.{SERIALS[0]}-{SERIALS[-1]}.C{chip}"


def coadd_path(folder: Path, chip: int = 1) -> Path:
    """Name the stack of a chip."""
    return folder / "stack" / f"coadd.{label(chip)}.fits"


def stack_names(*chips: int) -> set[str]:
    """List what complete runs leave in the folder of stacks."""
    coadds = {f"coadd.{label(chip)}{suffix}" for chip in chips for suffix in _SUFFIXES}
    kinds = ("", ".positions", ".stars", ".frames", ".sky")
    pictures = {f"coadd.{label(chip)}{kind}.png" for chip in chips for kind in kinds}
    return coadds | pictures | {f"weight.{label(chip)}.fits" for chip in chips}


def assert_no_products(folder: Path) -> None:
    """See that a run left neither a product nor a part of one."""
    for name in ("stack", "sky"):
        left = {one for one in names(folder / name) if not one.endswith((".work", ".failed.json"))}
        assert not left, left
    assert not [path for path in folder.rglob("*.part*") if path.is_file()]


def assert_same_stack(a: Path, b: Path, chip: int = 1) -> None:
    """Compare stack, weights and sky of two product folders byte for byte, but for when they were made."""
    for name in (f"stack/coadd.{label(chip)}", f"stack/weight.{label(chip)}", f"sky/sky.{label(chip)}"):
        assert content(a / f"{name}.fits") == content(b / f"{name}.fits"), name
