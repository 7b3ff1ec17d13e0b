"""A tile of columns held in vector registers, for compiled walks.

A tile is one value of :data:`WIDTH` float32 in LLVM, which splits it over as many registers as the processor needs
(eight of 512 bits, sixteen of 256). Arrays of a walk stay out of memory this way, whatever the loop around them does.
Every operation acts on each column alone, so results do not depend on how a tile is split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import register_model

from models.kernels.memory import FLOAT, WORD, call, halve, operation, pointer, spread, write_number

WIDTH: Final = 64
"""Columns in a tile: rows of a block then fit into the first-level cache, and the state of a tile into registers."""

_VECTOR: Final = ir.VectorType(FLOAT, WIDTH)
_MASK: Final = ir.VectorType(ir.IntType(1), WIDTH)
_LANES: Final = ir.VectorType(WORD, WIDTH)
_BITS: Final = ir.IntType(WIDTH)


class _Tile(types.Type):
    """The type of a tile within compiled functions."""


@register_model(_Tile)
class _TileModel(PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        begin: Any = super().__init__
        begin(manager, kind, _VECTOR)


_make: Any = _Tile
_TILE: Final[Any] = _make(f"Tile{WIDTH}")


Tile = Any
"""A tile in signatures; the compiler knows it as its own type."""


def _first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the first ``count`` columns."""
    lanes = ir.Constant(_LANES, list(range(WIDTH)))
    return builder.icmp_signed("<", lanes, spread(builder, builder.trunc(count, WORD), _LANES))


def _elementwise(arguments: int, emit: Callable[[Any, Any], Any]) -> Any:
    """An operation on ``arguments`` tiles that gives a tile."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return emit(builder, values)

    if arguments == 1:
        return operation(lambda typing, a: (_TILE(_TILE), codegen))
    if arguments == 2:
        return operation(lambda typing, a, b: (_TILE(_TILE, _TILE), codegen))
    return operation(lambda typing, a, b, c: (_TILE(_TILE, _TILE, _TILE), codegen))


_RANGE: Final = "llvm.x86.avx512.mask.range.ps.512"
LANES: Final = 16
"""Values in the widest register."""
_SMALLER_MAGNITUDE: Final = 0b0010
"""Immediate of ``vrangeps``: the operand of the smaller magnitude, with the sign of the first."""
_LARGER_MAGNITUDE: Final = 0b1011
"""Immediate of ``vrangeps``: the larger magnitude, without its sign."""


def _has_range(context: Any) -> bool:
    """Whether the processor that is compiled for compares and picks magnitudes in one instruction."""
    return "+avx512dq" in getattr(context.codegen(), "_tm_features", "")


def _range(builder: Any, a: Any, b: Any, immediate: int) -> Any:
    """``vrangeps`` on a tile, register by register."""
    part = ir.VectorType(FLOAT, LANES)
    every, rounding = ir.Constant(ir.IntType(16), -1), ir.Constant(WORD, 4)
    pieces = []
    for first in range(0, WIDTH, LANES):
        lanes = ir.Constant(ir.VectorType(WORD, LANES), list(range(first, first + LANES)))
        left, right = (builder.shuffle_vector(v, ir.Constant(_VECTOR, ir.Undefined), lanes) for v in (a, b))
        word = ir.Constant(WORD, immediate)
        arguments = [left, right, word, ir.Constant(part, [0.0] * LANES), every, rounding]
        pieces.append(call(builder, _RANGE, part, arguments))
    while len(pieces) > 1:
        width = 2 * pieces[0].type.count
        lanes = ir.Constant(ir.VectorType(WORD, width), list(range(width)))
        pieces = [builder.shuffle_vector(*pair, lanes) for pair in zip(pieces[::2], pieces[1::2], strict=True)]
    return pieces[0]


def _choose(sign: str) -> Callable[[Any, Any], Any]:
    return lambda builder, v: builder.select(builder.fcmp_ordered(sign, v[0], v[1]), v[0], v[1])


add = _elementwise(2, lambda builder, v: builder.fadd(v[0], v[1]))
subtract = _elementwise(2, lambda builder, v: builder.fsub(v[0], v[1]))
multiply = _elementwise(2, lambda builder, v: builder.fmul(v[0], v[1]))
divide = _elementwise(2, lambda builder, v: builder.fdiv(v[0], v[1]))
fused = _elementwise(3, lambda builder, v: call(builder, f"llvm.fma.v{WIDTH}f32", _VECTOR, v))
smaller = _elementwise(2, _choose("<"))
larger = _elementwise(2, _choose(">"))
magnitude = _elementwise(1, lambda builder, v: call(builder, f"llvm.fabs.v{WIDTH}f32", _VECTOR, v))


@operation
def within(typing: Any, tile: Any, half: Any) -> Any:
    """``tile`` clipped to ``-half`` .. ``half`` (not negative): one instruction where the processor has it."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _has_range(context):
            return _range(builder, values[0], values[1], _SMALLER_MAGNITUDE)
        low = builder.fneg(values[1])
        below = _choose("<")(builder, values)
        return _choose(">")(builder, [below, low])

    return _TILE(_TILE, _TILE), codegen


