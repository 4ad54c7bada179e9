"""Overlap of a quadrilateral with unit squares, 2 rows of 4 squares at a time.

numba leaves this arithmetic to scalar instructions, several times as slow. LLVM splits the vectors into what
the processor has; the order of the sums is the same everywhere.

By Green's theorem the area of a polygon in a row of pixels left of x = X is the sum over its edges of the
integral of max(X - x(y), 0) dy along the part of the edge in that row; pixel areas are differences of
neighbouring X. This holds for any simple polygon, with no cases to tell apart. Places count from a pixel of
the quadrilateral's own, so that single precision gives areas to 1e-6 of a pixel.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import Signature
from numba.extending import intrinsic

# Half a vector holds 4 pixels of a row, or the 4 edges of a quadrilateral; the other half is the next row.
LANES = 4
ROWS = 2
# Rows of the table of edges: x and y where an edge starts, y where it ends, dx/dy, and dy / (2 |dx|).
EDGE_ROWS = 5

_FLOAT = ir.FloatType()
_FOUR = ir.VectorType(_FLOAT, LANES)
_EIGHT = ir.VectorType(_FLOAT, LANES * ROWS)
_CONTRACT = ("contract",)
# Stands for the width of an upright edge, which no result depends on, where it would be divided by.
_THIN = 1e-30

# numba has type hints for some of its parts only.
_signature: Any = Signature
_function: Any = cgutils.get_or_insert_function
_pair: Any = types.UniTuple


def _number(value: int, bits: int = 64) -> Any:
    return ir.Constant(ir.IntType(bits), value)


def _all(kind: Any, value: float) -> Any:
    return ir.Constant(kind, [value] * kind.count)


def _pick(builder: Any, first: Any, second: Any, order: list[int]) -> Any:
    """Lanes of two vectors, numbered on from the first to the second, in a new order."""
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order)
    return builder.shuffle_vector(first, second, lanes)


def _pack(builder: Any, numbers: Any) -> Any:
    """Collect numbers in one vector of four."""
    out = ir.Constant(_FOUR, ir.Undefined)
    for lane, number in enumerate(numbers):
        out = builder.insert_element(out, number, _number(lane, 32))
    return out


def _spread(builder: Any, number: Any, lanes: int) -> Any:
    """One number in all lanes."""
    one = _pack(builder, [number])
    return _pick(builder, one, one, [0] * lanes)


def _larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


def _smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


def _size(builder: Any, a: Any) -> Any:
    """Absolute value."""
    kind = ir.FunctionType(a.type, [a.type])
    return builder.call(_function(builder.module, kind, f"llvm.fabs.v{a.type.count}f32"), [a])


def _multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_CONTRACT), c, flags=_CONTRACT)


def _place(context: Any, builder: Any, kind: Any, array: Any, vector: Any, index: Any) -> Any:
    """Address of the vector that starts at an element of a C-contiguous array."""
    held = context.make_array(kind)(context, builder, array)
    at = index[0]
    for axis in range(1, len(index)):
        at = builder.add(builder.mul(at, builder.extract_value(held.shape, axis)), index[axis])
    return builder.bitcast(builder.gep(held.data, [at]), vector.as_pointer())


def _load(builder: Any, place: Any) -> Any:
    out = builder.load(place)
    out.align = 4
    return out


def _store(builder: Any, vector: Any, place: Any) -> None:
    builder.store(vector, place).align = 4


def _generate_edges(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `set_edges`."""
    numbers = [builder.fptrunc(number, _FLOAT) for number in args[1:]]
    x, y = _pack(builder, numbers[0::2]), _pack(builder, numbers[1::2])
    next_x, next_y = (_pick(builder, v, v, [1, 2, 3, 0]) for v in (x, y))
    dx, dy = builder.fsub(next_x, x), builder.fsub(next_y, y)
    none = _all(_FOUR, 0.0)
    # A level edge has no part in any row, whatever its slope.
    slope = builder.select(builder.fcmp_ordered("==", dy, none), none, builder.fdiv(dx, dy))
    width = _larger(builder, _size(builder, dx), _all(_FOUR, _THIN))
    bend = builder.fdiv(builder.fmul(_all(_FOUR, 0.5), dy), width)
    for row, vector in enumerate((x, y, next_y, slope, bend)):
        place = _place(context, builder, sig.args[0], args[0], _EIGHT, (_number(row), _number(0)))
        _store(builder, _pick(builder, vector, vector, [0, 1, 2, 3] * ROWS), place)
    return context.get_dummy_value()


