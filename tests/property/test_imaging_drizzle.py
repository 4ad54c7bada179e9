"""What drizzle keeps for any frame, place and window."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from photomitrus_cli.imaging.drizzle import drizzle_frame

Float = NDArray[np.float64]
FIELDS = ("value", "variance", "valid", "share")
ANGLES = st.floats(0.0, 360.0)
SCALES = st.sampled_from([0.51, 1.02, 2.04, 5.1])
PIXFRACS = st.sampled_from([0.3, 0.6, 1.0])


def placed(
    shape: tuple[int, int], angle: float, scale: float, at: tuple[float, float]
) -> tuple[Float, Float]:
    """Grid positions of the pixel centres of a turned and slightly bent frame."""
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2.0
    x, y = x + 1e-4 * x * y, y - 1e-4 * x * x
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return at[1] + cos * x - sin * y, at[0] + sin * x + cos * y


@settings(max_examples=40, deadline=None)
@given(ANGLES, SCALES, PIXFRACS, st.integers(0, 2**32 - 1))
def test_any_cut_of_the_grid_gives_the_same_bits(
    angle: float, scale: float, pixfrac: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (21, 35)
    gx, gy = placed(shape, angle, scale, (rng.uniform(60, 90), rng.uniform(60, 90)))
    sci, var = rng.normal(size=shape), rng.uniform(1, 2, shape)
    bad = rng.random(shape) < 0.1
    whole = drizzle_frame(sci, var, bad, gx, gy, (0, 150, 0, 150), pixfrac=pixfrac)
    rows, cols = (np.sort(np.concatenate([[0, 150], rng.integers(1, 150, 2)])) for _ in range(2))
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(cols):
            part = drizzle_frame(sci, var, bad, gx, gy, (y0, y1, x0, x1), pixfrac=pixfrac)
            for field in FIELDS:
                expected = getattr(whole, field)[y0:y1, x0:x1]
                np.testing.assert_array_equal(getattr(part, field), expected)


@settings(max_examples=40, deadline=None)
@given(ANGLES, SCALES, PIXFRACS, st.integers(0, 2**32 - 1))
def test_all_flux_arrives(angle: float, scale: float, pixfrac: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, 24)
    gx, gy = placed(shape, angle, scale, (rng.uniform(90, 110), rng.uniform(90, 110)))
    sci = rng.uniform(1.0, 9.0, shape)
    good = np.zeros(shape, dtype=bool)
    out = drizzle_frame(sci, np.ones(shape), good, gx, gy, (0, 200, 0, 200), pixfrac=pixfrac)
    assert out.share is not None
    (down_x, right_x), (down_y, right_y) = np.gradient(gx), np.gradient(gy)
    areas = pixfrac**2 * np.abs(right_x * down_y - right_y * down_x)
    flux = np.nansum(out.share * out.value, dtype=np.float64)
    # Up to the values that are not valid.
    lost = 0.006 if pixfrac < 0.5 else 0.002
    assert (sci * areas).sum() * (1.0 - lost) < flux < (sci * areas).sum() * 1.0001


@settings(max_examples=30, deadline=None)
@given(ANGLES, SCALES, PIXFRACS, st.floats(1e-3, 1e4), st.integers(0, 2**32 - 1))
@example(162.921875, 0.51, 1.0, 0.3125, 0)
def test_a_constant_stays_constant(
    angle: float, scale: float, pixfrac: float, level: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    shape = (20, 24)
    gx, gy = placed(shape, angle, scale, (rng.uniform(90, 110), rng.uniform(90, 110)))
    sci = np.full(shape, level, dtype=np.float32)
    bad = rng.random(shape) < 0.1
    out = drizzle_frame(sci, np.ones(shape), bad, gx, gy, (0, 200, 0, 200), pixfrac=pixfrac)
    # Sums of float32: a few units in the last place.
    np.testing.assert_allclose(out.value[out.valid], sci[0, 0], rtol=1e-6)
