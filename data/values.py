"""The values every room shares: geometry, schedule, identity, and the checks of the codes that go with them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput

Activations = NDArray[np.uint8]
"""Unsigned input codes, shape (vectors, rows)."""
Weights = NDArray[np.int8]
"""Signed weight codes, shape (rows, columns)."""
Outputs = NDArray[np.int16]
"""Signed ADC codes, shape (vectors, columns)."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Size of a synapse array and the ranges of its codes, as read from the board.

    Attributes:
        rows: signed synapse rows, each takes one activation.
        columns: columns, each gives one output.
        activation_max: largest activation code; the smallest is 0.
        weight_max: largest weight code; the smallest is its negative.
        output_min: smallest ADC code.
        output_max: largest ADC code.
        clock_ns: period of the event clock in nanoseconds; spacings are multiples of it.
    """

    rows: int = 128
    columns: int = 256
    activation_max: int = 31
    weight_max: int = 63
    output_min: int = -128
    output_max: int = 127
    clock_ns: int = 8


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a vector is sent: events arrive one after another.

    Attributes:
        order: the rows in the order in which they send, a permutation of ``range(rows)``;
            None is row 0 first, row 1 second, and so on.
        spacing_ns: time between two events in nanoseconds.
        sends: how many times the whole vector is sent within one integration.
        skip_zeros: a zero activation takes no slot when true, an empty slot when false.
        settle_ns: time from the slot after the last event to the read-out, in nanoseconds.
        reset_ns: time for which the membrane is held at reset before the first event, in nanoseconds.
    """

    order: tuple[int, ...] | None = None
    spacing_ns: int = 40
    sends: int = 1
    skip_zeros: bool = True
    settle_ns: int = 1000
    reset_ns: int = 5000

    def order_array(self, rows: int) -> NDArray[np.uint16]:
        """The event order as an array of row indices, shape (rows,)."""
        if self.order is None:
            return np.arange(rows, dtype=np.uint16)
        return np.asarray(self.order, dtype=np.uint16)

    def with_order(self, order: NDArray[np.integer] | tuple[int, ...] | None) -> Schedule:
        """The same schedule with another event order."""
        return replace(self, order=None if order is None else tuple(int(row) for row in order))

    def check(self, geometry: Geometry) -> None:
        """Raise :class:`BadInput` naming the first setting that this geometry cannot honour."""
        clock = geometry.clock_ns
        if self.spacing_ns < clock or self.spacing_ns % clock:
            raise BadInput(
                f"the event spacing {self.spacing_ns} ns is not a positive multiple of the board's {clock} ns clock"
            )
        if not 1 <= self.sends <= 64:
            raise BadInput(f"sends is {self.sends}; it must be 1 to 64")
        for name, value in (("settle time", self.settle_ns), ("reset time", self.reset_ns)):
            if not 0 <= value <= 1_000_000:
                raise BadInput(f"the {name} is {value} ns; it must be 0 to 1000000 ns")
        if self.order is not None and sorted(self.order) != list(range(geometry.rows)):
            raise BadInput(
                f"the event order must name each of the {geometry.rows} rows once, it has {len(self.order)} entries"
            )


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers at the end of a link (IEEE 488.2 ``*IDN?``), and whether it is an emulated board."""

    manufacturer: str
    model: str
    serial_number: str
    firmware: str
    simulated: bool = False

    def __str__(self) -> str:
        mark = " (SIMULATED)" if self.simulated else ""
        firmware = f", firmware {self.firmware}" if self.firmware else ""
        return " ".join(part for part in (self.model, self.serial_number) if part) + firmware + mark


def check_weights(weights: NDArray[np.generic], geometry: Geometry) -> Weights:
    """Weights as int8 of shape (rows, columns).

    Raises:
        BadInput: wrong shape, not whole numbers, or a code outside the range; the first bad place is named.
    """
    codes = _whole_codes("weights", weights, (geometry.rows, geometry.columns))
    _check_range("weight", codes, -geometry.weight_max, geometry.weight_max, ("row", "column"))
    return codes.astype(np.int8)


def check_activations(activations: NDArray[np.generic], geometry: Geometry) -> Activations:
    """Activations as uint8 of shape (vectors, rows).

    Raises:
        BadInput: wrong shape, not whole numbers, or a code outside the range; the first bad place is named.
    """
    codes = _whole_codes("activations", activations, (None, geometry.rows))
    _check_range("activation", codes, 0, geometry.activation_max, ("vector", "row"))
    return codes.astype(np.uint8)


def digest(*parts: bytes) -> str:
    """Eight hexadecimal digits (CRC-32) that name a content in logs and file attributes; not cryptographic."""
    crc = 0
    for part in parts:
        crc = zlib.crc32(part, crc)
    return f"{crc:08x}"


def _whole_codes(what: str, values: NDArray[np.generic], shape: tuple[int | None, int]) -> NDArray[np.integer]:
    codes = np.asarray(values)
    wanted = " x ".join("any" if size is None else str(size) for size in shape)
    if codes.ndim != 2 or any(s is not None and s != n for s, n in zip(shape, codes.shape, strict=True)):
        raise BadInput(f"the {what} have shape {' x '.join(map(str, codes.shape))}; the board takes {wanted}")
    if codes.dtype.kind in "iu":
        return codes
    if codes.dtype.kind != "b" and not (codes.dtype.kind == "f" and bool(np.all(codes == np.rint(codes)))):
        raise BadInput(f"the {what} must be whole numbers, not {codes.dtype} with fractions")
    return codes.astype(np.int64)


def _check_range(what: str, codes: NDArray[np.integer], low: int, high: int, axes: tuple[str, str]) -> None:
    if codes.size and not low <= codes.min() <= codes.max() <= high:
        bad = (codes < low) | (codes > high)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise BadInput(f"{what} {codes[first]} at {axes[0]} {first[0]}, {axes[1]} {first[1]} is outside {low}..{high}")
