"""The queue and the list of runs as a client of the bench service sees them, with a real board at the wire."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

import labctl
from data.marks import RunMarks
from data.runfile import RunMetadata, RunWriter
from data.scanfile import scan_plan_of_json
from labctl.bench import BenchConfig
from labctl.queue import QUEUE_NAME, EntryState, SweepJob
from labctl.queue import RunQueue as Queue
from labctl.service.messages import Answered, BenchStatus, Failed, FolderChanged, Message, TaskProgress, Trouble
from labctl.service.messages_queue import QueueList
from labctl.service.messages_runs import RunFacts, RunRow, RunsChanged
from labctl.service.request import Request
from labctl.service.requests.bench import BOARD, Connect, Disconnect
from labctl.service.requests.export import ExportRuns, ListFormats, PreviewExport
from labctl.service.requests.library import ListRuns, NoteRun, ReadFacts, StampRuns, VerifyRun, WriteReport
from labctl.service.requests.queue import (
    AddToQueue,
    ClearQueue,
    DuplicateEntry,
    EditEntry,
    HaltQueue,
    ListQueue,
    MoveEntry,
    PlanOfEntry,
    RemoveEntries,
    RunQueue,
    calibrate_job,
    scan_job,
    sweep_job,
)
from labctl.service.service import Service

PLAN = json.dumps(
    {
        "title": "spacing",
        "axes": [{"kind": "list", "set": "schedule.spacing_ns", "values": [40, 80]}],
        "sweep": {"kind": "random", "most_points": 2},
    }
)
M = TypeVar("M", bound=Message)


class Client:
    """Asks a service of this process, and keeps what it tells."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.service = Service(self._hear)
        self._heard = threading.Condition()
        self._number = 0

    def _hear(self, message: Message) -> None:
        with self._heard:
            self.told.append(message)
            self._heard.notify_all()

    def send(self, request: Request) -> int:
        self._number += 1
        self.service.submit(self._number, request)
        return self._number

    def answer(self, number: int, timeout_s: float = 30.0) -> Any:
        def found() -> list[Answered | Failed]:
            return [item for item in self.told if isinstance(item, Answered | Failed) and item.number == number]

        with self._heard:
            assert self._heard.wait_for(found, timeout_s), f"no answer to request {number}"
        (answer,) = found()
        return answer.value if isinstance(answer, Answered) else answer.trouble

    def ask(self, request: Request) -> Any:
        return self.answer(self.send(request))

    def wait_for(self, what: Callable[[], object], timeout_s: float = 15.0) -> None:
        with self._heard:
            assert self._heard.wait_for(what, timeout_s)

    def heard(self, kind: type[M]) -> list[M]:
        return [item for item in list(self.told) if isinstance(item, kind)]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    board = {"emulator": {"seed": 7, "link": "tcp", "physics": ["geometry=16x8"]}}
    made = Client()
    made.service.start()
    made.service.session.use(BenchConfig.model_validate({"runs": tmp_path / "runs", "board": board}), None)
    yield made
    made.service.close()


def listed(client: Client) -> QueueList:
    found = client.ask(ListQueue())
    assert isinstance(found, QueueList), found
    return found


def numbers(client: Client) -> list[int]:
    return [row.number for row in listed(client).rows]


def write_run(folder: Path, kind: str = "test", **known: Any) -> Path:
    with RunWriter.create(folder, RunMetadata.new(kind, simulated=True, folder=folder, **known)) as writer:
        pass
    return writer.path


def runs_of(client: Client) -> dict[str, RunRow]:
    rows: dict[str, RunRow] = {}
    for change in client.heard(RunsChanged):
        if change.anew:
            rows.clear()
        for file in change.gone:
            del rows[file]
        rows |= {row.file: row for row in change.rows}
    return rows


