"""Commands that talk to the board: ``board emulate``, ``board proxy``, ``discover``, ``sweep``, ``gui``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from labctl.cli.console import emit, kept_file_said, progress, say, table
from labctl.cli.options import AsJson, BenchFile, Budget, Seed


def emulate(
    seed: Seed = 1,
    tcp: Annotated[
        str | None, typer.Option("--tcp", help="Serve at HOST:PORT; port 0 takes a free one. Loopback by default.")
    ] = None,
    serial: Annotated[bool, typer.Option("--serial", help="Serve on a serial pseudo-terminal.")] = False,
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Misbehave: KIND[:KEY=VALUE...]; may be repeated.")
    ] = None,
    physics: Annotated[
        list[str] | None, typer.Option("--physics", help="KEY=VALUE[,KEY=VALUE...], e.g. leak=off; may be repeated.")
    ] = None,
) -> None:
    """Emulate a board and serve until stopped.

    Prints one JSON line with its addresses.

    Without --tcp and --serial it serves on both, where the system has pseudo-terminals.
    """
    from drivers import emulator

    options = emulator.Options(
        seed=seed, tcp=tcp, serial=serial, faults=tuple(fault or ()), physics=tuple(physics or ())
    )
    emulator.serve(options, say)


def proxy(
    server: Annotated[str, typer.Argument(help="Address of the board or instrument to lead to.")],
    tcp: Annotated[
        str | None,
        typer.Option("--tcp", help="Listen at HOST:PORT; port 0 takes a free one. The default, on loopback."),
    ] = None,
    serial: Annotated[
        Path | None, typer.Option("--serial", help="Put a serial line at this path, which must be free.")
    ] = None,
    other: Annotated[str, typer.Option("--other", help="Address that `other-board` leads to.")] = "",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", help="Misbehave: KIND[:KEY=VALUE...]; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all draws.")] = 0,
) -> None:
    """Stand between a program and a board, and misbehave.

    Prints one JSON line with the addresses for clients, and serves until stopped.
    """
    from drivers.proxy import ProxyOptions, serve

    listening = tcp or ("127.0.0.1:0" if serial is None else None)
    serve(ProxyOptions(server, other, listening, serial, tuple(fault or ()), seed), say)


def discover(
    addresses: Annotated[
        list[str] | None, typer.Argument(help="Addresses to probe besides the serial ports and the bench file's.")
    ] = None,
    bench: BenchFile = None,
    serial_ports: Annotated[bool, typer.Option(help="Probe the serial ports of this machine.")] = True,
    as_json: AsJson = False,
) -> None:
    """Look for boards; say why a candidate is none."""
    from drivers import discovery
    from labctl.bench import EMULATED, read_config

    config = read_config(bench)
    wanted = [*(addresses or ()), *config.discover]
    if config.board.address != EMULATED:
        wanted.append(config.board.address)
    found = discovery.discover(tuple(dict.fromkeys(wanted)), serial_ports=serial_ports)
    if as_json:
        emit({"candidates": found})
        return
    if not found:
        say("Nothing to probe: no serial port here, no address given. `labctl board emulate` starts an emulated board.")
        return
    rows = [
        [item.address, str(item.identity) if item.identity else "", "board" if item.identity else item.reason]
        for item in found
    ]
    table("Candidates", ["address", "identity", "result"], rows)


def sweep(
    kinds: Annotated[list[str] | None, typer.Argument(help="Kinds of sweep; without any, all of them.")] = None,
    bench: BenchFile = None,
    budget: Budget = "quick",
    seed: Seed = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be measured.")] = False,
    as_json: AsJson = False,
) -> None:
    """Measure the board with the standard sweeps.

    Kinds: baseline, single-row, position, permutations, timing, random, held-out.
    """
    from labctl import measuring
    from labctl.bench import look_at_board, open_bench, read_config

    config = read_config(bench)
    if dry_run:
        identity, geometry = look_at_board(config)
        plans = measuring.plans_for(geometry, config.schedule.value(), kinds, budget=budget, seed=seed)
        files: list[Path | None] = [None] * len(plans)
    else:
        with open_bench(config) as opened, kept_file_said(opened):
            identity = opened.board.identity
            plans = measuring.plans(opened, kinds=kinds, budget=budget, seed=seed)
            with progress("sweep") as listener:
                files = list(measuring.sweep(opened, plans, seed=seed, listener=listener))
    rows = [
        {"kind": plan.kind, "points": plan.points, "repeats": plan.repeats, "vectors": plan.vectors, "file": file}
        for plan, file in zip(plans, files, strict=True)
    ]
    if as_json:
        emit({"board": identity, "sweeps": rows})
        return
    shown = [[str(row["kind"]), str(row["points"]), str(row["repeats"]), str(row["file"] or "")] for row in rows]
    table(f"Sweeps of {identity}", ["kind", "points", "repeats", "file"], shown)
