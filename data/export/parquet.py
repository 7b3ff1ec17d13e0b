"""Parquet: the tables of :mod:`data.export.tables`, ``NAME.parquet`` the main one, ``NAME.<dims>.parquet`` the others.

``pandas.read_parquet(path)`` reads them. Units and meanings are in the metadata of each field (``unit``,
``long_name``), the metadata of the run and the variables without dimensions as JSON under the key ``labctl``.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from data.export.description import describe, json_text, scalars
from data.export.tables import Table, table_path, tables_of
from data.runfile import Run


def write(run: Run, path: Path) -> None:
    """Write a run as Parquet files."""
    notes = {"labctl": json_text(describe(run) | {"scalars": scalars(run)})}
    tables = tables_of(run)
    for number, table in enumerate(tables):
        _write_table(table, notes, table_path(path, table, number == 0, ".parquet"))
    if not tables:
        parquet.write_table(pa.table({}).replace_schema_metadata(notes), path)


def _write_table(table: Table, notes: dict[str, str], path: Path) -> None:
    writer = None
    try:
        for piece in table.slices():
            schema = _schema(piece.schema, table, notes)
            writer = writer or parquet.ParquetWriter(path, schema, compression="zstd")
            writer.write_table(piece.cast(schema))
    finally:
        if writer is not None:
            writer.close()


def _schema(schema: pa.Schema, table: Table, notes: dict[str, str]) -> pa.Schema:
    noted = [
        schema.field(name).with_metadata({"unit": variable.unit, "long_name": variable.long_name})
        for name, variable in table.fields.items()
    ]
    return pa.schema(noted, metadata=notes)
