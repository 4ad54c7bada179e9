"""The layout of a joint calibration by hand: offsets along scans, modes, pieces, groups."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from photomitrus_cli.wise.jointdesign import SCAN_DEG_PER_DAY, Choices, make_problem, offsets_of
from photomitrus_cli.wise.jointgroups import make_groups
from photomitrus_cli.wise.jointunknowns import Design, threads
from photomitrus_cli.wise.samples import Samples

# Degrees from the begin of each of three scans, of which the second has no sample.
ALONG = ((0.0, 2.4, 2.6, 12.0, 19.0), (), (0.0, 6.0, 31.0))
LATITUDE = np.array([-80.0, -30.0, 10.0, 40.0, 70.0, 85.0])


def samples(along: tuple[tuple[float, ...], ...] = ALONG) -> Samples:
    first = np.cumsum([0, *map(len, along)])
    index = np.array([0, 1, 2, 3, 4, 1, 3, 5], np.int32)
    days = np.concatenate([55238.0 + k + np.array(one) / SCAN_DEG_PER_DAY for k, one in enumerate(along)])
    zodi = np.arange(1.0, 25.0).reshape(3, 8).astype(np.float32)
    n, n_pixels = 8, 6
    return Samples(
        ("a", "b", "c"), first, 64, "ecliptic", np.arange(n_pixels) + 9000, index, np.ones(n),
        np.ones(n, np.float32), np.ones(n, np.int32), days, np.zeros(n, np.uint8), zodi,
        ("cloud", "band1", "band3"), np.zeros(n_pixels, np.float32), LATITUDE.astype(np.float32),
        np.full(n_pixels, 40.0, np.float32), np.array([1, 1, -1], np.int8), np.ones(3, bool),
    )  # fmt: skip


def choices(spacing: float) -> Choices:
    modes = {"sides": 0.02, "asymmetry": 0.1, "bands": 0.2, "cloud": 0.3}
    return Choices(spacing, 25.0, None, None, None, modes, 2.5, 12)


def test_a_scan_goes_around_in_an_orbit() -> None:
    # 3.757 arcmin/s: once in 95.8 minutes.
    minutes = 360.0 * 1440.0 / SCAN_DEG_PER_DAY
    assert minutes == pytest.approx(95.8, abs=0.1)


def test_offsets_lie_along_the_scans() -> None:
    problem = make_problem(samples(), choices(10.0))
    design = problem.design
    along = np.concatenate(ALONG) / 10.0
    assert design.n_nodes == 5
    np.testing.assert_allclose(design.node + design.part.astype(float), along, atol=1e-6)
    nodes = np.stack([[100.0, 110.0, 120.0, 130.0, 140.0], [np.nan] * 5, [7.0, 6.0, 5.0, 4.0, 3.0]])
    scan = np.array([0, 0, 0, 0, 0, 2, 2, 2], np.int32)
    np.testing.assert_array_equal(problem.scan, scan)
    expected = np.where(scan == 0, 100.0 + 10.0 * along, 7.0 - along)
    np.testing.assert_allclose(offsets_of(design, scan, nodes), expected, atol=1e-5)


def test_one_offset_per_scan() -> None:
    problem = make_problem(samples(), choices(0.0))
    assert problem.design.n_nodes == 2
    nodes = np.array([[5.0, 99.0], [6.0, 99.0], [7.0, 99.0]])
    assert offsets_of(problem.design, problem.scan, nodes).tolist() == [5.0] * 5 + [7.0] * 3


def test_a_long_scan_has_no_more_offsets_than_a_byte_counts() -> None:
    design = make_problem(samples(), choices(0.1)).design
    assert design.n_nodes == 250
    assert (design.node[-1], design.part[-1]) == (248, 1.0)


def test_pieces_of_scans_and_times() -> None:
    problem = make_problem(samples(), choices(10.0))
    assert problem.cell.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]
    middles = [55238.0 + 9.5 / SCAN_DEG_PER_DAY] * 2 + [55240.0 + 15.5 / SCAN_DEG_PER_DAY]
    np.testing.assert_allclose(problem.days, middles, rtol=0, atol=1e-8)


def test_pieces_of_different_scans_stay_apart() -> None:
    """The last piece of the longest scan is not the first one of the next."""
    cell = make_problem(samples(((0.0, 2.4, 6.0, 12.0, 31.0), (0.0, 6.0), (9.0,))), choices(10.0)).cell
    assert cell.tolist() == [0, 0, 1, 2, 3, 4, 5, 6]


def test_modes_are_parts_of_the_template() -> None:
    one = samples()
    problem = make_problem(one, choices(10.0))
    template = one.zodi.sum(axis=0)
    np.testing.assert_allclose(problem.template, template)
    sides, asymmetry, bands, cloud = problem.design.modes.T
    np.testing.assert_allclose(sides, template * np.repeat([1.0, -1.0], [5, 3]))
    np.testing.assert_allclose(asymmetry, template * np.sin(np.radians(2.0 * LATITUDE))[one.index], rtol=1e-6)
    np.testing.assert_allclose(bands, one.zodi[1] + one.zodi[2])
    np.testing.assert_allclose(cloud, one.zodi[0])
    amplitudes = np.array([0.1, 0.0, -0.2, 0.5])
    np.testing.assert_allclose(problem.zodi(amplitudes), template + 0.1 * sides - 0.2 * bands + 0.5 * cloud)


def test_parts_are_of_whole_scans_and_about_equal() -> None:
    def design(lengths: list[int]) -> Design:
        first = np.cumsum([0, *lengths])
        n = int(first[-1])
        index, part = np.zeros(n, np.int32), np.zeros(n, np.float32)
        return Design(first, index, part.astype(np.uint8), part, np.zeros((n, 0), np.float32), 2, 1)

    many = design([10] * 40)
    assert many.parts() == [(0, 10), (10, 20), (20, 30), (30, 40)]
    # Neither a part without scans nor a scan in two parts.
    assert design([100, 1, 1]).parts() == [(0, 1), (1, 3)]
    assert design([5]).parts() == [(0, 1)]
    for made, workers, n_threads in ((many, 1, 0), (many, 2, 2), (many, 9, 4), (design([5]), 2, 0)):
        done: list[tuple[int, int, int, int]] = []
        with threads(made, workers) as pool:
            pool.run(lambda k, a, b: done.append((k, a, b, threading.get_ident())))  # noqa: B023
        assert sorted(job[:3] for job in done) == [(k, a, b) for k, (a, b) in enumerate(made.parts())]
        others = {job[3] for job in done} - {threading.get_ident()}
        assert len(others) <= n_threads
        assert bool(others) == bool(n_threads)


def test_a_failed_part_is_told() -> None:
    def work(part: int, start: int, stop: int) -> None:
        raise ArithmeticError(f"{part} {start} {stop}")

    design = make_problem(samples(), choices(10.0)).design
    for workers in (1, 2):
        with threads(design, workers) as pool, pytest.raises(ArithmeticError, match=r"^0 0 "):
            pool.run(work)


def test_groups_are_of_neighbours_on_one_side() -> None:
    side = np.where(np.arange(53) % 2, 1, -1).astype(np.int8)
    scan, index = np.arange(53, dtype=np.int32), np.arange(53, dtype=np.int32) % 7
    groups = make_groups(side, scan, index, 7, 3)
    group = groups.group
    assert groups.n_groups == len(set(group.tolist())) == 6
    assert groups.starts.tolist() == [0, 8, 16, 24, 32, 39, 46, 53]
    # 27 scans on one side and 26 on the other, twelve together; a remainder is a group of its own.
    assert np.bincount(group).tolist() == [12, 12, 3, 12, 12, 2]
    for one in range(6):
        mine = np.flatnonzero(group == one)
        assert len(set(side[mine].tolist())) == 1
        assert (np.diff(mine) == 2).all()


def test_many_scans_make_larger_groups() -> None:
    """The groups' matrix has at most 6000 rows of offsets and gains."""
    n = 1300
    scan, index = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
    groups = make_groups(np.ones(n, np.int8), scan, index, 1, 99)
    # 60 groups of 100 unknowns; 22 scans each.
    assert np.bincount(groups.group).tolist() == [22] * 59 + [2]
