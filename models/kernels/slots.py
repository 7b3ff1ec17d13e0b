"""Which rows take a slot, for one vector and block: made where it is needed, never stored for a batch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import njit, types
from numpy.typing import NDArray

from models.kernels.memory import (
    FLOAT,
    WORD,
    call,
    halve,
    integer,
    operation,
    pointer,
    spread,
    write_integer,
    write_number,
)

Floats = NDArray[np.float32]

CHUNK: Final = 16
"""Rows that are looked at together."""

LIST: Final = 16
"""Vectors whose slots are listed together: their lists and a tile of weights share the first-level cache."""

HALF_CHUNK: Final = CHUNK // 2
"""Slots whose largest effect on the line is bounded together."""

_FLOATS: Final = ir.VectorType(FLOAT, CHUNK)
_INTEGERS: Final = ir.VectorType(WORD, CHUNK)
_BITS: Final = ir.IntType(CHUNK)


@operation
def _compress(
    typing: Any,
    charges: Any,
    place: Any,
    row: Any,
    left: Any,
    skip: Any,
    sent: Any,
    rows: Any,
    count: Any,
) -> Any:
    """Append those of the next rows that take a slot; returns how many there are then."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        a_charges, place, row, left, skip, a_sent, a_rows, count = values
        lanes = ir.Constant(_INTEGERS, list(range(CHUNK)))
        here = builder.icmp_signed("<", lanes, spread(builder, builder.trunc(left, WORD), _INTEGERS))
        zeros = ir.Constant(_FLOATS, [0.0] * CHUNK)
        source = pointer(builder, a_charges, place, _FLOATS)
        arguments = [source, ir.Constant(WORD, 4), here, zeros]
        charge = call(builder, f"llvm.masked.load.v{CHUNK}f32.p0", _FLOATS, arguments)
        every = builder.icmp_signed(
            "==", spread(builder, builder.zext(skip, WORD), _INTEGERS), ir.Constant(_INTEGERS, [0] * CHUNK)
        )
        taken = builder.and_(here, builder.or_(builder.fcmp_unordered("!=", charge, zeros), every))
        numbers = builder.add(lanes, spread(builder, builder.trunc(row, WORD), _INTEGERS))
        for address, vector, suffix in ((a_sent, charge, "f32"), (a_rows, numbers, "i32")):
            target = pointer(builder, address, count, vector.type)
            nothing = ir.Constant(vector.type, ir.Undefined)
            name = f"llvm.experimental.vector.compress.v{CHUNK}{suffix}"
            stored = builder.store(call(builder, name, vector.type, [vector, taken, nothing]), target)
            stored.align = 4
        bits = call(builder, f"llvm.ctpop.i{CHUNK}", _BITS, [builder.bitcast(taken, _BITS)])
        return builder.add(count, builder.zext(bits, count.type))

    size = types.intp
    arguments = (size, size, size, size, types.boolean, size, size, size)
    return types.intp(*arguments), codegen


@njit(cache=True, nogil=True)
def scratch(size: int) -> Floats:
    """Room for ``size`` values that begins on a cache line; registers that span two load at half the speed."""
    raw = np.empty(size + 16, np.float32)
    skip = -raw.ctypes.data % 64 // 4
    return raw[skip : skip + size]


