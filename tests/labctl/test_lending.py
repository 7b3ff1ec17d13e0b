"""A lent board gives what the board gives, and can be held, ended and lost like any other run of the engine."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.errors import BadInput, Cancelled, LabctlError, Problems
from data.metadata import RunMetadata
from data.runfile import RunWriter, read_run
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from drivers.errors import Disconnected
from labctl.engine import Began, Engine, Interlock, LentBoard, Loan, NotNow, Progress, State, UnsafeState, Watch, lend
from models.network import run
from tests.labctl.benchwork import CountingWork, Supply
from tests.labctl.networks import GEOMETRY as NETWORK_GEOMETRY
from tests.labctl.networks import network
from tests.labctl.steering import PATIENCE_S, QUICK, ended, until

GEOMETRY = Geometry(rows=8, columns=4)
DRAW = np.random.default_rng(5)
WEIGHTS = DRAW.integers(-3, 4, (8, 4), dtype=np.int8)
VECTORS = DRAW.integers(0, 5, (3000, 8), dtype=np.uint8)
EXPECTED = (VECTORS.astype(int) @ WEIGHTS).clip(-128, 127).astype(np.int16)
LOAN = Loan("a network")


class Board:
    """The integer product at so many vectors a second; without its link, power or weights it answers nothing right."""

    def __init__(self, geometry: Geometry = GEOMETRY, vectors_per_s: float = 1e9) -> None:
        self.geometry = geometry
        self.identity = Identity("test", "lent", "L-1", "1", simulated=True)
        self.vectors_per_s = vectors_per_s
        self.log: list[str] = []
        self.sizes: list[int] = []
        self.linked = True
        self.comes_back = True
        self.breaks_at_vector = -1
        self._weights: Weights | None = None

    @property
    def is_safe(self) -> bool:
        return self._weights is None

    def program(self, weights: Weights) -> None:
        self._talk("program")
        self._weights = weights

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        if 0 <= self.breaks_at_vector <= sum(self.sizes):
            self.breaks_at_vector, self.linked = -1, False
        self._talk("multiply")
        assert self._weights is not None, "programmed first"
        time.sleep(len(activations) / self.vectors_per_s)
        self.sizes.append(len(activations))
        return (activations.astype(int) @ self._weights).clip(-128, 127).astype(np.int16)

    def safe(self) -> None:
        self.log.append("safe")
        self._weights = None

    def reconnect(self, deadline_s: float) -> None:
        self.log.append("reconnect")
        self._weights = None  # it has been without power
        if not self.comes_back:
            raise LabctlError("it did not come back")
        self.linked = True

    def _talk(self, what: str) -> None:
        self.log.append(what)
        if not self.linked:
            raise Disconnected("the cable is out", "board", what)


@pytest.fixture
def engine() -> Iterator[Engine]:
    made = Engine(QUICK)
    yield made
    made.close()


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def borrower() -> Iterator[ThreadPoolExecutor]:
    """A thread that borrows while the test steers."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def multiplied(engine: Engine, board: Board, loan: Loan = LOAN, times: int = 1) -> Outputs:
    with lend(engine, board, loan) as lent:
        lent.program(WEIGHTS)
        return np.concatenate([lent.multiply(VECTORS, Schedule()) for _ in range(times)])


def for_ever(engine: Engine, board: Board, loan: Loan = LOAN) -> None:
    with lend(engine, board, loan) as lent:
        lent.program(WEIGHTS)
        while True:
            assert np.array_equal(lent.multiply(VECTORS[:20], Schedule()), EXPECTED[:20])


def raised(future: Future[Any]) -> BaseException:
    error = future.exception(PATIENCE_S)
    assert error is not None
    return error


def test_a_network_is_what_it_is_on_the_board_itself(engine: Engine) -> None:
    utterances = DRAW.integers(0, 32, (300, 40), dtype=np.uint8)
    direct = run(network(), Board(NETWORK_GEOMETRY), utterances)
    board = Board(NETWORK_GEOMETRY)
    with lend(engine, board, LOAN) as lent:
        assert lent.identity == board.identity
        found = run(network(), lent, utterances)
        assert not board.is_safe
    for here, there in zip(found.layers, direct.layers, strict=True):
        assert np.array_equal(here.block_outputs, there.block_outputs)
    assert board.is_safe
    assert board.log[-1] == "safe"
    assert engine.state is State.IDLE


