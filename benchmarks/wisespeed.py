"""Time `wise coadd` of one scan and its yardsticks in turn: reading, the seed's algorithm, NumPy with healpy.

Times are those of whole processes with start-up taken off: the same work on few frames is timed too and
subtracted. Medians are quoted. The frames are copies of a real one of band 3 with new noise where
ASTROMAP_TEST_DATA names a folder that has it, else of a made-up one.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from run import PROGRAM, Times, run, weigh
from truthkit.wisescan import make_scan, read_table, write_table
from truthkit.wisetemplate import Template, made_template, real_template

YARDSTICKS = ("reading", "vector", "seed")
# The seed takes seconds a frame and always the same: more frames tell nothing.
SEED_FRAMES = 4


@dataclass(frozen=True)
class Contender:
    """What is timed.

    Attributes
    ----------
    name : str
    command : callable
        Gives the command line for a frame table.
    tables : tuple of Path
        Of few and of many frames.
    n_more : int
        Frames of the second less those of the first.
    """

    name: str
    command: Callable[[Path], list[str]]
    tables: tuple[Path, Path]
    n_more: int

    def per_frame(self) -> Times:
        """Run both tables; the difference for one frame, s."""
        few, many = (run(self.command(table), cwd=Path(__file__).parent) for table in self.tables)
        return Times(
            *((getattr(many, name) - getattr(few, name)) / self.n_more for name in ("wall", "user", "system"))
        )


def main() -> None:
    """Make the scan, time what is asked for, weigh the workers."""
    arguments = _parse()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    # Python would otherwise compile every module of a development checkout anew in every process.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = (arguments.keep or Path(name)).resolve()
        many = scan(folder, arguments.frames)
        bench(contenders(folder, many, arguments), arguments.repeat, arguments.nside)
        if not arguments.alone and not arguments.no_memory:
            bench_memory(folder, many)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=40, help="frames of the scan")
    parser.add_argument("--few", type=int, default=4, help="frames whose time is taken off as start-up")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--nside", type=int, default=256, help="of the maps timed; they are weighed at 1024")
    parser.add_argument("--keep", type=Path, help="make, keep and reuse the frames in this folder")
    parser.add_argument("--yardsticks", nargs="*", choices=YARDSTICKS, default=YARDSTICKS)
    parser.add_argument("--alone", action="store_true", help="time the yardsticks, not astromap")
    parser.add_argument("--no-memory", action="store_true", help="do not weigh")
    arguments = parser.parse_args()
    if not 1 <= arguments.few < arguments.frames:
        parser.error("--frames must be more than --few")
    return arguments


def scan(folder: Path, n_frames: int) -> Path:
    """Make a scan, or take one that is there; give its frame table."""
    kept = folder / f"scan-{n_frames}"
    if not (kept / "frames.csv").exists():
        kept.mkdir(parents=True, exist_ok=True)
        make_scan(kept, template(), n_frames)
    return kept / "frames.csv"


def template() -> Template:
    """Take a real frame where there is one."""
    data = os.environ.get("ASTROMAP_TEST_DATA")
    frames = sorted(Path(data).glob("wise-l1b/allsky4band/*-w3-int-1b.fits")) if data else []
    print(f"frames made after {frames[0].name if frames else 'a made-up frame'}")
    return real_template(frames[0]) if frames else made_template()


def first_frames(table: Path, n_frames: int) -> Path:
    """Write the table of the first frames of a table beside it."""
    return write_table(table.with_name(f"first-{n_frames}.csv"), read_table(table)[:n_frames])


def coadd(table: Path, out: Path, nside: int, jobs: int) -> list[str]:
    """Give the command line of a coadd of the frames of a table."""
    words = f"wise coadd --band 3 --nside {nside} --overwrite -j {jobs}".split()
    return [PROGRAM, *words, "--frames", str(table), "-o", str(out)]


def contenders(folder: Path, many: Path, arguments: argparse.Namespace) -> list[Contender]:
    """List what is timed; the first one is what the others are compared with."""
    few, n_frames, nside = arguments.few, arguments.frames, arguments.nside
    tables = (first_frames(many, few), many)
    listed = []
    for jobs in () if arguments.alone else (1, 2):
        out = folder / f"coadd-j{jobs}"
        listed.append(
            Contender(
                f"astromap -j {jobs}",
                lambda table, out=out, jobs=jobs: coadd(table, out, nside, jobs),  # type: ignore[misc]
                tables,
                n_frames - few,
            )
        )
    for which in arguments.yardsticks:
        more = min(SEED_FRAMES, n_frames - few) if which == "seed" else n_frames - few
        listed.append(
            Contender(
                which,
                lambda table, which=which: yardstick(which, table, nside),  # type: ignore[misc]
                (tables[0], first_frames(many, few + more)),
                more,
            )
        )
    return listed


def yardstick(which: str, table: Path, nside: int) -> list[str]:
    """Give the command line of a yardstick."""
    return [sys.executable, "-m", "truthkit.wisetwins", which, str(table), "--nside", str(nside)]


def bench(listed: list[Contender], repeat: int, nside: int) -> None:
    """Run all in turn and print the medians for one frame, and their ratios to the first one."""
    for one in listed:
        # Kernels are compiled, files are in memory.
        run(one.command(one.tables[0]), cwd=Path(__file__).parent)
    rounds = [[one.per_frame() for one in listed] for _ in range(repeat)]
    print(f"one frame of a scan, nside {nside}, start-up taken off (medians of {repeat} runs in turn)")
    first: tuple[float, float] | None = None
    for index, one in enumerate(listed):
        wall = statistics.median(times[index].wall for times in rounds)
        cpu = statistics.median(times[index].user + times[index].system for times in rounds)
        first = first or (wall, cpu)
        print(
            f"  {one.name:14s} wall {1e3 * wall:8.1f} ms  CPU {1e3 * cpu:8.1f} ms"
            f"  to {listed[0].name}: wall {wall / first[0]:6.2f}  CPU {cpu / first[1]:6.2f}"
        )
    print()


def bench_memory(folder: Path, table: Path, nside: int = 1024) -> None:
    """Weigh one worker, two and three, of which each needs frames to do: the difference is what one takes."""
    peaks = []
    for jobs in (1, 2, 3):
        times, peak = weigh(coadd(table, folder / "weighed", nside, jobs))
        peaks.append(peak / 1e6)
        print(
            f"nside {nside}, {jobs} workers: wall {times.wall:.2f} s, resident {peaks[-1]:.0f} MB at most, "
            "all processes"
        )
    print(f"one more worker: {peaks[2] - peaks[1]:.0f} MB")


if __name__ == "__main__":
    main()
