"""What every command shares: where output goes, how progress shows, how errors end."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from data.errors import Cancelled
from labctl.plain import plain
from labctl.progress import Listener

if TYPE_CHECKING:
    from labctl.bench import Bench

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130
PIPE_WIDTH = 160
LOG_EVERY_S = 2.0


def say(text: str = "") -> None:
    """Write a result for people to stdout."""
    typer.echo(text)


def note(text: str) -> None:
    """Write something that is not the result to stderr."""
    typer.echo(text, err=True)


def emit(document: object) -> None:
    """Write the one JSON document of a command to stdout."""
    typer.echo(json.dumps(plain(document), indent=2, allow_nan=False))


def table(title: str, header: list[str], rows: list[list[str]]) -> None:
    """Print a table to stdout; columns of figures are aligned right."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    shown = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE, pad_edge=False)
    for index, name in enumerate(header):
        figures = bool(rows) and all(row[index][:1].isdigit() for row in rows)
        shown.add_column(name, justify="right" if index and figures else "left", overflow="fold")
    for row in rows:
        shown.add_row(*row)
    # Square brackets are names of extras and tables of the bench file here, and no styles.
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(width=width, markup=False, emoji=False)
    console.print(shown)


@contextmanager
def progress(title: str) -> Iterator[Listener]:
    """A progress bar on stderr for a terminal, a line every few seconds for a log file."""
    if not sys.stderr.isatty():
        yield _lines(title)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=1.0)

        def listener(fraction: float, message: str) -> None:
            bar.update(task, completed=fraction, description=f"{title}: {message}")

        yield listener


def _lines(title: str) -> Listener:
    last = -LOG_EVERY_S

    def listener(fraction: float, message: str) -> None:
        nonlocal last
        if time.monotonic() - last >= LOG_EVERY_S:
            last = time.monotonic()
            note(f"[{100 * fraction:3.0f} %] {title}: {message}")

    return listener


@contextmanager
def kept_file_said(bench: Bench) -> Iterator[None]:
    """Where a run was ended by Ctrl-C, say which file holds what was measured."""
    try:
        yield
    except (KeyboardInterrupt, Cancelled):
        outcome = bench.engine.status().outcome
        if outcome is not None and outcome.path is not None and outcome.status != "complete":
            note(f"labctl: what was measured is in {outcome.path}")
        raise


def set_up_logging(verbose: bool) -> None:
    """Send logs to stderr: warnings, or everything with ``--verbose``."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(levelname)s %(name)s: %(message)s",
    )
    for quiet in ("matplotlib", "numba", "asyncio", "PIL", "h5py"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("pyvisa").setLevel(logging.ERROR)  # its warnings come again as our errors