def test_whoever_listens_hears_what_it_is_for_and_how_far_the_borrower_is(engine: Engine, board: Board) -> None:
    box = engine.subscribe()
    heard: list[tuple[float, str]] = []
    with lend(engine, board, Loan("a network", "judging", total=40)) as lent:
        listener = lent.heard_by(lambda *what: heard.append(what))
        listener(0.5, "half of it")
        until(lambda: engine.status().done == 20)
        assert engine.status().waiting is not None, "for the next call"
    events = box.drain()
    assert Began("a network", "judging", "", None, 40, simulated=True, devices=("lent L-1",)) in events
    assert Progress(20, 40, "half of it") in [
        Progress(event.done, event.total, event.message) for event in events if isinstance(event, Progress)
    ]
    assert heard == [(0.5, "half of it")]
    assert board.log == ["safe"]


def test_a_large_multiplication_is_cut_into_whole_blocks_of_the_wire(engine: Engine, board: Board) -> None:
    board.vectors_per_s = 4000.0
    with lend(engine, board, LOAN) as lent:
        lent.program(WEIGHTS)
        assert np.array_equal(lent.multiply(VECTORS, Schedule(sends=2)), EXPECTED)
    *whole, rest = board.sizes
    assert whole[0] == 256, "512 vectors are a block where each is sent once; here each is sent twice"
    assert all(size % 256 == 0 for size in whole)
    assert max(board.sizes) <= 4000 * 0.6
    assert sum(whole) + rest == 3000


def test_a_wrong_call_is_refused_and_the_loan_goes_on(engine: Engine, board: Board) -> None:
    with lend(engine, board, LOAN) as lent:
        with pytest.raises(BadInput, match="holds no weights"):
            lent.multiply(VECTORS, Schedule())
        with pytest.raises(BadInput, match="weight"):
            lent.program(np.full((8, 4), 100, np.int8))
        lent.program(WEIGHTS)
        with pytest.raises(BadInput, match="activation"):
            lent.multiply(np.full((2, 8), 99, np.uint8), Schedule())
        assert lent.multiply(VECTORS[:0], Schedule()).shape == (0, 4)
        assert np.array_equal(lent.multiply(VECTORS, Schedule()), EXPECTED)
    assert "multiply" in board.log


def test_a_pause_holds_the_next_call_and_costs_nothing(
    engine: Engine, board: Board, borrower: ThreadPoolExecutor
) -> None:
    board.vectors_per_s = 10_000.0
    work = borrower.submit(multiplied, engine, board, LOAN, 3)
    until(lambda: bool(board.sizes))
    engine.pause()
    until(lambda: engine.state is State.PAUSED)
    seen = len(board.log)
    time.sleep(0.1)
    assert len(board.log) == seen
    assert not work.done()
    engine.resume()
    assert np.array_equal(work.result(PATIENCE_S), np.concatenate([EXPECTED] * 3))


@pytest.mark.parametrize("how", ["stop", "abort"])
def test_a_stop_or_an_abort_is_heard_within_a_second_and_ends_in_the_safe_state(
    engine: Engine, board: Board, borrower: ThreadPoolExecutor, how: str
) -> None:
    board.vectors_per_s = 2000.0
    work = borrower.submit(multiplied, engine, board, LOAN, 20)  # 30 s of it
    until(lambda: len(board.sizes) > 2)
    began = time.monotonic()
    getattr(engine, how)("enough of it")
    error = raised(work)
    assert time.monotonic() - began < 1.2
    assert type(error) is Cancelled
    assert "enough of it" in str(error)
    assert board.is_safe
    assert engine.state is State.IDLE


