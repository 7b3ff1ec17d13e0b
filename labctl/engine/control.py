"""The state of the engine: asked and changed from any thread, told to every listener."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labctl.engine.events import CAPACITY, Ended, Event, Mailbox, Message, Progress, StateChanged
from labctl.engine.states import ACTIVE, LEAVING, TRANSITIONS, Began, NotNow, Outcome, State, Status, Waiting


class Control:
    """State, requests, waits and listeners of one engine; every method may be called from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition(threading.RLock())
        self._state = State.IDLE
        self._reason = ""
        self._title = ""
        self._progress = Progress(0, 0, "")
        self._waits: list[tuple[str, float, float]] = []
        self._began: Began | None = None
        self._outcome: Outcome | None = None
        self._boxes: list[Mailbox] = []
        self._held = False

    @property
    def state(self) -> State:
        """What the engine is doing."""
        return self._state

    @property
    def reason(self) -> str:
        """Why it is in this state."""
        return self._reason

    @property
    def leaving(self) -> bool:
        """Whether the run is on its way out."""
        return self._state in LEAVING

    def status(self) -> Status:
        """The engine at this moment."""
        with self.changed:
            waiting = None
            if self._waits:
                name, since, deadline_s = self._waits[-1]
                waiting = Waiting(name, time.monotonic() - since, deadline_s)
            done, total = self._progress.done, self._progress.total
            return Status(self._state, self._reason, self._title, done, total, waiting, self._began, self._outcome)

    def subscribe(self, capacity: int = CAPACITY) -> Mailbox:
        """A mailbox that gets every event from now on."""
        box = Mailbox(capacity)
        with self.changed:
            self._boxes.append(box)
        return box

    def unsubscribe(self, box: Mailbox) -> None:
        """Send nothing more to a mailbox."""
        with self.changed:
            self._boxes = [other for other in self._boxes if other is not box]

    def pause(self, reason: str) -> None:
        """Ask a run to hold at its next checkpoint.

        Raises:
            NotNow: nothing runs, or the run is on its way out.
        """
        with self.changed:
            if self._state not in (State.PAUSING, State.PAUSED):
                self._ask(State.PAUSING, "pause", reason)
            self._held = True

    def resume(self) -> None:
        """Let a paused run go on.

        Raises:
            NotNow: nothing is paused.
        """
        with self.changed:
            if self._state is not State.RUNNING:
                self._ask(State.RUNNING, "resume", "", State.PAUSING, State.PAUSED)
            self._held = False

    def go_on(self) -> bool:
        """The reason for a pause is gone: go on, unless somebody asked for the pause as well; says whether it did."""
        with self.changed:
            return not self._held and self.advance(State.PAUSED, State.RUNNING)

    def stop(self, reason: str) -> None:
        """Ask a run to end at its next checkpoint.

        Raises:
            NotNow: nothing runs.
        """
        with self.changed:
            if self._state not in LEAVING:
                self._ask(State.STOPPING, "stop", reason)

    def abort(self, reason: str) -> None:
        """Ask a run to make the hardware safe at once.

        Raises:
            NotNow: nothing runs.
        """
        with self.changed:
            if self._state is not State.ABORTING:
                self._ask(State.ABORTING, "abort", reason)

    def stop_if_active(self, reason: str) -> None:
        """As :meth:`stop`, for whoever does not mind that the run may be over."""
        with self.changed:
            if self._state in ACTIVE:
                self.stop(reason)

    def abort_if_active(self, reason: str) -> None:
        """As :meth:`abort`, for whoever does not mind that the run may be over."""
        with self.changed:
            if self._state in ACTIVE:
                self.abort(reason)

    def acknowledge(self) -> None:
        """Leave the state ``failed``; does nothing in another one."""
        self.advance(State.FAILED, State.IDLE)

    def begin(self, title: str, total: int) -> None:
        """A run begins.

        Raises:
            NotNow: another one is going on.
        """
        with self.changed:
            if self._state in ACTIVE:
                raise NotNow(f"the engine is {self._state} ({self._title}); one run at a time")
            self._title, self._began, self._outcome = title, None, None
            self._waits, self._held = [], False
            self._progress = Progress(0, total, title)
            self._move(State.RUNNING, "")

    def finish(self, outcome: Outcome) -> None:
        """The run is over: its hardware is safe and its file closed."""
        with self.changed:
            self._outcome = outcome
            if self._state not in LEAVING:
                self._move(State.STOPPING, outcome.message)
            failed = outcome.error is not None or bool(outcome.unsafe)
            self._move(State.FAILED if failed else State.IDLE, outcome.message)
            self.tell(Ended(outcome))

    def advance(self, old: State, new: State, reason: str = "") -> bool:
        """Go from one state to another if it is still the first; says whether it was."""
        with self.changed:
            if self._state is not old:
                return False
            self._move(new, reason)
            return True

    def tell(self, event: Event) -> None:
        """Put an event into every mailbox."""
        with self.changed:
            if isinstance(event, Progress):
                self._progress = event
            elif isinstance(event, Began):
                self._began = event
            for box in self._boxes:
                box.put(event)

    def say(self, text: str, *, warning: bool = False) -> None:
        """Tell a sentence."""
        self.tell(Message(text, warning))

    @contextmanager
    def waiting(self, name: str, deadline_s: float) -> Iterator[None]:
        """Say what is being waited for, and for how long it may take."""
        entry = (name, time.monotonic(), deadline_s)
        with self.changed:
            self._waits.append(entry)
        try:
            yield
        finally:
            with self.changed:
                self._waits.remove(entry)

    def look_again(self) -> None:
        """Let whoever waits look again whether it has happened."""
        with self.changed:
            self.changed.notify_all()

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> bool:
        """Wait for something that notifies ``changed``; says whether it happened in time."""
        with self.changed:
            return bool(self.changed.wait_for(happened, min(max(seconds, 0.0), threading.TIMEOUT_MAX)))

    def _ask(self, new: State, verb: str, reason: str, *only: State) -> None:
        if new not in TRANSITIONS[self._state] or (only and self._state not in only):
            raise NotNow(f"the engine is {self._state}; there is nothing to {verb}")
        self._move(new, reason)

    def _move(self, new: State, reason: str) -> None:
        old = self._state
        if new not in TRANSITIONS[old]:
            raise AssertionError(f"the engine cannot go from {old} to {new}")
        self._state, self._reason = new, reason
        self.tell(StateChanged(old, new, reason))
        self.changed.notify_all()
