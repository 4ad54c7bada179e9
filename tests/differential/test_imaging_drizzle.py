"""Drizzle against polygons clipped one by one, and against the drizzle of STScI."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.drizzle import MIN_SHARE, drizzle_frame

Float = NDArray[np.float64]
Point = tuple[float, float]


def placed(
    shape: tuple[int, int], angle: float, scale: float, *, mirrored: bool = False, bend: float = 0.0
) -> tuple[Float, Float]:
    """Grid positions of the pixel centres of a frame, bent by `bend` pixels per square pixel."""
    y, x = np.indices(shape) - (np.array(shape)[:, None, None] - 1) / 2.0
    x, y = (-x if mirrored else x) + bend * x * y, y + bend * x * x
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    return 1000.3 + cos * x - sin * y, 2000.7 + sin * x + cos * y


def clip(polygon: list[Point], axis: int, at: float, *, below: bool) -> list[Point]:
    """Cut a polygon at a line along an axis (Sutherland & Hodgman 1974)."""
    out: list[Point] = []
    for k, p in enumerate(polygon):
        q = polygon[(k + 1) % len(polygon)]
        inside = [(v[axis] <= at) if below else (v[axis] >= at) for v in (p, q)]
        if inside[0]:
            out.append(p)
        if inside[0] != inside[1]:
            t = (at - p[axis]) / (q[axis] - p[axis])
            cut = p[1 - axis] + t * (q[1 - axis] - p[1 - axis])
            out.append((at, cut) if axis == 0 else (cut, at))
    return out


def overlap(polygon: list[Point], y: int, x: int) -> float:
    """Area of a polygon within a pixel."""
    for axis, centre in ((0, x), (1, y)):
        polygon = clip(clip(polygon, axis, centre - 0.5, below=False), axis, centre + 0.5, below=True)
    return (
        abs(sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(polygon, polygon[1:] + polygon[:1], strict=True)))
        / 2.0
    )


def between(g: Float, y: float, x: float) -> float:
    """Interpolate bilinearly; the outer cells serve half a pixel of surroundings."""
    j, i = (int(np.clip(np.floor(p), 0, n - 2)) for p, n in zip((y, x), g.shape, strict=True))
    v, u = y - j, x - i
    return float(
        (1 - v) * ((1 - u) * g[j, i] + u * g[j, i + 1]) + v * ((1 - u) * g[j + 1, i] + u * g[j + 1, i + 1])
    )


def slow_sums(sci: Any, var: Any, bad: Any, gx: Float, gy: Float, window: Any, pixfrac: float) -> Float:
    """Sum a, a s and a^2 var pixel by pixel."""
    y0, y1, x0, x1 = window
    sums = np.zeros((3, y1 - y0, x1 - x0))
    for j, i in zip(*np.nonzero(~bad), strict=True):
        quad: list[Point] = []
        for up, along in ((-0.5, -0.5), (-0.5, 0.5), (0.5, 0.5), (0.5, -0.5)):
            x, y = (g[j, i] + pixfrac * (between(g, j + up, i + along) - g[j, i]) for g in (gx, gy))
            quad.append((x, y))
        low, high = np.floor(np.min(quad, axis=0) + 0.5), np.ceil(np.max(quad, axis=0) + 0.5)
        for oy in range(max(y0, int(low[1])), min(y1, int(high[1]))):
            for ox in range(max(x0, int(low[0])), min(x1, int(high[0]))):
                a = overlap(quad, oy, ox)
                sums[:, oy - y0, ox - x0] += a, a * sci[j, i], a * a * var[j, i]
    return sums


CASES = {
    "turned, 0.6 arcsec": (20.0, 2.04, False, 0.0, 1.0),
    "bent and shrunken": (-37.0, 2.04, False, 2e-4, 0.6),
    "mirrored, drops apart": (45.0, 2.04, True, 0.0, 0.3),
    "on the pixel borders": (0.0, 2.0, False, 0.0, 1.0),
    "upright, 1.2 arcsec": (90.0, 1.02, False, 0.0, 0.5),
    "coarse grid": (200.0, 0.4, True, 0.0, 1.0),
    "fine grid, many strips": (133.0, 6.3, False, 1e-4, 0.8),
}


@pytest.mark.parametrize("case", CASES)
def test_sums_are_those_of_clipped_polygons(case: str) -> None:
    angle, scale, mirrored, bend, pixfrac = CASES[case]
    rng = np.random.default_rng(4)
    shape = (9, 11) if scale > 3 else (16, 19)
    gx, gy = placed(shape, angle, scale, mirrored=mirrored, bend=bend)
    if case == "on the pixel borders":
        gx, gy = np.round(gx), np.round(gy)
    sci, var = rng.normal(20.0, 3.0, shape), rng.uniform(1.0, 4.0, shape)
    bad = rng.random(shape) < 0.06
    reach = int(7 * scale)
    # The frame reaches beyond the window at some sides only.
    window = (2000 - reach, 2000 + reach + 3, 1000 - reach - 6, 1000 + reach - 1)
    out = drizzle_frame(sci, var, bad, gx, gy, window, pixfrac=pixfrac)
    area, value, noise = slow_sums(sci, var, bad, gx, gy, window, pixfrac)
    least = MIN_SHARE * min(1.0, (pixfrac * scale) ** 2)
    clear = np.abs(area - least) > 1e-5
    np.testing.assert_array_equal(out.valid[clear], (area >= least)[clear])
    assert out.valid.mean() > 0.2
    assert out.share is not None
    ok = out.valid & clear
    np.testing.assert_allclose(out.share[ok], area[ok], atol=3e-6)
    # An area is good to 1e-6 of a pixel, so a value to that over its share.
    error = np.abs(out.value[ok] - value[ok] / area[ok])
    assert np.all(error < 1e-5 + 2e-5 / area[ok])
    np.testing.assert_allclose(out.variance[ok], noise[ok] / area[ok] ** 2, rtol=2e-5 / least**0.5)


@pytest.mark.parametrize("pixfrac", [1.0, 0.6])
@pytest.mark.parametrize(("scale", "bend"), [(2.04, 0.0), (2.04, 2.4e-5), (1.02, 2.4e-5)])
def test_values_are_those_of_stsci(pixfrac: float, scale: float, bend: float) -> None:
    resampler = pytest.importorskip("drizzle.resample")
    rng = np.random.default_rng(6)
    shape = (70, 75)
    gx, gy = placed(shape, 24.0, scale, bend=bend)
    gx, gy = gx - 900.0, gy - 1900.0
    side = 200
    sci, var = (
        rng.normal(20.0, 3.0, shape).astype(np.float32),
        rng.uniform(1.0, 4.0, shape).astype(np.float32),
    )
    bad = rng.random(shape) < 0.05
    theirs = resampler.Drizzle(kernel="square", out_shape=(side, side), fillval="NaN", disable_ctx=True)
    theirs.add_image(
        sci, exptime=1.0, pixmap=np.dstack([gx, gy]), pixfrac=pixfrac, iscale=1.0, in_units="cps",
        weight_map=(~bad).astype(np.float32), data2=var,
    )  # fmt: skip
    variance = theirs.out_img2[0] if isinstance(theirs.out_img2, list) else theirs.out_img2
    ours = drizzle_frame(sci, var, bad, gx, gy, (0, side, 0, side), pixfrac=pixfrac)
    assert ours.share is not None
    ok = ours.valid
    assert ok.mean() > 0.1
    # Theirs divides every area by that of its pixel, ours does not: with distortion shares differ by a part
    # in a thousand, and values by that times the contrast of neighbours.
    loose = 100.0 * bend * shape[0]
    np.testing.assert_allclose(
        theirs.out_wht[ok] * (pixfrac * scale) ** 2, ours.share[ok], rtol=1e-4 + loose, atol=1e-6
    )
    np.testing.assert_allclose(theirs.out_img[ok], ours.value[ok], rtol=1e-4)
    np.testing.assert_allclose(variance[ok], ours.variance[ok], rtol=2e-4)
    assert np.median(np.abs(theirs.out_img[ok] / ours.value[ok] - 1.0)) < 2e-6
