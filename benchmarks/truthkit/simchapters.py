"""The chapters on photometry of simulated stars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from photomitrus_cli.run.parallel import Executor
from photomitrus_cli.simulate.iracfacts import Mission, ReadMode
from truthkit.pages import heading, percent, row
from truthkit.photerrors import (
    APERTURES,
    Cell,
    FluxErrors,
    Noiseless,
    noiseless_errors,
    noisy_errors,
    written,
)

ARRAYS: tuple[tuple[int, Mission], ...] = (
    (1, "cryo"),
    (1, "warm"),
    (2, "cryo"),
    (2, "warm"),
    (3, "cryo"),
    (4, "cryo"),
)
MODES: tuple[ReadMode, ...] = ("full", "sub")
# Reported errors should be within this of the true scatter.
WITHIN = 0.10

SIMULATED = """
## `irac phot`: simulated frames

### Fluxes and stated errors

Stars of signal-to-noise ratio 300 (bright) and 20 (faint) at 10 px in one frame (of a subarray: in the sum of
64 planes), on frames with noise alone and header positions wrong by 0.15 arcsec; first moments (channels 1
and 2) or Gaussians, functions seed, the simulated stars' own aperture corrections. Each cell: *pull*, the
standard deviation of (flux - truth) / stated error, known to 5 % ({n} fluxes or more in each cell). Two parts
of the stated errors were themselves set on stars of this simulator: 0.009 px for what moves centroids within
the pixel, and 0.08 to 0.19 % for apertures of 3 px and less. Of those the table is no independent test.
"""
BIAS = """
Mean of flux / truth - 1, and its standard error; only bright stars tell the bias of the method.
"""
NOISELESS = """
### Without noise

What is left of bright stars without noise and with exact headers: bias and scatter of the flux, with the
aperture at the true place (*true*) and where the centroid puts it (*measured*). At r = 3 the fluxes of
undersampled stars depend on where in its pixel the star is; and first moments of such stars miss the place,
so that channels 1 and 2 get the pixel phase of another place, in all apertures alike. The stated errors
include both, as they were found here. *left*: scatter at r = 3 at the measured place over the stated error.
The bias of channel 1 has the second cause too. The simulator applies the response at the true place; the
archive derived its functions with first moments, which takes up part of it on real frames.
"""
RADII = """
### Aperture ratios

Median flux after the published aperture correction over that of 10 px less 12-20 px: simulated stars without
noise, full array. Their point-response function was fitted to the corrections of the cryogenic mission: this
tests the arithmetic more than the corrections.
"""


def simulated(folder: Path, executor: Executor) -> Iterator[str]:
    """Measure simulated stars."""
    arrays = [(channel, part, mode) for mode in MODES for channel, part in ARRAYS]
    noisy = [
        Cell(*array, brightness, folder / f"{brightness}-{'-'.join(map(str, array))}")
        for array in arrays
        for brightness in ("bright", "faint")
    ]
    quiet = [Cell(*one, "bright", folder / f"quiet-{'-'.join(map(str, one))}") for one in arrays]
    errors = [one.result for one in executor.run(noisy_errors, noisy)]
    without = [one.result for one in executor.run(noiseless_errors, quiet)]
    found = dict(zip(noisy, (one for one in errors if one is not None), strict=True))
    yield SIMULATED.format(n=min(one.n for cell in found.values() for one in cell))
    yield from error_table(found, lambda one: f"{one.pull:.2f}")
    yield outside(found)
    yield BIAS
    yield from error_table(found, lambda one: percent(one.bias, one.bias_error))
    yield NOISELESS
    left = dict(zip(quiet, (one for one in without if one is not None), strict=True))
    yield from noiseless_table(left)
    yield RADII
    yield from ratio_table(left)


def error_table(cells: Mapping[Cell, list[FluxErrors]], tell: Callable[[FluxErrors], str]) -> Iterator[str]:
    """Give one line per array and read mode, bright stars before faint ones."""
    names = [f"{kind} {written(radii)}" for kind in ("bright", "faint") for radii in APERTURES]
    yield heading("channel", "mission", "mode", *names, text=3)
    lines: dict[tuple[object, ...], list[str]] = {}
    for cell, found in cells.items():
        line = lines.setdefault((cell.channel, cell.mission, cell.readmode), [])
        line.extend(tell(one) for one in found)
    for array, values in lines.items():
        yield row(*array, *values)


def outside(cells: Mapping[Cell, list[FluxErrors]]) -> str:
    """Say how many errors are not within ten per cent of the scatter, on which side, and of which stars."""
    said = []
    for kind in ("bright", "faint"):
        pulls = [one.pull for cell, found in cells.items() if cell.brightness == kind for one in found]
        large, small = (
            sum(pull > 1 + WITHIN for pull in pulls),
            sum(pull < 1 - WITHIN for pull in pulls),
        )
        said.append(f"of {len(pulls)} cells of {kind} stars {large} are above and {small} below")
    return (
        f"\nNot within {100 * WITHIN:.0f} % of 1: {'; '.join(said)}."
        "\nHonest errors would put one in twenty there by chance."
    )


def noiseless_table(cells: Mapping[Cell, Noiseless]) -> Iterator[str]:
    """Give one line per array and read mode: what is left at true and at measured places."""
    names = [f"{written(radii)} {place}" for radii in APERTURES for place in ("true", "measured")]
    yield heading("channel", "mission", "mode", *names, "left", text=3)
    for cell, one in cells.items():
        both = zip(one.known, one.found, strict=True)
        values = [f"{100 * e.bias:+.2f}, {100 * e.scatter:.2f} %" for pair in both for e in pair]
        yield row(cell.channel, cell.mission, cell.readmode, *values, f"{one.found[0].pull:.2f}")


def ratio_table(cells: Mapping[Cell, Noiseless]) -> Iterator[str]:
    """Give one line per published aperture."""
    full = {cell: one.ratios for cell, one in cells.items() if cell.readmode == "full"}
    yield heading("aperture", *(f"channel {cell.channel}, {cell.mission}" for cell in full))
    names = dict.fromkeys(name for ratios in full.values() for name in ratios)
    for name in sorted(names, key=lambda name: [float(part) for part in name.split(",")], reverse=True):
        cells_of = (ratios.get(name) for ratios in full.values())
        yield row(name, *("" if value is None else f"{value:.4f}" for value in cells_of))
