"""Real frames without masks: how much is taken for hits, and whether stars stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy.ndimage import correlate, maximum_filter

from photomitrus_cli.imaging.bitmasks import SPIKE, estimate_unc, first_state
from photomitrus_cli.imaging.framenumbers import frame_numbers
from photomitrus_cli.imaging.localmodel import cell_row, local_model
from photomitrus_cli.imaging.spikes import flag_spikes
from photomitrus_cli.imaging.starpixels import flag_stars

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

FRAMES = [
    *(
        f"allsky4band/{name}-w{band}-int-1b.fits"
        for name in ("00805b089", "00808a064")
        for band in (1, 2, 3, 4)
    ),
    "neowiser/81487a025-w2-int-1b.fits",
]
GAIN = {1: 3.2, 2: 3.83, 3: 6.83, 4: 24.5}


@pytest.mark.parametrize("name", FRAMES)
def test_hits_and_stars(real_data: Path, name: str) -> None:
    path = real_data / "wise-l1b" / name
    sci = np.asarray(fits.getdata(path), np.float32)
    band = int(fits.getval(path, "BAND"))
    state = first_state(sci, None, None, 0)
    model = local_model(sci, state)
    numbers = frame_numbers(sci, state, model)
    good = sci[state == 0]
    middle, below = np.quantile(good, [0.5, 0.15865525])
    assert abs(numbers.median - middle) < 0.02 * numbers.sigma
    assert abs(numbers.low16 - (middle - below)) < 0.02 * numbers.sigma
    unc = estimate_unc(sci, state, model, gain=GAIN[band])
    flag_spikes(sci, unc, state, model)
    hit = (state & SPIKE) > 0
    level, sigma = np.empty_like(sci), np.empty_like(sci)
    for y in range(sci.shape[0]):
        cell_row(model.level, y, level[y])
        cell_row(model.sigma, y, sigma[y])
    height = np.where((state & 1) > 0, np.nan, sci - level).astype(float)
    high, low = (int((hit & (side * np.nan_to_num(height) > 0.0)).sum()) for side in (1.0, -1.0))
    assert 1e-5 < high / good.size < 1e-3
    # Without masks, warm detectors have many noisy pixels.
    assert low / good.size < (2e-3 if name.startswith("neowiser") else 3e-4)
    around = correlate(height, np.ones((3, 3)), mode="constant", cval=np.nan) - height
    whole = np.nan_to_num(height)
    peak = (whole >= maximum_filter(whole, 3)) & (whole > 15.0 * np.maximum(sigma, unc))
    # All eight neighbours of a star are known here, and hold three times its brightest pixel and more.
    stars, sharp = peak & (around > 3.2 * height), peak & (around < 1.6 * height)
    assert stars.sum() >= (0 if band == 4 else 1)
    assert not (stars & hit).any()
    assert sharp.sum() >= 1
    assert (sharp & hit).sum() == sharp.sum()
    flag_stars(sci, unc, state, model)
    assert (state[stars] == 8).all()
    assert 1e-3 < (state == 8).mean() < 0.06
