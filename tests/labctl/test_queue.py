"""The queue on disk: whole after every kill, run by one process at a time, in the order that was asked for."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from data.axes import ListAxis
from data.errors import BadInput, DiskFull, LabctlError
from data.scan import ScanPlan
from labctl.engine import Engine
from labctl.queue import CalibrateJob, Entry, EntryState, RunQueue, ScanJob, SweepJob, run_queue
from labctl.queue.jobs import job_as_json, job_of_json

SCAN = ScanJob(ScanPlan(axes=(ListAxis(set="a.b", values=(1.0, 2.0)),), read=("a.c",), title="two"))


@contextmanager
def no_bench() -> Iterator[Any]:
    yield SimpleNamespace(engine=Engine())


@pytest.fixture
def queue(tmp_path: Path) -> RunQueue:
    return RunQueue(tmp_path / "runs" / "queue.sqlite")


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sweep jobs only note their kind; ``broken`` fails and ``stop`` is stopped with Ctrl-C."""
    done: list[str] = []

    def note(job: SweepJob, *_: object) -> tuple[Path, ...]:
        (kind,) = job.kinds
        if kind == "broken":
            raise LabctlError("it is broken")
        if kind == "stop":
            raise KeyboardInterrupt
        done.append(kind)
        return (Path(f"{kind}.h5"),)

    monkeypatch.setattr(SweepJob, "run", note)
    return done


def job(kind: str) -> SweepJob:
    return SweepJob((kind,))


def states(queue: RunQueue) -> list[str]:
    return [entry.state.value for entry in queue.entries()]


@pytest.mark.parametrize(
    "wanted", [SCAN, SweepJob(("timing", "random"), "full", 3), SweepJob(), CalibrateJob("full", 4)]
)
def test_a_job_comes_back_from_the_disk(queue: RunQueue, wanted: SweepJob) -> None:
    entry = queue.add(wanted, rounds=3, on_failure="go-on")
    assert job_of_json(job_as_json(wanted)) == wanted
    assert RunQueue(queue.path).find(entry.number) == entry
    assert (entry.job, entry.rounds, entry.on_failure, entry.state) == (wanted, 3, "go-on", EntryState.WAITING)


def test_an_empty_queue_makes_no_file(queue: RunQueue) -> None:
    assert queue.entries() == ()
    assert queue.runner() is None
    assert queue.clear() == 0
    assert not queue.path.parent.exists()


def test_entries_run_in_their_order_as_often_as_asked(queue: RunQueue, ran: list[str]) -> None:
    for kind in "abc":
        queue.add(job(kind))
    queue.move(3, 1)
    queue.edit(1, rounds=2)
    queue.duplicate(2)
    result = run_queue(queue, no_bench)
    assert ran == ["c", "a", "a", "b", "b"]
    assert [entry.number for entry in result.entries] == [3, 1, 2, 4]
    assert states(queue) == ["done"] * 4
    assert queue.find(1).files == ("a.h5", "a.h5")
    assert queue.find(1).began <= queue.find(1).ended
    assert queue.clear() == 4
    assert queue.add(job("d")).number == 5, "a number is never given twice"


@pytest.mark.parametrize("on_failure", ["stop", "go-on"])
def test_a_failure_stops_the_queue_or_does_not(queue: RunQueue, ran: list[str], on_failure: Any) -> None:
    queue.add(job("broken"), on_failure=on_failure)
    queue.add(job("after"))
    result = run_queue(queue, no_bench)
    assert [entry.message for entry in result.failed] == ["it is broken"]
    assert ran == (["after"] if on_failure == "go-on" else [])
    assert states(queue) == ["failed", "done" if on_failure == "go-on" else "waiting"]


def test_ctrl_c_stops_the_entry_and_the_queue(queue: RunQueue, ran: list[str]) -> None:
    queue.add(job("stop"), on_failure="go-on")
    queue.add(job("after"))
    with pytest.raises(KeyboardInterrupt):
        run_queue(queue, no_bench)
    assert states(queue) == ["stopped", "waiting"]
    assert queue.runner() is None
    run_queue(queue, no_bench)
    assert ran == ["after"]


