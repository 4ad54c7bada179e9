"""The inner sum of the Lanczos kernel, eight lanes wide.

numba leaves the 2 x 36 products of an output pixel to scalar instructions: 65 ns a pixel in all, against 45
with vectors. LLVM splits the vectors into what the processor has; the order of the sums is the same
everywhere.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

LANES = 8
ROWS = 6

_DOUBLES = ir.VectorType(ir.DoubleType(), LANES)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_CONTRACT = ("contract",)

# numba has type hints for some of its parts only.
_signature: Any = Signature
_pair: Any = types.UniTuple
_pack: Any = cgutils.pack_array


def _load(context: Any, builder: Any, kind: Any, array: Any, row: Any, col: Any) -> Any:
    """Eight neighbours of a C-contiguous array as doubles."""
    held = context.make_array(kind)(context, builder, array)
    width = builder.extract_value(held.shape, 1)
    place = builder.gep(held.data, [builder.add(builder.mul(row, width), col)])
    vector = _FLOATS if kind.dtype == types.float32 else _DOUBLES
    loaded = builder.load(builder.bitcast(place, vector.as_pointer()))
    loaded.align = kind.dtype.bitwidth // 8
    return builder.fpext(loaded, _DOUBLES) if vector is _FLOATS else loaded


def _spread(builder: Any, value: Any) -> Any:
    """One double in all lanes."""
    one = builder.insert_element(ir.Constant(_DOUBLES, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(one, ir.Constant(_DOUBLES, ir.Undefined), lanes)


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _weights(context: Any, builder: Any, kind: Any, table: Any, entry: Any, share: Any) -> Any:
    """Interpolate two rows of the weight table."""
    zero, one = (ir.Constant(ir.IntType(64), n) for n in (0, 1))
    low = _load(context, builder, kind, table, entry, zero)
    high = _load(context, builder, kind, table, builder.add(entry, one), zero)
    return _multiply_add(builder, _spread(builder, share), builder.fsub(high, low), low)


def _sum(builder: Any, vector: Any) -> Any:
    """Sum of all lanes, halves first: a fixed order."""
    width = LANES
    while width > 1:
        width //= 2
        lanes = ir.VectorType(ir.IntType(32), width)
        halves = [
            builder.shuffle_vector(vector, vector, ir.Constant(lanes, [n + start for n in range(width)]))
            for start in (0, width)
        ]
        vector = builder.fadd(*halves)
    return builder.extract_element(vector, ir.Constant(ir.IntType(32), 0))


def _generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit the sums of `support_sums`."""
    sci, var, table, row, col, entry_y, share_y, entry_x, share_x = args
    kinds = sig.args
    wy = _weights(context, builder, kinds[2], table, entry_y, share_y)
    wx = _weights(context, builder, kinds[2], table, entry_x, share_x)
    value = noise = ir.Constant(_DOUBLES, [0.0] * LANES)
    for n in range(ROWS):
        line = builder.add(row, ir.Constant(ir.IntType(64), n))
        weight = _spread(builder, builder.extract_element(wy, ir.Constant(ir.IntType(32), n)))
        value = _multiply_add(builder, weight, _load(context, builder, kinds[0], sci, line, col), value)
        squared = builder.fmul(weight, weight)
        noise = _multiply_add(builder, squared, _load(context, builder, kinds[1], var, line, col), noise)
    sums = [
        _sum(builder, builder.fmul(wx, value)),
        _sum(builder, builder.fmul(builder.fmul(wx, wx), noise)),
    ]
    return _pack(builder, sums)


def _support_sums(
    typingctx: Any,  # noqa: ARG001 - numba's protocol
    sci: Any,
    var: Any,
    table: Any,
    row: Any,  # noqa: ARG001
    col: Any,  # noqa: ARG001
    entry_y: Any,  # noqa: ARG001
    share_y: Any,  # noqa: ARG001
    entry_x: Any,  # noqa: ARG001
    share_x: Any,  # noqa: ARG001
) -> Any:
    """Type the sums of w sci and w^2 var over the support at (row, col), and name what emits them.

    `sci` and `var` are C-contiguous float32 or float64 arrays, `table` one of float64 with 8 columns;
    `entry` and `share` place the weights of each axis in it.
    """
    index, number = types.uint64, types.float64
    places = (index, index, index, number, index, number)
    return _signature(_pair(number, 2), (sci, var, table, *places), None), _generate


support_sums: Any = intrinsic(_support_sums)
