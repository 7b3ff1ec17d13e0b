"""Commands for studies: ``study ordering``, ``study calibration``, ``study status``, ``study report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import BadInput, LabctlError
from labctl.cli.console import emit, progress, say
from labctl.cli.options import AsJson, Seed

if TYPE_CHECKING:
    from labctl.studies.asking import Asked
    from labctl.studies.folder import Plan, State
    from labctl.studies.runner import StudyResult

study = typer.Typer(help="Experiments over many boards, arms and seeds.", rich_markup_mode=None)

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The study's folder; the same one goes on with what is missing."),
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="Processes; without it one for each processor.")
]

Boards = Annotated[
    str | None, typer.Option("--geometry", help="ROWSxCOLUMNS of the boards; fewer columns take less time.")
]


@study.command("ordering")
def ordering(
    quick: Annotated[bool, typer.Option("--quick", help="Few boards, seeds and epochs: minutes, not hours.")] = False,
    geometry: Boards = None,
    seed: Seed = 1,
    out: Out = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """What the order of events costs, on emulated boards.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked

    _start(Asked("ordering", _scope(quick), seed, geometry), out, workers, as_json)


@study.command("calibration")
def calibration(
    quick: Annotated[bool, typer.Option("--quick", help="A few small boards: minutes, not an hour.")] = False,
    geometry: Boards = None,
    seed: Seed = 1,
    out: Out = None,
    workers: Workers = None,
    as_json: AsJson = False,
) -> None:
    """How well calibrations predict and whether their intervals hold, on emulated boards.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked

    _start(Asked("calibration", _scope(quick), seed, geometry), out, workers, as_json)


@study.command("status")
def status(
    folder: Annotated[Path, typer.Argument(help="The study's folder.")],
    as_json: AsJson = False,
) -> None:
    """How far a study is, and what failed."""
    from labctl.studies.folder import StudyFolder

    opened = StudyFolder(folder)
    plan, state = opened.plan(), opened.state()
    if as_json:
        emit(describe(plan, state))
        return
    for line in sentences(plan, state):
        say(line)


@study.command("report")
def report(
    folder: Annotated[Path, typer.Argument(help="The study's folder.")],
    to: Annotated[
        Path | None,
        typer.Option("--to", help="Also write README.md, pictures and table there, e.g. into a repository."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write table and report again from what is finished; nothing is computed."""
    from labctl.studies.folder import StudyFolder
    from labctl.studies.registry import find_study
    from labctl.studies.runner import StudyResult, present, publish

    opened = StudyFolder(folder)
    plan = opened.plan()
    presented = present(find_study(plan.study), opened)
    if presented is None:
        raise BadInput(f"the study in {folder} has no finished point to report on; run it first")
    written = publish(presented, opened, to) if to is not None else ()
    _tell(plan, StudyResult(opened, opened.state(), presented), as_json)
    if written and not as_json:
        say(f"Page:   {written[0]}")


def _scope(quick: bool) -> str:
    return "quick" if quick else "full"


def _start(asked: Asked, out: Path | None, workers: int | None, as_json: bool) -> None:
    run(asked.plan(), out or Path("runs") / asked.folder_name, workers, as_json)


def run(plan: Plan, folder: Path, workers: int | None, as_json: bool) -> None:
    """Run a study and say what was found.

    Raises:
        LabctlError: points failed; what could be done has been done and is kept.
    """
    from labctl.studies.registry import find_study
    from labctl.studies.runner import run_study

    study_kind = find_study(plan.study)
    with progress(f"study {plan.study}") as listener:
        result = run_study(study_kind, plan, folder, workers=workers, listener=listener)
    _tell(plan, result, as_json)
    if not result.state.complete:
        first = result.state.failed[0]
        undone = len(plan.points) - len(result.state.done)
        raise LabctlError(
            f"{undone} of {len(plan.points)} points are not finished; {first.key}: {first.message}; "
            "the same command tries them again"
        )


def _tell(plan: Plan, result: StudyResult, as_json: bool) -> None:
    presented, folder = result.presented, result.folder
    files = {"table": folder.table, "report": folder.report, "pictures": folder.pictures}
    if as_json:
        found = {} if presented is None else presented.document
        emit({**describe(plan, result.state), **found, "files": files if presented else {}})
        return
    for line in presented.findings if presented else ():
        say(line)
    if presented:
        say(f"Report: {folder.report}")
        say(f"Table:  {folder.table}")


def describe(plan: Plan, state: State) -> dict[str, object]:
    """A study's state as plain values."""
    return {
        "study": plan.study,
        "scope": plan.scope,
        "seed": plan.seed,
        "points": len(plan.points),
        "done": len(state.done),
        "failed": state.failed,
        "blocked": state.blocked,
        "waiting": state.waiting,
        "running": state.running,
        "complete": state.complete,
    }


def sentences(plan: Plan, state: State) -> list[str]:
    """A study's state for people."""
    lines = [
        f"Study {plan.study} ({plan.scope}, seed {plan.seed}): {len(state.done)} of {len(plan.points)} points are done"
        + (", a process is at work on it." if state.running else ".")
    ]
    lines += [f"{item.key} failed: {item.message}" for item in state.failed]
    if state.blocked:
        lines.append(f"{len(state.blocked)} points wait for one that failed.")
    if state.waiting:
        lines.append(f"{len(state.waiting)} points have not been tried yet.")
    return lines
