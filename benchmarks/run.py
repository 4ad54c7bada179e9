"""Time stages against their yardsticks, both in one run, in turn (``make benchmark``).

Wall, user and system times are those of whole processes, start-up included, compiled code cached; medians are
quoted. Yardsticks that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import math
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
    parser.add_argument("--which", choices=["all", "help", "mosaic", "phot", "scale"], default="all")
    parser.add_argument("--frames", type=int, default=300, help="frames of the mosaic benchmark")
    parser.add_argument("--many", type=int, default=3000, help="frames of the scale benchmark")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="make, keep and reuse the simulated frames in this folder")
    arguments = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    # Python would otherwise compile every module of a development checkout anew in every process.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if arguments.which in ("all", "help"):
            bench_help(2 * arguments.repeat + 1)
        if arguments.which in ("all", "mosaic"):
            bench_mosaic(folder, arguments.frames, arguments.repeat)
        if arguments.which in ("all", "phot"):
            bench_phot(folder, 4 * arguments.frames, arguments.repeat)
        if arguments.which in ("all", "scale"):
            bench_scale(folder, arguments.many)


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


# Options beside the defaults, and SWarp's rule that is nearest.
RULES = {
    "weighted": (["--combine", "weighted", "--reject", "none"], "WEIGHTED"),
    "the defaults (weighted, two-pass rejection)": ([], "WEIGHTED"),
    "median-exptime": (["--combine", "median-exptime", "--reject", "none"], "MEDIAN"),
}


def bench_mosaic(folder: Path, n_frames: int, repeat: int) -> None:
    """Time `irac mosaic` with all products against SWarp reading the images alone, on the same grid."""
    swarp = shutil.which("SWarp") or shutil.which("swarp")
    if swarp is None:
        print("irac mosaic: SWarp is not installed (Debian: swarp); left out")
        return
    frames = field(folder, n_frames, 12.0)
    for number, (rule, (options, swarp_rule)) in enumerate(RULES.items()):
        out = folder / f"out-{number}"
        command = [PROGRAM, "irac", "mosaic", str(frames), "-o", str(out), *options, "--overwrite"]
        run(command)
        yardstick = swarp_command(swarp, frames, folder, out / "ch1_mosaic.fits", swarp_rule)
        compare(
            f"irac mosaic, {rule}, {n_frames} frames, against SWarp {swarp_rule}, images alone",
            lambda command=command: run(command),  # type: ignore[misc]
            lambda yardstick=yardstick: run(yardstick, cwd=folder),  # type: ignore[misc]
            repeat,
        )


def field(folder: Path, n_frames: int, side_arcmin: float) -> Path:
    """Simulate a field of four observations, or take one that is there."""
    frames = folder / f"frames-{n_frames}-{side_arcmin:g}"
    if not frames.exists():
        simulate(
            frames,
            n_aors=4,
            dithers_per_aor=-(-n_frames // 4),
            field_size_arcmin=side_arcmin,
            # A large field of the usual density would take longer to simulate than all that is timed here.
            star_density_arcmin2=min(10.0, 1440.0 / max(side_arcmin, 1.0) ** 2),
            truth_image=False,
        )
    return frames


_READ = """
import sys
from pathlib import Path
from astropy.io import fits
for path in sorted(Path(sys.argv[1]).rglob("*_cbcd.fits")):
    for kind in ("cbcd", "cbunc", "bimsk"):
        fits.getdata(str(path).replace("_cbcd", "_" + kind))
"""


def bench_phot(folder: Path, n_frames: int, repeat: int) -> None:
    """Time `irac phot` of one target against astropy reading what it reads, start-up taken off.

    Start-up is the time of the same work on eight frames.
    """
    few, many = (field(folder, n, 0.0) for n in (8, n_frames))
    target = "150.10 2.20"

    def ours(frames: Path) -> Times:
        """Time astromap."""
        out = folder / f"phot-{frames.name}"
        words = ["--filetype", "cbcd", "--target", target, "-j", "1", "--overwrite"]
        return run([PROGRAM, "irac", "phot", str(frames), "-o", str(out), *words])

    def theirs(frames: Path) -> Times:
        """Time the yardstick."""
        return run([sys.executable, "-c", _READ, str(frames)])

    def net(timed: Callable[[Path], Times]) -> Times:
        """Take the time of few frames off."""
        whole, start = timed(many), timed(few)
        return Times(
            *(max(getattr(whole, name) - getattr(start, name), 1e-6) for name in ("wall", "user", "system"))
        )

    title = f"irac phot, one worker, {n_frames} frames less 8, against fits.getdata of frame, unc, mask"
    compare(title, lambda: net(ours), lambda: net(theirs), repeat)
    for frames in (few, many):
        times, peak = weigh(
            [
                PROGRAM,
                "irac",
                "phot",
                str(frames),
                "-o",
                str(folder / "phot-weighed"),
                "--filetype",
                "cbcd",
                "--target",
                target,
                "-j",
                "1",
                "--overwrite",
            ]
        )
        print(f"  {frames.name}: wall {times.wall:.2f} s, resident {peak / 1e6:.0f} MB")
    print()


# A map of 12000 x 12000 pixels of 0.6 arcsec.
SIDE_ARCMIN = 120.0
SMALL_ARCMIN = SIDE_ARCMIN / math.sqrt(10.0)
ARRAY_ARCMIN = 5.2


def bench_scale(folder: Path, n_frames: int) -> None:
    """Time and weigh a large mosaic: one and two workers, a tenth of the frames on a tenth of the area."""
    few = n_frames // 10
    small, large = (
        field(folder, few, SMALL_ARCMIN - ARRAY_ARCMIN),
        field(folder, n_frames, SIDE_ARCMIN - ARRAY_ARCMIN),
    )
    print(f"irac mosaic of {n_frames} frames on 12000 x 12000 pixels, --memory 1GB, and of {few} on a tenth")
    # Kernels are compiled before anything is timed.
    run([PROGRAM, "irac", "mosaic", str(small), "-o", str(folder / "out-scale"), "--overwrite"])
    for options in (["--reject", "none"], []):
        for frames, n, size, jobs in (
            (small, few, 63.2, 2),
            (large, n_frames, 120.0, 2),
            (large, n_frames, 120.0, 1),
        ):
            command = [PROGRAM, "irac", "mosaic", str(frames), "-o", str(folder / "out-scale"), "--overwrite"]
            command += ["--memory", "1GB", "-j", str(jobs), "--size", f"{size} {size}", *options]
            times, peak = weigh(command)
            print(
                f"  {n:5d} frames, {jobs} workers, {' '.join(options) or 'defaults':14s}: "
                f"wall {times.wall:7.2f} s, "
                f"user {times.user:7.2f} s, system {times.system:6.2f} s, "
                f"{1e3 * times.wall / n:6.2f} ms a frame, "
                f"resident {peak / 1e6:.0f} MB"
            )


def weigh(command: Sequence[str]) -> tuple[Times, int]:
    """Run a process; give its times and the largest sum of resident memory of it and its children, bytes.

    Pages that several processes share count once (the proportional set size of Linux).
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    process = subprocess.Popen(
        list(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    peak = 0
    while process.poll() is None:
        peak = max(peak, resident(process.pid))
        time.sleep(0.1)
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{process.stderr.read().decode() if process.stderr else ''}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Times(wall, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime), peak


def resident(session: int) -> int:
    """Sum the resident memory of all processes of a session, bytes."""
    total = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            # It has ended meanwhile.
            continue
        total += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total


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