@operation
def farthest(typing: Any, far: Any, tile: Any) -> Any:
    """The larger of ``far`` (not negative) and the magnitude of ``tile``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _has_range(context):
            return _range(builder, values[0], values[1], _LARGER_MAGNITUDE)
        size = call(builder, f"llvm.fabs.v{WIDTH}f32", _VECTOR, values[1:])
        return _choose(">")(builder, [values[0], size])

    return _TILE(_TILE, _TILE), codegen


@operation
def farthest_of_any(typing: Any, far: Any, tile: Any) -> Any:
    """As :func:`farthest`, where NaN counts as farther than anything: magnitudes are in the sequence of their bits."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        far, tile = (builder.bitcast(value, _LANES) for value in values)
        size = builder.and_(tile, ir.Constant(_LANES, [0x7FFFFFFF] * WIDTH))
        return builder.bitcast(builder.select(builder.icmp_unsigned(">", far, size), far, size), _VECTOR)

    return _TILE(_TILE, _TILE), codegen


@operation
def load(typing: Any, address: Any, index: Any) -> Any:
    """``WIDTH`` float32 values from number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(pointer(builder, values[0], values[1], _VECTOR))
        loaded.align = 4
        return loaded

    return _TILE(types.intp, types.intp), codegen


@operation
def load_first(typing: Any, address: Any, index: Any, count: Any) -> Any:
    """As :func:`load`, but only the first ``count`` values; zeros after them."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source = pointer(builder, values[0], values[1], _VECTOR)
        mask = _first_lanes(builder, values[2])
        arguments = [source, ir.Constant(WORD, 4), mask, ir.Constant(_VECTOR, [0.0] * WIDTH)]
        return call(builder, f"llvm.masked.load.v{WIDTH}f32.p0", _VECTOR, arguments)

    return _TILE(types.intp, types.intp, types.intp), codegen


@operation
def store(typing: Any, address: Any, index: Any, tile: Any) -> Any:
    """Write a tile to number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        stored = builder.store(values[2], pointer(builder, values[0], values[1], _VECTOR))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE), codegen


@operation
def store_first(typing: Any, address: Any, index: Any, tile: Any, count: Any) -> Any:
    """As :func:`store`, but only the first ``count`` values."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target = pointer(builder, values[0], values[1], _VECTOR)
        mask = _first_lanes(builder, values[3])
        arguments = [values[2], target, ir.Constant(WORD, 4), mask]
        call(builder, f"llvm.masked.store.v{WIDTH}f32.p0", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE, types.intp), codegen


@operation
def splat(typing: Any, scalar: Any) -> Any:
    """A tile that holds ``scalar`` in every column."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return spread(builder, values[0], _VECTOR)

    return _TILE(types.float32), codegen


@operation
def any_above(typing: Any, a: Any, b: Any) -> Any:
    """Whether ``a > b`` in any column."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">", *values), _BITS)
        return builder.icmp_unsigned("!=", bits, ir.Constant(_BITS, 0))

    return types.boolean(_TILE, _TILE), codegen


@operation
def where_differs(typing: Any, a: Any, b: Any, there: Any, elsewhere: Any) -> Any:
    """``there`` in the columns where ``a`` and ``b`` differ, ``elsewhere`` in the others."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered("!=", values[0], values[1]), values[2], values[3])

    return _TILE(_TILE, _TILE, _TILE, _TILE), codegen


@operation
def where_above(typing: Any, a: Any, b: Any, there: Any) -> Any:
    """``there`` in the columns where ``a > b``, 0 in the others."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
        return builder.select(builder.fcmp_ordered(">", values[0], values[1]), values[2], zero)

    return _TILE(_TILE, _TILE, _TILE), codegen


@operation
def largest(typing: Any, tile: Any) -> Any:
    """The largest value of all columns."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest = halve(builder, values[0], 1, lambda low, high: _choose(">")(builder, [low, high]))
        return builder.extract_element(rest, ir.Constant(WORD, 0))

    return types.float32(_TILE), codegen


@operation
def fold(typing: Any, address: Any, index: Any, tile: Any) -> Any:
    """Add a tile, its registers onto each other, to the :data:`LANES` partial sums at number ``index``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest = halve(builder, values[2], LANES, builder.fadd)
        place = pointer(builder, values[0], values[1], rest.type)
        before = builder.load(place)
        before.align = 4
        stored = builder.store(builder.fadd(before, rest), place)
        stored.align = 4
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE), codegen


@operation
def collapse(typing: Any, address: Any, index: Any) -> Any:
    """The sum of :data:`LANES` partial sums, in a fixed sequence: halves onto each other."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        sums = builder.load(pointer(builder, values[0], values[1], ir.VectorType(FLOAT, LANES)))
        sums.align = 4
        return builder.extract_element(halve(builder, sums, 1, builder.fadd), ir.Constant(WORD, 0))

    return types.float32(types.intp, types.intp), codegen


@njit(cache=True, nogil=True)
def clear(address: int, count: int) -> None:
    """Set ``count`` values after an address, whole tiles at a time and then one by one, to 0."""
    whole = count // WIDTH * WIDTH
    for place in range(0, whole, WIDTH):
        store(address, place, splat(np.float32(0)))
    for place in range(whole, count):
        write_number(address, place, np.float32(0))


@njit(cache=True, nogil=True)
def collapse_rows(sums: int, vectors: int, rows: int, out: int, place: int, step: int) -> None:
    """Write the sums of ``rows`` rows of some vectors to ``place`` and every ``step`` on; see :func:`collapse`."""
    for vector in range(vectors):
        for row in range(rows):
            write_number(out, place + vector * step + row, collapse(sums, (vector * rows + row) * LANES))
