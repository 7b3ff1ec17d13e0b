"""Which rows take a slot, for one vector and block: made where it is needed, never stored for a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Rows = NDArray[np.int32]

CHUNK: Final = 16
"""Slots that are screened together, and rows that are looked at together."""

_FLOATS: Final = ir.VectorType(ir.FloatType(), CHUNK)
_INTEGERS: Final = ir.VectorType(ir.IntType(32), CHUNK)
_BITS: Final = ir.IntType(CHUNK)


def _operation(declare: Callable[..., Any]) -> Any:
    """A compiled operation, which is called with fewer arguments than its declaration takes."""
    return intrinsic(declare)


def _call(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    find: Any = cgutils.get_or_insert_function
    return builder.call(find(builder.module, kind, name), arguments)


def _splat(builder: Any, scalar: Any) -> Any:
    nothing = ir.Constant(_INTEGERS, ir.Undefined)
    first = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(_INTEGERS, [0] * CHUNK))


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


@_operation
def _compress(
    typing: Any,
    charges: Any,
    place: Any,
    peaks: Any,
    peak: Any,
    row: Any,
    left: Any,
    skip: Any,
    sent: Any,
    rows: Any,
    moves: Any,
    count: Any,
) -> Any:
    """Append those of the next rows that take a slot; returns how many there are then."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a_charges, place, a_peaks, peak, row, left, skip, a_sent, a_rows, a_moves, count = values
        kinds = signature.args
        word = ir.IntType(32)
        lanes = ir.Constant(_INTEGERS, list(range(CHUNK)))
        here = builder.icmp_signed("<", lanes, _splat(builder, builder.trunc(left, word)))
        zeros = ir.Constant(_FLOATS, [0.0] * CHUNK)
        one = ir.Constant(word, 4)

        def read(kind: Any, array: Any, index: Any) -> Any:
            pointer = _pointer(context, builder, kind, array, index)
            return _call(
                builder, f"llvm.masked.load.v{CHUNK}f32.p0", _FLOATS, [pointer_cast(pointer), one, here, zeros]
            )

        def pointer_cast(pointer: Any) -> Any:
            return builder.bitcast(pointer, _FLOATS.as_pointer())

        charge = read(kinds[0], a_charges, place)
        move = builder.fmul(charge, read(kinds[2], a_peaks, peak))
        every = builder.icmp_signed(
            "==", _splat(builder, builder.zext(skip, word)), ir.Constant(_INTEGERS, [0] * CHUNK)
        )
        taken = builder.and_(here, builder.or_(builder.fcmp_unordered("!=", charge, zeros), every))
        numbers = builder.add(lanes, _splat(builder, builder.trunc(row, word)))
        for kind, array, vector, suffix in (
            (kinds[7], a_sent, charge, "f32"),
            (kinds[8], a_rows, numbers, "i32"),
            (kinds[9], a_moves, move, "f32"),
        ):
            target = builder.bitcast(_pointer(context, builder, kind, array, count), vector.type.as_pointer())
            nothing = ir.Constant(vector.type, ir.Undefined)
            name = f"llvm.experimental.vector.compress.v{CHUNK}{suffix}"
            stored = builder.store(_call(builder, name, vector.type, [vector, taken, nothing]), target)
            stored.align = 4
        bits = _call(builder, f"llvm.ctpop.i{CHUNK}", _BITS, [builder.bitcast(taken, _BITS)])
        return builder.add(count, builder.zext(bits, count.type))

    size = types.intp
    arguments = (charges, size, peaks, size, size, size, types.boolean, sent, rows, moves, size)
    return types.intp(*arguments), codegen


@njit(cache=True, nogil=True)
def scratch(size: int) -> Floats:
    """Room for ``size`` values that begins on a cache line; registers that span two load at half the speed."""
    raw = np.empty(size + 16, np.float32)
    skip = -raw.ctypes.data % 64 // 4
    return raw[skip : skip + size]


@njit(cache=True, nogil=True)
def list_slots(
    charges: Floats,
    place: int,
    size: int,
    peaks: Floats,
    peak: int,
    skip_zeros: bool,
    sent: Floats,
    rows: Rows,
    moves: Floats,
) -> int:
    """List the slots of one vector and block, whose ``size`` charges are those of a flat array from ``place`` on.

    Fills ``sent`` with the charge and ``rows`` with the row of each slot, and ``moves`` with the charge times the
    largest weight of its row (flat ``peaks`` from ``peak`` on). Returns how many slots there are.
    """
    count = 0
    for row in range(0, size, CHUNK):
        count = _compress(
            charges, place + row, peaks, peak + row, row, size - row, skip_zeros, sent, rows, moves, count
        )
    return count


@njit(cache=True, nogil=True)
def bound_chunks(moves: Floats, count: int, bounds: Floats) -> None:
    """Fill ``bounds`` with at most how far the slots of each chunk move any column.

    A little more than that, so that rounding cannot make it less. ``moves`` needs room for whole chunks.
    """
    for slot in range(count, count + CHUNK):
        moves[slot] = np.float32(0)
    for chunk in range((count + CHUNK - 1) // CHUNK):
        bounds[chunk] = _sum(moves, chunk * CHUNK) * np.float32(1.00001)


@_operation
def _sum(typing: Any, array: Any, index: Any) -> Any:
    """Sum of the magnitudes of a chunk of values from ``index`` on, halves onto each other."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        pointer = builder.bitcast(_pointer(context, builder, signature.args[0], *values), _FLOATS.as_pointer())
        rest = builder.load(pointer)
        rest.align = 4
        rest, width = _call(builder, f"llvm.fabs.v{CHUNK}f32", _FLOATS, [rest]), CHUNK
        while width > 1:
            width //= 2
            kind = ir.VectorType(ir.IntType(32), width)
            low = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width))))
            high = builder.shuffle_vector(rest, rest, ir.Constant(kind, list(range(width, 2 * width))))
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.Constant(ir.IntType(32), 0))

    return types.float32(array, types.intp), codegen


@njit(cache=True, nogil=True)
def row_peaks(weights: Floats, first: int, rows: int, stride: int, width: int, peaks: Floats) -> None:
    """Fill ``peaks`` with the largest magnitude among the ``width`` weights of each row, from ``first`` on."""
    for row in range(rows):
        start = first + row * stride
        peak = np.float32(0)
        for c in range(start, start + width):
            peak = max(peak, abs(weights[c]))
        peaks[row] = peak
