"""Everything that is measured on a bench runs on its one engine: watched, steered and ended there."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from calibration.record import CalibrationRecord
from data.errors import Cancelled, LabctlError
from data.runfile import read_metadata
from data.scan import ScanPlan
from data.scanfile import scan_plan_of
from data.sweep import SweepPlan
from data.sweepfile import read_sweep
from data.values import Geometry, Schedule
from drivers import emulator
from labctl import compare, evaluating, open_bench, scan, sweep
from labctl.bench import Bench, BenchConfig
from labctl.comparison_file import accuracy_of, read_comparison
from labctl.engine import Began, Ended, NotNow, Rows, State, StateChanged
from labctl.instruments import Instruments
from labctl.learning import TestUtterances
from labctl.measuring import calibrate
from labctl.queue import EntryState, RunQueue, ScanJob, SweepJob, run_queue
from models.arms import Arm, TrainedNetwork, TrainingOptions
from models.networkfile import save_network
from models.parameters import ChipParameters
from models.samples import Samples
from tests.labctl.networks import GEOMETRY, network
from tests.labctl.steering import until

ROWS, COLUMNS = 16, 8


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A small emulated board that stays on; one client at a time."""
    options = emulator.Options(
        seed=7, tcp="127.0.0.1:0", physics=(f"geometry={ROWS}x{COLUMNS}",), until_stdin_closes=True
    )
    with emulator.start(options) as process:
        yield f"socket://{process.tcp}"


@pytest.fixture
def config(address: str, tmp_path: Path) -> BenchConfig:
    return BenchConfig.model_validate({"runs": tmp_path / "runs", "board": {"address": address}})


@pytest.fixture
def bench(config: BenchConfig) -> Iterator[Bench]:
    with open_bench(config) as opened:
        yield opened


def long_plan(points: int = 5000) -> SweepPlan:
    """Three batches of vectors that tell their places."""
    draw = np.random.default_rng(3)
    return SweepPlan(
        kind="long",
        weights=draw.integers(-63, 64, (1, ROWS, COLUMNS), dtype=np.int8),
        schedules=(Schedule(),),
        activations=draw.integers(0, 32, (points, ROWS), dtype=np.uint8),
        program=np.zeros(points, np.intp),
        schedule=np.zeros(points, np.intp),
        repeats=1,
    )


SPACINGS: ScanPlan = scan_plan_of(
    {
        "axes": [{"set": "schedule.spacing_ns", "kind": "list", "values": [8, 16, 32]}],
        "read": ["board.temperature"],
        "sweep": {"kind": "random", "most_points": 4},
    },
    "the plan",
)


def record(geometry: Geometry) -> CalibrationRecord:
    """As much of a calibration as a comparison looks at."""
    chip = ChipParameters.ideal(geometry, 0.01)
    known = {"calibration_id": "", "content_hash": "", "check_identity": lambda _: None}
    return cast(CalibrationRecord, SimpleNamespace(ordered=chip, unordered=chip, **known))


def is_off(bench: Bench) -> bool:
    return bench.board.get("supply") is False


def test_whoever_listens_sees_which_run_began_its_rows_and_its_end(bench: Bench) -> None:
    box = bench.engine.subscribe()
    (path,) = sweep(bench, [long_plan()])
    events = box.drain()
    assert isinstance(events[0], StateChanged)
    began = events[1]
    metadata = read_metadata(path)
    board = f"{bench.board.identity.model} {bench.board.identity.serial_number}"
    assert began == Began("sweep long", "long", metadata.run_id, path, 5000, simulated=True, devices=(board,))
    assert bench.engine.status().began == began
    rows = [event for event in events if isinstance(event, Rows)]
    assert [item.first for item in rows] == [0, 2048, 4096]
    assert np.array_equal(np.concatenate([item.values["output"] for item in rows]), read_sweep(path).outputs)
    assert isinstance(events[-1], Ended)
    scanned = scan(bench, SPACINGS)
    (began,) = (event for event in box.drain() if isinstance(event, Began))
    assert (began.kind, began.path, began.total) == ("scan", scanned, 3)
    assert began.axes["schedule.spacing_ns"].unit == "ns"
    assert began.shape == (3,)


def test_a_pause_holds_a_sweep_and_costs_no_row(bench: Bench) -> None:
    box = bench.engine.subscribe()
    asked = 0

    def pause_once() -> bool:
        nonlocal asked
        asked += 1
        if asked == 2:
            bench.engine.pause("to look at it")
        return False

    def resume_when_paused() -> None:
        until(lambda: bench.engine.state is State.PAUSED)
        bench.engine.resume()

    helper = threading.Thread(target=resume_when_paused)
    helper.start()
    (path,) = sweep(bench, [long_plan()], stop=pause_once)
    helper.join()
    states = [event.new for event in box.drain() if isinstance(event, StateChanged)]
    assert states == ["running", "pausing", "paused", "running", "stopping", "idle"]
    assert read_sweep(path).measured == 5000
    assert read_metadata(path).status == "complete"


