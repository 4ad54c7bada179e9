"""Axes of charts: labels tell where ticks stand, and every digit that changes is shown."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from photomitrus_cli.report.axis import Axis, Scale, choose_ticks, fit_scale, nice_step

RANGES = [
    (0.0, 1.0),
    (-3.2, 4.1),
    (53200.0, 54900.0),
    (55123.4, 55123.6),
    (55123.45, 55123.450015),
    (-55123.6, -55123.4),
    (1.0e-7, 1.3e-7),
    (3.1e7, 9.9e7),
    (640.0, 640.001),
    (0.0, 2e-12),
    (2452123.1, 2452456.7),
    (-1e-3, 1e5),
]


def read_back(label: str, shift: str, factor: str) -> float:
    offset = float(shift.replace(" ", "")) if shift else 0.0
    return float(label) * float(factor or 1) - offset


@pytest.mark.parametrize("limits", RANGES)
@pytest.mark.parametrize("most", [1, 2, 5, 9])
def test_labels_tell_where_the_ticks_stand(limits: tuple[float, float], most: int) -> None:
    ticks = choose_ticks(Scale(*limits), most)
    span = limits[1] - limits[0]
    told = [read_back(label, ticks.shift, ticks.factor) for label in ticks.labels]
    assert told == pytest.approx(ticks.values, abs=1e-6 * span + 1e-15 * abs(limits[1]))
    assert len(set(ticks.labels)) == len(ticks.labels) <= most + 1
    assert all(limits[0] - 1e-6 * span <= value <= limits[1] + 1e-6 * span for value in ticks.values)
    assert max(map(len, ticks.labels), default=0) <= 8
    if most >= 5:
        assert len(ticks.labels) >= 2


@pytest.mark.parametrize(
    ("limits", "labels", "title"),
    [
        ((55101.2, 55108.9), ["102", "104", "106", "108"], "MJD - 55000 (d)"),
        ((55123.41, 55123.59), ["3.45", "3.50", "3.55"], "MJD - 55120 (d)"),
        ((55123.45001, 55123.45039), ["0.4501", "0.4502", "0.4503"], "MJD - 55123 (d)"),
        ((53240.0, 54870.0), ["53500", "54000", "54500"], "MJD (d)"),
        ((1.1e-7, 2.9e-7), ["1.5", "2.0", "2.5"], "MJD (1e-7 d)"),
        ((0.9999937, 0.9999983), ["0.999994", "0.999996", "0.999998"], "MJD (d)"),
    ],
)
def test_shift_and_factor(limits: tuple[float, float], labels: list[str], title: str) -> None:
    ticks = choose_ticks(Scale(*limits), 4)
    assert list(ticks.labels) == labels
    assert ticks.title(Axis("MJD", "d")) == title


@pytest.mark.parametrize(
    ("limits", "most", "labels"),
    [
        ((0.9, 1100.0), 4, ["1", "10", "100", "1000"]),
        ((0.9, 110.0), 9, ["1", "2", "5", "10", "20", "50", "100"]),
        ((1e-7, 2e6), 5, ["1e-6", "0.001", "1", "1000", "1e6"]),
        ((2.1, 4.9), 4, ["3", "4"]),
    ],
)
def test_logarithmic_ticks(limits: tuple[float, float], most: int, labels: list[str]) -> None:
    ticks = choose_ticks(Scale(*limits, log=True), most)
    # Powers of ten are written with or without exponents; what they tell is the same.
    assert [float(label) for label in ticks.labels] == [float(label) for label in labels]
    assert ticks.values == pytest.approx([float(label) for label in labels])


def test_whole_ticks_and_round_steps() -> None:
    assert choose_ticks(Scale(0.0, 2.2), 9, whole=True).labels == ("0", "1", "2")
    for span, most in itertools.product((0.3, 1.0, 7.0, 1e-9, 4e12), (1, 3, 8)):
        mantissa, exponent = nice_step(span, most)
        parts = span / (mantissa * 10.0**exponent)
        assert mantissa in (1, 2, 5)
        assert parts <= most * (1 + 1e-6)
        assert parts > most / 2.5 / (1 + 1e-6)


def test_the_range_of_an_axis() -> None:
    values = np.array([1.0, 3.0, np.nan, np.inf, -np.inf])
    assert fit_scale(Axis(), [values]) == Scale(0.9, 3.1)
    found = fit_scale(Axis(low=0.0), [values])
    assert found is not None
    assert found.low == 0.0
    assert found.high == pytest.approx(3.15)
    assert fit_scale(Axis(low=0.0, high=2.0), []) == Scale(0.0, 2.0)
    assert fit_scale(Axis(), [np.full(3, np.nan)]) is None
    assert fit_scale(Axis(log=True), [np.array([-1.0, 0.0])]) is None
    logarithmic = fit_scale(Axis(log=True), [np.array([-5.0, 1.0, 100.0])])
    assert logarithmic is not None
    assert np.log10([logarithmic.low, logarithmic.high]) == pytest.approx([-0.1, 2.1])
    for alone in (0.0, 55123.4, -2.0, 1e-30, 1e30):
        scale = fit_scale(Axis(), [np.full(4, alone)])
        assert scale is not None
        assert scale.low < alone < scale.high
    assert fit_scale(Axis(), [np.array([55123.4])]) == Scale(55122.9, 55123.9)
    for wrong in (Axis(low=2.0, high=2.0), Axis(log=True, low=0.0), Axis(low=np.nan)):
        with pytest.raises(ValueError, match="make no range"):
            fit_scale(wrong, [values])
