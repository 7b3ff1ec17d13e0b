"""Ask for a study by name, scope and seed, or go on with one that was begun."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import BadInput
from drivers.emulator.strengths import parse_geometry
from labctl.progress import Listener, Stop, never, silent
from labctl.studies.points import Study, load_function
from labctl.studies.registry import find_study

if TYPE_CHECKING:
    from labctl.studies.folder import Plan
    from labctl.studies.runner import StudyResult


@dataclass(frozen=True, slots=True)
class Asked:
    """A study as somebody asks for it.

    Attributes:
        study: its name.
        scope: one of the study's scopes.
        seed: what everything is drawn from.
        geometry: ROWSxCOLUMNS of the boards; None for the study's own.
    """

    study: str
    scope: str
    seed: int = 1
    geometry: str | None = None

    @property
    def folder_name(self) -> str:
        """What its folder is called unless somebody chooses another name."""
        boards = f"-{self.geometry}" if self.geometry else ""
        return f"study-{self.study}-{self.scope}-seed-{self.seed}{boards}"

    def kind(self) -> Study:
        """The kind of study.

        Raises:
            BadInput: there is none of this name, or it has no such scope or cannot take the geometry.
        """
        kind = find_study(self.study)
        if self.scope not in kind.scopes:
            raise BadInput(f"the study {kind.name} has no scope {self.scope!r}; it has {', '.join(kind.scopes)}")
        if self.geometry is not None and not kind.any_geometry:
            raise BadInput(f"the study {kind.name} has a geometry of its own; leave it out")
        if self.geometry is not None:
            parse_geometry(self.geometry)
        if self.seed < 0:
            raise BadInput(f"the seed is {self.seed}; it must not be negative")
        return kind

    def plan(self) -> Plan:
        """Its points.

        Raises:
            BadInput: as :meth:`kind`.
        """
        plan: Plan = load_function(self.kind().plan)(self.scope, self.seed, self.geometry)
        return plan


def run_study(
    study: str,
    *,
    scope: str = "quick",
    seed: int = 1,
    geometry: str | None = None,
    folder: Path | str | None = None,
    workers: int | None = None,
    listener: Listener = silent,
    stop: Stop = never,
) -> StudyResult:
    """Run a study by name, or go on with the same one where it was left.

    Args:
        study: its name, e.g. ``ordering``.
        scope: one of its scopes, e.g. ``quick``.
        seed: what everything is drawn from.
        geometry: ROWSxCOLUMNS of the boards, where the study can take it; None for its own.
        folder: where it goes; None for a folder named after it in ``runs``.
        workers: processes; None for one for each processor.
        listener: hears of progress.
        stop: asked now and then; true ends it, finished points are kept.

    Raises:
        BadInput: no such study, scope or geometry; or the folder holds another plan or is in use.
    """
    from labctl.studies import runner

    asked = Asked(study, scope, seed, geometry)
    path = Path("runs") / asked.folder_name if folder is None else Path(folder)
    return runner.run_study(asked.kind(), asked.plan(), path, workers=workers, listener=listener, stop=stop)


def resume_study(
    folder: Path | str, *, workers: int | None = None, listener: Listener = silent, stop: Stop = never
) -> StudyResult:
    """Go on with the study in a folder: points that are missing or failed are computed.

    Args:
        folder: the study's folder.
        workers: processes; None for one for each processor.
        listener: hears of progress.
        stop: asked now and then; true ends it, finished points are kept.

    Raises:
        BadInput: there is no study, or another process is at work on it.
    """
    from labctl.studies import runner
    from labctl.studies.folder import StudyFolder

    plan = StudyFolder(Path(folder)).plan()
    return runner.run_study(find_study(plan.study), plan, Path(folder), workers=workers, listener=listener, stop=stop)
