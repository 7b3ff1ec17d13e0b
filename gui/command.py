"""``labctl gui``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from data.errors import LabctlError


def gui(
    bench: Annotated[Path | None, typer.Option("--bench", "-b", help="Bench file; the last one without it.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Start an emulated board and show all of it.")] = False,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of the run files.")] = None,
) -> None:
    """Open the desktop window."""
    try:
        from gui.app import Options, run
    except ImportError as error:
        raise LabctlError(
            f"the desktop window needs Qt, which cannot be loaded here ({error}); "
            "install it by `pip install labctl[gui]`, and `labctl doctor` says which system libraries are missing"
        ) from error
    raise typer.Exit(run(Options(bench=bench, demo=demo, runs=runs)))