def test_a_stop_is_the_end_of_all_sweeps_that_were_asked_for(bench: Bench) -> None:
    def stop_after_the_first_batch() -> bool:
        if bench.engine.status().done:
            bench.engine.stop()
        return False

    files = sweep(bench, [long_plan(), long_plan()], stop=stop_after_the_first_batch)
    assert [read_metadata(path).status for path in files] == ["stopped"]
    assert read_sweep(files[0]).measured == 2048
    assert is_off(bench)


def test_a_calibration_that_is_stopped_fits_nothing(bench: Bench) -> None:
    def stop_at_once(_share: float, _what: str) -> None:
        if bench.engine.state is State.RUNNING:
            bench.engine.stop()

    with pytest.raises(Cancelled, match="stopped before the fit"):
        calibrate(bench, listener=stop_at_once)
    assert list(bench.runs.glob("*-calibration.h5")) == []


def test_an_abort_is_passed_on_and_the_bench_goes_on_being_used(bench: Bench) -> None:
    def abort_after_the_first_batch() -> bool:
        if bench.engine.status().done:
            bench.engine.abort()
        return False

    with pytest.raises(Cancelled, match="aborted by the user; what was saved is in") as caught:
        sweep(bench, [long_plan()], stop=abort_after_the_first_batch)
    (path,) = bench.runs.glob("*.h5")
    assert str(path) in str(caught.value)
    assert read_metadata(path).status == "aborted"
    assert is_off(bench)
    (again,) = sweep(bench, [long_plan(100)])
    assert read_metadata(again).status == "complete"


def test_closing_a_bench_ends_its_run_before_the_board_is_let_go_of(bench: Bench) -> None:
    ended: list[Exception] = []

    def measure() -> None:
        try:
            sweep(bench, [long_plan()], stop=hold)
        except LabctlError as error:
            ended.append(error)

    def hold() -> bool:
        if bench.engine.status().done and bench.engine.state is State.RUNNING:
            bench.engine.pause()
        return False

    worker = threading.Thread(target=measure)
    worker.start()
    until(lambda: bench.engine.state is State.PAUSED)
    with pytest.raises(NotNow, match="one run at a time"):
        sweep(bench, [long_plan(100)])
    bench.close()
    worker.join()
    assert [type(error) for error in ended] == [Cancelled]
    metadata = [read_metadata(path) for path in bench.runs.glob("*.h5")]
    assert [item.status for item in metadata] == ["aborted"]


def test_instruments_that_are_in_use_already_stay_so(config: BenchConfig) -> None:
    meter = {"instruments": {"meter": {"driver": "scpi-meter"}}}
    whole = BenchConfig.model_validate({**config.model_dump(), **meter})
    with Instruments(whole.instruments) as instruments:
        there = instruments["meter"]
        with open_bench(whole, instruments) as bench:
            assert bench.instruments["meter"] is there
        assert instruments["meter"].get("voltage") is not None


@pytest.mark.parametrize("how", ["stop", "abort"])
def test_a_stop_or_an_abort_ends_the_queue_too(bench: Bench, how: str) -> None:
    queue = RunQueue(bench.runs / "queue.sqlite")
    queue.add(ScanJob(SPACINGS), on_failure="go-on")
    queue.add(SweepJob(("baseline",)))

    def leave(_share: float, _what: str) -> None:
        if bench.engine.state is State.RUNNING:
            bench.engine.pause()
            getattr(bench.engine, how)()

    result = run_queue(queue, lambda: nullcontext(bench), listener=leave)
    assert [entry.state for entry in result.entries] == [EntryState.STOPPED]
    assert result.waiting == 1


def test_a_comparison_that_is_aborted_keeps_what_the_board_did_and_says_so(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    activations = np.random.default_rng(7).integers(0, 32, (40, 40), dtype=np.uint8)
    utterances = SimpleNamespace(
        encoded_for=lambda _: Samples(activations, np.zeros(40, np.int64)), source="noise of the test"
    )
    monkeypatch.setattr(evaluating, "calibration_for", lambda *_: record(GEOMETRY))
    trained = TrainedNetwork(network(), Arm.ORDERED, TrainingOptions(), (), 0.5)
    path = save_network(trained, tmp_path / "small.safetensors")
    emulated = {"physics": (f"geometry={GEOMETRY.rows}x{GEOMETRY.columns}",), "link": "tcp"}
    config = BenchConfig.model_validate({"runs": tmp_path / "runs", "board": {"emulator": emulated}})

    def abort_after_the_board(share: float, _: str) -> None:
        if share > 0.25:
            bench.engine.abort("seen enough")

    with open_bench(config) as bench:
        box = bench.engine.subscribe()
        with pytest.raises(Cancelled, match="seen enough"):
            compare(bench, path, test=cast(TestUtterances, utterances), listener=abort_after_the_board)
        assert is_off(bench)
        (began,) = (event for event in box.drain() if isinstance(event, Began))
    (file,) = (tmp_path / "runs").glob("*.h5")
    assert (began.kind, began.path, began.total) == ("comparison", file, 40)
    saved = read_comparison(file)
    assert (saved.metadata.status, saved.metadata.message) == ("aborted", "seen enough")
    assert list(accuracy_of(saved)) == ["board"]
