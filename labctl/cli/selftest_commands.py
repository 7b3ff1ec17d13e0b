"""Commands by which labctl puts itself to the test: ``selftest faults``, ``selftest link``, ``selftest soak``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from data.errors import LabctlError
from labctl.cli.console import emit, note, progress, table
from labctl.cli.options import AsJson, Seed

selftest = typer.Typer(help="Put labctl to the test on this computer, with emulated boards.", rich_markup_mode=None)

Links = Annotated[
    list[str] | None,
    typer.Option("--link", help="Only this link: tcp, tcp-pyserial, tcp-pyvisa, pty-pyserial, pty-pyvisa."),
]


@contextmanager
def quiet() -> Iterator[None]:
    """Let the drivers be silent about the faults that are brought about; ``--verbose`` shows them."""
    if logging.getLogger().isEnabledFor(logging.DEBUG):
        yield
        return
    drivers = logging.getLogger("drivers")
    before = drivers.level
    drivers.setLevel(logging.ERROR)
    try:
        yield
    finally:
        drivers.setLevel(before)


@selftest.command("faults")
def faults(
    count: Annotated[
        int, typer.Option("--faults", min=1, help="Faults to bring about, over all links and kinds.")
    ] = 1000,
    seed: Seed = 1,
    links: Links = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind, e.g. flip, or flip/in for requests.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring about faults on every kind of link, during sweeps and network runs.

    Counts wrong values that were accepted, rows lost, calls that hung, and boards left switched on; fails unless all
    are zero.
    """
    from labctl.selftest.faults import CampaignOptions, run_campaign

    options = CampaignOptions(count, seed, tuple(links or ()), tuple(kinds or ()))
    with progress("faults") as listener, quiet():
        result = run_campaign(options, listener)
    if as_json:
        emit(result.document())
    else:
        rows = [
            [name, str(t.injected), str(t.wrong_values), str(t.lost_rows), str(t.hangs), str(t.unsafe)]
            for name, t in (*result.by_link().items(), *result.by_kind().items(), ("all", result.total))
        ]
        table("Faults", ["link or kind", "injected", "wrong values", "lost rows", "hangs", "unsafe"], rows)
    for sentence in result.complaints:
        note(f"labctl: {sentence}")
    if not result.total.clean:
        raise LabctlError(f"faults did harm; `labctl selftest faults --seed {seed}` brings the same ones about again")


@selftest.command("link")
def link(
    links: Links = None,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="How often every case has its turn.")] = 9,
    as_json: AsJson = False,
) -> None:
    """Share of the rate of a raw echo that the driver reaches on each link, and of a board's own rate.

    Over wires of gigabit Ethernet and USB 2.0, and without a wire.
    """
    from labctl.selftest.link import measure_board, measure_links

    with progress("link") as listener:
        rates = measure_links(tuple(links or ()), rounds=rounds, listener=listener)
        board = measure_board(rounds=max(1, rounds // 3))
    if as_json:
        efficiency = {name: rate.efficiency for name, rate in rates.items()}
        emit({"efficiency": {**efficiency, "board": board.efficiency}, "links": rates, "board": board})
        return
    rows = [
        [name, f"{rate.efficiency:.2f}", f"{rate.unlimited:.2f}", f"{rate.vectors_per_s:.0f}"]
        for name, rate in rates.items()
    ]
    rows.append(["board-limited, tcp", f"{board.efficiency:.2f}", "", f"{board.vectors_per_s:.0f}"])
    table("Share of the own rate", ["link", "share", "without a wire", "vectors per second"], rows)


@selftest.command("soak")
def soak(
    minutes: Annotated[float, typer.Option("--minutes", help="How long to work.")] = 30.0,
    seed: Seed = 1,
    links: Links = None,
    as_json: AsJson = False,
) -> None:
    """Work under faults for a long time: memory, open files and the time of a call must not grow."""
    from labctl.selftest.soak import run_soak

    with progress("soak") as listener, quiet():
        result = run_soak(minutes, seed=seed, links=tuple(links or ()), listener=listener)
    document = result.document()
    if as_json:
        emit(document)
    else:
        parts = {name: document[name] for name in ("first_third", "last_third")}
        rows = [
            [what, *(f"{part[what]:g}" for part in parts.values() if isinstance(part, dict))]
            for what in ("memory_mb", "files", "threads", "p99_ms")
        ]
        table(f"{result.calls} calls, {result.injected} faults", ["", "first third", "last third"], rows)
    if not result.flat:
        wrong = (f"{result.wrong_values} values were wrong",) if result.wrong_values else ()
        raise LabctlError("; ".join((*result.grown, *wrong)))