def _left_areas(builder: Any, edges: list[Any], row: Any, left: Any) -> Any:
    """Signed areas left of the right borders of the four pixels from `left` on, in two rows."""
    x, y, next_y, slope, bend = edges
    rows = ir.Constant(_EIGHT, [float(n) for n in range(ROWS) for _ in range(LANES)])
    low = builder.fadd(_spread(builder, row, LANES * ROWS), rows)
    high = builder.fadd(low, _all(_EIGHT, 1.0))
    start, end = (_smaller(builder, _larger(builder, v, low), high) for v in (y, next_y))
    rise = builder.fsub(end, start)
    origin = builder.fsub(x, _spread(builder, left, LANES * ROWS))
    first, last = (_multiply_add(builder, builder.fsub(v, y), slope, origin) for v in (start, end))
    near = _smaller(builder, first, last)
    width = builder.fsub(_larger(builder, first, last), near)
    sums = []
    for border in range(1, LANES + 1):
        reach = _larger(builder, builder.fsub(_all(_EIGHT, float(border)), near), _all(_EIGHT, 0.0))
        inside = _smaller(builder, reach, width)
        beyond = builder.fmul(rise, builder.fsub(reach, inside))
        sums.append(_multiply_add(builder, builder.fmul(inside, inside), bend, beyond))
    # Vectors of edges, one a border, to sums over edges with the borders in lanes.
    return _add_pairs(builder, _add_pairs(builder, *sums[:2]), _add_pairs(builder, *sums[2:]))


def _add_pairs(builder: Any, a: Any, b: Any) -> Any:
    """Add neighbouring lanes: two sums of a and two of b in each half."""
    even = _pick(builder, a, b, [0, 2, 8, 10, 4, 6, 12, 14])
    odd = _pick(builder, a, b, [1, 3, 9, 11, 5, 7, 13, 15])
    return builder.fadd(even, odd)


def _generate_strip(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `add_strip`."""
    edges, row, left, before, value, variance, sums, y, x = args
    table = [
        _load(builder, _place(context, builder, sig.args[0], edges, _EIGHT, (_number(n), _number(0))))
        for n in range(EDGE_ROWS)
    ]
    borders = _left_areas(builder, table, builder.sitofp(row, _FLOAT), builder.sitofp(left, _FLOAT))
    earlier = _pack(builder, [builder.extract_value(before, n) for n in range(ROWS)])
    earlier = _pick(builder, earlier, earlier, [0, 0, 0, 0, 1, 1, 1, 1])
    shifted = _pick(builder, borders, earlier, [8, 0, 1, 2, 12, 4, 5, 6])
    # All of one sign, which tells the way round the polygon.
    areas = _size(builder, builder.fsub(borders, shifted))
    for n in range(ROWS):
        area = _pick(builder, areas, areas, list(range(LANES * n, LANES * (n + 1))))
        noise = builder.fmul(area, area)
        terms = (
            area,
            builder.fmul(area, _spread(builder, value, LANES), flags=_CONTRACT),
            builder.fmul(noise, _spread(builder, variance, LANES), flags=_CONTRACT),
        )
        for plane, term in enumerate(terms):
            index = (_number(plane), builder.add(y, _number(n)), x)
            place = _place(context, builder, sig.args[6], sums, _FOUR, index)
            _store(builder, builder.fadd(_load(builder, place), term, flags=_CONTRACT), place)
    last = [builder.extract_element(borders, _number(LANES * (n + 1) - 1, 32)) for n in range(ROWS)]
    return context.make_tuple(builder, sig.return_type, last)


def _set_edges(
    typingctx: Any,  # noqa: ARG001 - numba's protocol
    edges: Any,
    x0: Any,  # noqa: ARG001
    y0: Any,  # noqa: ARG001
    x1: Any,  # noqa: ARG001
    y1: Any,  # noqa: ARG001
    x2: Any,  # noqa: ARG001
    y2: Any,  # noqa: ARG001
    x3: Any,  # noqa: ARG001
    y3: Any,  # noqa: ARG001
) -> Any:
    """Type the filling of `edges`, float32 of shape (EDGE_ROWS, 8), from four corners in turn."""
    return _signature(types.none, (edges, *[types.float64] * 8), None), _generate_edges


def _add_strip(
    typingctx: Any,  # noqa: ARG001
    edges: Any,
    row: Any,  # noqa: ARG001
    left: Any,  # noqa: ARG001
    before: Any,  # noqa: ARG001
    value: Any,  # noqa: ARG001
    variance: Any,  # noqa: ARG001
    sums: Any,
    y: Any,  # noqa: ARG001
    x: Any,  # noqa: ARG001
) -> Any:
    """Type the adding of a quadrilateral's areas a, a value and a^2 variance in 2 rows of 4 pixels.

    `edges` from `set_edges`; `row` and `left` are the lower left corner of the first pixel in the same
    coordinates, `y` and `x` its place in `sums`, float32 of shape (3, h, w), C-contiguous. `before` is the
    result of the last call for these rows, 4 pixels to the left, or zeros where nothing lies there.
    """
    pair, number, index = _pair(types.float32, ROWS), types.float32, types.int64
    kinds = (edges, index, index, pair, number, number, sums, index, index)
    return _signature(pair, kinds, None), _generate_strip


set_edges: Any = intrinsic(_set_edges)
add_strip: Any = intrinsic(_add_strip)
