"""Lend the board of an engine: every call goes through the engine, which can hold, end and watch it as any run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from data.errors import BadInput, Cancelled, DiskFull
from data.metadata import RunMetadata
from data.metadata import Status as Ending
from data.processor import AnalogProcessor
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights, check_activations, check_weights
from labctl.engine.engine import LOOK_S, Engine, Requirement, warn
from labctl.engine.events import Mailbox, Message, StateChanged
from labctl.engine.interlocks import Watch
from labctl.engine.lentwork import LentWork, Request
from labctl.engine.results import confirm_safe, why_it_ended
from labctl.engine.states import LEAVING, Outcome, State
from labctl.engine.work import About
from labctl.progress import Listener, Stop, never

Say = Callable[[str], None]


class BorrowersFile(Protocol):
    """A run file that whoever borrows the board writes, e.g. a :class:`data.runfile.RunWriter`."""

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def metadata(self) -> RunMetadata:
        """What it says of its run."""
        ...

    def finish(self, status: Ending, message: str) -> None:
        """Write how the run ended, and close it."""
        ...


@dataclass(frozen=True)
class Loan:
    """What a board is lent for, and on what conditions.

    Attributes:
        title: what it is, in words.
        kind: what is done, where there is no file that says so.
        total: the borrower's steps in all.
        file: the borrower's run file. It says how the loan ended where that was before its time; else it stays open.
        watch: the interlocks.
        requirements: what must hold before it may begin.
        stop: asked at every checkpoint; true ends it.
        say: hears why it is held up, and warnings.
    """

    title: str
    kind: str = "network"
    total: int = 1
    file: BorrowersFile | None = None
    watch: Watch | None = None
    requirements: Iterable[Requirement] = ()
    stop: Stop = never
    say: Say = warn


class LentBoard:
    """An :class:`data.processor.AnalogProcessor` whose calls are carried out by the engine; for one thread at a time.

    A call waits while the run is paused, and is repeated with the weights loaded again after a lost link came back.
    Once the run has ended every call raises why:

    - ``Cancelled``: somebody stopped or aborted it;
    - ``LabctlError``: an interlock aborted it, nobody resumed it in time, or the hardware failed.
    """

    def __init__(self, engine: Engine, board: AnalogProcessor, work: LentWork, box: Mailbox, say: Say) -> None:
        self._engine = engine
        self._board = board
        self._work = work
        self._box = box
        self._say = say
        self._holds_weights = False

    @property
    def geometry(self) -> Geometry:
        """Size of the array and ranges of its codes."""
        return self._board.geometry

    @property
    def identity(self) -> Identity:
        """Who computes."""
        return self._board.identity

    def program(self, weights: Weights) -> None:
        """Compute with these weights from now on, shape (rows, columns); they go to the board with the next vectors.

        Raises:
            BadInput: wrong shape or a code out of range; nothing has been sent then.
            LabctlError: the run has ended, see the class.
        """
        codes = check_weights(weights, self.geometry)
        self._check_going_on()
        self._work.load(codes.copy())
        self._holds_weights = True

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        """Outputs, int16 of shape (vectors, columns), of activations, shape (vectors, rows), sent by ``schedule``.

        Many vectors are sent in pieces of about half a second.

        Raises:
            BadInput: wrong shape, a code out of range, a schedule that the board cannot honour, or no weights have
                been programmed since it was lent; nothing has been sent then.
            LabctlError: the run has ended, see the class.
        """
        codes = check_activations(activations, self.geometry)
        schedule.check(self.geometry)
        if not self._holds_weights:
            raise BadInput("the lent board holds no weights; program it before multiplying")
        request = Request(codes, schedule, np.empty((len(codes), self.geometry.columns), np.int16))
        if len(codes):
            self._ask(request)
        return request.outputs

    def progress(self, done: int, message: str) -> None:
        """Say how far the borrower is, in the steps of the loan.

        Raises:
            LabctlError: the run has ended, see the class; so work between two calls hears of it, too.
        """
        self._check_going_on()
        self._work.progress(done, message)
        self._engine.look_again()

    def heard_by(self, listener: Listener) -> Listener:
        """A listener that tells both the engine and ``listener``."""

        def inner(fraction: float, message: str) -> None:
            self.progress(round(fraction * self._work.total), message)
            listener(fraction, message)

        return inner

    def give_back(self) -> Outcome:
        """End the run; how it ended, once the board is safe."""
        self._work.give_back()
        self._engine.look_again()
        while (outcome := self._engine.wait(LOOK_S)) is None:
            self._listen()
        self._listen()
        return outcome

    def _listen(self) -> None:
        """Pass on what the engine has to say about the run."""
        for event in self._box.drain():
            if isinstance(event, Message):
                self._say(event.text)
            elif isinstance(event, StateChanged) and event.new is State.PAUSED:
                self._say(f"paused: {event.reason}")

    def _ask(self, request: Request) -> None:
        work = self._work
        self._check_going_on()
        work.ask(request)
        self._engine.look_again()
        while True:
            with work.changed:
                if work.changed.wait_for(lambda: request.answered or work.over, LOOK_S):
                    break
            self._listen()
            if self._engine.wait(0) is not None:
                break
        if not request.answered:
            raise self._ended()

    def _check_going_on(self) -> None:
        if self._work.over or self._engine.state in LEAVING:
            raise self._ended()

    def _ended(self) -> BaseException:
        return why_it_ended(self._work.title, self.give_back())


@contextmanager
def lend(engine: Engine, board: AnalogProcessor, loan: Loan) -> Iterator[LentBoard]:
    """Lend a board to the caller for the time of a ``with``: a run of the engine, whose chunks are the caller's calls.

    However it ends, by itself, by an exception, by Ctrl-C (a second one aborts), or because the caller's thread is
    gone, the board is in its safe state afterwards.

    Args:
        engine: carries the calls out.
        board: the board, or whatever stands in its place.
        loan: what for.

    Raises:
        NotNow: the engine has another run.
        Problems: why it cannot begin; nothing has been sent.
        UnsafeState: it is over, and the safe state of the board could not be confirmed.
        LabctlError: as :class:`LentBoard`.
    """
    file = loan.file
    about = About(loan.kind, simulated=board.identity.simulated) if file is None else About.of(file.metadata)
    path = None if file is None else file.path
    work = LentWork(loan.title, about, board, loan.total, path, threading.current_thread())
    box = engine.subscribe()
    try:
        engine.start(work, watch=loan.watch, requirements=loan.requirements, stop=loan.stop)
        lent = LentBoard(engine, board, work, box, loan.say)
        try:
            yield lent
            outcome = lent.give_back()
        except BaseException as error:
            _end_file(file, engine.leave(error), error)
            raise
    finally:
        engine.unsubscribe(box)
    if outcome.status not in ("complete", "stopped"):
        ended = why_it_ended(loan.title, outcome)
        _end_file(file, outcome, ended)
        raise ended
    confirm_safe(outcome)


def _end_file(file: BorrowersFile | None, outcome: Outcome | None, error: BaseException) -> None:
    """Write how the run ended into the borrower's file, unless it was the borrower's own failure."""
    if file is None or outcome is None:
        return
    own = outcome.status == "stopped" and not isinstance(error, Cancelled | KeyboardInterrupt)
    if not own:
        # On a full disk the file stays open, and whoever opened it has to end it.
        with suppress(DiskFull):
            file.finish(outcome.status, outcome.message)
