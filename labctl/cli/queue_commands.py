"""Commands of the queue: ``queue add | list | edit | move | duplicate | remove | clear | run | stop``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from data.errors import BadInput, LabctlError
from labctl.cli.console import emit, note, progress, say, table
from labctl.cli.options import AsJson, BenchFile, Budget, Seed

if TYPE_CHECKING:
    from labctl.bench import BenchConfig
    from labctl.queue import Entry, Job, QueueResult, RunQueue

queue = typer.Typer(help="Runs that wait for the bench, kept on disk.", rich_markup_mode=None)

Number = Annotated[int, typer.Argument(help="Number of the entry.")]
OnFailure = Annotated[
    Literal["stop", "go-on"] | None, typer.Option("--on-failure", help="What the queue does when it fails.")
]
Rounds = Annotated[int | None, typer.Option("--repeat", "-n", help="How often, one after another.")]
PlanFile = Annotated[Path | None, typer.Option("--plan", help="A scan plan in place of the job.")]
Kinds = Annotated[list[str] | None, typer.Option("--sweep", help="A standard sweep of the board; may be repeated.")]


@queue.command("add")
def add(
    plan: Annotated[Path | None, typer.Argument(help="A scan plan, .toml or .json.")] = None,
    sweep: Kinds = None,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Measure and fit the board.")] = False,
    budget: Budget = "quick",
    seed: Seed = 0,
    repeat: Rounds = None,
    on_failure: OnFailure = None,
    bench: BenchFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a scan, standard sweeps or a calibration at the end."""
    from data.scanfile import read_scan_plan
    from labctl.queue import CalibrateJob, ScanJob, SweepJob

    if (plan is not None) + bool(sweep) + calibrate != 1:
        raise BadInput("give one of: a plan, --sweep, --calibrate")
    job: Job
    if plan is not None:
        job = ScanJob(read_scan_plan(plan))
    else:
        job = SweepJob(_known(sweep), budget, seed) if sweep else CalibrateJob(budget, seed)
    rounds = 1 if repeat is None else repeat
    entry = _queue(bench)[1].add(job, rounds=rounds, on_failure=on_failure or "stop")
    _told(entry, as_json)


@queue.command("list")
def list_entries(bench: BenchFile = None, as_json: AsJson = False) -> None:
    """List the entries in their order."""
    _, opened = _queue(bench)
    entries, runner = opened.entries(), opened.runner()
    if as_json:
        emit({"queue": opened.path, "runner": runner, "entries": [_described(entry) for entry in entries]})
        return
    if not entries:
        say("The queue is empty; `labctl queue add PLAN.toml` puts a scan into it.")
        return
    rows = [
        [
            f"{item.number}",
            item.state,
            f"{item.rounds_done}/{item.rounds}",
            item.on_failure,
            item.job.title,
            item.message,
        ]
        for item in entries
    ]
    title = f"Queue {opened.path}" + (f", run by process {runner}" if runner else "")
    table(title, ["entry", "state", "rounds", "on failure", "job", "note"], rows)


@queue.command("edit")
def edit(
    number: Number,
    plan: PlanFile = None,
    repeat: Rounds = None,
    on_failure: OnFailure = None,
    bench: BenchFile = None,
    as_json: AsJson = False,
) -> None:
    """Change an entry that waits."""
    from data.scanfile import read_scan_plan
    from labctl.queue import ScanJob

    if plan is None and repeat is None and on_failure is None:
        raise BadInput("nothing to change: give --plan, --repeat or --on-failure")
    job = None if plan is None else ScanJob(read_scan_plan(plan))
    _told(_queue(bench)[1].edit(number, job=job, rounds=repeat, on_failure=on_failure), as_json)


@queue.command("move")
def move(
    number: Number,
    place: Annotated[int, typer.Argument(help="Its place among those that wait; 1 is next.")],
    bench: BenchFile = None,
    as_json: AsJson = False,
) -> None:
    """Put an entry that waits at another place."""
    _, opened = _queue(bench)
    opened.move(number, place)
    _told(opened.find(number), as_json)


@queue.command("duplicate")
def duplicate(number: Number, bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Put the job of an entry at the end once more, also of one that has ended."""
    _told(_queue(bench)[1].duplicate(number), as_json)


@queue.command("remove")
def remove(number: Number, bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Take an entry out; its run files stay."""
    _, opened = _queue(bench)
    entry = opened.find(number)
    opened.remove(number)
    _told(entry, as_json)


@queue.command("clear")
def clear(bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Take out all entries that have ended; their run files stay."""
    count = _queue(bench)[1].clear()
    if as_json:
        emit({"removed": count})
    else:
        say(f"{count} entries removed")


@queue.command("run")
def run(bench: BenchFile = None, as_json: AsJson = False) -> None:
    """Run what waits, in its order.

    Ctrl-C stops the entry that is running and keeps what it has measured. An entry whose process was killed is marked
    as interrupted by the next run, which goes on with the others.
    """
    from labctl.bench import open_bench
    from labctl.queue import run_queue

    config, opened = _queue(bench)
    with progress("queue") as listener:
        result = run_queue(
            opened, lambda: open_bench(config), listener=listener, say=lambda text: note(f"labctl: {text}")
        )
    if as_json:
        emit({"entries": [_described(entry) for entry in result.entries], "waiting": result.waiting})
    else:
        for entry in result.entries:
            say(f"{entry.number} {entry.state}: {entry.job.title}" + (f" ({entry.message})" if entry.message else ""))
        if not result.failed:
            say(_what_waits(result))
    if result.failed:
        waiting = f"; {result.waiting} entries still wait" if result.waiting else ""
        raise LabctlError(f"{len(result.failed)} of {len(result.entries)} entries failed{waiting}")


@queue.command("stop")
def stop(
    now: Annotated[bool, typer.Option("--now", help="At the next checkpoint; without it after this entry.")] = False,
    bench: BenchFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask the process that runs the queue to stop; what is measured is kept."""
    _, opened = _queue(bench)
    when: Literal["now", "after"] = "now" if now else "after"
    opened.halt(when)
    if as_json:
        emit({"runner": opened.runner(), "stops": when})
    else:
        say("It stops at the next checkpoint." if now else "It stops after this entry.")


def _what_waits(result: QueueResult) -> str:
    if result.waiting:
        count = "1 entry still waits" if result.waiting == 1 else f"{result.waiting} entries still wait"
        return f"Stopped: {count}; `labctl queue run` goes on."
    return "Nothing waits any more." if result.entries else "Nothing waits; `labctl queue add PLAN.toml` adds a scan."


def _queue(bench: Path | None) -> tuple[BenchConfig, RunQueue]:
    from labctl.bench import read_config
    from labctl.queue import QUEUE_NAME, RunQueue

    config = read_config(bench)
    return config, RunQueue(config.runs / QUEUE_NAME)


def _known(kinds: list[str]) -> tuple[str, ...]:
    from data.values import Geometry, Schedule
    from labctl.measuring import plans_for

    plans_for(Geometry(), Schedule(), kinds)
    return tuple(kinds)


def _described(entry: Entry) -> dict[str, object]:
    import json

    from labctl.plain import plain
    from labctl.queue.jobs import job_as_json

    return {**plain(entry), "job": json.loads(job_as_json(entry.job)), "title": entry.job.title}


def _told(entry: Entry, as_json: bool) -> None:
    if as_json:
        emit(_described(entry))
    else:
        say(f"entry {entry.number}: {entry.job.title}")