def test_a_stop_is_heard_by_a_borrower_that_computes_by_itself(engine: Engine, board: Board) -> None:
    def think() -> None:
        with lend(engine, board, LOAN) as lent:
            lent.program(WEIGHTS)
            engine.stop()
            while time.monotonic() - began < PATIENCE_S:
                lent.progress(0, "thinking")

    began = time.monotonic()
    with pytest.raises(Cancelled):
        think()
    assert time.monotonic() - began < 1.0
    assert board.is_safe


@pytest.mark.parametrize("vector", [0, 256, 1500, 2999])
def test_a_lost_link_comes_back_with_the_weights_and_no_value_is_wrong(
    engine: Engine, board: Board, vector: int
) -> None:
    said: list[str] = []
    board.breaks_at_vector = vector
    found = multiplied(engine, board, Loan("a network", say=said.append), 2)
    assert np.array_equal(found, np.concatenate([EXPECTED] * 2))
    again = board.log.index("reconnect")
    assert board.log[again + 1 : again + 3] == ["program", "multiply"]
    assert board.log.count("program") == 2
    assert any("the cable is out" in sentence for sentence in said)
    assert board.is_safe


def test_a_link_that_does_not_come_back_is_the_borrowers_error(engine: Engine, board: Board) -> None:
    board.breaks_at_vector, board.comes_back = 256, False
    with pytest.raises(LabctlError, match="it did not come back"):
        multiplied(engine, board)
    assert board.log[-1] == "safe"
    assert engine.state is State.FAILED
    board.linked = True
    assert np.array_equal(multiplied(engine, board), EXPECTED)


def hot(supply: Supply, action: str) -> Watch:
    lock = Interlock("hot", "supply.current", high=1.0, action=action, every_s=0.01)  # type: ignore[arg-type]
    return Watch.over([lock], {"supply": supply})


def test_an_interlock_pauses_with_the_board_safe_and_the_weights_come_back(
    engine: Engine, board: Board, borrower: ThreadPoolExecutor
) -> None:
    supply = Supply()
    work = borrower.submit(for_ever, engine, board, Loan("a network", watch=hot(supply, "pause")))
    until(lambda: len(board.sizes) > 2)
    supply.values["current"] = 2.0
    until(lambda: engine.state is State.PAUSED)
    until(lambda: board.is_safe)
    supply.values["current"] = 0.5
    seen = len(board.sizes)
    until(lambda: len(board.sizes) > seen + 2)
    engine.stop()
    assert type(raised(work)) is Cancelled


def test_an_interlock_that_aborts_says_so_between_two_calls_too(engine: Engine, board: Board) -> None:
    supply = Supply()

    def borrow() -> None:
        with lend(engine, board, Loan("a network", watch=hot(supply, "abort"))) as lent:
            lent.program(WEIGHTS)
            lent.multiply(VECTORS[:5], Schedule())
            supply.values["current"] = 2.0
            until(lambda: board.is_safe)
            lent.multiply(VECTORS, Schedule())

    with pytest.raises(LabctlError, match=r"interlock hot: supply\.current is 2 A") as caught:
        borrow()
    assert not isinstance(caught.value, Cancelled)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ZeroDivisionError("a mistake"), Cancelled("never mind")])
def test_an_exception_of_the_borrowers_leaves_the_board_safe_and_is_passed_on(
    engine: Engine, board: Board, error: BaseException
) -> None:
    def borrow() -> None:
        with lend(engine, board, LOAN) as lent:
            lent.program(WEIGHTS)
            lent.multiply(VECTORS[:5], Schedule())
            assert not board.is_safe
            raise error

    with pytest.raises(type(error)) as caught:
        borrow()
    assert caught.value is error
    assert board.is_safe
    assert engine.state is State.IDLE


def test_a_borrower_that_is_gone_leaves_the_board_safe(engine: Engine, board: Board) -> None:
    kept: list[Any] = []

    def borrow_and_forget() -> None:
        loan = lend(engine, board, LOAN)
        lent = loan.__enter__()
        lent.program(WEIGHTS)
        lent.multiply(VECTORS[:5], Schedule())
        kept.append(loan)

    thread = threading.Thread(target=borrow_and_forget)
    thread.start()
    thread.join()
    outcome = ended(engine)
    assert outcome.status == "failed"
    assert "gone without giving it back" in outcome.message
    assert board.is_safe
    with pytest.raises(LabctlError, match="gone without"):
        kept[0].__exit__(None, None, None)


