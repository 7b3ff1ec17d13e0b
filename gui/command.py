"""``labctl gui``."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from data.errors import LabctlError


def gui(
    bench: Annotated[Path | None, typer.Option("--bench", "-b", help="Bench file; the last one without it.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Start an emulated board and show all of it.")] = False,
    screenshots: Annotated[
        Path | None,
        typer.Option("--screenshots", help="Take pictures of every panel in every state into this folder, and leave."),
    ] = None,
    runs: Annotated[Path | None, typer.Option("--runs", help="Folder of the run files.")] = None,
) -> None:
    """Open the desktop window.

    Pictures are taken on the demonstration bench, with --demo or without.
    """
    if has_no_screen():
        if screenshots is None:
            raise LabctlError(
                "there is no screen here (neither DISPLAY nor WAYLAND_DISPLAY is set); open the window on a desktop, "
                "over `ssh -X`, or take pictures of it with --screenshots DIR"
            )
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    try:
        from gui.app import Options, run
    except ImportError as error:
        raise LabctlError(
            f"the desktop window needs Qt, which cannot be loaded here ({error}); "
            "install it by `pip install labctl[gui]`, and `labctl doctor` says which system libraries are missing"
        ) from error
    if screenshots is None:
        raise typer.Exit(run(Options(bench=bench, demo=demo, runs=runs)))
    with TemporaryDirectory(prefix="labctl-") as folder:
        place = Path(folder)
        demo_runs = runs or place / "runs"
        options = Options(demo=True, runs=demo_runs, settings=place / "desktop.ini", screenshots=screenshots)
        raise typer.Exit(run(options))


def has_no_screen(environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> bool:
    """Whether Qt would look for a screen in vain, and end the process."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return platform == "linux" and not any(environment.get(name) for name in named)