def test_entries_are_added_edited_moved_and_removed(client: Client) -> None:
    assert listed(client).rows == ()
    first, second, third = (
        client.ask(AddToQueue(job)) for job in (scan_job(PLAN), sweep_job(("random",)), calibrate_job())
    )
    assert [row.job for row in listed(client).rows] == ["scan", "sweep", "calibrate"]
    client.ask(MoveEntry(third, 1))
    client.ask(EditEntry(second, rounds=4, on_failure="go-on"))
    client.ask(EditEntry(second, job_json=sweep_job(("timing",), "full", 3)))
    copied = client.ask(DuplicateEntry(second))
    rows = listed(client).rows
    assert [row.number for row in rows] == [third, first, second, copied]
    assert [(row.rounds, row.on_failure) for row in rows[2:]] == [(4, "go-on")] * 2
    assert "timing (full)" in rows[3].title
    assert scan_plan_of_json(client.ask(PlanOfEntry(first))) == scan_plan_of_json(PLAN)
    refused = client.ask(PlanOfEntry(second))
    assert isinstance(refused, Trouble)
    assert "no scan" in refused.sentence
    client.ask(RemoveEntries((first, copied)))
    assert numbers(client) == [third, second]
    assert client.ask(RemoveEntries((99,))).kind == "input"
    assert client.ask(HaltQueue("now")).kind == "input", "nothing runs"


def test_the_queue_runs_on_the_bench_that_is_open(client: Client) -> None:
    for job in (scan_job(PLAN), sweep_job(("baseline",))):
        client.ask(AddToQueue(job))
    refused = client.ask(RunQueue())
    assert isinstance(refused, Trouble)
    assert "no board is connected" in refused.sentence
    assert [row.seconds for row in listed(client).rows] == [None, None], "no board, no estimate"
    assert client.ask(Connect(BOARD)) is None
    assert all(row.seconds for row in listed(client).rows)
    number = client.send(RunQueue())
    assert [(row.state, row.message) for row in client.answer(number)] == [("done", "")] * 2
    found = listed(client)
    assert found.runner is None
    assert all(Path(file).exists() for row in found.rows for file in row.files)
    fractions = [item.fraction for item in client.heard(TaskProgress) if item.number == number]
    assert max(fractions) == 1.0
    assert client.heard(BenchStatus)[-1].devices[0].connected, "the board stays connected"
    assert client.ask(ListRuns(anew=True)) == 2
    assert client.ask(ClearQueue()) == 2
    client.ask(Disconnect(BOARD))


def test_the_queue_is_stopped_after_an_entry(client: Client) -> None:
    client.ask(Connect(BOARD))
    for _ in range(2):
        client.ask(AddToQueue(scan_job(PLAN), rounds=200))
    number = client.send(RunQueue())
    client.wait_for(lambda: any(item.number == number and item.fraction > 0 for item in client.heard(TaskProgress)))
    found = listed(client)
    assert found.here
    assert found.runner == os.getpid()
    client.ask(HaltQueue("now"))
    client.answer(number)
    assert [row.state for row in listed(client).rows] == ["stopped", "waiting"]


def test_a_service_that_is_closed_leaves_the_queue_in_order(client: Client) -> None:
    client.ask(Connect(BOARD))
    client.ask(AddToQueue(scan_job(PLAN), rounds=500))
    number = client.send(RunQueue())
    client.wait_for(lambda: any(item.number == number and item.fraction > 0.003 for item in client.heard(TaskProgress)))
    queue = Queue(client.service.session.runs / QUEUE_NAME)
    client.service.close()
    assert queue.runner() is None
    (entry,) = queue.entries()
    assert entry.state is EntryState.STOPPED
    assert 0 < entry.rounds_done < 500


def test_what_another_process_does_to_the_queue_is_noticed(client: Client) -> None:
    client.wait_for(lambda: FolderChanged("queue") in client.told)
    client.told.clear()
    queue = Queue(client.service.session.runs / QUEUE_NAME)
    queue.add(SweepJob())
    client.wait_for(lambda: FolderChanged("queue") in client.told)
    client.told.clear()
    with queue.held():
        client.wait_for(lambda: FolderChanged("queue") in client.told)
        client.told.clear()
        for _ in range(4):
            queue.halted()  # only says that the process lives
            time.sleep(0.3)
        assert FolderChanged("queue") not in client.told
        entry = queue.claim()
        assert entry is not None
        queue.finish(entry.number, EntryState.FAILED, "it is broken")
        client.wait_for(lambda: FolderChanged("queue") in client.told)