def test_one_run_at_a_time(engine: Engine, board: Board) -> None:
    with lend(engine, board, LOAN) as lent:
        lent.program(WEIGHTS)
        with pytest.raises(NotNow, match="one run at a time"):
            engine.run(CountingWork())
        with pytest.raises(NotNow), lend(engine, board, LOAN):
            pass
        assert np.array_equal(lent.multiply(VECTORS, Schedule()), EXPECTED), "and it goes on"


def test_what_must_hold_before_it_begins_is_asked(engine: Engine, board: Board) -> None:
    loan = Loan("a network", requirements=(lambda: ["the door is open"], lambda: ["the fan is off"]))
    with pytest.raises(Problems) as caught, lend(engine, board, loan):
        pass
    assert caught.value.problems == ("the door is open", "the fan is off")
    assert board.log == []


def stop(engine: Engine) -> None:
    engine.stop("enough")


def abort(engine: Engine) -> None:
    engine.abort("enough")


def fail(engine: Engine) -> None:
    raise ZeroDivisionError("a mistake")


@pytest.mark.parametrize(
    ("end", "status", "message"),
    [(stop, "stopped", "enough"), (abort, "aborted", "enough"), (fail, "failed", "a mistake")],
)
def test_the_borrowers_file_says_how_it_ended_and_keeps_what_it_has(
    engine: Engine, board: Board, tmp_path: Path, end: Callable[[Engine], None], status: str, message: str
) -> None:
    def borrow() -> None:
        with RunWriter.create(tmp_path, RunMetadata.new("network", simulated=True)) as writer:
            writer.stream("output", ("vector", "column"), (None, 4), np.int16)
            with lend(engine, board, Loan("a network", file=writer)) as lent:
                assert engine.status().began is None or engine.status().began.path == writer.path
                lent.program(WEIGHTS)
                writer.append("output", lent.multiply(VECTORS[:9], Schedule()))
                writer.checkpoint()
                end(engine)
                for_ever_on(lent)

    with pytest.raises((Cancelled, ZeroDivisionError)):
        borrow()
    (path,) = tmp_path.glob("*.h5")
    saved = read_run(path)
    assert (saved.metadata.status, saved.metadata.message) == (status, message)
    assert np.array_equal(saved.values("output"), EXPECTED[:9])


def for_ever_on(lent: LentBoard) -> None:
    while True:
        lent.multiply(VECTORS[:9], Schedule())


def test_a_file_whose_loan_is_over_in_time_goes_on_being_written(engine: Engine, board: Board, tmp_path: Path) -> None:
    with RunWriter.create(tmp_path, RunMetadata.new("network", simulated=True)) as writer:
        writer.stream("output", ("vector", "column"), (None, 4), np.int16)
        with lend(engine, board, Loan("a network", file=writer)) as lent:
            lent.program(WEIGHTS)
            found = lent.multiply(VECTORS[:9], Schedule())
        writer.append("output", found)
    assert read_run(writer.path).metadata.status == "complete"


class Frayed(Board):
    """Its link is lost whenever it is made safe for the first time; it goes there by itself then."""

    def safe(self) -> None:
        if "lost on the way" not in self.log:
            self.log.append("lost on the way")
            self._weights = None
            self.linked = False
        if not self.linked:
            raise Disconnected("the cable is out", "board", "safe")
        super().safe()


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_safe_state_is_confirmed_over_a_link_that_came_back(engine: Engine, comes_back: bool) -> None:
    board = Frayed()
    board.comes_back = comes_back
    if comes_back:
        assert np.array_equal(multiplied(engine, board), EXPECTED)
        assert board.log[-3:] == ["lost on the way", "reconnect", "safe"]
        assert engine.state is State.IDLE
    else:
        with pytest.raises(UnsafeState, match="could not be confirmed: board: the cable is out"):
            multiplied(engine, board)
        assert engine.state is State.FAILED
