"""Ask for a study by name, scope and seed, or go on with one that was begun."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data.errors import BadInput, Problems
from drivers.emulator.strengths import parse_geometry
from labctl.progress import Listener, Stop, never, silent
from labctl.studies.points import Study, load_function
from labctl.studies.registry import find_study
from labctl.studies.spreading import Spread

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
            BadInput: there is none of this name.
            Problems: it has no such scope or cannot take the geometry, or the seed is none.
        """
        return self.checked()

    def checked(self, spread: Spread | None = None) -> Study:
        """The kind of study, once everything that was asked for has been looked at.

        Args:
            spread: how the work is to be spread.

        Raises:
            BadInput: there is no study of this name.
            Problems: everything else that cannot be done.
        """
        kind = find_study(self.study)
        found = [] if spread is None else spread.problems()
        if self.scope not in kind.scopes:
            found.append(f"it has no scope {self.scope!r}; it has {', '.join(kind.scopes)}")
        if self.geometry is not None and not kind.any_geometry:
            found.append("it has a geometry of its own; leave it out")
        elif self.geometry is not None:
            try:
                parse_geometry(self.geometry)
            except BadInput as error:
                found.append(str(error))
        if self.seed < 0:
            found.append(f"the seed is {self.seed}; it must not be negative")
        if found:
            raise Problems(f"the study {kind.name}", found)
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
    resources: str = "",
    scheduler: str | None = None,
    slurm: Path | str | None = None,
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
        workers: processes of this machine; None for one for each processor.
        resources: what only one point at a time can use here, e.g. ``gpu=1,board=1``.
        scheduler: address of a Dask scheduler whose workers compute instead, ``tcp://HOST:PORT`` or ``tls://HOST:PORT``.
        slurm: a TOML file that says what jobs to ask SLURM for, which compute instead.
        listener: hears of progress.
        stop: asked now and then; true ends it, finished points are kept.

    Raises:
        BadInput: no such study, scope, geometry or workers, all that is wrong at once; or the folder holds another plan
            or is in use.
    """
    from labctl.studies import runner

    asked = Asked(study, scope, seed, geometry)
    spread = spread_of(workers, resources, scheduler, slurm)
    kind = asked.checked(spread)
    path = Path("runs") / asked.folder_name if folder is None else Path(folder)
    return runner.run_study(kind, asked.plan(), path, workers=spread, listener=listener, stop=stop)


def resume_study(
    folder: Path | str,
    *,
    workers: int | None = None,
    resources: str = "",
    scheduler: str | None = None,
    slurm: Path | str | None = None,
    listener: Listener = silent,
    stop: Stop = never,
) -> StudyResult:
    """Go on with the study in a folder: points that are missing or failed are computed.

    Args:
        folder: the study's folder.
        workers: as in :func:`run_study`.
        resources: as in :func:`run_study`.
        scheduler: as in :func:`run_study`.
        slurm: as in :func:`run_study`.
        listener: hears of progress.
        stop: asked now and then; true ends it, finished points are kept.

    Raises:
        BadInput: there is no study, or another process is at work on it.
    """
    from labctl.studies import runner
    from labctl.studies.folder import StudyFolder

    plan = StudyFolder(Path(folder)).plan()
    spread = spread_of(workers, resources, scheduler, slurm)
    return runner.run_study(find_study(plan.study), plan, Path(folder), workers=spread, listener=listener, stop=stop)


def spread_of(
    workers: int | None = None, resources: str = "", scheduler: str | None = None, slurm: Path | str | None = None
) -> Spread:
    """How a study is spread, from the options of :func:`run_study`; nothing is checked yet."""
    return Spread(workers, resources, scheduler, None if slurm is None else Path(slurm))
