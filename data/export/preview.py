"""What an export would write, before it does: files, what is in them, and the first lines."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from data.export.registry import choose_format
from data.runfile import Run, read_run
from data.variables import Variable

if TYPE_CHECKING:
    from data.export.tables import Table

FIRST: Final = 6
"""Lines of a table, or values of an array, that are shown."""
LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A file, and what is in it as a table.

    Attributes:
        file: its name.
        title: what it holds and how much.
        header: names of the columns.
        units: of the columns; empty where they have none.
        lines: the first lines.
    """

    file: str
    title: str
    header: tuple[str, ...]
    units: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def preview(run: Run | Path | str, target: Path | str, format: str | None = None) -> tuple[Piece, ...]:
    """What :func:`data.export.export` would write; nothing is written.

    Args:
        run: a run in memory, or its file.
        target: the file that would be written.
        format: name of a format; by the ending of ``target`` when None.

    Raises:
        BadInput: an unknown format, or a run that cannot be read.
    """
    target = Path(target)
    chosen = choose_format(target, format)
    loaded = run if isinstance(run, Run) else read_run(run)
    if chosen.tables:
        from data.export.tables import table_path, tables_of

        tables = tables_of(loaded)
        return tuple(
            _table(table, table_path(target, table, number == 0, chosen.suffix).name)
            for number, table in enumerate(tables)
        )
    return (_arrays(loaded, target.name, chosen.names_of(loaded)),)


def _table(table: Table, file: str) -> Piece:
    count = int(np.prod(table.sizes, dtype=np.int64))
    title = f"{count} lines, {len(table.fields)} columns, one line for each {', '.join(table.dims)}"
    lines = []
    for line in range(min(count, FIRST)):
        place = np.unravel_index(line, table.sizes)
        index = [table.index[dim].values[place[axis]] for axis, dim in enumerate(table.dims)]
        lines.append((*map(_value, index), *(_cell(item, place) for item in table.columns.values())))
    units = tuple(item.unit for item in table.fields.values())
    return Piece(file, title, tuple(table.fields), units, tuple(lines))


def _arrays(run: Run, file: str, names: dict[str, str]) -> Piece:
    lines = tuple(
        (
            names[name],
            " × ".join(f"{dim} {size}" for dim, size in zip(item.dims, item.values.shape, strict=True)) or "one value",
            "text" if item.values.dtype.kind == "U" else str(item.values.dtype),
            item.unit,
            _first(item.values),
            item.long_name,
        )
        for name, item in run.variables.items()
    )
    header = ("name", "shape", "type", "unit", "first values", "meaning")
    return Piece(file, f"{len(lines)} arrays", header, ("",) * len(header), lines)


def _cell(item: Variable, place: Iterable[Any]) -> str:
    value = item.values[tuple(place)]
    missing = item.fill is not None and (value == item.fill or (value != value and item.fill != item.fill))
    return "" if missing else _value(value)


def _first(values: NDArray[Any]) -> str:
    flat = values.reshape(-1)[:FIRST]
    return ", ".join(map(_value, flat)) + (", …" if values.size > FIRST else "")


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    text = f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"
