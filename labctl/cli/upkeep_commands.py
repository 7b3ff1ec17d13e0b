"""What ``labctl runs`` does besides listing: ``--verify``, ``--repair``, ``--migrate``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from data import upkeep
from data.catalogue import Catalogue
from data.errors import BadInput
from labctl.cli.console import EXIT_FAILED, emit, say, table
from labctl.library import find, open_catalogue


def verify(wanted: Sequence[str], bench: Path | None, folder: Path | None, kind: str | None, *, as_json: bool) -> None:
    """Compare files with their checksums; exit code 1 when one is damaged."""
    found = [upkeep.verify(path) for path in _files(wanted, bench, folder, kind)]
    if as_json:
        emit({"runs": found})
    elif found:
        rows = [
            [item.path.name, item.verdict, item.status, "" if item.rows is None else str(item.rows), item.note]
            for item in found
        ]
        table("Checksums", ["file", "verdict", "ended", "rows", "note"], rows)
    else:
        say("There are no runs to verify.")
    if any(item.verdict == "damaged" for item in found):
        raise typer.Exit(EXIT_FAILED)


def repair(wanted: Sequence[str], bench: Path | None, folder: Path | None, kind: str | None, *, as_json: bool) -> None:
    """Finish files whose process was killed; exit code 1 when one cannot be."""
    found = []
    for path in _files(wanted, bench, folder, kind):
        try:
            found.append(upkeep.repair(path))
        except BadInput as error:
            found.append(upkeep.Repair(path, "", False, True, note=str(error)))
    for place in {item.path.parent for item in found} | ({folder} if folder is not None else set()):
        upkeep.remove_leftovers(place)
        Catalogue(place).refresh()
    changed = [item for item in found if item.repaired or item.failed]
    if as_json:
        emit({"runs": found})
    elif changed:
        rows = [[item.path.name, "repaired" if item.repaired else "not repaired", item.note] for item in changed]
        table("Repairs", ["file", "what", "note"], rows)
    else:
        say("Nothing to repair: no process left a run unfinished.")
    if any(item.failed for item in found):
        raise typer.Exit(EXIT_FAILED)


def migrate(
    wanted: Sequence[str],
    bench: Path | None,
    folder: Path | None,
    kind: str | None,
    *,
    target: Path,
    as_json: bool,
) -> None:
    """Write files of older layouts anew in the layout of today."""
    files = {path: upkeep.migrate(path, target) for path in _files(wanted, bench, folder, kind)}
    written = [new for new in files.values() if new is not None]
    if as_json:
        emit({"files": written, "up_to_date": [old for old, new in files.items() if new is None]})
        return
    for new in written:
        say(str(new))
    if not written:
        say("Nothing to migrate: every file has the layout of today.")


def _files(wanted: Sequence[str], bench: Path | None, folder: Path | None, kind: str | None) -> list[Path]:
    if wanted:
        return [find(item, bench, folder, kind) for item in wanted]
    catalogue = open_catalogue(bench, folder)
    catalogue.refresh()
    return [entry.path for entry in catalogue.runs(kind=kind)]
