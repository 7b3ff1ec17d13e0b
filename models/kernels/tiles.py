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
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

WIDTH: Final = 64
"""Columns in a tile: rows of a block then fit into the first-level cache, and the state of a tile into registers."""

_VECTOR: Final = ir.VectorType(ir.FloatType(), WIDTH)
_MASK: Final = ir.VectorType(ir.IntType(1), WIDTH)
_LANES: Final = ir.VectorType(ir.IntType(32), WIDTH)
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


def _operation(declare: Callable[..., Any]) -> Any:
    """A compiled operation, which is called with fewer arguments than its declaration takes."""
    return intrinsic(declare)


def _splat(builder: Any, scalar: Any, kind: Any = _VECTOR) -> Any:
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_LANES, [0] * WIDTH))


def _call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    find: Any = cgutils.get_or_insert_function
    return builder.call(find(builder.module, kind, name), arguments)


def _pointer(builder: Any, address: Any, index: Any, kind: Any = _VECTOR) -> Any:
    place = builder.add(address, builder.mul(index, ir.Constant(index.type, 4)))
    return builder.inttoptr(place, kind.as_pointer())


def _first_lanes(builder: Any, count: Any) -> Any:
    """The mask of the first ``count`` columns."""
    lanes = ir.Constant(_LANES, list(range(WIDTH)))
    return builder.icmp_signed("<", lanes, _splat(builder, builder.trunc(count, ir.IntType(32)), _LANES))


def _elementwise(arguments: int, emit: Callable[[Any, Any], Any]) -> Any:
    """An operation on ``arguments`` tiles that gives a tile."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return emit(builder, values)

    if arguments == 1:
        return _operation(lambda typing, a: (_TILE(_TILE), codegen))
    if arguments == 2:
        return _operation(lambda typing, a, b: (_TILE(_TILE, _TILE), codegen))
    return _operation(lambda typing, a, b, c: (_TILE(_TILE, _TILE, _TILE), codegen))


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
    part = ir.VectorType(ir.FloatType(), LANES)
    every, rounding = ir.Constant(ir.IntType(16), -1), ir.Constant(ir.IntType(32), 4)
    pieces = []
    for first in range(0, WIDTH, LANES):
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), list(range(first, first + LANES)))
        left, right = (builder.shuffle_vector(v, ir.Constant(_VECTOR, ir.Undefined), lanes) for v in (a, b))
        word = ir.Constant(ir.IntType(32), immediate)
        arguments = [left, right, word, ir.Constant(part, [0.0] * LANES), every, rounding]
        pieces.append(_call(builder, _RANGE, part, arguments))
    while len(pieces) > 1:
        width = 2 * pieces[0].type.count
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), width), list(range(width)))
        pieces = [builder.shuffle_vector(*pair, lanes) for pair in zip(pieces[::2], pieces[1::2], strict=True)]
    return pieces[0]


def _choose(sign: str) -> Callable[[Any, Any], Any]:
    return lambda builder, v: builder.select(builder.fcmp_ordered(sign, v[0], v[1]), v[0], v[1])


add = _elementwise(2, lambda builder, v: builder.fadd(v[0], v[1]))
subtract = _elementwise(2, lambda builder, v: builder.fsub(v[0], v[1]))
multiply = _elementwise(2, lambda builder, v: builder.fmul(v[0], v[1]))
divide = _elementwise(2, lambda builder, v: builder.fdiv(v[0], v[1]))
fused = _elementwise(3, lambda builder, v: _call(builder, f"llvm.fma.v{WIDTH}f32", _VECTOR, v))
smaller = _elementwise(2, _choose("<"))
larger = _elementwise(2, _choose(">"))
magnitude = _elementwise(1, lambda builder, v: _call(builder, f"llvm.fabs.v{WIDTH}f32", _VECTOR, v))


@njit(cache=True, nogil=True, forceinline=True)
def address(array: Any) -> int:
    """Where the values of a contiguous array lie; whoever asks keeps the array alive (:func:`keep`) while it is used.

    Functions that are handed arrays count references to them, which costs more than the work on one vector.
    """
    return array.ctypes.data  # type: ignore[no-any-return]


@_operation
def keep(typing: Any, array: Any) -> Any:
    """Do nothing with an array, which is therefore alive up to here."""
    return types.void(array), lambda context, builder, signature, values: context.get_dummy_value()


def _scalar(kind: Any, width: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_pointer(builder, *values, width))

    return _operation(lambda typing, address, index: (kind(types.intp, types.intp), codegen))


@_operation
def write_number(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a float32 to number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _pointer(builder, *values[:2], ir.FloatType()))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.float32), codegen


@_operation
def write_integer(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Write an integer as int32 to number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        word = ir.IntType(32)
        builder.store(builder.trunc(values[2], word), _pointer(builder, *values[:2], word))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


number = _scalar(types.float32, ir.FloatType())
integer = _scalar(types.int32, ir.IntType(32))


@_operation
def within(typing: Any, tile: Any, half: Any) -> Any:
    """``tile`` clipped to ``-half`` .. ``half`` (not negative): one instruction where the processor has it."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _has_range(context):
            return _range(builder, *values, _SMALLER_MAGNITUDE)
        low = builder.fneg(values[1])
        below = _choose("<")(builder, values)
        return _choose(">")(builder, [below, low])

    return _TILE(_TILE, _TILE), codegen


