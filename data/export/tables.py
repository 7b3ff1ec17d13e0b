"""A run as tables: one for every set of dimensions, in long form.

The table of the dimensions ``(point, repeat, column)`` has one line for each point, repeat and column, the last
varying fastest; a column for each dimension (its coordinate where it has one, else 0, 1, 2, ...) and one for each
variable of exactly these dimensions. A value that was not measured is empty. Variables without dimensions are in no
table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.runfile import Run
from data.variables import Variable

_SLICE_VALUES = 1 << 20


@dataclass(frozen=True)
class Table:
    """Variables of the same dimensions, as columns of one table.

    Attributes:
        dims: their dimensions.
        sizes: length of each.
        index: a value for each place along each dimension, by dimension.
        columns: the variables, by name.
    """

    dims: tuple[str, ...]
    sizes: tuple[int, ...]
    index: Mapping[str, Variable]
    columns: Mapping[str, Variable]

    @property
    def fields(self) -> dict[str, Variable]:
        """Every column by its name, those of the dimensions first."""
        return {**self.index, **self.columns}

    def slices(self) -> Iterator[pa.Table]:
        """The lines in order, in pieces of at most about a million, so that memory stays small."""
        lines_each = int(np.prod(self.sizes[1:], dtype=np.int64))
        step = max(1, _SLICE_VALUES // lines_each)
        for start in range(0, self.sizes[0], step):
            stop = min(start + step, self.sizes[0])
            arrays = [self._index_array(axis, start, stop) for axis in range(len(self.dims))]
            arrays += [_column(variable, start, stop) for variable in self.columns.values()]
            yield pa.Table.from_arrays(arrays, names=list(self.fields))

    def _index_array(self, axis: int, start: int, stop: int) -> pa.Array:
        values = self.index[self.dims[axis]].values
        shape = (stop - start, *self.sizes[1:])
        along = values[start:stop] if axis == 0 else values
        lined_up = along.reshape([-1 if i == axis else 1 for i in range(len(shape))])
        return _arrow(np.broadcast_to(lined_up, shape).ravel())


def tables_of(run: Run) -> tuple[Table, ...]:
    """The tables of a run, the main one first: of those with one dimension and variables along it, the longest."""
    groups: dict[tuple[str, ...], dict[str, Variable]] = {}
    for name, variable in run.variables.items():
        if variable.dims and variable.dims != (name,):
            groups.setdefault(variable.dims, {})[name] = variable
        elif variable.dims:
            groups.setdefault(variable.dims, {})
    made = [_table(run, dims, columns) for dims, columns in groups.items()]
    return tuple(sorted(made, key=lambda table: (len(table.dims) > 1, not table.columns, -table.sizes[0])))


def table_path(target: Path, table: Table, main: bool, ending: str) -> Path:
    """The file of a table: ``target`` for the main one; for the others its stem, their dimensions and its ending.

    Args:
        target: the file that was asked for.
        table: the table.
        main: whether it is the main one.
        ending: of the other files where ``target`` has none.
    """
    if main:
        return target
    return target.with_name(f"{target.stem}.{'-'.join(table.dims)}{target.suffix or ending}")


def _table(run: Run, dims: tuple[str, ...], columns: Mapping[str, Variable]) -> Table:
    some = next(iter(columns.values()), None) or run.variables[dims[0]]
    sizes = some.values.shape
    index = {dim: _index(run, dim, size) for dim, size in zip(dims, sizes, strict=True)}
    return Table(dims, sizes, index, columns)


def _index(run: Run, dim: str, size: int) -> Variable:
    coordinate = run.variables.get(dim)
    if coordinate is not None and coordinate.dims == (dim,):
        return coordinate
    return Variable((dim,), np.arange(size), "1", f"index along {dim}", coordinate=True)


def _column(variable: Variable, start: int, stop: int) -> pa.Array:
    return _arrow(variable.values[start:stop].ravel(), variable.fill)


def _arrow(values: NDArray[Any], fill: float | int | None = None) -> pa.Array:
    if values.dtype.kind == "U":
        return pa.array(values.tolist(), type=pa.string())
    if fill is None:
        return pa.array(values)
    return pa.array(values, mask=np.isnan(values) if np.isnan(fill) else values == fill)
