"""Pieces of LLVM code with vectors of a fixed length, for loops that numba leaves to scalar instructions.

LLVM splits the vectors into what the processor has. What is computed, and in which order, is the same
everywhere and for every place in a loop.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

FLOAT = ir.FloatType()
DOUBLE = ir.DoubleType()
BYTE, WORD, LONG = (ir.IntType(bits) for bits in (8, 32, 64))

_CONTRACT = ("contract",)


def vector(kind: Any, lanes: int) -> Any:
    """Name the type of a vector."""
    return ir.VectorType(kind, lanes)


def constant(kind: Any, value: Any) -> Any:
    """Give a constant; one number fills all lanes of a vector type, a list its lanes."""
    if isinstance(kind, ir.VectorType) and not isinstance(value, list):
        value = [value] * kind.count
    return ir.Constant(kind, value)


def address(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Give the address of the first element of a C-contiguous array."""
    return context.make_array(kind)(context, builder, array).data


def load(builder: Any, base: Any, place: Any, kind: Any) -> Any:
    """Read the vector `kind` from an array, from flat index `place` on."""
    pointer = builder.bitcast(builder.gep(base, [place]), kind.as_pointer())
    # Aligned as the elements of the array are, at least.
    return builder.load(pointer, align=_size(base.type.pointee))


def store(builder: Any, value: Any, base: Any, place: Any) -> None:
    """Write a vector to an array from flat index `place` on."""
    pointer = builder.bitcast(builder.gep(base, [place]), value.type.as_pointer())
    builder.store(value, pointer, align=_size(base.type.pointee))


def _size(kind: Any) -> int:
    return {str(FLOAT): 4, str(DOUBLE): 8, str(BYTE): 1, str(WORD): 4, str(LONG): 8}[str(kind)]


def everywhere(builder: Any, value: Any, lanes: int) -> Any:
    """Spread one number over all lanes."""
    kind = vector(value.type, lanes)
    one = builder.insert_element(constant(kind, ir.Undefined), value, constant(WORD, 0))
    return builder.shuffle_vector(one, constant(kind, ir.Undefined), constant(vector(WORD, lanes), 0))


def pick(builder: Any, value: Any, lanes: range) -> Any:
    """Take some lanes of a vector."""
    return builder.shuffle_vector(value, value, constant(vector(WORD, len(lanes)), list(lanes)))


def multiply_add(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """Give a b + c, in one rounding where the processor can; c may be missing."""
    product = builder.fmul(a, b, flags=_CONTRACT)
    return product if c is None else builder.fadd(product, c, flags=_CONTRACT)


def fold(builder: Any, value: Any, left: int) -> Any:
    """Add halves until a vector of `left` lanes is left: a fixed order."""
    width = value.type.count
    while width > left:
        width //= 2
        low, high = (pick(builder, value, range(start, start + width)) for start in (0, width))
        value = builder.fadd(low, high)
    return value