def test_runs_are_told_once_and_again_when_they_change(client: Client) -> None:
    folder = client.service.session.runs
    folder.mkdir()
    files = [write_run(folder, title=f"run {number}") for number in range(3)]
    assert client.ask(ListRuns(anew=True)) == 3
    assert set(runs_of(client)) == {str(path) for path in files}
    (folder / "20261122-000000-dead-test.h5").write_text("no run")
    files[0].unlink()
    client.told.clear()
    assert client.ask(ListRuns()) == 3
    (change,) = client.heard(RunsChanged)
    assert [row.status for row in change.rows] == ["unreadable"]
    assert change.gone == (str(files[0]),)
    client.told.clear()
    client.ask(ListRuns())
    assert client.heard(RunsChanged) == []


def test_marks_and_notes_are_kept_beside_the_files(client: Client) -> None:
    folder = client.service.session.runs
    folder.mkdir()
    path = write_run(folder)
    before = path.read_bytes()
    client.ask(ListRuns(anew=True))
    run_id = runs_of(client)[str(path)].run_id
    client.ask(StampRuns((run_id,), "star"))
    client.ask(NoteRun(run_id, "cold solder joint"))
    row = runs_of(client)[str(path)]
    assert (row.stamp, row.note) == ("star", "cold solder joint")
    assert RunMarks(folder).read()[run_id].stamp == "star"
    assert path.read_bytes() == before


def test_a_new_run_of_another_process_is_noticed(client: Client) -> None:
    folder = client.service.session.runs
    folder.mkdir()
    client.wait_for(lambda: FolderChanged("runs") in client.told)
    client.told.clear()
    write_run(folder)
    client.wait_for(lambda: FolderChanged("runs") in client.told)


def test_facts_verification_report_and_export(client: Client, tmp_path: Path) -> None:
    client.ask(Connect(BOARD))
    client.ask(AddToQueue(scan_job(PLAN)))
    ((file,),) = (row.files for row in client.ask(RunQueue()))
    facts = client.ask(ReadFacts(file))
    assert isinstance(facts, RunFacts)
    assert scan_plan_of_json(facts.plan) == scan_plan_of_json(PLAN)
    told = dict(facts.facts)
    assert told["plan.axes.1.values"] == "40, 80"
    assert told["origin"] == "SIMULATED"
    assert told["board.temperature"].endswith("degC")
    assert client.ask(VerifyRun(file)).light == "ok"
    assert Path(client.ask(WriteReport(file))).stat().st_size > 1000
    assert "csv" in [item.name for item in client.ask(ListFormats()).formats]
    pieces = client.ask(PreviewExport(file, "csv", "mine.csv"))
    written = client.ask(ExportRuns((file,), (str(tmp_path / "out" / "mine.csv"),), "csv"))
    assert {piece.file for piece in pieces} <= {Path(path).name for path in written}
    again = client.ask(ExportRuns((file,), (str(tmp_path / "out" / "mine.csv"),), "csv"))
    assert isinstance(again, Trouble)
    assert "exists already" in again.sentence
    damaged = bytearray(Path(file).read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    Path(file).write_bytes(damaged)
    assert client.ask(VerifyRun(file)).light == "fault"


def test_the_lines_of_python_do_the_same(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything that changes the queue or the marks, as a script in place of the window."""
    runs = client.service.session.runs
    runs.mkdir()
    path = write_run(runs)
    requests: list[Request] = [
        AddToQueue(scan_job(PLAN), rounds=2),
        AddToQueue(sweep_job(("random",), "full", 3)),
        AddToQueue(calibrate_job()),
        EditEntry(2, rounds=5, on_failure="go-on"),
        EditEntry(2, job_json=sweep_job(("timing",))),
        MoveEntry(3, 1),
        DuplicateEntry(1),
        RemoveEntries((1,)),
        StampRuns((path.name[:20],), "star"),
        NoteRun(path.name[:20], "it's cold"),
    ]
    for request in requests:
        assert not isinstance(client.ask(request), Trouble)
    entries = [(entry.job, entry.rounds, entry.on_failure) for entry in Queue(runs / QUEUE_NAME).entries()]
    marks = RunMarks(runs).read()
    (runs / QUEUE_NAME).unlink()
    RunMarks(runs).path.unlink()

    class Bench:
        def __init__(self) -> None:
            self.runs = runs

    names: dict[str, Any] = {"labctl": labctl, "bench": Bench()}
    for request in requests:
        exec(request.script(), names)
    assert [(entry.job, entry.rounds, entry.on_failure) for entry in Queue(runs / QUEUE_NAME).entries()] == entries
    assert RunMarks(runs).read() == marks
