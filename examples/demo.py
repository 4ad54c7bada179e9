"""The demonstration behind `make demo`: simulate a field, mosaic it twice, measure stars, compare with truth.

Run with the Python that astromap is installed in: ``python examples/demo.py FOLDER``. Everything goes into
FOLDER; a second run resumes what is there. The exit code is 1 when a measured error is outside its limits.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ASTROMAP = Path(sys.executable).with_name("astromap")
# Stars to measure.
FAINTEST_UJY, BRIGHTEST_UJY = 300.0, 5000.0
NEIGHBOUR_ARCSEC = 12.0
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
        run("simulate", "irac", field, "--overwrite", "--set", "irac.simulate.flux_convention=aperture")
    for rule, name in RULES.items():
        out = folder / name
        run("irac", "mosaic", field, "-o", out, "--combine", rule, "--resume", "--report", out)


def measure(folder: Path) -> None:
    """Measure the brightest stars of the field that stand alone, as a table of AOR-target pairs."""
    from astropy.table import Table

    field, pairs = folder / "irac", folder / "pairs.csv"
    if not pairs.is_file():
        chosen = bright_stars(Table.read(field / "truth" / "truth_sources.ecsv"))
        rows = [f"irac/r*,{row['id']},{row['ra']:.7f} {row['dec']:.7f}" for row in chosen]
        pairs.write_text("\n".join(["AOR Filepath,Target Name,Target Coordinates", *rows]) + "\n")
    words: list[str | Path] = [
        "--filetype",
        "cbcd",
        "-r",
        "3",
        "3",
        "7",
        "--resume",
        "--report",
        folder / "phot",
    ]
    run("irac", "phot", pairs, "-o", folder / "phot", *words)


def bright_stars(sources: Any) -> Any:
    """Choose unsaturated stars that outshine everything within 10 px twenty times."""
    import numpy as np

    ra, dec, flux = (np.asarray(sources[name], dtype=float) for name in ("ra", "dec", "flux"))
    dx = (ra[:, None] - ra) * np.cos(np.radians(dec)) * 3600.0
    near = np.hypot(dx, (dec[:, None] - dec) * 3600.0) < NEIGHBOUR_ARCSEC
    np.fill_diagonal(near, val=False)
    alone = (near * flux).sum(axis=1) < 0.05 * flux
    kind = np.asarray(sources["kind"]).astype(str)
    return sources[alone & (kind == "star") & (flux > FAINTEST_UJY) & (flux < BRIGHTEST_UJY)]


def photometry_checks(folder: Path) -> list[Check]:
    """Measure the fluxes of the AORs against the truth.

    Published aperture corrections are those of the real PSF; the simulated one differs by up to 1 %.
    """
    import numpy as np
    from astropy.table import Table

    table = Table.read(folder / "phot" / "run1_aor_data.ecsv")
    truth = Table.read(folder / "irac" / "truth" / "truth_sources.ecsv")
    true = dict(zip(truth["id"].astype(str), truth["flux"], strict=True))
    table = table[np.isfinite(table["Flux (mJy)"])]
    ratio = np.array([1e3 * row["Flux (mJy)"] / true[str(row["Target"])] for row in table])
    spread = 100.0 * 1.4826 * float(np.median(np.abs(ratio - np.median(ratio))))
    return [
        Check("fluxes of stars in AORs", ratio.size, 20, 10000),
        Check("AOR flux / true flux, median", float(np.median(ratio)), 0.97, 1.03),
        Check("AOR flux / true flux, robust scatter (%)", spread, 0, 3),
    ]


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
    measure(folder)
    passed = True
    tables = {f"the {rule} mosaic": checks(folder, rule) for rule in RULES}
    tables["the photometry"] = photometry_checks(folder)
    for name, found in tables.items():
        passed &= all(check.passed for check in found)
        say(f"\n{'Errors of ' + name + ' against the truth':<66}limits")
        for check in found:
            say(check.line())
    say("\nLook at:")
    for name in RULES.values():
        say(f"  {folder / name / 'ch1_mosaic.png'}    {folder / name / 'ch1_mosaic.html'}")
    say(f"  {folder / 'phot' / 'run1_series.png'}    {folder / 'phot' / 'run1.html'}")
    say("All errors are within their limits." if passed else "Some errors are outside their limits.")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo")))