@operation
def _larger(typing: Any, charges: Any, place: Any, left: Any, peak: Any) -> Any:
    """The larger of ``peak`` and the magnitudes of the next charges; NaN counts as larger than anything."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        charges, place, left, peak = values
        lanes = ir.Constant(_INTEGERS, list(range(CHUNK)))
        here = builder.icmp_signed("<", lanes, spread(builder, builder.trunc(left, WORD), _INTEGERS))
        source, nothing = pointer(builder, charges, place, _FLOATS), ir.Constant(_FLOATS, [0.0] * CHUNK)
        arguments = [source, ir.Constant(WORD, 4), here, nothing]
        rest = call(builder, f"llvm.masked.load.v{CHUNK}f32.p0", _FLOATS, arguments)

        # Magnitudes are in the sequence of their bits, and those of NaN come last.
        def larger(low: Any, high: Any) -> Any:
            return builder.select(builder.icmp_unsigned(">", low, high), low, high)

        bits = builder.and_(builder.bitcast(rest, _INTEGERS), ir.Constant(_INTEGERS, [0x7FFFFFFF] * CHUNK))
        largest = builder.extract_element(halve(builder, bits, 1, larger), ir.Constant(WORD, 0))
        return builder.bitcast(larger(largest, builder.bitcast(peak, WORD)), FLOAT)

    size = types.intp
    return types.float32(size, size, size, types.float32), codegen


@njit(cache=True, nogil=True)
def list_slots(
    charges: int, place: int, size: int, skip_zeros: bool, sent: int, rows: int, first: int
) -> tuple[int, np.float32]:
    """List the slots of one vector and block, whose ``size`` charges begin at number ``place`` after an address.

    Writes the charge of each slot after ``sent`` and its row after ``rows``, from number ``first`` on; both need
    :func:`room` for a list. Returns how many slots there are, and the largest magnitude of a charge.
    """
    stop, peak = first, np.float32(0)
    for row in range(0, size, CHUNK):
        stop = _compress(charges, place + row, row, size - row, skip_zeros, sent, rows, stop)
        peak = _larger(charges, place + row, size - row, peak)
    return stop - first, peak


@njit(cache=True, nogil=True)
def list_vectors(
    charges: int,
    place: int,
    step: int,
    size: int,
    skip_zeros: bool,
    vectors: int,
    space: int,
    sent: int,
    rows: int,
    counts: int,
    largest: int,
) -> bool:
    """List the slots of some vectors, whose charges are ``step`` apart, in lists that are ``space`` apart.

    Writes how many slots each has after ``counts``, as int32, and its largest charge after ``largest``. Returns whether
    all charges are finite.
    """
    finite = True
    for item in range(vectors):
        count, peak = list_slots(charges, place + item * step, size, skip_zeros, sent, rows, item * space)
        write_integer(counts, item, count)
        write_number(largest, item, peak)
        finite = finite and bool(peak < np.inf)
    return finite


@operation
def _bound(
    typing: Any, sent: Any, rows: Any, slot: Any, left: Any, peaks: Any, first: Any, bounds: Any, place: Any
) -> Any:
    """Write, for the next two halves of a chunk, the sums of the magnitudes of charge times the peak of its row."""

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        sent, rows, slot, left, peaks, first, bounds, place = values
        lanes = ir.Constant(_INTEGERS, list(range(CHUNK)))
        here = builder.icmp_signed("<", lanes, spread(builder, builder.trunc(left, WORD), _INTEGERS))
        nothing, align = ir.Constant(_FLOATS, [0.0] * CHUNK), ir.Constant(WORD, 4)
        masked = f"llvm.masked.load.v{CHUNK}"
        charge = call(
            builder, f"{masked}f32.p0", _FLOATS, [pointer(builder, sent, slot, _FLOATS), align, here, nothing]
        )
        none = ir.Constant(_INTEGERS, [0] * CHUNK)
        source = pointer(builder, rows, slot, _INTEGERS)
        row = call(builder, f"{masked}i32.p0", _INTEGERS, [source, align, here, none])
        wide = ir.VectorType(ir.IntType(64), CHUNK)
        begin = builder.add(peaks, builder.mul(first, ir.Constant(first.type, 4)))
        offsets = builder.mul(builder.sext(row, wide), ir.Constant(wide, [4] * CHUNK))
        places = builder.inttoptr(
            builder.add(spread(builder, begin, wide), offsets),
            ir.VectorType(ir.PointerType(FLOAT), CHUNK),
        )
        peak = call(builder, f"llvm.masked.gather.v{CHUNK}f32.v{CHUNK}p0", _FLOATS, [places, align, here, nothing])
        rest = call(builder, f"llvm.fabs.v{CHUNK}f32", _FLOATS, [builder.fmul(charge, peak)])
        for distance in (4, 2, 1):
            other = ir.Constant(_INTEGERS, [lane ^ distance for lane in range(CHUNK)])
            rest = builder.fadd(rest, builder.shuffle_vector(rest, rest, other))
        for half in range(2):
            # A little more than the sum, so that rounding cannot make it less.
            value = builder.fmul(
                builder.extract_element(rest, ir.Constant(WORD, half * CHUNK // 2)),
                ir.Constant(FLOAT, float(np.float32(1.00001))),
            )
            place_of = builder.add(place, ir.Constant(place.type, half))
            builder.store(value, pointer(builder, bounds, place_of, FLOAT))
        return context.get_dummy_value()

    size = types.intp
    return types.void(size, size, size, size, size, size, size, size), codegen


@njit(cache=True, nogil=True)
def bound_slots(
    sent: int, rows: int, counts: int, vectors: int, space: int, peaks: int, first: int, bounds: int
) -> None:
    """Write, for every half chunk of the slots of some vectors, the most by which it moves any column.

    ``peaks`` from number ``first`` on are the largest magnitudes of the weights of each row; the bounds of a vector
    begin at number ``item * space // HALF_CHUNK``.
    """
    for item in range(vectors):
        begin, count = item * space, integer(counts, item)
        for slot in range(0, count, CHUNK):
            place = (begin + slot) // HALF_CHUNK
            _bound(sent, rows, begin + slot, count - slot, peaks, first, bounds, place)


@njit(cache=True, nogil=True)
def room(size: int) -> int:
    """Room that the list of ``size`` charges takes: whole chunks are written, so some lie behind its end."""
    return (size + 2 * CHUNK) // CHUNK * CHUNK


@njit(cache=True, nogil=True)
def list_room(space: int) -> int:
    """Numbers that the lists of :data:`LIST` vectors take together."""
    return (2 * space + 2) * LIST


@njit(cache=True, nogil=True, forceinline=True)
def list_places(lists: int, space: int) -> tuple[int, int, int, int]:
    """Where, in memory of :func:`list_room` numbers, charges, rows, counts and largest charges are listed."""
    rows = lists + 4 * LIST * space
    counts = rows + 4 * LIST * space
    return lists, rows, counts, counts + 4 * LIST
