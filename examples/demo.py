"""The demonstration behind `make demo`: simulate a field, mosaic it twice, compare with the truth.

Run with the Python that astromap is installed in: ``python examples/demo.py FOLDER``. Everything goes into
FOLDER; a second run resumes what is there. The exit code is 1 when a measured error is outside its limits.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASTROMAP = Path(sys.executable).with_name("astromap")
RULES = {"weighted": "mosaic", "median-exptime": "mosaic-median"}


@dataclass(frozen=True)
class Check:
    """One measured error and the range it must lie in."""

    label: str
    value: float
    low: float
    high: float

    @property
    def passed(self) -> bool:
        """Whether the value is a number inside the range."""
        return self.low <= self.value <= self.high

    def line(self) -> str:
        """One line of the table."""
        verdict = "ok" if self.passed else "WRONG"
        return f"  {self.label:<52}{self.value:>9.4g}   {self.low:g} to {self.high:g}  {verdict}"


def say(text: str) -> None:
    """Write a line at once, so that it stays in order with the output of the commands."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def run(*args: str | Path) -> None:
    """Run one astromap command as a user would, showing what is run."""
    words = [str(arg) for arg in args]
    say("\n$ astromap " + " ".join(words))
    done = subprocess.run([ASTROMAP, *words], check=False)  # noqa: S603 - the program beside this Python
    if done.returncode:
        say(f"astromap ended with exit code {done.returncode}")
        raise SystemExit(done.returncode)


def make(folder: Path) -> None:
    """Simulate the field and make both mosaics."""
    field = folder / "irac"
    if (field / "truth" / "truth_image.fits").is_file():
        say(f"{field} holds the simulated field already")
    else:
        # --overwrite: a run that was interrupted left some of the same frames.
        run("simulate", "irac", field, "--overwrite")
    for rule, name in RULES.items():
        out = folder / name
        run("irac", "mosaic", field, "-o", out, "--combine", rule, "--resume", "--report", out)


def checks(folder: Path, rule: str) -> list[Check]:
    """Measure one mosaic against the truth.

    The limits allow for what this field contains by design: the headers are wrong by 0.15 arcsec per axis,
    and one cosmic ray in ten is in no mask, which the comparison of the frames with their stack has to find.
    """
    from truthkit.measures import blank_sky, star_errors
    from truthkit.runs import read_mosaic

    truth = folder / "irac" / "truth"
    mosaic = read_mosaic(folder / RULES[rule] / "ch1_mosaic.fits")
    stars, blank = star_errors(mosaic, truth, rule=rule), blank_sky(mosaic, truth)
    return [
        Check("stars measured", stars.n, 50, 1000),
        Check("star flux / true flux, median", 1.0 + stars.flux_bias, 0.98, 1.02),
        Check("position, median offset (mas)", stars.position_bias_mas, 0, 60),
        Check("position, scatter per axis (mas)", stars.position_rms_mas, 0, 200),
        Check("blank apertures, true scatter / stated sigma", blank.sigma_ratio, 0.7, 1.5),
    ]


def main(folder: Path) -> int:
    """Run the demonstration; give the exit code."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    make(folder)
    passed = True
    for rule in RULES:
        found = checks(folder, rule)
        passed &= all(check.passed for check in found)
        say(f"\n{'Errors of the ' + rule + ' mosaic against the truth':<66}limits")
        for check in found:
            say(check.line())
    say("\nLook at:")
    for name in RULES.values():
        say(f"  {folder / name / 'ch1_mosaic.png'}    {folder / name / 'ch1_mosaic.html'}")
    say("All errors are within their limits." if passed else "Some errors are outside their limits.")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))
