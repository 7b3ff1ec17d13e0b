"""Run a study: every point that is missing, then table, figures and page."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from data.errors import BadInput
from labctl.progress import Listener, Stop, never, silent
from labctl.studies.folder import Failure, Plan, State, StudyFolder
from labctl.studies.points import Point, Presented, Study
from labctl.studies.tables import collect, write_table
from labctl.studies.workers import Workers

log = logging.getLogger(__name__)

LOOK_S = 0.3
"""Seconds between two looks at whether the study should stop."""


@dataclass(frozen=True)
class StudyResult:
    """How a run of a study ended.

    Attributes:
        folder: where everything is.
        state: what is finished and what failed.
        presented: the results for readers; None while no point has given a row.
    """

    folder: StudyFolder
    state: State
    presented: Presented | None


def run_study(
    study: Study,
    plan: Plan,
    path: Path,
    *,
    workers: int | None = None,
    listener: Listener = silent,
    stop: Stop = never,
) -> StudyResult:
    """Compute the points that are missing and write table and report; may be called again after any end.

    A point that fails is noted and tried again by the next call; those that need it wait, all others are done.
    Ctrl-C ends the workers at once; finished points are kept.

    Args:
        study: what to do.
        plan: its points; must be that of the folder if there is one.
        path: the study's folder, made if it is not there.
        workers: processes; None for one for each processor.
        listener: hears of progress.
        stop: asked now and then; true ends the workers at once and reports on what is finished.

    Raises:
        BadInput: the folder holds another plan, cannot be written to, or another process works in it.
    """
    folder = StudyFolder(path)
    folder.begin(plan)
    with folder.held():
        folder.tidy()
        try:
            with Workers(study.compute, path, workers or os.cpu_count() or 1) as processes:
                _Run(folder, plan, processes, listener, stop).all()
        finally:
            # Workers that were ended in the middle of a point leave its half behind.
            folder.sweep()
        listener(1.0, "table and report")
        presented = present(study, folder)
    return StudyResult(folder, folder.state(), presented)


def present(study: Study, folder: StudyFolder) -> Presented | None:
    """Write table, figures and page from what is finished."""
    table = collect(folder)
    write_table(table, folder.table)
    if table.empty:
        return None
    folder.pictures.mkdir(exist_ok=True)
    presented = study.presenting()(table, folder.pictures)
    folder.report.write_text(presented.page.html(), encoding="utf-8")
    folder.keep_findings(presented.findings)
    return presented


def publish(presented: Presented, folder: StudyFolder, target: Path) -> tuple[Path, ...]:
    """Write a study's results for readers of a repository: ``README.md``, ``pictures/`` and ``table.parquet``.

    Args:
        presented: what :func:`present` returned.
        folder: the study's folder.
        target: where they go; made if it is not there, pictures of before are replaced.

    Raises:
        BadInput: the study gives no Markdown, or the target cannot be written to.
    """
    if not presented.markdown:
        raise BadInput(f"the study {folder.plan().study} has no page for a repository, only {folder.report}")
    plan, state = folder.plan(), folder.state()
    origin = (
        f"Written by `labctl study report`; do not edit. From `{command(plan)}`: "
        f"{len(state.done)} of {len(plan.points)} points are done. All rows: [table.parquet](table.parquet)."
    )
    title, _, rest = presented.markdown.partition("\n\n")
    page, table, pictures = target / "README.md", target / folder.table.name, target / folder.pictures.name
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        for old in pictures.glob("*.png"):
            old.unlink()
        for picture in sorted(folder.pictures.glob("*.png")):
            shutil.copyfile(picture, pictures / picture.name)
        shutil.copyfile(folder.table, table)
        page.write_text(f"{title}\n\n{origin}\n\n{rest}", encoding="utf-8")
    except OSError as error:
        raise BadInput(f"the results cannot be written to {target}: {error.strerror or error}") from error
    return page, table, pictures


class _Run:
    """The points of one run: begun in the order of the plan as soon as what they need is there."""

    def __init__(self, folder: StudyFolder, plan: Plan, workers: Workers, listener: Listener, stop: Stop) -> None:
        self._folder = folder
        self._workers = workers
        self._listener = listener
        self._stop = stop
        self._total = len(plan.points)
        self._done = {point.key for point in plan.points if folder.is_done(point.key)}
        self._waiting = [point for point in plan.points if point.key not in self._done]

    def all(self) -> None:
        """Do everything that can be done."""
        self._listener(len(self._done) / self._total, f"{len(self._done)} of {self._total} points")
        while not self._stop():
            while self._workers.free and (point := self._next()) is not None:
                self._waiting.remove(point)
                self._workers.begin(point)
            if not self._workers.busy:
                return
            for outcome in self._workers.wait(LOOK_S):
                self._note(outcome.key, outcome.failure)

    def _next(self) -> Point | None:
        return next((point for point in self._waiting if self._done.issuperset(point.needs)), None)

    def _note(self, key: str, failure: Failure | None) -> None:
        if failure is None:
            self._done.add(key)
        else:
            self._folder.fail(failure)
            log.warning("point %s failed: %s", key, failure.message)
        self._listener(len(self._done) / self._total, f"{len(self._done)} of {self._total} points, last {key}")


def command(plan: Plan) -> str:
    """What computes a study again, as one types it."""
    geometries = {str(point.settings["geometry"]) for point in plan.points if "geometry" in point.settings}
    quick = " --quick" if plan.scope == "quick" else ""
    boards = f" --geometry {geometries.pop()}" if len(geometries) == 1 else ""
    return f"labctl study {plan.study}{quick}{boards} --seed {plan.seed}"
