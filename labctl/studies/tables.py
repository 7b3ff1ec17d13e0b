"""All rows of a study as one table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labctl.studies.folder import StudyFolder

if TYPE_CHECKING:
    import pandas as pd


def collect(folder: StudyFolder) -> pd.DataFrame:
    """Rows of all finished points in the order of the plan; column ``point`` says whose each is."""
    import pandas as pd

    rows = [
        {"point": point.key, **row}
        for point in folder.plan().points
        if folder.is_done(point.key)
        for row in folder.rows(point.key)
    ]
    table = pd.DataFrame(rows, columns=None if rows else ["point"])
    text = [name for name in table.columns if table[name].map(lambda value: isinstance(value, str)).any()]
    return table.assign(**{name: table[name].fillna("") for name in text})


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write the table as Parquet, in one step."""
    part = path.with_name(f".{path.name}.part")
    try:
        table.to_parquet(part, index=False)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
