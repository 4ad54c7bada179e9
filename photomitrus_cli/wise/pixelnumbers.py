"""What the pixels of one frame tell of it, for tables and for the judgement of frames."""

from __future__ import annotations

from typing import Any

import numpy as np

from photomitrus_cli.imaging.bitmasks import (
    BAD,
    SATURATED,
    SPIKE,
    STAR,
)
from photomitrus_cli.imaging.framenumbers import FrameNumbers
from photomitrus_cli.run.summary import finite
from photomitrus_cli.wise.accepting import Accepted
from photomitrus_cli.wise.framechecks import sun_to_spacecraft
from photomitrus_cli.wise.framefiles import FrameRef

USED = 0
# The median of the uncertainties is taken of every so many-th row and column.
THIN = 4


def pixel_numbers(
    ref: FrameRef, got: Accepted, found: FrameNumbers, scale: float, magzp: float | None, *, per_pixel: bool
) -> dict[str, Any]:
    """Tell what was measured of a frame; levels and gradients at the nominal zero point."""
    state = got.state
    used = state == USED
    some = got.unc[::THIN, ::THIN][used[::THIN, ::THIN]]
    unc_median = float(np.median(some if some.size else got.unc[used])) * scale
    counts = {
        name: int(np.count_nonzero(state & bit))
        for name, bit in (
            ("n_masked", BAD),
            ("n_saturated", SATURATED),
            ("n_spikes", SPIKE),
            ("n_stars", STAR),
        )
    }
    levels = {
        "level": found.median,
        "sigma": found.sigma,
        "med16": found.low16,
        "grad_x": found.gradient_x,
        "grad_y": found.gradient_y,
        "plane_rms": found.rms,
    }
    return {
        "scan_id": ref.scan_id,
        "mjd": ref.mjd,
        "moon_sep": finite(ref.moon_sep),
        "saa_sep": finite(ref.saa_sep),
        **sun_to_spacecraft(got.cards),
        "magzp": magzp,
        "scale": scale,
        "weight": 1.0 / scale**2 if per_pixel else 1.0 / unc_median**2,
        "estimated": int(got.estimated),
        "n_pixels": state.size,
        "n_used": int(np.count_nonzero(used)),
        "unc_median": unc_median,
        **counts,
        **{name: finite(value * scale) for name, value in levels.items()},
    }