def test_a_bench_that_is_not_there_leaves_the_entry_waiting(queue: RunQueue) -> None:
    queue.add(job("a"))

    def open_bench() -> Any:
        raise BadInput("nothing answers")

    with pytest.raises(BadInput, match="nothing answers"):
        run_queue(queue, open_bench)
    assert states(queue) == ["waiting"]


def test_somebody_else_can_ask_it_to_stop(queue: RunQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="nothing to stop"):
        queue.halt("now")

    def run(job: SweepJob, _bench: object, _listener: object, _say: object, stop: Any) -> tuple[Path, ...]:
        RunQueue(queue.path).halt("now")
        ends = time.monotonic() + 5
        while not stop():
            assert time.monotonic() < ends
            time.sleep(0.01)
        return ()

    monkeypatch.setattr(SweepJob, "run", run)
    queue.add(job("a"), rounds=3)
    queue.add(job("b"))
    run_queue(queue, no_bench)
    assert states(queue) == ["stopped", "waiting"]
    assert queue.find(1).rounds_done == 0
    queue.add(job("c"))

    def run_on(*_: object) -> tuple[Path, ...]:
        RunQueue(queue.path).halt("after")
        return ()

    monkeypatch.setattr(SweepJob, "run", run_on)
    run_queue(queue, no_bench)
    assert states(queue) == ["stopped", "done", "waiting"]


def test_only_what_waits_can_be_changed(queue: RunQueue, ran: list[str]) -> None:
    queue.add(job("a"))
    run_queue(queue, no_bench)
    for change in (lambda: queue.edit(1, rounds=2), lambda: queue.move(1, 1)):
        with pytest.raises(BadInput, match="entry 1 is done"):
            change()
    for change in (lambda: queue.edit(9, rounds=2), lambda: queue.remove(9), lambda: queue.duplicate(9)):
        with pytest.raises(BadInput, match="no entry 9"):
            change()
    queue.add(job("b"))
    with pytest.raises(BadInput, match="no place 2 among the 1"):
        queue.move(2, 2)
    with pytest.raises(BadInput, match="0 times"):
        queue.add(job("b"), rounds=0)


CHILD = """
import sys, time
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from labctl.engine import Engine
from labctl.queue import RunQueue, SweepJob, run_queue

def run(job, *_):
    print("at", job.kinds[0], flush=True)
    if job.kinds[0] == "long":
        time.sleep(60)
    return ()

SweepJob.run = run
queue = RunQueue(Path(sys.argv[1]))
if sys.argv[2] == "run":
    run_queue(queue, lambda: nullcontext(SimpleNamespace(engine=Engine())))
else:
    while True:
        entry = queue.add(SweepJob(("a",)))
        queue.edit(entry.number, rounds=2)
        print(entry.number, flush=True)
"""


