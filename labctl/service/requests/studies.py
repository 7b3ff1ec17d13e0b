"""Requests about studies: run, go on, look, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.service.messages import FolderChanged
from labctl.service.messages_studies import StudyProgress
from labctl.service.request import Lane, Looking, Task
from labctl.studies.values import StudyEntry, StudyKind, StudyResults, StudyView

if TYPE_CHECKING:
    from labctl.progress import Listener
    from labctl.service.session import Session
    from labctl.studies.runner import StudyResult


@dataclass(frozen=True, slots=True)
class ListStudies(Looking):
    """The studies that can be asked for, and those in the runs' folder.

    Attributes:
        others: more folders of studies.
    """

    others: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> tuple[tuple[StudyKind, ...], tuple[StudyEntry, ...]]:
        """Carry it out."""
        from labctl.studies.looking import list_studies, study_kinds

        return study_kinds(), list_studies(session.runs, self.others)


@dataclass(frozen=True, slots=True)
class OpenStudy(Looking):
    """How far a study is, and what was found."""

    folder: str

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    def do(self, session: Session, task: Task) -> StudyView:
        """Carry it out."""
        from labctl.studies.looking import look_at_study

        return look_at_study(self.folder)


@dataclass(frozen=True, slots=True)
class OpenStudyResults:
    """Table and pictures of a study."""

    folder: str

    @property
    def lane(self) -> Lane:
        """Reads files."""
        return Lane.FILES

    @property
    def title(self) -> str:
        """Not worth a line."""
        return ""

    def script(self) -> str:
        """The same in Python."""
        return f"table = pandas.read_parquet({str(Path(self.folder) / 'table.parquet')!r})"

    def do(self, session: Session, task: Task) -> StudyResults:
        """Carry it out."""
        from labctl.studies.looking import study_results

        return study_results(self.folder)


@dataclass(frozen=True, slots=True)
class RunStudy:
    """Run a study in processes of its own; hardware is not touched.

    Attributes:
        study: its name.
        scope: how much of it.
        seed: what everything is drawn from.
        geometry: ROWSxCOLUMNS of the boards; None for the study's own.
        folder: where it goes; empty for a folder named after it among the runs.
        workers: processes; None for one for each processor.
        resources: what only one point at a time can use here, e.g. ``gpu=1``.
        scheduler: address of a Dask scheduler whose workers compute instead.
        slurm: a TOML file that says what jobs to ask SLURM for, which compute instead.
    """

    study: str
    scope: str
    seed: int = 1
    geometry: str | None = None
    folder: str = ""
    workers: int | None = None
    resources: str = ""
    scheduler: str | None = None
    slurm: str | None = None

    @property
    def lane(self) -> Lane:
        """Takes hours."""
        return Lane.STUDIES

    @property
    def title(self) -> str:
        """For people."""
        return f"study {self.study} ({self.scope}, seed {self.seed})"

    def script(self) -> str:
        """The same in Python."""
        more = f", geometry={self.geometry!r}" if self.geometry else ""
        more += f", folder={self.folder!r}" if self.folder else ""
        more += _spread_words(self)
        return f"labctl.run_study({self.study!r}, scope={self.scope!r}, seed={self.seed}{more})"

    def do(self, session: Session, task: Task) -> StudyView:
        """Carry it out."""
        from labctl.studies.asking import Asked, run_study

        asked = Asked(self.study, self.scope, self.seed, self.geometry)
        folder = Path(self.folder) if self.folder else session.runs / asked.folder_name
        points = len(asked.plan().points)

        def run(listener: Listener) -> StudyResult:
            return run_study(
                self.study,
                scope=self.scope,
                seed=self.seed,
                geometry=self.geometry,
                folder=folder,
                workers=self.workers,
                resources=self.resources,
                scheduler=self.scheduler,
                slurm=self.slurm,
                listener=listener,
                stop=task.stop,
            )

        return _carry_out(session, task, folder, points, run)


@dataclass(frozen=True, slots=True)
class ResumeStudy:
    """Go on with the study in a folder; points that failed are tried again.

    Attributes:
        folder: the study's.
        workers: processes; None for one for each processor.
        resources: what only one point at a time can use here, e.g. ``gpu=1``.
        scheduler: address of a Dask scheduler whose workers compute instead.
        slurm: a TOML file that says what jobs to ask SLURM for, which compute instead.
    """

    folder: str
    workers: int | None = None
    resources: str = ""
    scheduler: str | None = None
    slurm: str | None = None

    @property
    def lane(self) -> Lane:
        """Takes hours."""
        return Lane.STUDIES

    @property
    def title(self) -> str:
        """For people."""
        return f"go on with {Path(self.folder).name}"

    def script(self) -> str:
        """The same in Python."""
        return f"labctl.resume_study({self.folder!r}{_spread_words(self)})"

    def do(self, session: Session, task: Task) -> StudyView:
        """Carry it out."""
        from labctl.studies.asking import resume_study
        from labctl.studies.folder import StudyFolder

        folder = Path(self.folder)
        points = len(StudyFolder(folder).plan().points)

        def run(listener: Listener) -> StudyResult:
            return resume_study(
                folder,
                workers=self.workers,
                resources=self.resources,
                scheduler=self.scheduler,
                slurm=self.slurm,
                listener=listener,
                stop=task.stop,
            )

        return _carry_out(session, task, folder, points, run)


@dataclass(frozen=True, slots=True)
class ReportStudy:
    """Write table and report of a study again from what is finished."""

    folder: str

    @property
    def lane(self) -> Lane:
        """Draws."""
        return Lane.COMPUTE

    @property
    def title(self) -> str:
        """For people."""
        return f"report of {Path(self.folder).name}"

    def script(self) -> str:
        """What a shell does."""
        return f"# labctl study report {self.folder}"

    def do(self, session: Session, task: Task) -> StudyView:
        """Carry it out.

        Raises:
            BadInput: no point is finished.
        """
        from data.errors import BadInput
        from labctl.studies.folder import StudyFolder
        from labctl.studies.looking import look_at_study
        from labctl.studies.registry import find_study
        from labctl.studies.runner import present

        opened = StudyFolder(Path(self.folder))
        if present(find_study(opened.plan().study), opened) is None:
            raise BadInput(f"the study in {self.folder} has no finished point to report on; let it run first")
        session.tell(FolderChanged("studies"))
        return look_at_study(self.folder)


def _spread_words(asked: RunStudy | ResumeStudy) -> str:
    """How the work is spread, as arguments of a call."""
    given = {name: getattr(asked, name) for name in ("workers", "resources", "scheduler", "slurm")}
    return "".join(f", {name}={value!r}" for name, value in given.items() if value)


def _carry_out(
    session: Session, task: Task, folder: Path, points: int, run: Callable[[Listener], StudyResult]
) -> StudyView:
    """Run and tell how far it is.

    Raises:
        Cancelled: it was stopped; finished points are kept.
    """
    from data.errors import Cancelled
    from labctl.studies.looking import look_at_study

    began = time.monotonic()
    before: int | None = None
    done = 0

    def heard(fraction: float, message: str) -> None:
        nonlocal before, done
        done = min(round(fraction * points), points)
        before = done if before is None else before
        new = done - before
        left = (time.monotonic() - began) / new * (points - done) if new else None
        task.progress(fraction, message)
        session.tell(StudyProgress(task.number, str(folder), done, points, message, left))
        session.tell(FolderChanged("studies"))

    try:
        result = run(heard)
    finally:
        session.tell(StudyProgress(task.number, str(folder), done, points, over=True))
        session.tell(FolderChanged("studies"))
    if task.stop() and not result.state.complete:
        kept = len(result.state.done)
        raise Cancelled(f"stopped; {kept} of {points} points are finished and kept, Resume goes on with the others")
    return look_at_study(folder)
