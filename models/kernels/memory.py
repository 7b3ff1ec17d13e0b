"""Memory by address, for compiled walks.

Functions that are handed arrays count references to them, which costs more than the work on one vector. Walks therefore
take addresses, as integers; whoever asks for one keeps the array alive (:func:`keep`) while it is used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

WORD: Final = ir.IntType(32)
FLOAT: Final = ir.FloatType()


def operation(declare: Callable[..., Any]) -> Any:
    """A compiled operation, which is called with fewer arguments than its declaration takes."""
    return intrinsic(declare)


def call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    """Emit a call of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    find: Any = cgutils.get_or_insert_function
    return builder.call(find(builder.module, kind, name), arguments)


def pointer(builder: Any, address: Any, index: Any, kind: Any) -> Any:
    """Emit the pointer to a ``kind`` at number ``index``, of four bytes each, after an address."""
    place = builder.add(address, builder.mul(index, ir.Constant(index.type, 4)))
    return builder.inttoptr(place, kind.as_pointer())


def spread(builder: Any, scalar: Any, kind: Any) -> Any:
    """Emit a vector of ``kind`` that holds ``scalar`` everywhere."""
    nothing = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(WORD, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(WORD, kind.count), [0] * kind.count))


def halve(builder: Any, vector: Any, width: int, combine: Callable[[Any, Any], Any]) -> Any:
    """Emit the halves of a vector combined until it has ``width`` elements; always in the same sequence."""
    while vector.type.count > width:
        half = vector.type.count // 2
        kind = ir.VectorType(WORD, half)
        low = builder.shuffle_vector(vector, vector, ir.Constant(kind, list(range(half))))
        high = builder.shuffle_vector(vector, vector, ir.Constant(kind, list(range(half, 2 * half))))
        vector = combine(low, high)
    return vector


@njit(cache=True, nogil=True, forceinline=True)
def address(array: Any) -> int:
    """Where the values of a contiguous array lie."""
    return array.ctypes.data  # type: ignore[no-any-return]


@operation
def keep(typing: Any, array: Any) -> Any:
    """Do nothing with an array, which is therefore alive up to here."""
    return types.void(array), lambda context, builder, signature, values: context.get_dummy_value()


@operation
def number(typing: Any, address: Any, index: Any) -> Any:
    """The float32 at number ``index`` after an address."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(pointer(builder, values[0], values[1], FLOAT))

    return types.float32(types.intp, types.intp), codegen


@operation
def integer(typing: Any, address: Any, index: Any) -> Any:
    """The int32 at number ``index`` after an address."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        loaded = builder.load(pointer(builder, values[0], values[1], WORD))
        return builder.sext(loaded, values[0].type)

    return types.intp(types.intp, types.intp), codegen


@operation
def write_number(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Write a float32 to number ``index`` after an address."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], pointer(builder, values[0], values[1], FLOAT))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.float32), codegen


@operation
def write_integer(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Write an integer as int32 to number ``index`` after an address."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(builder.trunc(values[2], WORD), pointer(builder, values[0], values[1], WORD))
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@operation
def _prefetch(typing: Any, address: Any, index: Any, writing: Any) -> Any:
    """Ask for the cache line of number ``index`` after an address, which may lie anywhere."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        place = pointer(builder, values[0], values[1], ir.IntType(8))
        hints = [ir.Constant(WORD, int(signature.args[2].literal_value)), ir.Constant(WORD, 2), ir.Constant(WORD, 1)]
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [place, *hints])
        return context.get_dummy_value()

    if not isinstance(writing, types.Literal):
        return None
    return types.void(types.intp, types.intp, writing), codegen


@njit(cache=True, nogil=True, forceinline=True)
def expect(address: int, first: int, count: int, step: int, size: int) -> None:
    """Ask for ``count`` stretches of ``size`` numbers, ``step`` apart, that will be read soon."""
    for item in range(count):
        for place in range(0, size, 16):
            _prefetch(address, first + item * step + place, 0)


@njit(cache=True, nogil=True, forceinline=True)
def expect_writing(address: int, first: int, count: int, step: int, size: int) -> None:
    """As :func:`expect`, to be written."""
    for item in range(count):
        for place in range(0, size, 16):
            _prefetch(address, first + item * step + place, 1)
