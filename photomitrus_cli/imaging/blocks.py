"""The inner part of the weighted mean: sixteen neighbouring pixels at a time.

The sums of sixteen pixels lie together, `SUMS` vectors one after the other: weight, weighted mean, weighted
sum of squared deviations, sum of squared weights, w^2 variance, w^2 large-area variance, exposure time,
number of values. Mean and deviations by West (1979, CACM 22, 532), which unlike the sum of squares loses no
digits.
"""

from __future__ import annotations

from typing import Any

from numba import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from photomitrus_cli.imaging.vectors import (
    FLOAT,
    LONG,
    address,
    constant,
    everywhere,
    load,
    multiply_add,
    pick,
    store,
    vector,
)  # fmt: skip

BLOCK = 16
SUMS = 8

_FLOATS = vector(FLOAT, BLOCK)
_signature: Any = Signature


def _add(builder: Any, base: Any, block: Any, values: tuple[Any, Any, Any], numbers: tuple[Any, Any]) -> None:
    """Add values, variances and weights to the sums of a block."""
    value, variance, weight = values
    exptime, large_ratio = (everywhere(builder, number, BLOCK) for number in numbers)
    places = [
        builder.add(builder.mul(block, constant(LONG, SUMS * BLOCK)), constant(LONG, k * BLOCK))
        for k in range(SUMS)
    ]
    total, mean, squares, squared, noise, large, seconds, count = (
        load(builder, base, place, _FLOATS) for place in places
    )
    none, one = constant(_FLOATS, 0.0), constant(_FLOATS, 1.0)
    there = builder.fcmp_ordered(">", weight, none)
    new = builder.fadd(total, weight)
    part = builder.fdiv(weight, builder.select(there, new, one))
    delta = builder.fsub(value, mean)
    move = builder.fmul(delta, part)
    square = builder.fmul(weight, weight)
    add = builder.fmul(square, variance)
    sums = (
        new,
        builder.fadd(mean, move),
        multiply_add(builder, builder.fmul(weight, delta), builder.fsub(delta, move), squares),
        builder.fadd(squared, square),
        builder.fadd(noise, add),
        multiply_add(builder, add, large_ratio, large),
        builder.fadd(seconds, builder.select(there, exptime, none)),
        builder.fadd(count, builder.select(there, one, none)),
    )
    for result, place in zip(sums, places, strict=True):
        store(builder, result, base, place)


def _emit_values(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `add_values`."""
    sums, block, row, at, exptime, large_ratio = args
    base, held = address(context, builder, sig.args[0], sums), address(context, builder, sig.args[2], row)
    # Blocks of the row hold value, variance and weight as those of the sums do theirs.
    start = builder.mul(at, constant(LONG, 3 * BLOCK))
    values = tuple(
        load(builder, held, builder.add(start, constant(LONG, k * BLOCK)), _FLOATS) for k in range(3)
    )
    _add(builder, base, block, values, (exptime, large_ratio))
    return context.get_dummy_value()


def _add_values(
    typingctx: Any,  # noqa: ARG001 - numba's protocol
    sums: Any,
    block: Any,  # noqa: ARG001
    row: Any,
    at: Any,  # noqa: ARG001
    exptime: Any,  # noqa: ARG001
    large_ratio: Any,  # noqa: ARG001
) -> Any:
    """Type the addition of block `at` of a row to block `block` of the sums, and name what emits it.

    `row` is C-contiguous float32 of shape (n, 3, 16): values, variances and weights, all 0 where there is no
    value; `sums` is C-contiguous float32 of shape (..., 8, 16).
    """
    index, number = types.uint64, types.float32
    return _signature(types.void, (sums, index, row, index, number, number), None), _emit_values


def _emit_pairs(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `add_pairs`."""
    sums, block, pairs, places, at, scale, exptime, large_ratio, offset = args
    base, held, codes = (
        address(context, builder, sig.args[k], array) for k, array in ((0, sums), (2, pairs), (3, places))
    )
    start = builder.mul(at, constant(LONG, BLOCK))
    both = load(builder, held, builder.mul(start, constant(LONG, 2)), vector(FLOAT, 2 * BLOCK))
    code = load(builder, codes, start, vector(LONG, BLOCK))
    there = builder.icmp_signed(">=", code, constant(vector(LONG, BLOCK), 0))
    none = constant(_FLOATS, 0.0)
    value, variance = (pick(builder, both, range(k, 2 * BLOCK, 2)) for k in range(2))
    value = builder.fsub(value, everywhere(builder, offset, BLOCK))
    values = (value, variance, everywhere(builder, scale, BLOCK))
    given = tuple(builder.select(there, part, none) for part in values)
    _add(builder, base, block, given, (exptime, large_ratio))
    return context.get_dummy_value()


def _add_pairs(
    typingctx: Any,  # noqa: ARG001
    sums: Any,
    block: Any,  # noqa: ARG001
    pairs: Any,
    places: Any,
    at: Any,  # noqa: ARG001
    weight: Any,  # noqa: ARG001
    exptime: Any,  # noqa: ARG001
    large_ratio: Any,  # noqa: ARG001
    offset: Any,  # noqa: ARG001
) -> Any:
    """Type the addition of interpolated values to block `block` of the sums, and name what emits it.

    `pairs` is C-contiguous float32 of shape (16 n, 2), value and variance; `places` C-contiguous int64,
    negative where there is no value. Both are read from index 16 `at` on. `offset` is taken off the values.
    """
    index, number = types.uint64, types.float32
    given = (sums, index, pairs, places, index, number, number, number, number)
    return _signature(types.void, given, None), _emit_pairs


add_values: Any = intrinsic(_add_values)
add_pairs: Any = intrinsic(_add_pairs)
