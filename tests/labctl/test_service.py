"""The bench service: in this process, and in one of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import psutil
import pytest

from data.errors import BadInput
from data.sweepfile import read_sweep
from labctl.bench import BenchConfig
from labctl.service.letterbox import Letterbox
from labctl.service.messages import (
    Answered,
    BenchStatus,
    EngineStatus,
    Failed,
    LogLine,
    Message,
    Points,
    Quantities,
    Readings,
    RunBegan,
    RunData,
    RunEnded,
    ServiceGone,
    TaskProgress,
)
from labctl.service.process import ServiceClient, _send_messages
from labctl.service.request import Lane, Task
from labctl.service.requests.bench import BOARD, Connect, Disconnect, Read, SetQuantity, UseBench
from labctl.service.requests.engine import Steer
from labctl.service.requests.runs import OpenRun, RunScan, RunSweeps
from labctl.service.session import Session
from tests.labctl.serving import PATIENCE_S, Told

BENCH = """
name = "small"
runs = "runs"
[board.emulator]
seed = 7
link = "tcp"
physics = ["geometry=16x8"]
[instruments.psu]
driver = "scpi-supply"
[instruments.psu.quantities.voltage]
low = 0
high = 5
[instruments.psu.quantities.current_limit]
low = 0
high = 1
"""


@pytest.fixture
def bench_file(tmp_path: Path) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(BENCH, encoding="utf-8")
    return path


@pytest.fixture
def told(bench_file: Path) -> Iterator[Told]:
    made = Told()
    made.service.start()
    try:
        made.answer(UseBench(str(bench_file)))
        yield made
    finally:
        made.service.close()


def test_a_board_is_connected_measured_and_let_go_of(told: Told, tmp_path: Path) -> None:
    assert told.refusal(RunSweeps(("random",))).trouble.sentence.startswith("no board is connected")
    told.answer(Connect(BOARD))
    device = told.service.session.status().device(BOARD)
    assert device is not None
    assert (device.light, device.simulated, device.firmware) == ("ok", True, "1.0.0")
    assert told.all(Quantities)[-1].quantities["supply"].settable
    files = told.answer(RunSweeps(("random",)))
    assert isinstance(files, tuple)
    outputs = read_sweep(files[0]).outputs
    told.until(lambda: told.all(RunEnded))
    (began,) = told.all(RunBegan)
    assert (began.kind, began.total, began.simulated, began.file) == ("random", len(outputs), True, files[0])
    rows = np.concatenate([points.rows for points in told.all(Points) if points.rows is not None])
    np.testing.assert_allclose(rows, outputs.mean(axis=1), rtol=1e-6)
    means = np.concatenate([points.values["mean output"] for points in told.all(Points)])
    np.testing.assert_allclose(means, outputs.mean(axis=(1, 2)), rtol=1e-5, atol=1e-5)
    opened = told.answer(OpenRun(files[0]))
    assert isinstance(opened, RunData)
    np.testing.assert_allclose(opened.points.values["mean output"], means)
    assert opened.began.axes.keys() == began.axes.keys()
    told.answer(Disconnect(BOARD))
    device = told.service.session.status().device(BOARD)
    assert device is not None
    assert not device.connected


def test_instruments_are_connected_without_a_board(told: Told) -> None:
    told.answer(Connect("psu"))
    settable = next(
        name for name, item in told.all(Quantities)[-1].quantities.items() if item.settable and item.unit == "V"
    )
    found = told.answer(SetQuantity("psu", settable, 1.5))
    assert isinstance(found, Readings)
    assert told.refusal(SetQuantity("psu", settable, 1e9)).trouble.kind == "input"
    assert told.service.session.instruments["psu"].get(settable) == 1.5
    told.answer(Disconnect("psu"))
    assert "not connected" in told.refusal(Read("psu")).trouble.sentence


def test_a_run_is_paused_resumed_and_stopped_and_its_devices_are_taken(told: Told) -> None:
    told.answer(Connect(BOARD))
    number = told.ask(RunSweeps(budget="full"))
    told.answer(Steer("pause"))  # at whatever moment: before, in or between runs
    told.until(lambda: any(status.state == "paused" for status in told.all(EngineStatus)))
    told.until(lambda: told.service.session.feed.in_use == frozenset({BOARD}))
    assert "used by the run" in told.refusal(SetQuantity(BOARD, "supply", False)).trouble.sentence
    assert told.reply(number) is None
    told.answer(Steer("stop"))
    told.until(lambda: told.reply(number))
    told.until(lambda: any(ended.status == "stopped" for ended in told.all(RunEnded)))
    assert told.service.session.bench.board.get("supply") is False
    assert told.refusal(Steer("stop")).trouble.kind == "input"


def test_abort_with_nothing_running_makes_everything_safe(told: Told) -> None:
    told.answer(Connect(BOARD))
    told.answer(SetQuantity(BOARD, "supply", True))
    told.answer(Steer("abort"))
    board = told.service.session.bench.board
    told.until(lambda: board.get("supply") is False)


@dataclass(frozen=True)
class Stumble:
    """A request with a mistake in it."""

    title: str = "stumble"

    @property
    def lane(self) -> Lane:
        return Lane.BOARD

    def script(self) -> str:
        return ""

    def do(self, session: Session, task: Task) -> None:
        raise ZeroDivisionError("a mistake")


def test_a_mistake_of_ours_makes_the_bench_safe_and_ends_nothing(told: Told) -> None:
    told.answer(Connect(BOARD))
    told.answer(SetQuantity(BOARD, "supply", True))
    trouble = told.refusal(Stumble()).trouble
    assert (trouble.kind, trouble.sentence) == ("mistake", "ZeroDivisionError: a mistake")
    assert told.service.session.bench.board.get("supply") is False
    assert told.answer(RunSweeps(("random",)))


@dataclass(frozen=True)
class Wait:
    """A request that waits to be stopped."""

    title: str = "wait"

    @property
    def lane(self) -> Lane:
        return Lane.COMPUTE

    def script(self) -> str:
        return ""

    def do(self, session: Session, task: Task) -> str:
        ends = time.monotonic() + PATIENCE_S
        while not task.stop() and time.monotonic() < ends:
            task.progress(0.5, "waiting")
            time.sleep(0.01)
        if not task.stop():
            raise BadInput("nobody stopped it")
        return "stopped"


def test_a_task_tells_how_far_it_is_and_can_be_cancelled(told: Told) -> None:
    first, second = told.ask(Wait()), told.ask(Wait())
    told.until(lambda: any(item.state == "running" and item.fraction == 0.5 for item in told.all(TaskProgress)))
    told.service.cancel(second)
    told.service.cancel(first)
    told.until(lambda: told.reply(second))
    assert isinstance(told.reply(first), Answered)
    reply = told.reply(second)
    assert isinstance(reply, Failed)
    assert reply.trouble.kind == "stopped"


def test_a_wrong_bench_file_leaves_the_bench_as_it_is(told: Told, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("nmae = 1\nruns = 2\n", encoding="utf-8")
    trouble = told.refusal(UseBench(str(wrong))).trouble
    assert len(trouble.problems) == 2
    assert told.service.session.config.name == "small"


def test_the_bench_file_of_the_folder_is_named(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told.answer(UseBench())
    assert (told.service.session.status().name, told.service.session.status().file) == ("small", "bench.toml")
    told.answer(UseBench(demo=True))
    assert told.service.session.status().file == ""


def test_a_board_at_another_address_is_connected_by_a_script_too(tmp_path: Path, bench_file: Path) -> None:
    lines = [UseBench(str(bench_file)).script(), Connect(BOARD, "socket://127.0.0.1:9").script()]
    done: dict[str, object] = {"labctl": Recorder()}
    exec("\n".join(lines), done)
    opened = done["bench"]
    assert isinstance(opened, Recorder)
    assert opened.config.board.address == "socket://127.0.0.1:9"


class Recorder:
    """Stands for ``labctl`` and for a bench: opens nothing."""

    def __init__(self, config: BenchConfig | None = None) -> None:
        self.config = config or BenchConfig()

    def open_bench(self, config: BenchConfig | str) -> Recorder:
        return Recorder(BenchConfig.read(Path(config)) if isinstance(config, str) else config)

    def close(self) -> None:
        """Nothing is open."""


def test_an_answer_that_cannot_travel_leaves_nobody_waiting() -> None:
    here, there = multiprocessing.Pipe()
    box, done = Letterbox(), threading.Event()
    box.put(Answered(4, lambda: None))
    box.put(Answered(5, "fine"))
    sender = threading.Thread(target=_send_messages, args=(there, box, done))
    sender.start()
    failed, answered = here.recv()
    done.set()
    box.put(ServiceGone("closed"))
    sender.join()
    here.close()
    there.close()
    assert (failed.number, failed.trouble.kind) == (4, "mistake")
    assert answered == Answered(5, "fine")


def test_a_scan_that_cannot_start_says_all_reasons(told: Told) -> None:
    told.answer(Connect(BOARD))
    plan = """{"axes": [{"set": "psu.nothing", "kind": "list", "values_": [1]}], "read": ["dmm.voltage"]}"""
    assert told.refusal(RunScan(plan)).trouble.problems


def test_messages_replace_one_another_and_rows_are_dropped_first() -> None:
    box = Letterbox(capacity=2)
    for index in range(5):
        box.put(Points("r", index, {}))
        box.put(EngineStatus(done=index))
    box.put(ServiceGone("gone"))
    found = box.take()
    assert [message.first for message in found if isinstance(message, Points)] == [3, 4]
    assert [message.done for message in found if isinstance(message, EngineStatus)] == [4]
    assert isinstance(found[-1], ServiceGone)
    assert box.dropped == 3
    assert box.take() == ()


def _will_not_end(connection: Connection) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection.send("ready")
    time.sleep(PATIENCE_S)


@pytest.mark.skipif(os.name != "posix", reason="a process can ignore no end elsewhere")
def test_a_service_that_will_not_end_is_ended() -> None:
    client, context = ServiceClient(), multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_will_not_end, args=(there,))
    process.start()
    there.close()
    assert here.recv() == "ready"
    number = process.pid
    client._outbox, client._process, client._reader = here, process, threading.Thread(target=lambda: None)
    client._reader.start()
    client.close(0.2)
    assert not client.running
    assert number is not None
    assert not psutil.pid_exists(number)


def _start_another(client: ServiceClient, bench_file: Path) -> None:
    client.start()
    assert client.running
    wanted = {client.ask(UseBench(str(bench_file))), client.ask(Connect(BOARD))}
    ends = time.monotonic() + PATIENCE_S
    while wanted:
        wanted -= {message.number for message in client.take(0.5) if isinstance(message, Answered)}
        assert time.monotonic() < ends
    before = psutil.Process().children(recursive=True)
    client.start()  # nothing happens while one is running
    assert psutil.Process().children(recursive=True) == before


@pytest.mark.parametrize("how", ["closed", "terminated"])
def test_a_service_of_its_own_process_makes_the_hardware_safe_when_its_client_closes(
    bench_file: Path, how: str
) -> None:
    client = ServiceClient()
    client.start()
    try:
        messages: list[Message] = []
        for request in (UseBench(str(bench_file)), Connect(BOARD), SetQuantity(BOARD, "supply", True)):
            wanted = client.ask(request)
            ends = time.monotonic() + PATIENCE_S
            while not any(isinstance(m, Answered) and m.number == wanted for m in messages):
                messages += client.take(0.5)
                assert time.monotonic() < ends, messages
        assert any(isinstance(message, BenchStatus) and message.simulated for message in messages)
        assert any(isinstance(message, LogLine) for message in messages)
        children = [
            child
            for child in psutil.Process().children(recursive=True)
            if "resource_tracker" not in str(child.cmdline())
        ]
        assert len(children) == 2  # the service, and its emulated board
        if how == "terminated":
            children[0].terminate()
            ends = time.monotonic() + PATIENCE_S
            while not any(isinstance(message, ServiceGone) for message in messages):
                messages += client.take(0.5)
                assert time.monotonic() < ends, messages
            asked = client.ask(Connect(BOARD))
            (refused,) = client.take(0.5)
            assert isinstance(refused, Failed)
            assert refused.number == asked
            log = [message.text for message in messages if isinstance(message, LogLine)]
            assert not any("check the hardware" in line for line in log)
            _start_another(client, bench_file)
    finally:
        client.close()
    assert not client.running
    messages += client.take()
    assert isinstance(messages[-1], ServiceGone)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
