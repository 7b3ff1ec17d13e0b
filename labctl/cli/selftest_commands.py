"""Commands by which labctl puts itself to the test: ``selftest faults``, ``selftest link``, ``selftest soak``."""

from __future__ import annotations

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
    with progress("faults") as listener:
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
