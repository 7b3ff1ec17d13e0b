"""Curves of runs as a table: what a plot shows, for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from data.errors import BadInput, LabctlError

if TYPE_CHECKING:
    from labctl.service.messages import RunData

INDEX: Final = "index"
COLUMN: Final = "column "


def save_curves(files: Sequence[Path | str], out: Path | str, x: str = INDEX, ys: Sequence[str] = ()) -> Path:
    """Write quantities of runs as CSV: run, number of the point, x, and a column for each quantity.

    The head line names each quantity with its unit; what was not measured is empty.

    Args:
        files: run files, one after another in the table.
        out: the table.
        x: an axis or a quantity of the runs; ``index`` for none besides the number of the point.
        ys: quantities, e.g. ``mean output`` or ``column 17``; none for all.

    Raises:
        BadInput: a run cannot be read or has no such quantity.
        LabctlError: the table cannot be written.
    """
    from labctl.service.rundata import run_data

    runs = [run_data(Path(file)) for file in files]
    if not runs:
        raise BadInput("there is no run to save; name at least one run file")
    wanted = tuple(ys) or tuple(runs[0].points.values)
    columns = [item for item in (x, *wanted) if item != INDEX]
    tables = [[_values(run, name) for name in columns] for run in runs]
    try:
        with Path(out).open("w", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream)
            writer.writerow(["run", INDEX, *(_head(runs[0], name) for name in columns)])
            for run, table in zip(runs, tables, strict=True):
                writer.writerows(_rows(run, table))
    except OSError as error:
        raise LabctlError(f"{out} cannot be written: {error.strerror or error}") from error
    return Path(out)


def _rows(run: RunData, table: Sequence[NDArray[Any]]) -> Iterator[list[Any]]:
    for index in range(min((len(values) for values in table), default=0)):
        yield [run.began.run_id, index, *(_cell(values[index]) for values in table)]


def _cell(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, np.floating):
        return plain
    # The shortest text that gives the same number in the type in which it is kept.
    return "" if np.isnan(value) else str(value)


def _values(run: RunData, name: str) -> NDArray[Any]:
    if name in run.began.axes:
        return run.began.axes[name].values
    if name in run.points.values:
        return run.points.values[name]
    number = name.removeprefix(COLUMN)
    if name.startswith(COLUMN) and number.isdigit():
        return _column(run, int(number))
    known = ", ".join([*run.began.axes, *run.points.values])
    raise BadInput(f"run {run.began.run_id} has no {name}; it has {known}")


def _column(run: RunData, column: int) -> NDArray[np.float64]:
    """Mean outputs of one column at every point, from the file."""
    from data.runfile import read_run
    from labctl.service.points import OUTPUT

    found = read_run(Path(run.began.file))
    if OUTPUT not in found.variables:
        raise BadInput(f"run {run.began.run_id} has no outputs of columns")
    outputs = found.values(OUTPUT)
    if column >= outputs.shape[-1]:
        raise BadInput(f"run {run.began.run_id} has {outputs.shape[-1]} columns, and no column {column}")
    chosen = outputs[: found.rows_done or 0, ..., column]
    mean: NDArray[np.float64] = chosen.reshape(len(chosen), -1).mean(axis=1)
    return mean


def _head(run: RunData, name: str) -> str:
    axis = run.began.axes.get(name)
    unit = axis.unit if axis is not None else run.began.quantities.get(name, "")
    return name if unit in ("", "1") else f"{name} ({unit})"
