"""Commands on files: ``runs``, ``report``, ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.console import emit, note, say, table
from labctl.cli.options import AsJson, BenchFile, Runs

Wanted = Annotated[
    list[str] | None,
    typer.Argument(metavar="[RUN]...", help="With --verify, --repair, --migrate: runs or files; without it all."),
]


def runs(
    wanted: Wanted = None,
    bench: BenchFile = None,
    folder: Runs = None,
    kind: Annotated[str | None, typer.Option(help="Only runs of this kind, e.g. position or comparison.")] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build the index again from the files.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare files with their checksums.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Finish files whose process was killed.")] = False,
    migrate: Annotated[
        Path | None, typer.Option("--migrate", help="Write files of older layouts anew, into this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List runs, the newest last; or verify, repair or migrate their files.

    Files that cannot be read are listed with the reason. --verify and --repair end with exit code 1 when a file is
    damaged or cannot be repaired.
    """
    from data.errors import BadInput
    from labctl.cli import upkeep_commands

    if verify + repair + (migrate is not None) > 1:
        raise BadInput("--verify, --repair and --migrate are three things to do; give one of them")
    chosen = (wanted or [], bench, folder, kind)
    if verify:
        upkeep_commands.verify(*chosen, as_json=as_json)
    elif repair:
        upkeep_commands.repair(*chosen, as_json=as_json)
    elif migrate is not None:
        upkeep_commands.migrate(*chosen, target=migrate, as_json=as_json)
    elif wanted:
        raise BadInput(f"say what to do with {wanted[0]}: --verify, --repair or --migrate FOLDER")
    else:
        _list(bench, folder, kind, rebuild, as_json)


def _list(bench: Path | None, folder: Path | None, kind: str | None, rebuild: bool, as_json: bool) -> None:
    from data.errors import BadInput
    from data.marks import Mark, RunMarks
    from labctl.library import open_catalogue

    catalogue = open_catalogue(bench, folder)
    if rebuild:
        catalogue.rebuild()
    else:
        catalogue.refresh()
    entries = catalogue.runs(kind=kind)
    try:
        marks = RunMarks(catalogue.folder).read()
    except BadInput as error:  # it must not hide the runs
        note(f"without marks: {error}")
        marks = {}
    if as_json:
        emit({"folder": catalogue.folder, "runs": entries, "marks": marks})
        return
    if not entries:
        wanted = f" of kind {kind}" if kind else ""
        say(f"No runs{wanted} in {catalogue.folder}; `labctl sweep` or `labctl demo` makes some.")
        return
    rows = [
        [
            entry.run_id,
            mark.stamp,
            entry.kind,
            entry.status,
            entry.board + (" (SIMULATED)" if entry.simulated else ""),
            "; ".join(part for part in (mark.note, entry.note) if part),
        ]
        for entry in entries
        for mark in (marks.get(entry.run_id, Mark()),)
    ]
    table(f"Runs in {catalogue.folder}", ["run", "mark", "kind", "ended", "board", "note"], rows)


def report(
    run: Annotated[str, typer.Argument(help="Run id, the start of one, `latest`, or a file.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="HTML file; without it beside the run.")] = None,
    bench: BenchFile = None,
    folder: Runs = None,
    as_json: AsJson = False,
) -> None:
    """Make one self-contained HTML page of a run."""
    from labctl.library import find
    from labctl.report import write_report

    page = write_report(find(run, bench, folder), out)
    if as_json:
        emit({"report": page})
    else:
        say(str(page))


def export(
    run: Annotated[str | None, typer.Argument(help="Run id, the start of one, `latest`, or a file.")] = None,
    target: Annotated[Path | None, typer.Argument(help="File to write; its ending chooses the format.")] = None,
    file_format: Annotated[str | None, typer.Option("--format", "-f", help="Format, whatever the ending.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that exist.")] = False,
    bench: BenchFile = None,
    folder: Runs = None,
    as_json: AsJson = False,
) -> None:
    """Export a run for other programs.

    NetCDF, CSV, Parquet, MATLAB or NumPy; without arguments, the formats are listed.
    """
    from data import export as exporting
    from data.errors import BadInput
    from labctl.library import find

    if run is None:
        formats = exporting.formats()
        if as_json:
            emit({"formats": formats})
        else:
            table("Formats", ["format", "ending", "what"], [[f.name, f.suffix, f.description] for f in formats])
        return
    if target is None:
        raise BadInput("say where to export to: `labctl export RUN FILE`, the file's ending chooses the format")
    files = exporting.export(find(run, bench, folder), target, file_format, overwrite=overwrite)
    if as_json:
        emit({"files": files})
    else:
        for file in files:
            say(str(file))
