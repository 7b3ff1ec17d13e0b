"""The studies of a folder: how far they are, and what they found."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from data.errors import BadInput
from labctl.studies.folder import Plan, State, StudyFolder
from labctl.studies.registry import STUDIES
from labctl.studies.values import PointLine, StudyEntry, StudyKind, StudyResults, StudyView

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS: Final = 500
"""Lines of a table that are shown."""


def study_kinds() -> tuple[StudyKind, ...]:
    """The studies that can be asked for."""
    return tuple(
        StudyKind(study.name, study.title, tuple(study.scopes.items()), study.any_geometry)
        for study in STUDIES.values()
        if study.plan
    )


def list_studies(folder: Path | str, others: Iterable[Path | str] = ()) -> tuple[StudyEntry, ...]:
    """The studies in a folder of runs, those that changed last first.

    Args:
        folder: whose folders may be studies.
        others: more folders of studies.
    """
    found = sorted(path.parent for path in Path(folder).glob("*/plan.json"))
    every = dict.fromkeys([*found, *(Path(item) for item in others)])
    entries = [_entry(path) for path in every]
    return tuple(sorted((item for item in entries if item is not None), key=lambda item: -item.changed))


def look_at_study(folder: Path | str) -> StudyView:
    """How far the study in a folder is, and what was found.

    Raises:
        BadInput: there is no study, or its plan is damaged.
    """
    opened = StudyFolder(Path(folder))
    plan, state = opened.plan(), opened.state()
    report = str(opened.report) if opened.report.exists() else ""
    return StudyView(_described(opened, plan, state), _points(opened, plan, state), opened.findings(), report)


def study_results(folder: Path | str) -> StudyResults:
    """Table and pictures of the study in a folder, as the last report wrote them.

    Raises:
        BadInput: the table cannot be read.
    """
    opened = StudyFolder(Path(folder))
    pictures = tuple((path.stem, path.read_bytes()) for path in sorted(opened.pictures.glob("*.png")))
    if not opened.table.exists():
        return StudyResults(str(folder), (), (), 0, pictures)
    table = _table(opened.table)
    shown = table.head(MOST_ROWS)
    rows = tuple(tuple(_text(value) for value in row) for row in shown.itertuples(index=False))
    return StudyResults(str(folder), tuple(str(name) for name in table.columns), rows, len(table), pictures)


def _table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"the table {path} cannot be read: {error}; write the report again") from error


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if value != value else f"{value:.5g}"
    return str(value)


def _entry(path: Path) -> StudyEntry | None:
    """A line of the list; None for a folder whose plan is of something else."""
    opened = StudyFolder(path)
    try:
        return _described(opened, opened.plan(), opened.state())
    except BadInput as error:
        if not (path / "points").is_dir():
            return None
        return StudyEntry(str(path), path.name, "", "", 0, problem=str(error))


def _described(opened: StudyFolder, plan: Plan, state: State) -> StudyEntry:
    kind = STUDIES.get(plan.study)
    return StudyEntry(
        folder=str(opened.path),
        study=plan.study,
        title="" if kind is None else kind.title,
        scope=plan.scope,
        seed=plan.seed,
        points=len(plan.points),
        done=len(state.done),
        failed=len(state.failed),
        running=state.running,
        changed=max((item.stat().st_mtime for item in (opened.path, opened.points) if item.exists()), default=0.0),
    )


def _points(opened: StudyFolder, plan: Plan, state: State) -> tuple[PointLine, ...]:
    done, blocked, computing = set(state.done), set(state.blocked), set(opened.computing())
    failed = {item.key: item.message for item in state.failed}
    lines: list[PointLine] = []
    for point in plan.points:
        if point.key in done:
            lines.append(PointLine(point.key, "done"))
        elif point.key in computing:
            lines.append(PointLine(point.key, "computing"))
        elif point.key in failed:
            lines.append(PointLine(point.key, "failed", failed[point.key]))
        elif point.key in blocked:
            lines.append(PointLine(point.key, "blocked", f"needs {', '.join(set(point.needs) - done)}"))
        else:
            lines.append(PointLine(point.key, "waiting"))
    return tuple(lines)
