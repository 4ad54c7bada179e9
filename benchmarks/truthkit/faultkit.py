"""A small field and ways to run, break and compare mosaics of it; shared by fault and MPI tests."""

# ruff: noqa: S101 - what several tests assert is here

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from astropy.io import fits

from photomitrus_cli.cli import make_cli, run_command
from photomitrus_cli.simulate.irac import simulate_field
from truthkit.runs import settings, simulate

# Two observations of three positions each, a field of view of about 6 arcmin.
SMALL: dict[str, Any] = {
    "n_aors": 2,
    "dithers_per_aor": 3,
    "field_size_arcmin": 0.0,
    "dither_rms_arcsec": 5.0,
    "star_density_arcmin2": 1.0,
    "n_galaxies": 2,
    "header_cards": 150,
    "truth_image": False,
}
N_FRAMES = 6
# One observation with stars to align on, enough frames for a pattern and for two chunks, and levels and
# positions that differ.
N_DEEP = 10
DEEP: dict[str, Any] = SMALL | {
    "n_aors": 1,
    "dithers_per_aor": N_DEEP,
    "star_density_arcmin2": 5.0,
    "flux_min_ujy": 100.0,
    "n_bright_stars": 0,
    "pointing_rms_arcsec": 0.3,
    "offset_rms_mjy_sr": 0.03,
    "first_frame_ramp_mjy_sr": 0.0,
}
# Every pass that there is.
ALL_PASSES = (
    *(
        "--background",
        "overlap",
        "--delta-dark",
        "--align-frames",
        "--reject",
        "two-pass",
        "--rejection-masks",
    ),
    *("--combine", "clipped", "--resample", "drizzle", "--pixfrac", "0.8"),
)
PRODUCT = "ch1_mosaic.fits"
COARSE = ("--pixel-scale", "1.2", "-j", "1")


@dataclass(frozen=True)
class Ran:
    """How a command ended.

    Attributes
    ----------
    code : int
        Exit code.
    stdout, stderr : str
    """

    code: int
    stdout: str
    stderr: str

    @property
    def error(self) -> str:
        """The line that says what went wrong; there must be exactly one such line, and no traceback."""
        lines = [line for line in self.stderr.splitlines() if line.startswith("astromap: ")]
        assert "Traceback" not in self.stderr, self.stderr
        assert len(lines) == 1, self.stderr
        return lines[0]


def small_field(base: Path) -> Path:
    """Give the small field below a folder, simulated at the first call."""
    field = base / "irac_small_field"
    if not field.exists():
        simulate(base / "irac_small_field.part", **SMALL)
        (base / "irac_small_field.part").rename(field)
    return field


def deep_field(base: Path) -> Path:
    """Give the field of one deep observation below a folder, simulated at the first call."""
    field = base / "irac_deep_field"
    if not field.exists():
        simulate(base / "irac_deep_field.part", **DEEP)
        (base / "irac_deep_field.part").rename(field)
    return field


def deep_reference(base: Path) -> Path:
    """Give the product folder of the deep field's mosaic with every pass, made at the first call."""
    folder = base / "irac_deep_reference"
    if not folder.exists():
        done = mosaic(deep_field(base), "-o", folder, *ALL_PASSES)
        assert done.code == 0, done.stderr
    return folder


def assert_same_masks(a: Path, b: Path) -> None:
    """Compare the rejection masks of two product folders bit for bit."""
    left, right = (hashes(folder / "ch1_rejected") for folder in (a, b))
    assert len(left) == N_DEEP
    assert left == right


def small_reference(base: Path) -> Path:
    """Give the product folder of the small field's coarse mosaic, made at the first call."""
    folder = base / "irac_small_reference"
    if not folder.exists():
        done = mosaic(small_field(base), "-o", folder)
        assert done.code == 0, done.stderr
    return folder


def second_channel(field: Path) -> None:
    """Add three channel 2 frames to a field."""
    values = SMALL | {"channel": 2, "n_aors": 1}
    config = settings({f"irac.simulate.{key}": value for key, value in values.items()})
    simulate_field(config.irac.simulate, field / "second")


def copy_field(base: Path, target: Path) -> Path:
    """Copy the small field's frames (not its truth), so that they can be broken."""
    shutil.copytree(small_field(base), target, ignore=shutil.ignore_patterns("truth"))
    return target


