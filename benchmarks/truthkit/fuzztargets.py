"""Every way into the program that damaged files are fed to, with a valid file for each."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from astropy.table import Table

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.io.fitsread import read_cards, read_header, read_image, read_pixels
from photomitrus_cli.io.refcat import read_refcat
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.prime.instrument import load_instrument
from truthkit.faultkit import frames, run_here, small_field
from truthkit.mutations import mutated_fits, mutated_table, mutated_yaml
from truthkit.stackset import REFCAT, dithers, ramp
from truthkit.wisefaults import SCANS, TABLE, part_of, survey
from truthkit.wisefaults import reference as wise_maps

Mutate = Callable[[random.Random, bytes], bytes]

_ENDS = frozenset({0, 2, 3, 4, 5, 6})
_MAX_BYTES = 200_000_000
_TARGET = "150.1035 2.2012"


@dataclass(frozen=True)
class Target:
    """One way into the program, with the valid file that is damaged.

    Attributes
    ----------
    name : str
    victim : Path
        The file to be damaged, among whatever else is read with it.
    run : callable
        Takes the folder that products would go to; gives what is wrong with how it ended, or nothing.
    mutate : callable
        Damages the content of the victim.
    weight : int
        How often it is drawn.
    """

    name: str
    victim: Path
    run: Callable[[Path], str]
    mutate: Mutate
    weight: int


def _ended(*words: object) -> str:
    """Run a command, and tell what is wrong with its end; ``refused`` for a clean error."""
    done = run_here(*words, "-q", "-q")
    lines = done.stderr.splitlines()
    if done.code not in _ENDS:
        return f"exit code {done.code}: {done.stderr.strip()[-600:]}"
    if done.code == 0:
        return ""
    if len(lines) != 1 or not lines[0].startswith("astromap: error: "):
        return f"{len(lines)} lines with exit code {done.code}: {done.stderr[:600]!r}"
    return _judged(lines[0])


def _judged(line: str) -> str:
    """Tell what is wrong with a message; ``refused`` when nothing is."""
    if len(line) > 6000:
        return f"a message of {len(line)} characters: {line[:300]}"
    odd = [char for char in line if unicodedata.category(char) in ("Cc", "Zl", "Zp")]
    return f"a message with {odd[0]!r}: {line[:300]!r}" if odd else "refused"


def _called(call: Callable[[], object]) -> str:
    """Call a reader, and tell what is wrong with its end; ``refused`` for a clean error."""
    try:
        call()
    except AstromapError as error:
        return _judged(str(error))
    except Exception as error:  # noqa: BLE001 - what must not happen is to be told of, whatever it is
        return f"{type(error).__name__}: {error}"
    return ""


def _command(*words: object) -> Callable[[Path], str]:
    return lambda out: _ended(*words, "-o", out, "-j", 1)


def _reading(path: Path, *, sky: bool = True) -> Callable[[Path], str]:
    """Read a file in every way there is; the worst answer counts."""

    def geometry() -> object:
        """Read the geometry and the pixels."""
        cards, source = read_header(path, max_bytes=_MAX_BYTES)
        read_pixels(source)
        return celestial_wcs(cards) if sky else None

    calls = (
        lambda: read_cards(path, max_bytes=_MAX_BYTES),
        lambda: read_image(path, max_bytes=_MAX_BYTES),
        lambda: read_image(path, max_bytes=_MAX_BYTES, verify=False, blank=False),
        geometry,
    )

    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        del out
        ends = [_called(call) for call in calls]
        return next((end for end in ends if end not in ("", "refused")), "refused" if any(ends) else "")

    return run


def _copied(files: list[Path], folder: Path, victim: int = 0) -> Path:
    """Copy files into a folder of their own; give one of them."""
    folder.mkdir(parents=True)
    copies = [Path(shutil.copy2(path, folder / path.name)) for path in files]
    return copies[victim]


def all_targets(base: Path, work: Path) -> list[Target]:
    """List every way in.

    Parameters
    ----------
    base : Path
        Folder of the simulated inputs.
    work : Path
        Gets copies that may be damaged.

    Returns
    -------
    list of Target
    """
    made = [*_irac(base, work / "irac"), *_wise(base, work / "wise"), *_prime(base, work / "prime")]
    return [
        *made,
        *_catalogues(work / "catalogues"),
        *_tables(work / "tables"),
        *_settings(work / "settings"),
    ]


def _irac(base: Path, work: Path) -> Iterator[Target]:
    field = small_field(base)
    first, second = frames(field)[:2]
    bits = first.with_name(first.name.replace("_cbcd", "_bimsk"))
    victim = _copied([first, bits, second], work / "frames")
    yield Target("irac frame", victim, _reading(victim), mutated_fits, 8)
    plan = _command("irac", "mosaic", "--dry-run", victim.parent)
    yield Target("irac mosaic plan", victim, plan, mutated_fits, 5)
    words = ("irac", "phot", "--target", _TARGET, "--filetype", "cbcd", "--dry-run")
    yield Target("irac phot plan", victim, _command(*words, victim.parent), mutated_fits, 5)
    alone = _copied([first, bits], work / "one")
    whole = _command("irac", "mosaic", "--pixel-scale", "1.2", alone.parent)
    yield Target("irac mosaic", alone, whole, mutated_fits, 1)
    mask = alone.with_name(bits.name)
    yield Target("irac mosaic mask", mask, whole, mutated_fits, 1)


def _wise(base: Path, work: Path) -> Iterator[Target]:
    simulated = survey(base)
    shutil.copytree(simulated, work, ignore=shutil.ignore_patterns("truth"))
    victim = part_of(work, "int", SCANS[0])
    yield Target("wise frame", victim, _reading(victim), mutated_fits, 8)
    table = work / TABLE
    coarse = ("--nside", "64", "--no-pictures", SCANS[0])
    plan = ("wise", "coadd", "--frames", table)
    yield Target("wise coadd plan", table, _command(*plan, *coarse, "--dry-run"), mutated_table, 4)
    yield Target("wise coadd", victim, _command(*plan, *coarse), mutated_fits, 3)
    chosen = ("wise", "filter", "--preset", "none", "--dry-run")
    yield Target("wise filter frames", victim, _command(*chosen, "--from-frames", work), mutated_fits, 3)
    archive = work / "frames.tbl"
    every = _command(*chosen, archive, "--missing-files", "keep")
    yield Target("wise filter table", archive, every, mutated_table, 5)
    maps = Path(shutil.copytree(wise_maps(base), work / "maps"))
    one = maps / f"w3_{SCANS[0]}.fits"
    light = _command("wise", "zodi", "--maps", maps, "--quadrature", "20", "--dry-run")
    yield Target("wise zodi plan", one, light, mutated_fits, 2)
    calibration = _command("wise", "calibrate", "--maps", maps, "--dry-run")
    yield Target("wise calibrate plan", one, calibration, mutated_fits, 2)


def _prime(base: Path, work: Path) -> Iterator[Target]:
    others = shutil.ignore_patterns("C2", "C3", "C4")
    shutil.copytree(dithers(base), work, ignore=others)
    victim = ramp(work)
    yield Target("prime frame", victim, _reading(victim, sky=False), mutated_fits, 8)
    words = ("prime", "stack", "-parent", work, "-chip", 1, "--dry-run", "--refcat", work / REFCAT)
    yield Target("prime stack plan", victim, _command(*words), mutated_fits, 5)
    flat = next((work / "mflats").iterdir())
    yield Target("prime stack flat", flat, _command(*words), mutated_fits, 1)
    flats = _command("prime", "flat", "-parent", work, "--frames", "all", "--dry-run")
    yield Target("prime flat plan", victim, flats, mutated_fits, 3)


def _catalogues(work: Path) -> Iterator[Target]:
    """Give the reader of catalogues one of each format."""
    work.mkdir()
    table = Table({"ra": [10.0, 10.1, 359.9], "dec": [-5.0, 0.0, 89.9], "pmra": [1.0, 2.0, 3.0]})
    table["pmdec"], table["ref_epoch"], table["Jmag"] = [0.1, 0.2, 0.3], 2016.0, [12.0, 13.0, 14.5]
    for name, unit in (("ra", "deg"), ("dec", "deg"), ("pmra", "mas/yr"), ("pmdec", "mas/yr")):
        table[name].unit = unit
    for suffix, kind in (("csv", "csv"), ("ecsv", "ecsv"), ("tbl", "ipac"), ("vot", "votable"), ("fits", "")):
        path = work / f"stars.{suffix}"
        table.write(path, format=f"ascii.{kind}" if kind in ("csv", "ecsv", "ipac") else kind or "fits")
        mutate = mutated_table if kind else mutated_fits
        yield Target(f"catalogue {suffix}", path, _catalogue(path), mutate, 3)


def _catalogue(path: Path) -> Callable[[Path], str]:
    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        del out
        return _called(lambda: read_refcat(path, "J").at_epoch(2024.5))

    return run


def _tables(work: Path) -> Iterator[Target]:
    work.mkdir()
    table = Table({"x": [100.25, 12.0, 7.0], "y": [31.5, 200.75, 9.0], "flux": [1500.0, 2.0, -1.0]})
    table["note"] = ["a", "b, c", ""]
    for suffix, mutate in (("csv", mutated_table), ("ecsv", mutated_table), ("fits", mutated_fits)):
        path = work / f"fluxes.{suffix}"
        table.write(path)
        yield Target(f"irac correct {suffix}", path, _correct(path, suffix), mutate, 3)


def _correct(path: Path, suffix: str) -> Callable[[Path], str]:
    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        out.mkdir()
        product = out / f"corrected.{suffix}"
        options = ("--channel", "1", "--mission", "warm", "--off-array", "nan")
        return _ended("irac", "correct", path, "-o", product, *options)

    return run


_CONFIG = b"""run: {jobs: 1, memory: auto}
irac:
  mosaic:
    channel: 2
    inputs: [a, "b c"]
    pixel_scale_arcsec: 0.6
    imask_bits: 3 8 10
