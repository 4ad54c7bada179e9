"""Masks and uncertainty joined by a kernel, against NumPy that says the same plainly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.masks import fatal_bits
from photomitrus_cli.imaging.planes import join_planes

SHAPE = (7, 33)
PATTERNS = (32520, 15, 1 << 13)
ODD = [0.0, -0.0, -1.0, np.nan, np.inf, -np.inf, 1e30, -1e30, 1e-30, 1e-45, 1.8446743e19, 1.8446744e19]


def twin(sci: Any, unc: Any, imask: Any, rmask: Any) -> tuple[Any, Any, Any]:
    bad, saturated, var = ~np.isfinite(sci), np.zeros(sci.shape, bool), None
    if imask is not None:
        bad |= fatal_bits(imask, PATTERNS[0])
        saturated = fatal_bits(imask, PATTERNS[2])
    if rmask is not None:
        bad |= fatal_bits(rmask, PATTERNS[1])
    if unc is not None:
        with np.errstate(over="ignore", under="ignore"):
            var = np.square(unc)
        bad |= ~(np.isfinite(var) & (var > 0) & (unc > 0))
    return var, bad, saturated


def planes(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    sci, unc = rng.normal(0.1, 0.01, SHAPE).astype("f4"), rng.uniform(0.01, 0.02, SHAPE).astype("f4")
    sci[2, : len(ODD)] = ODD
    unc[4, 5 : 5 + len(ODD)] = ODD
    return sci, unc


def mask(seed: int, kind: str) -> NDArray[Any]:
    """Bits anywhere, the top one of signed types too, and mostly none."""
    rng = np.random.default_rng(seed)
    size = np.dtype(kind).itemsize
    octets = rng.integers(0, 256, (*SHAPE, size), dtype="u1") * (rng.random((*SHAPE, 1)) < 0.3)
    return octets.astype("u1").reshape(SHAPE[0], -1).view(kind)


@pytest.mark.parametrize("kind", ["<i2", ">i2", "u2", "u1", "i4", ">i8"])
@pytest.mark.parametrize("present", [0, 1, 2, 3, 5, 7])
def test_every_pixel_is_judged_as_plain_numpy_does(kind: str, present: int) -> None:
    sci, unc = planes(present)
    given = (
        unc if present & 1 else None,
        mask(1, kind) if present & 2 else None,
        mask(2, kind) if present & 4 else None,
    )
    found, expected = join_planes(sci, *given, PATTERNS), twin(sci, *given)
    assert 0 < found[1].sum() < sci.size
    assert (found[0] is None) == (expected[0] is None)
    if present & 1:
        assert found[0] is not None
        assert np.array_equal(found[0].view("u4"), expected[0].view("u4"))
    assert np.array_equal(found[1], expected[1])
    assert np.array_equal(found[2], expected[2])
    assert found[2].any() == bool(present & 2 and np.dtype(kind).itemsize > 1)


def test_views_count_as_their_copies() -> None:
    sci, unc = planes(9)
    imask = np.repeat(mask(3, "i2"), 2, axis=1)[:, ::2]
    found = join_planes(sci[:, ::-1], unc[:, ::-1], imask[:, ::-1], None, PATTERNS)
    expected = twin(sci, unc, imask, None)
    assert np.array_equal(found[1][:, ::-1], expected[1])
    assert np.array_equal(found[2][:, ::-1], expected[2])


def test_a_mask_of_real_numbers_is_refused() -> None:
    sci, unc = planes(1)
    with pytest.raises(InputError, match="bits need an integer type"):
        join_planes(sci, unc, np.zeros(SHAPE, "f4"), None, PATTERNS)