@_operation
def farthest(typing: Any, far: Any, tile: Any) -> Any:
    """The larger of ``far`` (not negative) and the magnitude of ``tile``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        if _has_range(context):
            return _range(builder, *values, _LARGER_MAGNITUDE)
        size = _call(builder, f"llvm.fabs.v{WIDTH}f32", _VECTOR, values[1:])
        return _choose(">")(builder, [values[0], size])

    return _TILE(_TILE, _TILE), codegen


@_operation
def load(typing: Any, address: Any, index: Any) -> Any:
    """``WIDTH`` float32 values from number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(_pointer(builder, *values))
        loaded.align = 4
        return loaded

    return _TILE(types.intp, types.intp), codegen


@_operation
def load_first(typing: Any, address: Any, index: Any, count: Any) -> Any:
    """As :func:`load`, but only the first ``count`` values; zeros after them."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source = _pointer(builder, *values[:2])
        mask = _first_lanes(builder, values[2])
        arguments = [source, ir.Constant(ir.IntType(32), 4), mask, ir.Constant(_VECTOR, [0.0] * WIDTH)]
        return _call(builder, f"llvm.masked.load.v{WIDTH}f32.p0", _VECTOR, arguments)

    return _TILE(types.intp, types.intp, types.intp), codegen


@_operation
def store(typing: Any, address: Any, index: Any, tile: Any) -> Any:
    """Write a tile to number ``index`` after an address on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        stored = builder.store(values[2], _pointer(builder, *values[:2]))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE), codegen


@_operation
def store_first(typing: Any, address: Any, index: Any, tile: Any, count: Any) -> Any:
    """As :func:`store`, but only the first ``count`` values."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target = _pointer(builder, *values[:2])
        mask = _first_lanes(builder, values[3])
        arguments = [values[2], target, ir.Constant(ir.IntType(32), 4), mask]
        _call(builder, f"llvm.masked.store.v{WIDTH}f32.p0", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE, types.intp), codegen


@_operation
def splat(typing: Any, scalar: Any) -> Any:
    """A tile that holds ``scalar`` in every column."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _splat(builder, values[0])

    return _TILE(types.float32), codegen


@_operation
def any_above(typing: Any, a: Any, b: Any) -> Any:
    """Whether ``a > b`` in any column."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">", *values), _BITS)
        return builder.icmp_unsigned("!=", bits, ir.Constant(_BITS, 0))

    return types.boolean(_TILE, _TILE), codegen


@_operation
def where_differs(typing: Any, a: Any, b: Any, there: Any, elsewhere: Any) -> Any:
    """``there`` in the columns where ``a`` and ``b`` differ, ``elsewhere`` in the others."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.select(builder.fcmp_ordered("!=", values[0], values[1]), values[2], values[3])

    return _TILE(_TILE, _TILE, _TILE, _TILE), codegen


@_operation
def where_above(typing: Any, a: Any, b: Any, there: Any) -> Any:
    """``there`` in the columns where ``a > b``, 0 in the others."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        zero = ir.Constant(_VECTOR, [0.0] * WIDTH)
        return builder.select(builder.fcmp_ordered(">", values[0], values[1]), values[2], zero)

    return _TILE(_TILE, _TILE, _TILE), codegen


@_operation
def largest(typing: Any, tile: Any) -> Any:
    """The largest value of all columns."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, width = values[0], WIDTH
        while width > 1:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.select(builder.fcmp_ordered(">", low, high), low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return types.float32(_TILE), codegen


@_operation
def fold(typing: Any, address: Any, index: Any, tile: Any) -> Any:
    """Add a tile, its registers onto each other, to the :data:`LANES` partial sums at number ``index``."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, width = values[2], WIDTH
        while width > LANES:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.fadd(low, high)
        place = _pointer(builder, *values[:2], rest.type)
        before = builder.load(place)
        before.align = 4
        stored = builder.store(builder.fadd(before, rest), place)
        stored.align = 4
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, _TILE), codegen


@_operation
def collapse(typing: Any, address: Any, index: Any) -> Any:
    """The sum of :data:`LANES` partial sums, in a fixed sequence: halves onto each other."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, width = builder.load(_pointer(builder, *values, ir.VectorType(ir.FloatType(), LANES))), LANES
        rest.align = 4
        while width > 1:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return types.float32(types.intp, types.intp), codegen


@njit(cache=True, nogil=True)
def clear(address: int, count: int) -> None:
    """Set ``count`` values after an address, whole tiles at a time and then one by one, to 0."""
    whole = count // WIDTH * WIDTH
    for place in range(0, whole, WIDTH):
        store(address, place, splat(np.float32(0)))
    for place in range(whole, count):
        write_number(address, place, np.float32(0))
