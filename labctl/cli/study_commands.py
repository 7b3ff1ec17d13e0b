"""Commands for studies: one for each kind, ``study status``, ``study report``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from data.errors import BadInput, LabctlError
from labctl.cli.console import emit, progress, say
from labctl.cli.options import AsJson, Seed

if TYPE_CHECKING:
    from labctl.studies.asking import Asked
    from labctl.studies.folder import Plan, State, StudyFolder
    from labctl.studies.pace import Pace
    from labctl.studies.runner import StudyResult
    from labctl.studies.spreading import Spread

WATCH_S = 1.0
"""Seconds between two looks at a study that is watched."""

study = typer.Typer(help="Experiments over many boards, arms and seeds.", rich_markup_mode=None)

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="The study's folder; the same one goes on with what is missing."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=256, help="Processes of this machine; without it one for each processor."),
]
Resources = Annotated[
    str, typer.Option("--resources", help="What only one point at a time can use here, e.g. gpu=1,board=1.")
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler", metavar="ADDRESS", help="Dask scheduler whose workers compute: tcp:// or tls://HOST:PORT."
    ),
]
Slurm = Annotated[
    Path | None, typer.Option("--slurm", metavar="FILE.toml", help="Jobs to ask SLURM for, whose workers compute.")
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
    resources: Resources = "",
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    as_json: AsJson = False,
) -> None:
    """What the order of events costs, on emulated boards.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked, spread_of

    spread = spread_of(workers, resources, scheduler, slurm)
    _start(Asked("ordering", _scope(quick), seed, geometry), out, spread, as_json)


@study.command("calibration")
def calibration(
    quick: Annotated[bool, typer.Option("--quick", help="A few small boards: minutes, not an hour.")] = False,
    geometry: Boards = None,
    seed: Seed = 1,
    out: Out = None,
    workers: Workers = None,
    resources: Resources = "",
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    as_json: AsJson = False,
) -> None:
    """How well calibrations predict and whether their intervals hold, on emulated boards.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked, spread_of

    spread = spread_of(workers, resources, scheduler, slurm)
    _start(Asked("calibration", _scope(quick), seed, geometry), out, spread, as_json)


@study.command("walking-noise")
def walking_noise(
    quick: Annotated[bool, typer.Option("--quick", help="Digits and keywords, three seeds: minutes.")] = False,
    medium: Annotated[bool, typer.Option("--medium", help="More networks, seeds and noises: most of an hour.")] = False,
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder with mnist, fashion-mnist, svhn, cifar-10, for a full study."),
    ] = None,
    recordings: Annotated[
        Path | None, typer.Option("--recordings", help="Folder with Speech Commands, instead of synthetic speech.")
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Train on a GPU; say --resources gpu=1 for one here.")] = False,
    seed: Seed = 1,
    out: Out = None,
    workers: Workers = None,
    resources: Resources = "",
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    as_json: AsJson = False,
) -> None:
    """How much noise networks bear, and where: noise walks through them.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked, spread_of
    from labctl.studies.walking.plan import Files, plan_of_files

    spread = spread_of(workers, resources, scheduler, slurm)
    asked = Asked("walking-noise", _scope(quick, medium), seed)
    asked.checked(spread)
    plan = plan_of_files(asked.scope, seed, Files(images, recordings), gpu=gpu)
    run(plan, out or Path("runs") / asked.folder_name, spread, as_json)


@study.command("hardening")
def hardening(
    quick: Annotated[bool, typer.Option("--quick", help="Short trainings and few seeds: minutes, not a day.")] = False,
    medium: Annotated[bool, typer.Option("--medium", help="Between the two: half an hour.")] = False,
    geometry: Boards = None,
    seed: Seed = 1,
    out: Out = None,
    workers: Workers = None,
    resources: Resources = "",
    scheduler: Scheduler = None,
    slurm: Slurm = None,
    as_json: AsJson = False,
) -> None:
    """What makes networks bear noise, in simulation and on emulated boards.

    Stopped with Ctrl-C or killed, the same command goes on.
    """
    from labctl.studies.asking import Asked, spread_of

    spread = spread_of(workers, resources, scheduler, slurm)
    _start(Asked("hardening", _scope(quick, medium), seed, geometry), out, spread, as_json)


@study.command("status")
def status(
    folder: Annotated[Path, typer.Argument(help="The study's folder.")],
    watch: Annotated[
        bool, typer.Option("--watch", help="Say it again as points are finished, until the run ends.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How far a study is, how fast it goes, and what failed; also while another process works on it."""
    from labctl.studies.folder import StudyFolder

    opened = StudyFolder(folder)
    plan, state = opened.plan(), opened.state()
    while watch and state.running:
        _say_status(opened, plan, state, as_json)
        before = len(state.done), len(state.failed)
        while state.running and (len(state.done), len(state.failed)) == before:
            time.sleep(WATCH_S)
            state = opened.state()
    _say_status(opened, plan, state, as_json)


def _say_status(opened: StudyFolder, plan: Plan, state: State, as_json: bool) -> None:
    from labctl.studies.pace import pace

    speed = pace(opened, state)
    if as_json:
        emit(describe(plan, state, speed))
        return
    for line in sentences(plan, state, speed):
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


def _scope(quick: bool, medium: bool = False) -> str:
    if quick and medium:
        raise BadInput("a study is quick or medium, not both")
    return "quick" if quick else "medium" if medium else "full"


def _start(asked: Asked, out: Path | None, workers: Spread, as_json: bool) -> None:
    asked.checked(workers)
    run(asked.plan(), out or Path("runs") / asked.folder_name, workers, as_json)


def run(plan: Plan, folder: Path, workers: Spread, as_json: bool) -> None:
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


def describe(plan: Plan, state: State, speed: Pace | None = None) -> dict[str, object]:
    """A study's state, and how fast it goes, as plain values."""
    pace = {} if speed is None else {"points_per_hour": speed.per_hour, "left_s": speed.left_s}
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
        **pace,
    }


def sentences(plan: Plan, state: State, speed: Pace | None = None) -> list[str]:
    """A study's state, and how fast it goes, for people."""
    from labctl.scanning.drawing import duration

    lines = [
        f"Study {plan.study} ({plan.scope}, seed {plan.seed}): {len(state.done)} of {len(plan.points)} points are done"
        + (", a process is at work on it." if state.running else ".")
    ]
    if speed is not None and speed.per_hour is not None and speed.left_s is not None:
        lines.append(
            f"{speed.per_hour:.3g} points an hour; the rest takes about {duration(speed.left_s)} at that pace."
        )
    lines += [f"{item.key} failed: {item.message}" for item in state.failed]
    if state.blocked:
        lines.append(f"{len(state.blocked)} points wait for one that failed.")
    if state.waiting:
        lines.append(f"{len(state.waiting)} points are not done yet.")
    return lines
