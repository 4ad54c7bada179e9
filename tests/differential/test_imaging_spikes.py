"""Hits, stars and first states against slow obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, map_coordinates
from truthkit.wisestars import SIGMA, star_frame

from photomitrus_cli.imaging.bitmasks import FATAL_PRESETS, estimate_unc, first_state
from photomitrus_cli.imaging.localmodel import LocalModel, local_model
from photomitrus_cli.imaging.spikes import flag_spikes
from photomitrus_cli.imaging.starpixels import flag_stars


def planes(model: LocalModel, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: shape[0], : shape[1]]
    at = [(y - 7.5) / 16, (x - 7.5) / 16]
    level, sigma = (
        map_coordinates(cells.astype(float), at, order=1, mode="nearest")
        for cells in (model.level, model.sigma)
    )
    return level, sigma


class Twin:
    """Judge the pixels one by one, and walk from hit to hit; sigma 5, sharpness 0.35."""

    def __init__(self, sci: np.ndarray, unc: np.ndarray, state: np.ndarray, model: LocalModel) -> None:
        self.sky, sigma = planes(model, sci.shape)
        self.sci, self.noise, self.state = sci.astype(float), np.fmax(unc, sigma), state.copy()
        self.height = self.sci - self.sky

    def sides(self, at: tuple[int, int], axis: int) -> list[tuple[int, int]]:
        step = (axis, 1 - axis)
        both = [(at[0] + s * step[0], at[1] + s * step[1]) for s in (-1, 1)]
        return [p for p in both if 0 <= p[0] < self.sci.shape[0] and 0 <= p[1] < self.sci.shape[1]]

    def beyond(self, p: tuple[int, int], at: tuple[int, int]) -> float:
        """Height of a pixel over the sky of another, depth if that one is low."""
        return float(np.sign(self.height[at]) * (self.sci[p] - self.sky[at]))

    def lifted(self, p: tuple[int, int], at: tuple[int, int], slack: float) -> float:
        """Height of a neighbour, in the favour of a star."""
        return float(max(self.beyond(p, at) + slack * self.noise[at], self.noise[at]))

    def pairs(self, at: tuple[int, int], slack: float) -> list[float]:
        found = []
        for axis in (0, 1):
            sides = self.sides(at, axis)
            if len(sides) == 2 and not any(self.state[p] for p in sides):
                found.append(float(np.sqrt(np.prod([self.lifted(p, at, slack) for p in sides]))))
        return found

    def beside_saturated(self, at: tuple[int, int]) -> bool:
        y, x = at
        return bool((self.state[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2] & 2).any())

    def seeds(self) -> list[tuple[int, int]]:
        found = []
        for y, x in np.argwhere((self.state == 0) & (np.abs(self.height) > 5.0 * self.noise)):
            at = int(y), int(x)
            pairs, limit = self.pairs(at, 1.75), 0.35 * self.beyond(at, at)
            sharp = any(p < 0.7 * limit for p in pairs)
            sharp |= len(pairs) == 2 and bool(np.sqrt(np.prod(pairs)) < limit)
            if sharp and not self.beside_saturated(at):
                found.append(at)
        return found

    def half_sharp(self, at: tuple[int, int], axis: int) -> bool:
        sides = self.sides(at, axis)
        states = [int(self.state[p]) for p in sides]
        if len(sides) < 2 or set(states) - {0, 4} or 4 not in states:
            return False
        if states == [4, 4]:
            return True
        own = self.beyond(at, at) + 0.7 * self.noise[at]
        other = self.beyond(sides[states.index(0)], at) + 0.7 * self.noise[at]
        return bool(other < 2.7 * self.noise[at] or other * own < (0.35 * self.height[at]) ** 2)

    def belongs(self, at: tuple[int, int], hit: tuple[int, int]) -> bool:
        height = np.sign(self.height[hit]) * self.height[at]
        if self.state[at] or height <= 3.0 * self.noise[at] or self.beside_saturated(at):
            return False
        sharp = any(pair < 0.35 * height for pair in self.pairs(at, 0.7))
        return sharp or self.half_sharp(at, 0) or self.half_sharp(at, 1)

    def run(self) -> np.ndarray:
        hits = self.seeds()
        for at in hits:
            self.state[at] |= 4
        for y, x in hits:
            for v in range(max(y - 1, 0), min(y + 2, self.sci.shape[0])):
                for u in range(max(x - 1, 0), min(x + 2, self.sci.shape[1])):
                    if self.belongs((v, u), (y, x)):
                        self.state[v, u] |= 4
                        hits.append((v, u))
        return self.state


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_spikes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = star_frame(rng, 150)
    sci = frame.sci
    for _ in range(60):
        y, x, length, angle = (
            rng.integers(1, 149),
            rng.integers(1, 149),
            rng.uniform(0, 8),
            rng.uniform(0, np.pi),
        )
        t = np.linspace(0.0, length, 60)
        j, i = np.rint(y + t * np.sin(angle)).astype(int), np.rint(x + t * np.cos(angle)).astype(int)
        inside = (j < 150) & (i >= 0) & (i < 150)
        side = np.float32(rng.choice([-1.0, 1.0]))
        np.add.at(
            sci, (j[inside], i[inside]), side * np.float32(SIGMA * 10.0 ** rng.uniform(0.6, 2.5) / 10.0)
        )
    state = (rng.random(sci.shape) < 0.02).astype(np.uint8)
    state[frame.light > 1000.0 * SIGMA] = 3
    sci[state == 1] = np.nan
    model = local_model(sci, state)
    expected = Twin(sci, frame.unc, state, model).run()
    found = flag_spikes(sci, frame.unc, state, model)
    assert 100 < (expected == 4).sum() < 600
    assert (state == 3).sum() > 20
    assert found == (state == 4).sum()
    # A pixel at a limit may fall on either side of it by rounding.
    assert (state != expected).sum() <= 2


def test_stars() -> None:
    rng = np.random.default_rng(4)
    frame = star_frame(rng, 150)
    state = np.zeros((150, 150), np.uint8)
    state[rng.random(state.shape) < 0.01] = 4
    state[30:33, 40:42] = 2
    model = local_model(frame.sci, state)
    level, sigma = planes(model, (150, 150))
    seeds = ((frame.sci - level > 6.0 * np.fmax(frame.unc, sigma)) & (state == 0)) | (state == 2)
    for grow in (0, 1, 2, 4):
        y, x = np.mgrid[-grow : grow + 1, -grow : grow + 1]
        grown = binary_dilation(seeds, x**2 + y**2 <= grow * (grow + 1)) if grow else seeds
        mine = state.copy()
        found = flag_stars(frame.sci, frame.unc, mine, model, sigma=6.0, grow=grow)
        np.testing.assert_array_equal(mine, state | 8 * grown.astype(np.uint8))
        assert found == (grown & (state == 0)).sum()
        assert found > 100


@pytest.mark.parametrize("preset", list(FATAL_PRESETS))
@pytest.mark.parametrize("grow28", [False, True])
def test_first_state(preset: str, grow28: bool) -> None:
    rng = np.random.default_rng(5)
    shape = (40, 52)
    sci, unc = rng.normal(0.0, 2.0, (2, *shape)).astype(np.float32)
    unc = np.abs(unc) + np.float32(0.1)
    for plane, values in ((sci, [np.nan, np.inf, -np.inf]), (unc, [np.nan, np.inf, 0.0, -1.0])):
        for value in values:
            plane[rng.random(shape) < 0.01] = value
    msk = np.zeros(shape, np.int32)
    for bit in range(32):
        msk[rng.random(shape) < 0.01] |= np.uint32(1 << bit).view(np.int32)
    unsigned = msk.view(np.uint32)
    fatal = FATAL_PRESETS[preset]
    bad = (unsigned & np.uint32(fatal)) != 0
    if grow28 and fatal >> 28 & 1:
        bad |= binary_dilation((unsigned >> 28 & 1) == 1, np.ones((3, 3)))
    bad |= ~np.isfinite(sci) | ~np.isfinite(unc) | ~(unc > 0.0)
    saturated = (unsigned & np.uint32(sum(1 << b for b in range(10, 19)))) != 0
    state = first_state(sci, unc, msk, fatal, grow28=grow28)
    np.testing.assert_array_equal(state, bad + 2 * saturated)
    alone = first_state(sci, None, None, fatal, grow28=grow28)
    np.testing.assert_array_equal(alone, ~np.isfinite(sci))


def test_estimated_noise() -> None:
    rng = np.random.default_rng(6)
    frame = star_frame(rng, 150)
    state = (rng.random((150, 150)) < 0.1).astype(np.uint8)
    model = local_model(frame.sci, state)
    level, sigma = planes(model, (150, 150))
    expected = np.sqrt(sigma**2 + np.maximum(frame.sci - level, 0.0) / 6.83)
    unc = estimate_unc(frame.sci, state, model, gain=6.83)
    np.testing.assert_allclose(unc, np.where(state == 0, expected, np.nan), rtol=1e-4)
