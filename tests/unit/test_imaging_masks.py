"""Mask bits, the sign bit of int16 included."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.masks import bit_pattern, fatal_bits


def test_patterns() -> None:
    assert bit_pattern([3, 8, 9, 10, 11, 12, 13, 14]) == 32520
    assert bit_pattern(32520) == 32520
    assert bit_pattern([]) == 0
    assert bit_pattern([2, 2, 31]) == (1 << 31) + 4


@pytest.mark.parametrize("bits", [-1, 1 << 32, [32], [-1], [1.0], True, "3", [True], 2.5])
def test_wrong_patterns(bits: object) -> None:
    with pytest.raises(ConfigError):
        bit_pattern(bits)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [">i2", "<i2", "u2", "i4", ">u4", "i8"])
def test_every_bit_by_itself(kind: str) -> None:
    values = (
        (1 << np.arange(16)).astype("u2").view("i2").astype(kind)
        if kind[-2] == "i" and kind[-1] == "2"
        else None
    )
    mask = values if values is not None else (1 << np.arange(16)).astype(kind)
    for bit in range(16):
        np.testing.assert_array_equal(fatal_bits(mask, 1 << bit), np.arange(16) == bit)


def test_sign_bit_is_a_bit() -> None:
    mask = np.array([-32768, -1, 32767, 0], dtype=">i2")
    np.testing.assert_array_equal(fatal_bits(mask, 1 << 15), [True, True, False, False])
    np.testing.assert_array_equal(fatal_bits(mask, 32520), [False, True, True, False])
    # A bit that a narrow mask cannot have is never set in it, not even by sign extension.
    assert not fatal_bits(mask, 1 << 16).any()
    assert not fatal_bits(np.array([255], dtype=np.uint8), 1 << 8).any()


def test_bool_and_float_masks() -> None:
    np.testing.assert_array_equal(fatal_bits(np.array([True, False]), 1), [True, False])
    assert not fatal_bits(np.array([True, False]), 2).any()
    with pytest.raises(InputError, match="integer"):
        fatal_bits(np.zeros(3), 1)
