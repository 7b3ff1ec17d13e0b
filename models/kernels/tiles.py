"""A tile of columns held in vector registers, for compiled walks.

A tile is one value of :data:`WIDTH` float32 in LLVM, which splits it over as many registers as the processor needs
(eight of 512 bits, sixteen of 256). Arrays of a walk stay out of memory this way, whatever the loop around them does.
Every operation acts on each column alone, so results do not depend on how a tile is split.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.datamodel.models import PrimitiveModel
from numba.extending import intrinsic, register_model

WIDTH: Final = 128
"""Columns in a tile: enough independent chains to hide the latency of multiply, add and clip."""

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


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


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


@_operation
def load(typing: Any, array: Any, index: Any) -> Any:
    """``WIDTH`` values of a contiguous float32 array from ``index`` on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(_pointer(context, builder, signature.args[0], *values))
        loaded.align = 4
        return loaded

    return _TILE(array, types.intp), codegen


@_operation
def load_first(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """As :func:`load`, but only the first ``count`` values; zeros after them."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        source = _pointer(context, builder, signature.args[0], *values[:2])
        mask = _first_lanes(builder, values[2])
        arguments = [source, ir.Constant(ir.IntType(32), 4), mask, ir.Constant(_VECTOR, [0.0] * WIDTH)]
        return _call(builder, f"llvm.masked.load.v{WIDTH}f32.p0", _VECTOR, arguments)

    return _TILE(array, types.intp, types.intp), codegen


@_operation
def store(typing: Any, array: Any, index: Any, tile: Any) -> Any:
    """Write a tile to a contiguous float32 array from ``index`` on."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        stored = builder.store(values[2], _pointer(context, builder, signature.args[0], *values[:2]))
        stored.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, _TILE), codegen


@_operation
def store_first(typing: Any, array: Any, index: Any, tile: Any, count: Any) -> Any:
    """As :func:`store`, but only the first ``count`` values."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        target = _pointer(context, builder, signature.args[0], *values[:2])
        mask = _first_lanes(builder, values[3])
        arguments = [values[2], target, ir.Constant(ir.IntType(32), 4), mask]
        _call(builder, f"llvm.masked.store.v{WIDTH}f32.p0", ir.VoidType(), arguments)
        return context.get_dummy_value()

    return types.void(array, types.intp, _TILE, types.intp), codegen


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
def total(typing: Any, tile: Any) -> Any:
    """The sum over all columns, in a fixed sequence: halves onto each other."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, width = values[0], WIDTH
        while width > 1:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return types.float32(_TILE), codegen


@_operation
def least(typing: Any, tile: Any) -> Any:
    """The smallest value of all columns."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        rest, width = values[0], WIDTH
        while width > 1:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.select(builder.fcmp_ordered("<", low, high), low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return types.float32(_TILE), codegen
