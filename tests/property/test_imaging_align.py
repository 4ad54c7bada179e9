"""Properties of pairing, of rotations and of shrunk rolls for any input."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from photomitrus_cli.imaging.alignfit import Roll, shrunk_rolls
from photomitrus_cli.imaging.matching import mutual_pairs, neighbour_pairs
from photomitrus_cli.imaging.sphere import (
    basis_at,
    rotation_matrix,
    rotation_vector,
    tangent_plane,
    unit_vectors,
)

# Halves: distances are exact and ties abound.
POINTS = st.integers(0, 12).flatmap(
    lambda n: arrays(np.float64, (2, n), elements=st.integers(-8, 8).map(lambda v: v / 2))
)


@settings(max_examples=150, deadline=None)
@given(points=POINTS, others=POINTS, radius=st.floats(0, 6))
def test_pairs_are_those_of_a_full_table(points: np.ndarray, others: np.ndarray, radius: float) -> None:
    distance = ((points[:, :, None] - others[:, None, :]) ** 2).sum(axis=0)
    i, j = neighbour_pairs(points[0], points[1], others[0], others[1], radius)
    np.testing.assert_array_equal(np.column_stack([i, j]), np.argwhere(distance <= radius**2))
    i, j = mutual_pairs(points[0], points[1], others[0], others[1], radius)
    near = np.where(distance <= radius**2, distance, np.inf)
    expected = [
        (a, b)
        for a in range(points.shape[1])
        for b in range(others.shape[1])
        if np.isfinite(near[a, b]) and near[a].argmin() == b and near[:, b].argmin() == a
    ]
    assert list(zip(i, j, strict=True)) == expected


@settings(max_examples=60, deadline=None)
@given(ra=st.floats(0, 360), dec=st.floats(-90, 90), move=st.tuples(*[st.floats(-5e-3, 5e-3)] * 3))
def test_rotations_move_the_centre_as_they_say(
    ra: float, dec: float, move: tuple[float, float, float]
) -> None:
    basis = basis_at(ra, dec)
    matrix = rotation_matrix(rotation_vector(basis, *move))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
    assert abs(np.linalg.det(matrix) - 1) < 1e-14
    vectors = np.array([basis.centre, basis.centre + 1e-3 * basis.east, basis.centre + 1e-3 * basis.north])
    xi, eta = tangent_plane(vectors @ matrix.T, basis)
    size = np.abs(move).max()
    np.testing.assert_allclose([xi[0], eta[0]], move[:2], atol=2 * size**2 + 1e-15)
    # East towards north.
    assert abs((eta[1] - eta[0]) / 1e-3 - move[2]) <= 4 * size**2 + 1e-9
    assert abs((xi[2] - xi[0]) / 1e-3 + move[2]) <= 4 * size**2 + 1e-9
    np.testing.assert_allclose(basis.centre, unit_vectors(ra, dec), atol=0)
    np.testing.assert_allclose(rotation_matrix(-rotation_vector(basis, *move)), matrix.T, atol=1e-15)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e-3, 1e-3), st.floats(1e-6, 1e-3)), min_size=1, max_size=6))
def test_shrunk_rolls_lie_between_zero_and_what_was_measured(values: list[tuple[float, float]]) -> None:
    measured = [Roll(*value) for value in values]
    shrunk = shrunk_rolls([*measured, Roll(np.nan, np.nan)])
    low, high = min(0, *(r.angle for r in measured), 0), max(0, *(r.angle for r in measured), 0)
    for roll in shrunk:
        assert low - 1e-12 <= roll.angle <= high + 1e-12
        assert roll.error >= 0
        assert np.isfinite(roll.error)
