"""Where a joint calibration starts: found scan by scan, or completed from an earlier one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise import jointsolve
from photomitrus_cli.wise.jointdesign import Choices, Problem, make_problem
from photomitrus_cli.wise.jointstart import Start, first_point
from photomitrus_cli.wise.robustlines import robust_lines
from photomitrus_cli.wise.samples import Samples

Floats = NDArray[np.float64]
N_SCANS, N_EACH, N_PIXELS = 4, 40, 60
GAINS = np.array([70.0, 74.0, 80.0, 90.0])
CHOICES = Choices(5.0, 25.0, None, None, None, {"sides": 0.02}, 2.5, 12)


def problem(gains: Floats = GAINS, offsets: Floats | float = 250.0, sky: Floats | float = 0.0) -> Problem:
    """Scans without noise, a day apart, each through 40 of 60 pixels."""
    n = N_SCANS * N_EACH
    scan = np.repeat(np.arange(N_SCANS), N_EACH)
    index = (np.tile(np.arange(N_EACH), N_SCANS) + 5 * scan).astype(np.int32)
    zodi = (20.0 + 10.0 * np.sin(0.2 * np.tile(np.arange(N_EACH), N_SCANS) + scan)).astype(np.float32)
    value = gains[scan] * (zodi + np.broadcast_to(sky, N_PIXELS)[index])
    value += np.broadcast_to(offsets, N_SCANS)[scan]
    samples = Samples(
        tuple("abcd"), np.arange(N_SCANS + 1) * N_EACH, 64, "ecliptic", np.arange(N_PIXELS) + 9000, index,
        value, np.ones(n, np.float32), np.ones(n, np.int32), 55238.0 + scan + 2e-3 * index / N_EACH,
        np.zeros(n, np.uint8), zodi[None], ("cloud",), np.zeros(N_PIXELS, np.float32),
        np.linspace(-80.0, 80.0, N_PIXELS, dtype=np.float32), np.full(N_PIXELS, 40.0, np.float32),
        np.array([1, -1, 1, -1], np.int8), np.ones(N_SCANS, bool),
    )  # fmt: skip
    return make_problem(samples, CHOICES)


def everything(one: Problem) -> NDArray[np.bool_]:
    return np.ones(len(one.samples), bool)


def start_of(one: Problem, **changes: Any) -> Start:
    unknown = np.full(N_SCANS, np.nan)
    start = Start(unknown, unknown, np.empty((N_SCANS, 0)), np.zeros(1), np.full(N_PIXELS, np.nan))
    return replace(start, **changes)


def test_without_a_start_all_scans_have_the_median_gain() -> None:
    one = problem()
    first = first_point(one, everything(one), None)
    np.testing.assert_allclose(first.gain, 77.0, rtol=1e-6)
    left = (one.samples.value - 77.0 * one.template).reshape(N_SCANS, N_EACH)
    np.testing.assert_allclose(first.nodes, np.median(left, axis=1)[:, None] * np.ones(first.nodes.shape[1]),
                               rtol=1e-6)  # fmt: skip
    assert first.amplitudes.tolist() == [0.0]
    assert (first.walk, first.jitter, first.baseline) == (0.0, 0.0, 0.0)
    # The mean of what is left, pixel by pixel; scans end at pixel 55.
    bright = ((left - np.median(left, axis=1)[:, None]) / 77.0).ravel()
    sums, counts = (np.bincount(one.samples.index, w, N_PIXELS) for w in (bright, None))
    assert first.seen.tolist() == [True] * 55 + [False] * 5
    np.testing.assert_allclose(first.sky[:55], sums[:55] / counts[:55], rtol=1e-5, atol=1e-9)
    assert (first.sky[55:] == 0.0).all()


def test_scans_that_fall_with_the_template_have_no_say() -> None:
    one = problem(np.array([70.0, -500.0, 80.0, 0.0]))
    assert first_point(one, everything(one), None).gain == pytest.approx(75.0)
    none = problem(np.zeros(N_SCANS))
    with pytest.raises(NoDataError, match="no scan grows with the zodiacal template"):
        first_point(none, everything(none), None)


def test_a_start_is_completed() -> None:
    """Gains between scans that have one, offsets where they are not known, the sky of new pixels."""
    sky = np.linspace(0.0, 3.0, N_PIXELS)
    one = problem(np.full(N_SCANS, 74.0), np.array([200.0, 210.0, 220.0, 230.0]), sky)
    known = np.where(np.arange(N_PIXELS) < 30, sky, np.nan)
    nodes = np.array([[201.0, 199.0], [np.nan, 211.0], [220.0, np.nan], [231.0, 229.0]])
    start = start_of(
        one,
        gain=np.array([70.0, np.nan, 78.0, np.nan]),
        offset=np.array([200.0, np.nan, 220.0, 230.0]),
        nodes=nodes,
        sky=known,
        amplitudes=np.array([0.01]),
        walk=0.3,
        jitter=0.2,
        baseline=5.0,
    )
    used = everything(one)
    # Nothing of the second scan: its offset is the median one.
    used[N_EACH : 2 * N_EACH] = False
    first = first_point(one, used, start)
    np.testing.assert_allclose(first.gain, [70.0, 74.0, 78.0, 78.0])
    assert first.nodes[:, 0].tolist() == [201.0, 220.0, 220.0, 231.0]
    assert first.nodes[:, 1].tolist() == [199.0, 211.0, 220.0, 229.0]
    assert (first.nodes[:, 2:] == np.array([200.0, 220.0, 220.0, 230.0])[:, None]).all()
    assert first.amplitudes.tolist() == [0.01]
    assert (first.walk, first.jitter, first.baseline) == (0.3, 0.2, 5.0)
    scan, index = one.scan, one.samples.index
    zodi = one.template * (1.0 + 0.01 * np.repeat([1, -1, 1, -1], N_EACH))
    offsets = np.array(
        [np.interp(one.design.node[i] + one.design.part[i], np.arange(first.nodes.shape[1]), first.nodes[s])
         for i, s in enumerate(scan)]
    )  # fmt: skip
    bright = (one.samples.value - offsets) / first.gain[scan] - zodi
    for p in range(N_PIXELS):
        mine = used & (index == p)
        assert first.seen[p] == mine.any()
        if mine.any():
            assert first.sky[p] == pytest.approx(bright[mine].mean(), abs=1e-6)
        else:
            assert first.sky[p] == (known[p] if p < 30 else 0.0)


def test_what_is_given_is_where_the_solution_begins() -> None:
    """Strengths: those that are chosen, else those of the start, else what can be measured from."""
    one = problem(np.full(N_SCANS, 74.0), 250.0, np.where(np.arange(N_PIXELS) % 2, 0.5, 0.7))
    used = everything(one)
    one.samples.value[:] += np.random.default_rng(4).normal(0.0, 3.0, used.size)
    for choices, start, expected in (
        (CHOICES, None, (0.01, 1e-3, None)),
        (CHOICES, start_of(one, walk=0.3, jitter=0.2, baseline=5.0), (0.3, 0.2, 5.0)),
        (replace(CHOICES, gain_walk=0.5, gain_jitter=0.4, baseline_dn=7.0),
         start_of(one, walk=0.3, jitter=0.2, baseline=5.0), (0.5, 0.4, 7.0)),
    ):  # fmt: skip
        point, strengths = jointsolve._begin(replace(one, choices=choices), used, start)
        assert (strengths.walk, strengths.jitter) == expected[:2]
        assert strengths.baseline == (expected[2] or pytest.approx(float(np.median(point.noise))))
        # A rough start cannot tell what does not fit.
        rough = start is None
        assert (point.share == 0.0) and (point.robust == 1.0).all() if rough else (point.robust < 1.0).any()
        seen = np.unique(one.samples.index)
        scale = one.shape.scale
        smooth = float(point.unknowns.smooth[0][0])
        assert point.pixel[55:].tolist() == [0.0] * 5
        first = first_point(one, used, start)
        np.testing.assert_allclose((point.pixel + smooth * scale)[seen], first.sky[seen], atol=1e-12)
        assert smooth == pytest.approx(float(np.median(first.sky[seen] / scale[seen])))
        assert ((point.noise > 1.5) & (point.noise < 4.0)).all()


def test_robust_lines_are_the_same_in_any_unit() -> None:
    """And outliers count as Huber has it: weights solved for by plain iteration."""
    rng = np.random.default_rng(6)
    x = rng.uniform(10.0, 40.0, 200)
    y = 5.0 * x + 30.0 + rng.normal(0.0, 2.0, 200)
    y[::9] += 60.0
    used, first = np.ones(200, bool), np.array([0, 200])
    gain, offset = robust_lines(y, x, used, first)
    small = robust_lines(1e-3 * y, x, used, first)
    np.testing.assert_allclose([small[0], small[1]], [1e-3 * gain, 1e-3 * offset], rtol=1e-9)
    weight = np.ones(200)
    for _ in range(6):
        slope, level = np.polynomial.Polynomial.fit(x, y, 1, w=np.sqrt(weight)).convert().coef[::-1]
        apart = np.abs(y - slope * x - level)
        weight = 1.0 / np.maximum(apart / (1.3 * 1.4826 * np.median(apart)), 1.0)
    np.testing.assert_allclose([gain[0], offset[0]], [slope, level], rtol=1e-6)
    assert gain[0] == pytest.approx(5.0, abs=0.1)
