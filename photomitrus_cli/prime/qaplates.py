"""Plates of the quality of a stack: positions, shapes of stars, a frame and its sky."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.qaareas import scatter
from photomitrus_cli.prime.qaevidence import Evidence
from photomitrus_cli.prime.thinning import block_means
from photomitrus_cli.report.axis import Axis
from photomitrus_cli.report.colours import Stretch, count_table, grey_table, sky_stretch
from photomitrus_cli.report.plates import (
    ArrowPlate,
    ImagePlate,
    Plate,
    round_length,
    usual_length,
)

Float = NDArray[np.float64]

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# A frame is shown in about so many pixels, means of its own.
_SHOWN = 512
# Arrows that are so much shorter than others are drawn longer.
_MUCH = 3.0


def positions(evidence: Evidence) -> dict[str, Any]:
    """Give the plates of residuals, for `draw_plates`."""
    found, areas = evidence.residuals, evidence.residual_areas
    x, y = (place.ravel() for place in areas.centres)
    first, last = (
        [areas.medians(one, found.weight).ravel() for one in both] for both in (found.before, found.after)
    )
    usual = usual_length(*first)
    # What the fit leaves would be too short to be seen beside what it has mended.
    larger = usual / usual_length(*last) if found.x.size else 1.0
    larger = round_length(larger) if larger >= _MUCH else 1.0
    times = f", arrows {larger:g} times as long" if larger > 1.0 else ""
    spread = areas.scatters(found.after, found.weight)
    word = f"{found.x.size} pairs: {scatter(found.after, found.weight):.3f} arcsec" if found.x.size else ""
    plates: list[Plate] = [
        ArrowPlate(x, y, first[0], first[1], "arcsec", "first geometry, shifted", usual),
        ArrowPlate(x, y, last[0], last[1], "arcsec", f"after the fit{times}", usual / larger),
        ImagePlate(spread, "scatter of a star in x or y (arcsec)", _range(spread), count_table(), word),
    ]
    return {"plates": plates, **_axes(areas.chip)}


def stars(evidence: Evidence) -> dict[str, Any]:
    """Give the plates of the shapes of stars, for `draw_plates`."""
    found, areas = evidence.shapes, evidence.shape_areas
    plates = []
    for values, label in ((found.fwhm, "FWHM (arcsec)"), (found.ellipticity, "ellipticity")):
        image = areas.medians(values)
        told = f"median {np.median(values):.3g}, {values.size} stars" if values.size else ""
        plates.append(ImagePlate(image, label, _range(image), count_table(), told))
    return {"plates": plates, **_axes(areas.chip)}


def sky(before: Float32, after: Float32, bad: Bool, level: float, unit: str) -> dict[str, Any]:
    """Give the plates of a frame with and without its sky, for `draw_plates`.

    Parameters
    ----------
    before, after : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
        Pixels that are not shown.
    level : float
        Of the sky.
    unit : str
    """
    step = max(1, -(-max(bad.shape) // _SHOWN))
    with_sky, without = block_means([before, after], bad, step)
    with_sky -= np.float32(level)
    stretch = sky_stretch(np.concatenate([with_sky, without]))
    plates = [
        ImagePlate(with_sky, unit, stretch, grey_table(), f"over the flat, less its level of {level:.6g}"),
        ImagePlate(without, unit, stretch, grey_table(), "less its sky"),
    ]
    return {"plates": plates, **_axes((step * without.shape[0], step * without.shape[1]))}


def _range(values: Float) -> Stretch:
    """Show all values, evenly."""
    known = values[np.isfinite(values)]
    if not known.size:
        return Stretch(0.0, 1.0)
    low, high = float(known.min()), float(known.max())
    room = 0.0 if high > low else 1e-3 * abs(high) or 1.0
    return Stretch(low - room, high + room)


def _axes(chip: tuple[int, int]) -> dict[str, Axis]:
    ny, nx = chip
    return {
        "x": Axis("x", "pix", low=-0.5, high=nx - 0.5),
        "y": Axis("y", "pix", low=-0.5, high=ny - 0.5),
    }