wise:
  coadd:
    nside: 256
    spike_sigma: 5.0
    magzp_nominal: [20.5, 19.5, 17.8, 13.0]
  filter:
    presets:
      mine: ["moon_sep > 20", "dtanneal > 2000 for w3,w4"]
prime:
  stack:
    chip: 1
    parent: J_Band
    sigma: auto
    flat_fielding: true
"""


def _settings(work: Path) -> Iterator[Target]:
    work.mkdir()
    config = work / "run.yaml"
    config.write_bytes(_CONFIG)
    yield Target("configuration", config, _validated(config), mutated_yaml, 8)
    setting = work / "set"
    setting.write_bytes(b"wise.coadd.nside=64")
    yield Target("--set", setting, _set(setting), mutated_yaml, 4)
    camera = work / "camera.yaml"
    from importlib.resources import files

    folder = files("photomitrus_cli.configs")
    camera.write_bytes((folder / "instruments" / "prime.yaml").read_bytes())
    yield Target("instrument", camera, _camera(camera), mutated_yaml, 3)


def _validated(config: Path) -> Callable[[Path], str]:
    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        del out
        return _ended("config", "validate", "--config", config)

    return run


def _set(setting: Path) -> Callable[[Path], str]:
    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        del out
        # The shell hands over bytes that are no UTF-8 in this way.
        text = os.fsdecode(setting.read_bytes().replace(b"\0", b""))
        with contextlib.suppress(UnicodeEncodeError):
            return _ended("config", "validate", f"--set={text}")
        return ""

    return run


def _camera(camera: Path) -> Callable[[Path], str]:
    def run(out: Path) -> str:
        """Give what is wrong with the end of one case."""
        del out
        return _called(lambda: load_instrument(str(camera)))

    return run
