"""The inner parts of the Lanczos kernel: where supports lie, and the sums over them.

Value and variance of eight pixels of a row go side by side in one vector of sixteen floats. A place is one
integer: the flat index of the first pixel of the support in the bordered frame, and from bits 32 and 43 on
the rows of the weight tables for y and x; it is negative off the frame.
"""

from __future__ import annotations

import math
from typing import Any

from numba import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

from photomitrus_cli.imaging.vectors import (
    BYTE,
    DOUBLE,
    FLOAT,
    LONG,
    WORD,
    address,
    constant,
    everywhere,
    fold,
    load,
    multiply_add,
    pick,
    store,
    vector,
)  # fmt: skip

LANES = 8
# Positions are rounded to 1/2048 pixel: by 0.024 % of a pixel at most, in both directions alike.
PLACE_BITS = 11
PLACES = 1 << PLACE_BITS
INDEX_BITS = 32

# Rows of the support, those of small weight first: fewer digits are lost.
_ROWS = (0, 5, 1, 4, 2, 3)

# numba has type hints for some of its parts only.
_signature: Any = Signature


def _split(builder: Any, place: Any) -> tuple[Any, Any, Any]:
    """Take a place apart: first pixel, and rows of the tables for y and x."""
    first = builder.and_(place, constant(LONG, (1 << INDEX_BITS) - 1))
    row = builder.and_(builder.lshr(place, constant(LONG, INDEX_BITS)), constant(LONG, PLACES - 1))
    return first, row, builder.lshr(place, constant(LONG, INDEX_BITS + PLACE_BITS))


