"""Command that looks at this computer: ``doctor``."""

from __future__ import annotations

import typer

from labctl.cli.console import EXIT_FAILED, emit, say, table
from labctl.cli.options import AsJson, BenchFile


def doctor(bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Look at ports, permissions, VISA, disk, libraries and the bench file; say what to do.

    Works without a board and touches none. Exit code 1 if anything fails.
    """
    from labctl.doctor import examine

    checks = examine(bench)
    failed = [check for check in checks if check.status == "fail"]
    if as_json:
        emit({"ok": not failed, "checks": checks})
    else:
        table("This computer", ["", "what", "found"], [[item.status.upper(), item.name, item.found] for item in checks])
        for item in checks:
            if item.advice:
                say(f"{item.name}: {item.advice}")
    if failed:
        raise typer.Exit(EXIT_FAILED)
