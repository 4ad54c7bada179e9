"""Measure the accuracy and speed of ``prime stack`` and write their chapters (part of ``make truth``).

Only these chapters of the page are replaced. What was measured is kept where ``--keep`` says, and not
measured again: empty the folder after a change of the program.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from truthkit.pages import with_chapters
from truthkit.primechapters import clipping_table, geometry_table, light_table, noise_table, speed_table
from truthkit.primespeed import N_FRAMES, YARDSTICKS, missing, race
from truthkit.primetrials import DENSITY, N_REFUSED, N_USED, Setup, Trial, attempt

from photomitrus_cli.io.atomic import write_text

ROOT = Path(__file__).resolve().parent.parent
TRUTH, SPEED = "`prime stack`: simulated dithers", "`prime stack`: time and memory"
# Every pair of band, distortion and rotation occurs.
COVERING = (
    ("J", "tpv", 48.0, 1),
    ("J", "radial", 138.0, 2),
    ("H", "tpv", 138.0, 3),
    ("H", "radial", 48.0, 4),
)

TRUTH_TEXT = """Dithers of `simulate prime`, chip 1, {sky}: {used} good frames, and one cloudy by 0.5 mag,
one trailed, one pointed 10' away, with bad pixels, hits, a satellite, persistence, galaxies. Lengths in
arcsec, light in magnitudes. Errors against the truth, unless *stated*.
"""
GEOMETRY_TEXT = """### Where frames look

*rms*: length of the errors of the geometries of all frames, on 33 x 33 places of each. *between frames*:
about their mean. *stack, offset*: median offset of bright stars in the stack. Goals: 0.03, 0.15 and
0.01. The fit starts from the very distortion of the tpv family, which makes that the easy case.
"""
LIGHT_TEXT = """
### Stars

Magnitudes with MAGZP and APFACTOR in apertures of 1.5 SEEING, stars without stars or galaxies beside
them. *stated*: from NOISE and CORRFAC. *position*: scatter of a coordinate. Bright stars scatter by what
their profiles differ over the field. Goals: bias of 0.01 to J = 17 and H = 16, scatter of 1.15 times the
stated one at J 14 to 18.
"""
NOISE_TEXT = """
### Noise and depth

*zero point*: error of MAGZP, and MAGZPERR. *pixels*, *apertures* (of 1.5 SEEING): scatter of blank sky
over the one that NOISE tells. *depth lost*: MAGLIM5 against that of the sum of the inverse variances of
the frames less sky of the first pass, and of photons alone. The sky of each frame is that of the eight
others, which costs 0.06 mag where it is not drawn towards its surroundings. Goals: 10 % and 0.05 mag.
"""
CLIPPING_TEXT = """
### Hits and cores

Strong hits have 10 sigma or more of their frame; *left*: those beside which the stack is brighter by
more than 3 sigma than a stack of the same frames without hits, where three frames or more look; *in
stars*: of these, the ones in stars above 10 sigma, whose cores are spared. Values missing in the centres
of stars and on blank sky, of frames without anything that should be clipped; *worst*: of one star.
"""
SPEED_TEXT = """{frames} frames of {side} x {side} pixels, on {cores} shared cores ({machine}), from the start
of the programs to their end, the second run of two. The other programs are given what `prime stack --keep`
leaves: frames less sky, their headers and the catalogue. Memory: of all processes together, in another
run.{missing}
"""


def main() -> None:
    """Measure and replace these chapters in the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "accuracy.md")
    parser.add_argument("--which", choices=["all", "truth", "speed"], default="all")
    parser.add_argument("--scale", type=int, choices=sorted(DENSITY), default=1, help="of pixels")
    parser.add_argument("--keep", type=Path, help="keep measurements in this folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        if chosen.which in ("all", "truth"):
            trials = [attempt(Setup(*one, chosen.scale), folder) for one in COVERING]
            replace(chosen.output, truth(trials, chosen.scale), TRUTH)
        if chosen.which in ("all", "speed"):
            replace(chosen.output, speed(folder, chosen.scale), SPEED)


def replace(target: Path, lines: Iterator[str], name: str) -> None:
    """Write a chapter in the place of the old one."""
    write_text(target, with_chapters(target.read_text(encoding="utf-8"), "\n".join(lines), name))
    print(f"wrote {name} in {target}")


def truth(trials: Sequence[Trial], scale: int) -> Iterator[str]:
    """Give the chapter of errors."""
    yield f"## {TRUTH}\n"
    side = 4096 // scale
    yield TRUTH_TEXT.format(sky=f"{N_USED + N_REFUSED} frames of {side} x {side} pixels", used=N_USED)
    yield GEOMETRY_TEXT
    yield from geometry_table(trials)
    yield LIGHT_TEXT
    yield from light_table(trials)
    yield NOISE_TEXT
    yield from noise_table(trials)
    yield CLIPPING_TEXT
    yield from clipping_table(trials)


def speed(folder: Path, scale: int) -> Iterator[str]:
    """Give the chapter of time and memory."""
    gone = missing()
    told = f" Not installed here, so not timed: {', '.join(gone)}." if gone else ""
    yield f"## {SPEED}\n"
    about = {
        "frames": N_FRAMES,
        "side": 4096 // scale,
        "cores": os.cpu_count(),
        "machine": platform.machine(),
    }
    yield SPEED_TEXT.format(**about, missing=told)
    yield from speed_table(race(folder, scale, [name for name in YARDSTICKS if name not in gone]))


if __name__ == "__main__":
    main()