def _emit_sums(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `support_sums`."""
    pixels, table, place, width, out, n = args
    frame, weights, results = (
        address(context, builder, sig.args[k], array) for k, array in ((0, pixels), (1, table), (4, out))
    )
    first, row, col = _split(builder, place)
    # A weight and its square travel as one double, which processors can spread over a vector at once.
    pairs = builder.bitcast(weights, DOUBLE.as_pointer())
    both, start = vector(FLOAT, 2 * LANES), builder.mul(row, constant(LONG, LANES))
    total = None
    for k in _ROWS:
        line = builder.mul(builder.add(first, builder.mul(width, constant(LONG, k))), constant(LONG, 2))
        pair = builder.load(builder.gep(pairs, [builder.add(start, constant(LONG, k))]))
        weight = builder.bitcast(everywhere(builder, pair, LANES), both)
        total = multiply_add(builder, weight, load(builder, frame, line, both), total)
    across = load(builder, weights, builder.mul(col, constant(LONG, 2 * LANES)), both)
    sums = fold(builder, builder.fmul(across, total), 2)
    store(builder, sums, results, builder.mul(n, constant(LONG, 2)))
    return context.get_dummy_value()


def _support_sums(
    typingctx: Any,  # noqa: ARG001 - numba's protocol
    pixels: Any,
    table: Any,
    place: Any,  # noqa: ARG001
    width: Any,  # noqa: ARG001
    out: Any,
    n: Any,  # noqa: ARG001
) -> Any:
    """Type the sums of w sci and w^2 var over the support at `place`, and name what emits them.

    `pixels` is C-contiguous float32 of shape (ny, width, 2), `table` from `lanczos.pair_table`; both sums go
    to row `n` of `out`, C-contiguous float32 of shape (m, 2).
    """
    index = types.uint64
    return _signature(types.void, (pixels, table, types.int64, index, out, index), None), _emit_sums


def _emit_share(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `support_share`."""
    state, table, place, width = args
    flags, weights = (address(context, builder, sig.args[k], array) for k, array in enumerate((state, table)))
    first, row, col = _split(builder, place)
    some, floats = vector(BYTE, LANES), vector(FLOAT, LANES)
    start = builder.mul(row, constant(LONG, LANES))
    total = None
    for k in _ROWS:
        line = builder.add(first, builder.mul(width, constant(LONG, k)))
        bad = builder.and_(load(builder, flags, line, some), constant(some, 1))
        weight = builder.load(builder.gep(weights, [builder.add(start, constant(LONG, k))]))
        total = multiply_add(builder, everywhere(builder, weight, LANES), builder.uitofp(bad, floats), total)
    across = load(builder, weights, builder.mul(col, constant(LONG, LANES)), floats)
    return builder.extract_element(fold(builder, builder.fmul(across, total), 1), constant(WORD, 0))


def _support_share(
    typingctx: Any,  # noqa: ARG001
    state: Any,
    table: Any,
    place: Any,  # noqa: ARG001
    width: Any,  # noqa: ARG001
) -> Any:
    """Type the share of the absolute weight on pixels whose lowest bit is set, and name what emits it.

    `state` is C-contiguous uint8 of shape (ny, width), `table` from `lanczos.share_table`.
    """
    return _signature(types.float32, (state, table, types.int64, types.uint64), None), _emit_share


def _axis(builder: Any, along: Any, left: Any, slope: Any, size: Any) -> tuple[Any, Any]:
    """Round positions along one axis, moved by a pixel, and tell which of them are on the frame."""
    doubles, whole = vector(DOUBLE, LANES), vector(WORD, LANES)
    position = multiply_add(
        builder, along, everywhere(builder, slope, LANES), everywhere(builder, left, LANES)
    )
    # Cutting off rounds to the nearest place, because nothing on the frame is negative.
    rounded = multiply_add(builder, position, constant(doubles, PLACES), constant(doubles, PLACES + 0.5))
    found = builder.fptosi(rounded, whole)
    edge = builder.mul(everywhere(builder, size, LANES), constant(whole, PLACES))
    low = builder.icmp_signed(">=", found, constant(whole, PLACES // 2))
    high = builder.icmp_signed("<=", found, builder.add(edge, constant(whole, PLACES // 2)))
    return found, builder.and_(low, high)


def _emit_places(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `stride_places`."""
    left_x, slope_x, left_y, slope_y, start, count, ny, nx, width, places, at = args
    whole, long = vector(WORD, LANES), vector(LONG, LANES)
    steps = constant(vector(DOUBLE, LANES), [float(n) for n in range(LANES)])
    along = builder.fadd(everywhere(builder, start, LANES), steps)
    row, on_y = _axis(builder, along, left_y, slope_y, ny)
    col, on_x = _axis(builder, along, left_x, slope_x, nx)
    shift, mask = constant(whole, PLACE_BITS), constant(whole, PLACES - 1)
    line = builder.mul(builder.ashr(row, shift), everywhere(builder, width, LANES))
    first = builder.add(line, builder.ashr(col, shift))
    entries = builder.or_(builder.shl(builder.and_(col, mask), shift), builder.and_(row, mask))
    code = builder.or_(
        builder.zext(first, long), builder.shl(builder.zext(entries, long), constant(long, INDEX_BITS))
    )
    wanted = builder.icmp_signed("<", constant(whole, list(range(LANES))), everywhere(builder, count, LANES))
    inside = builder.and_(wanted, builder.and_(on_y, on_x))
    found = builder.select(inside, code, constant(long, -1))
    store(builder, found, address(context, builder, sig.args[9], places), at)
    return context.get_dummy_value()


def _stride_places(
    typingctx: Any,  # noqa: ARG001
    left_x: Any,  # noqa: ARG001
    slope_x: Any,  # noqa: ARG001
    left_y: Any,  # noqa: ARG001
    slope_y: Any,  # noqa: ARG001
    start: Any,  # noqa: ARG001
    count: Any,  # noqa: ARG001
    ny: Any,  # noqa: ARG001
    nx: Any,  # noqa: ARG001
    width: Any,  # noqa: ARG001
    places: Any,
    at: Any,  # noqa: ARG001
) -> Any:
    """Type the search for the places of eight neighbours on a straight line, and name what emits it.

    Their frame positions are left + (start + n) slope; they go to index `at` and the next seven of `places`,
    C-contiguous int64; only the first `count` are looked for. The frame has ny x nx pixels, and `width`
    columns with its border.
    """
    number, whole = types.float64, types.int32
    given = (number,) * 5 + (whole,) * 4 + (places, types.uint64)
    return _signature(types.void, given, None), _emit_places


def _emit_separate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `separate`."""
    pairs, places, at, value, variance, valid, to = args
    held, codes, *results = (
        address(context, builder, sig.args[k], array)
        for k, array in ((0, pairs), (1, places), (3, value), (4, variance), (5, valid))
    )
    floats, long = vector(FLOAT, LANES), vector(LONG, LANES)
    both = load(builder, held, builder.mul(at, constant(LONG, 2)), vector(FLOAT, 2 * LANES))
    there = builder.icmp_signed(">=", load(builder, codes, at, long), constant(long, 0))
    for k in range(2):
        part = pick(builder, both, range(k, 2 * LANES, 2))
        store(builder, builder.select(there, part, constant(floats, math.nan)), results[k], to)
    store(builder, builder.zext(there, vector(BYTE, LANES)), results[2], to)
    return context.get_dummy_value()


def _separate(
    typingctx: Any,  # noqa: ARG001
    pairs: Any,
    places: Any,
    at: Any,  # noqa: ARG001
    value: Any,
    variance: Any,
    valid: Any,
    to: Any,  # noqa: ARG001
) -> Any:
    """Type the copying of eight results to where they belong, and name what emits it.

    `pairs` of shape (n, 2) and `places` are read from index `at` on; values, variances and flags go to flat
    index `to` and the next seven of three C-contiguous arrays of float32, float32 and bool: NaN, NaN, False
    where the place is negative.
    """
    index = types.uint64
    return _signature(types.void, (pairs, places, index, value, variance, valid, index), None), _emit_separate


separate: Any = intrinsic(_separate)
stride_places: Any = intrinsic(_stride_places)
support_sums: Any = intrinsic(_support_sums)
support_share: Any = intrinsic(_support_share)
