"""The demonstration behind `make demo`: the main commands on simulated frames, and their errors.

Run with the Python that astromap is installed in: ``python examples/demo.py FOLDER``. Everything goes into
FOLDER, whose ``astromap.yaml`` is the one configuration of all commands; a second run resumes what is there.
The exit code is 1 when a measured error is outside its limits.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from truthkit.demochecks import Check

ROOT = Path(__file__).resolve().parents[1]
ASTROMAP = Path(sys.executable).with_name("astromap")
CONFIG = Path(__file__).with_name("demo.yaml")
# What each simulation writes last: with it, the folder is whole.
SIMULATED = {
    "wise": "wise/truth/truth_hits.fits",
    "prime": "J_Band/truth/truth_hits.fits",
    "irac": "irac/truth/truth_image.fits",
}
FOLDERS = {"wise": "wise", "prime": "J_Band", "irac": "irac"}
AGAIN = ("--resume", "--report", "report")
# Nearer than this to the middle of the field a star is on frames of every AOR.
NEAR_ARCMIN = 4.0


def say(text: str) -> None:
    """Write a line at once, so that it stays in order with the output of the commands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(folder: Path, *words: str) -> None:
    """Run one astromap command in a folder as a user would, showing what is run."""
    say("\n$ astromap " + " ".join(words))
    done = subprocess.run([ASTROMAP, *words], cwd=folder, check=False)  # noqa: S603 - beside this Python
    if done.returncode:
        say(f"astromap ended with exit code {done.returncode}")
        raise SystemExit(done.returncode)


def simulate(folder: Path, camera: str) -> None:
    """Simulate the frames of a camera, unless they are there."""
    if (folder / SIMULATED[camera]).is_file():
        say(f"\n{folder / FOLDERS[camera]} holds the simulated frames already")
        return
    # --overwrite: a run that was interrupted left some of the same frames.
    run(folder, "simulate", camera, FOLDERS[camera], "--overwrite")


def wise(folder: Path) -> None:
    """Make a calibrated map from the frames of a short WISE survey."""
    simulate(folder, "wise")
    for words in (("filter",), ("coadd",), ("calibrate",)):
        run(folder, "wise", *words, *AGAIN)


def prime(folder: Path) -> None:
    """Stack dithers of one PRIME chip."""
    simulate(folder, "prime")
    run(folder, "prime", "stack", *AGAIN)


def irac(folder: Path) -> None:
    """Make a mosaic of an IRAC field, and measure its bright stars on the frames."""
    simulate(folder, "irac")
    run(folder, "irac", "mosaic", *AGAIN)
    pairs = folder / "pairs.csv"
    if not pairs.is_file():
        pairs.write_text(targets(folder / "irac" / "truth" / "truth_sources.ecsv"), encoding="utf-8")
    run(folder, "irac", "phot", pairs.name, *AGAIN)


def targets(sources: Path) -> str:
    """Give the table of AORs and targets for the photometry: stars that stand alone, not far out.

    Each AOR has frames of all of these; of a star at the edge some have none, which `irac phot` warns of.
    """
    import numpy as np
    from astropy.table import Table
    from truthkit.demochecks import bright_stars

    stars = bright_stars(Table.read(sources))
    ra, dec = (np.asarray(stars[name], float) for name in ("ra", "dec"))
    east = (ra - np.median(ra)) * np.cos(np.radians(dec))
    middle = stars[60.0 * np.hypot(east, dec - np.median(dec)) < NEAR_ARCMIN]
    rows = [f"irac/r*,{row['id']},{row['ra']:.7f} {row['dec']:.7f}" for row in middle]
    return "\n".join(["AOR Filepath,Target Name,Target Coordinates", *rows]) + "\n"


def measure(folder: Path) -> dict[str, list[Check]]:
    """Hold every product against the truth."""
    from truthkit import demochecks

    (stack,) = (folder / "J_Band" / "stack").glob("coadd.*.fits")
    field = folder / "irac" / "truth"
    return {
        "the WISE map": demochecks.wise_checks(folder / "astromap.yaml", folder / "wise-map"),
        "the PRIME stack": demochecks.prime_checks(stack, folder / "J_Band" / "truth"),
        "the IRAC mosaic": demochecks.irac_mosaic_checks(folder / "irac-mosaic" / "ch1_mosaic.fits", field),
        "the IRAC photometry": demochecks.irac_phot_checks(
            folder / "irac-phot" / "run1_aor_data.ecsv", field
        ),
    }


def tell(tables: dict[str, list[Check]], folder: Path) -> bool:
    """Print the measured errors and where to look; give whether all are within their limits."""
    for name, found in tables.items():
        say(f"\n{'Errors of ' + name + ' against the truth':<66}limits")
        for check in found:
            say(check.line())
    say(f"\nLook at {folder / 'report' / 'index.html'}: every run with its pictures and figures.")
    passed = all(check.passed for found in tables.values() for check in found)
    say("All errors are within their limits." if passed else "Some errors are outside their limits.")
    return passed


def main(folder: Path) -> int:
    """Run the demonstration; give the exit code."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(CONFIG, folder / "astromap.yaml")
    begin = time.monotonic()
    stages: tuple[Callable[[Path], None], ...] = (wise, prime, irac)
    for stage in stages:
        stage(folder)
    passed = tell(measure(folder), folder)
    say(f"{time.monotonic() - begin:.0f} s. A first run compiles the kernels, a second one resumes all this.")
    return 0 if passed else 1


if __name__ == "__main__":
    try:
        CODE = main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
    except KeyboardInterrupt:
        say("interrupted; the same command goes on from here")
        CODE = 130
    raise SystemExit(CODE)
