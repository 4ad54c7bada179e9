"""Time stages against their yardsticks, both in one run, in turn (``make benchmark``).

Wall, user and system times are those of whole processes, start-up included, compiled code cached; medians are
quoted. Yardsticks that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits
from truthkit.runs import simulate

PROGRAM = str(Path(sys.executable).with_name("astromap"))


@dataclass(frozen=True)
class Times:
    """Of one process and its children, s.

    Attributes
    ----------
    wall, user, system : float
    """

    wall: float
    user: float
    system: float


def main() -> None:
    """Run the benchmarks asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--which", choices=["all", "help", "mosaic"], default="all")
    parser.add_argument("--frames", type=int, default=100, help="frames of the mosaic benchmark")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    with tempfile.TemporaryDirectory() as name:
        if arguments.which in ("all", "help"):
            bench_help(2 * arguments.repeat + 1)
        if arguments.which in ("all", "mosaic"):
            bench_mosaic(Path(name), arguments.frames, arguments.repeat)


def run(command: Sequence[str], cwd: Path | None = None) -> Times:
    """Run a process and give its times."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run(list(command), cwd=cwd, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Times(wall, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)


def compare(title: str, ours: Callable[[], Times], theirs: Callable[[], Times], repeat: int) -> None:
    """Run two commands in turn and print the medians and their ratios."""
    ours(), theirs()
    pairs = [(ours(), theirs()) for _ in range(repeat)]
    print(f"{title} (medians of {repeat} alternated runs)")
    for name in ("wall", "user", "system"):
        mine = statistics.median(getattr(pair[0], name) for pair in pairs)
        yours = statistics.median(getattr(pair[1], name) for pair in pairs)
        ratio = yours / mine if mine > 0 else float("nan")
        print(
            f"  {name:6s}  astromap {mine:7.2f} s  yardstick {yours:7.2f} s  yardstick/astromap {ratio:6.2f}"
        )
    print()


def bench_help(repeat: int) -> None:
    """Time ``astromap --help`` against importing click."""
    compare(
        "astromap --help against python -c 'import click'",
        lambda: run([PROGRAM, "--help"]),
        lambda: run([sys.executable, "-c", "import click"]),
        repeat,
    )


def bench_mosaic(folder: Path, n_frames: int, repeat: int) -> None:
    """Time `irac mosaic` with all products against SWarp reading the images alone, on the same grid."""
    swarp = shutil.which("SWarp") or shutil.which("swarp")
    if swarp is None:
        print("irac mosaic: SWarp is not installed (Debian: swarp); left out")
        return
    frames = simulate(
        folder / "frames",
        n_aors=4,
        dithers_per_aor=-(-n_frames // 4),
        field_size_arcmin=20.0,
        truth_image=False,
    )
    for rule, swarp_rule in (("weighted", "WEIGHTED"), ("median-exptime", "MEDIAN")):
        out = folder / f"out-{rule}"
        command = [PROGRAM, "irac", "mosaic", str(frames), "-o", str(out), "--combine", rule, "--overwrite"]
        run(command)
        yardstick = swarp_command(swarp, frames, folder, out / "ch1_mosaic.fits", swarp_rule)
        compare(
            f"irac mosaic --combine {rule}, {n_frames} frames, against SWarp {swarp_rule}, images alone",
            lambda command=command: run(command),  # type: ignore[misc]
            lambda yardstick=yardstick: run(yardstick, cwd=folder),  # type: ignore[misc]
            repeat,
        )


def swarp_command(swarp: str, frames: Path, folder: Path, mosaic: Path, rule: str) -> list[str]:
    """Build SWarp's command line for the mosaic's grid: Lanczos-3, no background, fixed scale."""
    with fits.open(mosaic) as hdus:
        header = hdus["SCI"].header
    listing = folder / "images.txt"
    listing.write_text("\n".join(str(path) for path in sorted(frames.rglob("*_cbcd.fits"))) + "\n")
    options = {
        "COMBINE_TYPE": rule,
        "RESAMPLING_TYPE": "LANCZOS3",
        "SUBTRACT_BACK": "N",
        "PIXELSCALE_TYPE": "MANUAL",
        "PIXEL_SCALE": "0.6",
        "CENTER_TYPE": "MANUAL",
        "CENTER": f"{header['CRVAL1']},{header['CRVAL2']}",
        "IMAGE_SIZE": f"{header['NAXIS1']},{header['NAXIS2']}",
        "NTHREADS": str(os.cpu_count()),
        "WRITE_XML": "N",
        "VERBOSE_TYPE": "QUIET",
    }
    return [swarp, f"@{listing}", *(word for key, value in options.items() for word in (f"-{key}", value))]


if __name__ == "__main__":
    main()