@contextmanager
def child(queue: RunQueue, what: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", CHILD, str(queue.path), what]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_a_killed_process_was_at_is_interrupted_and_the_rest_goes_on(queue: RunQueue, ran: list[str]) -> None:
    for kind in ("first", "long", "last"):
        queue.add(job(kind))
    with child(queue, "run") as process:
        assert process.stdout is not None
        while process.stdout.readline() != "at long\n":
            assert process.poll() is None
        assert queue.runner() == process.pid
        with pytest.raises(BadInput, match=f"process {process.pid} on .* runs the queue"):
            run_queue(queue, no_bench)
        with pytest.raises(BadInput, match="is running"):
            queue.remove(2)
        assert states(queue) == ["done", "running", "waiting"]
    assert states(queue) == ["done", "interrupted", "waiting"], "seen before anybody repairs it"
    with pytest.raises(BadInput, match="entry 2 is interrupted; only one that waits can be moved"):
        queue.move(2, 1)
    assert queue.runner() is None
    result = run_queue(queue, no_bench)
    assert [entry.number for entry in result.entries] == [3]
    assert states(queue) == ["done", "interrupted", "done"]
    assert "is gone" in queue.find(2).message
    assert ran == ["last"]


def test_a_kill_at_any_moment_leaves_the_queue_whole(queue: RunQueue) -> None:
    chance = random.Random(1)
    acknowledged: set[int] = set()
    for _ in range(4):
        with child(queue, "add") as process:
            assert process.stdout is not None
            acknowledged.add(int(process.stdout.readline()))
            time.sleep(chance.uniform(0.0, 0.05))
            process.kill()
            acknowledged.update(int(line) for line in process.stdout.read().splitlines())
        entries = queue.entries()
        assert [entry.number for entry in entries] == list(range(1, len(entries) + 1))
        assert acknowledged <= {entry.number for entry in entries if entry.rounds == 2}


def test_a_file_that_is_no_queue_is_named(tmp_path: Path) -> None:
    path = tmp_path / "queue.sqlite"
    path.write_bytes(b"this is no database at all, only text" * 100)
    with pytest.raises(BadInput, match=r"queue\.sqlite is no queue of labctl"):
        RunQueue(path).entries()
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(BadInput, match="newer labctl"):
        RunQueue(newer).entries()


def test_a_full_disk_is_said_and_changes_nothing(queue: RunQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.add(job("a"))
    real = sqlite3.connect

    def small(*arguments: Any, **options: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = real(*arguments, **options)
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        return database

    monkeypatch.setattr("sqlite3.connect", small)
    with pytest.raises(DiskFull, match="no room left for the queue"):
        add_many(queue)
    entries = queue.entries()
    monkeypatch.undo()
    assert queue.entries() == entries
    assert queue.add(job("c")).number == len(entries) + 1


def add_many(queue: RunQueue) -> None:
    for _ in range(1000):
        queue.add(job("b" * 200))


class QueueModel(RuleBasedStateMachine):
    """The file against a plain list."""

    numbers = Bundle("numbers")

    @initialize()
    def make(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.queue = RunQueue(Path(self.folder.name) / "queue.sqlite")
        self.model: list[tuple[int, str, int]] = []

    @rule(target=numbers, kind=st.sampled_from("abc"), rounds=st.integers(1, 3))
    def add(self, kind: str, rounds: int) -> int:
        entry = self.queue.add(job(kind), rounds=rounds)
        self.model.append((entry.number, kind, rounds))
        return entry.number

    @rule(target=numbers, number=numbers)
    def duplicate(self, number: int) -> int:
        with self._known(number):
            entry = self.queue.duplicate(number)
            self.model.append((entry.number, *self._of(number)[1:]))
            return entry.number
        return number

    @rule(number=numbers, place=st.integers(0, 6))
    def move(self, number: int, place: int) -> None:
        if any(item[0] == number for item in self.model) and not 1 <= place <= len(self.model):
            with pytest.raises(BadInput, match="no place"):
                self.queue.move(number, place)
            return
        with self._known(number):
            self.queue.move(number, place)
            item = self._of(number)
            self.model.remove(item)
            self.model.insert(place - 1, item)

    @rule(number=numbers, rounds=st.integers(1, 3))
    def edit(self, number: int, rounds: int) -> None:
        with self._known(number):
            self.queue.edit(number, rounds=rounds)
            at = self.model.index(self._of(number))
            self.model[at] = (number, self.model[at][1], rounds)

    @rule(number=numbers)
    def remove(self, number: int) -> None:
        with self._known(number):
            self.queue.remove(number)
            self.model.remove(self._of(number))

    @invariant()
    def the_file_says_the_same(self) -> None:
        found = [(entry.number, _kind(entry), entry.rounds) for entry in self.queue.entries()]
        assert found == self.model

    def teardown(self) -> None:
        self.folder.cleanup()

    def _of(self, number: int) -> tuple[int, str, int]:
        return next(item for item in self.model if item[0] == number)

    @contextmanager
    def _known(self, number: int) -> Iterator[None]:
        if any(item[0] == number for item in self.model):
            yield
        else:
            with pytest.raises(BadInput, match=f"no entry {number}"):
                yield


def _kind(entry: Entry) -> str:
    assert isinstance(entry.job, SweepJob)
    return entry.job.kinds[0]


TestQueueModel = QueueModel.TestCase
TestQueueModel.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
