"""Maps of calibrated samples: what is in their columns, and what differences between halves show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.wise.calibdifferences import Difference, differences, odd_orbits
from photomitrus_cli.wise.calibmaps import FEW_SCANS, MASK_BITS, ONE_SIDE, REFUSED, Calibrated, full_sky
from photomitrus_cli.wise.samples import BRIGHT, CONTRADICTED, GALAXY, MOON, Samples

Row = tuple[float, ...]


def calibrated(scans: Sequence[Sequence[Row]], **more: Any) -> Calibrated:
    """Make scans of (pixel, sky, zodi, weight, bits); the s-th is at day s, sides take turns."""
    rows = [row for scan in scans for row in scan]
    s, n_pixels = len(scans), 1 + int(max(row[0] for row in rows))
    columns: list[NDArray[np.float64]] = [np.array(column, float) for column in zip(*rows, strict=True)]
    pixel, sky, zodi, weight, bits = columns
    first = np.concatenate([[0], np.cumsum([len(scan) for scan in scans])])
    side = np.where(np.arange(s) % 2 == 0, 1, -1).astype(np.int8)
    zeros = np.zeros(n_pixels, np.float32)
    samples = Samples(
        more.get("names", tuple(f"{2 * k + 100:05d}a" for k in range(s))), first, 4, "ecliptic",
        np.arange(n_pixels) + 50, pixel.astype(np.int32), sky, np.ones(len(rows), np.float32),
        np.full(len(rows), 3, np.int32), np.repeat(55200.0 + np.arange(s, dtype=float), np.diff(first)),
        bits.astype(np.uint8), zodi[None].astype(np.float32), ("all",), zeros, zeros, zeros,
        more.get("side", side), more.get("ascending", side > 0),
    )  # fmt: skip
    accepted = more.get("accepted", np.ones(s, bool))
    return Calibrated(samples, sky, zodi, weight, accepted, more.get("sigma_cal", np.zeros(n_pixels)))


def test_a_pixel_is_the_weighted_mean_of_its_scans() -> None:
    data = calibrated(
        [
            [(0, 1.0, 10.0, 4.0, 0), (1, -5.0, 20.0, 1.0, 0)],
            [(0, 2.0, 12.0, 1.0, 0)],
            [(0, 0.5, 9.0, 5.0, 0)],
        ],
        sigma_cal=np.array([0.3, 0.0]),
    )
    sky = full_sky(data, zodi_error=0.1)
    assert (sky.nside, sky.system, sky.pixels.tolist()) == (4, "ecliptic", [50, 51])
    got = {name: column.tolist() for name, column in sky.columns.items()}
    mean = (4 * 1.0 + 2.0 + 5 * 0.5) / 10
    zodi = (40 + 12 + 45) / 10
    assert got["SKY"] == pytest.approx([mean, -5.0])
    assert got["TOTAL"] == pytest.approx([mean + zodi, 15.0])
    assert got["SIGMA"] == pytest.approx([np.sqrt(0.1 + 0.09), 1.0])
    assert got["ZODI"] == pytest.approx([zodi, 20.0])
    assert got["ZODI_SIGMA"] == pytest.approx([0.1 * zodi, 2.0])
    assert got["HITS"] == [9, 3]
    assert got["SCANS"] == [3, 1]
    assert got["MJD"] == pytest.approx([55200.0 + (1 + 10) / 10, 55200.0], abs=1e-9)
    assert got["MIN"] == [0.5, -5.0]
    assert got["MAX"] == [2.0, -5.0]
    chi2 = (4 * (1 - mean) ** 2 + (2 - mean) ** 2 + 5 * (0.5 - mean) ** 2) / 2
    np.testing.assert_allclose(got["CHI2"], [chi2, np.nan], rtol=1e-6)
    assert got["MASK"] == [0, FEW_SCANS | ONE_SIDE]
    assert set(sky.columns) == set(sky.descriptions)
    assert {sky.units[name] for name in ("SKY", "TOTAL", "SIGMA", "ZODI", "ZODI_SIGMA", "MIN")} == {"MJy/sr"}


def test_what_is_left_out_is_told_and_does_not_count() -> None:
    scans = [
        [(0, 1.0, 1.0, 1.0, GALAXY), (1, 9.0, 1.0, 1.0, MOON), (2, 3.0, 1.0, 0.0, 0)],
        [(0, 1.0, 1.0, 1.0, BRIGHT), (1, 2.0, 1.0, 1.0, 0), (2, 3.0, 1.0, 1.0, CONTRADICTED)],
        [(0, 4.0, 1.0, 1.0, 0), (1, 2.0, 1.0, 1.0, 0)],
        [(0, 99.0, 1.0, 1.0, MOON)],
    ]
    sky = full_sky(calibrated(scans, accepted=np.array([True, True, True, False])), zodi_error=0.0)
    np.testing.assert_allclose(sky.columns["SKY"], [2.0, 2.0, np.nan])
    assert sky.columns["SCANS"].tolist() == [3, 2, 0]
    assert sky.columns["MASK"].tolist() == [
        GALAXY | BRIGHT | REFUSED,
        MOON | FEW_SCANS,
        CONTRADICTED | FEW_SCANS,
    ]
    for name in ("SIGMA", "TOTAL", "ZODI", "MJD", "MIN", "MAX"):
        assert np.isnan(sky.columns[name][2]), name
    assert sum(MASK_BITS) == 1023


def by_name(data: Calibrated) -> dict[str, Difference]:
    return {one.name: one for one in differences(data)}


def test_differences_are_of_the_halves_that_they_name() -> None:
    # What scan k shows is 2^k, so that a difference tells which scans are in which half.
    scans = [[(0, 2.0**k, 1.0, 1.0, 0)] for k in range(8)]
    made = by_name(calibrated(scans, side=np.array([1, 1, -1, -1] * 2, np.int8), ascending=np.arange(8) < 6))
    diff = {name: float(one.map.columns["DIFF"][0]) for name, one in made.items() if one.map}
    # Orbits 50, 51, 52 ... are even and odd in turn.
    odd, even = (2 + 8 + 32 + 128) / 4, (1 + 4 + 16 + 64) / 4
    assert diff["half"] == pytest.approx((15 / 4 - 240 / 4) / 2)
    assert diff["oddeven"] == pytest.approx((odd - even) / 2)
    assert diff["updown"] == pytest.approx((63 / 6 - 192 / 2) / 2)
    half = made["updown"].map
    assert half is not None
    assert half.columns["SIGMA"][0] == pytest.approx(0.5 * np.sqrt(1 / 6 + 1 / 2))
    assert (half.columns["SCANS_A"].tolist(), half.columns["SCANS_B"].tolist()) == ([6], [2])


def test_noise_gives_a_chi2_of_one_and_what_one_half_alone_sees_is_not_compared() -> None:
    rng = np.random.default_rng(2)
    scans = []
    for k in range(20):
        sigma = rng.uniform(0.1, 0.5, 300)
        value = 30.0 + rng.normal(0, sigma)
        kept = range(300) if k < 10 else range(150, 300)
        scans.append([(float(p), float(value[p]), 10.0, float(sigma[p] ** -2), 0) for p in kept])
    made = by_name(calibrated(scans, ascending=np.ones(20, bool)))
    half = made["half"]
    assert half.map is not None
    assert half.map.pixels.tolist() == list(range(200, 350))
    assert half.facts["pixels"] == 150
    assert half.facts["chi2"] == pytest.approx(1.0, abs=0.35)
    assert half.facts["chi2_typical"] == pytest.approx(1.0, abs=0.5)
    assert abs(half.facts["mean"]) < 0.02
    assert made["oddeven"].facts["pixels"] == 300
    assert made["updown"].map is None
    assert np.isnan(made["updown"].facts["chi2"])


def test_orbits_are_odd_by_number_or_else_by_turns_on_each_side() -> None:
    row = [[(0, 1.0, 1.0, 1.0, 0)]] * 4
    names = ("01770a", "01771b", "01772a", "01773a")
    assert odd_orbits(calibrated(row, names=names).samples).tolist() == [True, True, False, False]
    side = np.array([1, -1, 1, -1], np.int8)
    other = calibrated(row, names=("mjd55201", *names[1:]), side=side)
    assert odd_orbits(other.samples).tolist() == [True, True, False, False]
