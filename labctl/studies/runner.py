"""Run a study: every point that is missing, then table, figures and page."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from data.errors import BadInput, Problems
from labctl.progress import Listener, Stop, never, silent
from labctl.studies.folder import Plan, State, StudyFolder
from labctl.studies.points import Presented, Study
from labctl.studies.run import Run
from labctl.studies.spreading import Spread
from labctl.studies.tables import collect, write_table


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
    workers: Spread | int | None = None,
    listener: Listener = silent,
    stop: Stop = never,
) -> StudyResult:
    """Compute the points that are missing and write table and report; may be called again after any end.

    A point that fails is noted and tried again by the next call; those that need it wait, all others are done. One
    whose worker ended in the middle is tried again at once, a few times. Ctrl-C ends the workers at once; finished
    points are kept.

    Args:
        study: what to do.
        plan: its points; must be that of the folder if there is one.
        path: the study's folder, made if it is not there.
        workers: processes of this machine, None for one for each processor; or how else the work is spread.
        listener: hears of progress.
        stop: asked now and then; true ends the workers at once and reports on what is finished.

    Raises:
        BadInput: the folder holds another plan, cannot be written to, or another process works in it; the workers
            cannot be had, or none of them can compute some of the points.
    """
    spread = Spread.of(workers)
    if problems := spread.problems():
        raise Problems("the study cannot be spread as asked", problems)
    folder = StudyFolder(path)
    folder.begin(plan)
    with folder.held():
        folder.tidy()
        try:
            with spread.opened(study.compute, folder) as crew:
                Run(folder, plan, crew, listener, stop).all()
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


def command(plan: Plan) -> str:
    """What computes a study again, as one types it."""
    geometries = {str(point.settings["geometry"]) for point in plan.points if "geometry" in point.settings}
    scope = f" --{plan.scope}" if plan.scope in ("quick", "medium") else ""
    boards = f" --geometry {geometries.pop()}" if len(geometries) == 1 else ""
    return f"labctl study {plan.study}{scope}{boards} --seed {plan.seed}"