def frames(field: Path, kind: str = "cbcd") -> list[Path]:
    """List the files of one type."""
    return sorted(field.rglob(f"*_{kind}.fits"))


def run_here(*args: object) -> Ran:
    """Run `astromap` through its one edge for errors, in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run_command(make_cli(), "astromap", [str(arg) for arg in args])
    return Ran(code, out.getvalue(), err.getvalue())


def mosaic(*args: object) -> Ran:
    """Run a coarse, serial `astromap irac mosaic` in this process, with a token for its picture.

    Drawing takes two thirds of such a small run; what runs in a process of its own draws the real picture.
    """
    with mock.patch("photomitrus_cli.irac.assemble.draw_mosaic", token_picture):
        return run_here("irac", "mosaic", *COARSE, *args)


def token_picture(path: Path, *_: object, **__: object) -> None:
    """Stand in for the drawing of a mosaic."""
    path.write_bytes(b"picture")


def program(name: str = "astromap") -> str:
    """Give a program beside this Python."""
    return str(Path(sys.executable).with_name(name))


def environment(**more: str) -> dict[str, str]:
    """Give an environment without the tester's own settings."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("ASTROMAP_")}
    return own | {"COLUMNS": "200"} | more


def run_program(*words: object, cwd: Path | None = None, timeout: float = 120.0) -> Ran:
    """Run a program in a process of its own."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def hashes(folder: Path) -> dict[str, str]:
    """Hash every file below a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def names(folder: Path) -> set[str]:
    """List what is in a folder."""
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def product_names(channel: int = 1) -> set[str]:
    """List the names that a complete product has."""
    return {f"ch{channel}_mosaic.{suffix}" for suffix in ("fits", "png", "manifest.json", "config.yaml")}


def inputs_rows(product: Path) -> list[dict[str, Any]]:
    """Read the table INPUTS."""
    with fits.open(product) as hdus:
        table = hdus["INPUTS"].data
        return [{name: row[name] for name in table.names} for row in table]


def assert_same_product(a: Path, b: Path, *, moved: bool = False) -> None:
    """Compare the pixels and tables of two mosaic files bit for bit.

    Parameters
    ----------
    a, b : Path
    moved : bool
        The frames lie elsewhere: compare only the names of the files in the tables.
    """
    with fits.open(a) as left, fits.open(b) as right:
        assert [hdu.name for hdu in left] == [hdu.name for hdu in right]
        for one, other in zip(left, right, strict=True):
            if one.name == "INPUTS":
                for name in one.data.names:
                    _assert_same_column(name, one.data[name], other.data[name], moved=moved)
            elif one.data is not None:
                assert one.data.tobytes() == other.data.tobytes(), one.name
                assert one.data.size, one.name


def _assert_same_column(name: str, left: Any, right: Any, *, moved: bool) -> None:
    if left.dtype.kind in "US":
        one, other = list(left), list(right)
        if moved and name == "file":
            one, other = ([Path(text).name for text in column] for column in (one, other))
        assert one == other, name
    else:
        assert np.asarray(left).tobytes() == np.asarray(right).tobytes(), name


def edit(path: Path, *, remove: Iterable[str] = (), data: Any = None, **cards: Any) -> None:
    """Change cards, pixels or both of a FITS file; its checksums are left out."""
    with fits.open(path) as hdus:
        header, pixels = hdus[0].header.copy(), hdus[0].data.copy()
    for key in (*remove, "CHECKSUM", "DATASUM"):
        header.remove(key, ignore_missing=True)
    header.update(cards)
    fits.PrimaryHDU(pixels if data is None else data, header).writeto(path, overwrite=True)


def replace_card(path: Path, key: str, value: object) -> None:
    """Write nonsense into a card that no library would write."""
    content = path.read_bytes()
    start = content.index(f"{key:8s}=".encode())
    image = f"{key:8s}= {value!s:>20s}".ljust(80).encode()
    path.write_bytes(content[:start] + image + content[start + 80 :])


def children(pid: int) -> list[int]:
    """List the live descendants of a process."""
    try:
        own = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [one for child in map(int, own) for one in (child, *children(child))]


def alive(pid: int) -> bool:
    """Tell whether a process lives (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False
