"""CSV: tables as text, and a JSON file with everything that is not in a table.

``NAME.csv`` is the main table, ``NAME.<dims>.csv`` the others (see :mod:`data.export.tables`). The first line has the
names, the second the units, then come the values: ``pandas.read_csv(path, skiprows=[1])``, or ``header=[0, 1]`` to keep
the units. UTF-8, comma, point. ``NAME.json`` has the metadata of the run, the variables without dimensions, and for
each file what its columns are.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pyarrow import csv as arrow_csv

from data.errors import BadInput
from data.export.description import describe, describe_variable, json_text, scalars
from data.export.tables import Table, table_path, tables_of
from data.runfile import Run


def write(run: Run, path: Path) -> None:
    """Write a run as CSV files and a JSON file.

    Raises:
        BadInput: the name of the main table is that of the JSON file.
    """
    sidecar = path.with_suffix(".json")
    if sidecar == path:
        raise BadInput(f"{path.name} is where the JSON file beside the tables goes; give a name that ends in .csv")
    described: dict[str, Any] = {}
    for number, table in enumerate(tables_of(run)):
        file = table_path(path, table, number == 0, ".csv")
        _write_table(table, file)
        columns = {name: describe_variable(variable) for name, variable in table.fields.items()}
        described[file.name] = {"dims": table.dims, "columns": columns}
    if not described:
        path.write_text("", encoding="utf-8")
    contents = describe(run) | {"scalars": scalars(run), "files": described}
    sidecar.write_text(json_text(contents, indent=2) + "\n", encoding="utf-8")


def _write_table(table: Table, path: Path) -> None:
    with path.open("xb") as file:
        file.write(_line(list(table.fields)) + _line([variable.unit for variable in table.fields.values()]))
        options = arrow_csv.WriteOptions(include_header=False)
        for piece in table.slices():
            arrow_csv.write_csv(piece, file, options)


def _line(cells: list[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue().encode("utf-8")
