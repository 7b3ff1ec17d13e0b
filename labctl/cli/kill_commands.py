"""Command that kills processes that measure: ``selftest kills``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from labctl.cli.console import EXIT_FAILED, emit, progress, say, table
from labctl.cli.options import AsJson


def kills(
    kills: Annotated[int, typer.Option("--kills", min=1, help="How many processes to kill.")] = 200,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the moments.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Kill processes that measure an emulated board, at random moments, and look whether anything is lost.

    Ends with exit code 1 when something is.
    """
    from labctl.selftest.kills import campaign

    with progress("kills") as listener:
        found = campaign(kills, seed=seed, listener=listener)
    if as_json:
        emit(found)
    else:
        counts = {name: value for name, value in asdict(found).items() if name != "notes"}
        table("Kill campaign", ["what", "count"], [[name, str(count)] for name, count in counts.items()])
        for text in found.notes:
            say(text)
    if not found.clean:
        raise typer.Exit(EXIT_FAILED)
