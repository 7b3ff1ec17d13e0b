"""The engine: runs one piece of work at a time on a thread of its own, and can be steered from any other."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from data.errors import Problems
from labctl.engine.conduct import Conductor
from labctl.engine.control import Control
from labctl.engine.events import CAPACITY, Ended, Mailbox, Message, Progress, StateChanged
from labctl.engine.interlocks import Watch
from labctl.engine.results import confirm_safe
from labctl.engine.states import ACTIVE, Limits, NotNow, Outcome, State, Status
from labctl.engine.work import Work
from labctl.progress import Listener, Stop, never, silent

log = logging.getLogger(__name__)

LOOK_S = 0.2
"""Seconds between two looks at Ctrl-C where the system does not interrupt a wait."""

Requirement = Callable[[], Iterable[str]]
"""Why a run may not start, a sentence each; none when it may."""


def warn(text: str) -> None:
    """Say something to the log."""
    log.warning("%s", text)


class Engine:
    """Runs work; every method may be called from any thread.

    Nothing is begun before :meth:`start` or :meth:`run`. Listeners take events from mailboxes and can neither slow nor
    stop a run.

    Args:
        limits: deadlines.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._control = Control()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> State:
        """What the engine is doing."""
        return self._control.state

    def status(self) -> Status:
        """State, progress, and what is being waited for."""
        return self._control.status()

    def subscribe(self, capacity: int = CAPACITY) -> Mailbox:
        """A mailbox that gets every event from now on, until :meth:`unsubscribe`."""
        return self._control.subscribe(capacity)

    def unsubscribe(self, box: Mailbox) -> None:
        """Send nothing more to a mailbox."""
        self._control.unsubscribe(box)

    def pause(self, reason: str = "paused by the user") -> None:
        """Hold at the next checkpoint, hardware as it is; a wait ends at once and its setting is begun anew.

        Raises:
            NotNow: nothing runs.
        """
        self._control.pause(reason)

    def resume(self) -> None:
        """Go on with the next chunk; everything that it needs is set again.

        Raises:
            NotNow: nothing is paused.
        """
        self._control.resume()

    def stop(self, reason: str = "stopped by the user") -> None:
        """End at the next checkpoint, keep what was measured, make the hardware safe.

        Raises:
            NotNow: nothing runs.
        """
        self._control.stop(reason)

    def abort(self, reason: str = "aborted by the user") -> None:
        """Make the hardware safe now; what has been saved stays, the chunk in hand is dropped.

        Raises:
            NotNow: nothing runs.
        """
        self._control.abort(reason)

    def acknowledge(self) -> None:
        """Leave the state ``failed``."""
        self._control.acknowledge()

    def start(
        self,
        work: Work,
        *,
        watch: Watch | None = None,
        requirements: Iterable[Requirement] = (),
        stop: Stop = never,
    ) -> None:
        """Begin a run on the engine's thread and return.

        Args:
            work: what is run.
            watch: the interlocks.
            requirements: what must hold before it may start, besides what the work itself asks for.
            stop: asked at every checkpoint; true ends the run and keeps what was measured.

        Raises:
            NotNow: another run is going on.
            Problems: why it cannot start, all reasons at once; nothing has been sent or written.
        """
        if self.state in ACTIVE:
            raise NotNow(f"the engine is {self.state}; one run at a time")
        problems = [*work.problems(), *(problem for ask in requirements for problem in ask())]
        if problems:
            raise Problems(work.title, list(dict.fromkeys(problems)))
        conductor = Conductor(work, self._control, self._limits, watch or Watch(), stop)
        self._control.begin(work.title, work.total)
        self._thread = threading.Thread(target=self._conduct, args=(conductor,), name="labctl-engine")
        self._thread.start()

    def wait(self, timeout_s: float | None = None) -> Outcome | None:
        """Wait for the end of the run; None when it has not ended in time, or nothing has run.

        Args:
            timeout_s: seconds; None waits as long as it takes.
        """
        thread = self._thread
        if thread is not None:
            ends = time.monotonic() + (threading.TIMEOUT_MAX if timeout_s is None else timeout_s)
            while thread.is_alive() and (left := ends - time.monotonic()) > 0:
                thread.join(min(left, LOOK_S))
            if thread.is_alive():
                return None
        return self.status().outcome

    def run(
        self,
        work: Work,
        *,
        watch: Watch | None = None,
        requirements: Iterable[Requirement] = (),
        listener: Listener = silent,
        say: Callable[[str], None] = warn,
        stop: Stop = never,
    ) -> Outcome:
        """Run in the foreground: Ctrl-C stops the run and keeps what was measured, a second one aborts it.

        Args:
            work: what is run.
            watch: the interlocks.
            requirements: what must hold before it may start.
            listener: hears of progress, in the caller's thread; what it raises stops the run and is passed on.
            say: hears why the run is paused, and warnings; without it the log does.
            stop: asked at every checkpoint; true ends the run and keeps what was measured.

        Raises:
            Problems: why it cannot start.
            UnsafeState: the run is over, and the safe state of some hardware could not be confirmed.
            LabctlError: the run failed; what was saved is kept.
        """
        box = self.subscribe()
        try:
            self.start(work, watch=watch, requirements=requirements, stop=stop)
            try:
                outcome = self._listen(box, listener, say)
            except BaseException as error:
                self.leave(error)
                raise
        finally:
            self.unsubscribe(box)
        if outcome.error is not None:
            raise outcome.error
        confirm_safe(outcome)
        return outcome

    def leave(self, error: BaseException) -> Outcome | None:
        """End what runs because the foreground was left by an exception, which is to be passed on; how it ended.

        Another Ctrl-C meanwhile aborts it.
        """
        reason = "stopped with Ctrl-C" if isinstance(error, KeyboardInterrupt) else f"stopped by {error!r}"
        self._control.stop_if_active(reason)
        while True:
            try:
                outcome = self.wait()
            except KeyboardInterrupt:
                self._control.abort_if_active("aborted with Ctrl-C")
                continue
            if outcome is not None and outcome.unsafe:
                error.add_note("; ".join(outcome.unsafe))
            return outcome

    def look_again(self) -> None:
        """Let a wait that can be over early (:class:`labctl.engine.Wait`) look whether it is; for works."""
        self._control.look_again()

    def close(self) -> None:
        """Abort what runs and wait until the hardware is safe; may be called again."""
        self._control.abort_if_active("the engine was closed")
        self.wait()

    def _conduct(self, conductor: Conductor) -> None:
        try:
            outcome = conductor.run()
        except BaseException as error:  # a mistake of ours: the engine must be usable again, and say so
            self._control.finish(Outcome("failed", f"{type(error).__name__}: {error}", None, error))
            raise
        self._control.finish(outcome)

    def _listen(self, box: Mailbox, listener: Listener, say: Callable[[str], None]) -> Outcome:
        ours = False  # what is left of the run before is none of ours
        while True:
            event = box.take(LOOK_S)
            if not ours:
                ours = isinstance(event, StateChanged) and event.old not in ACTIVE and event.new in ACTIVE
            elif isinstance(event, Progress):
                listener(event.fraction, event.message)
            elif isinstance(event, Message):
                say(event.text)
            elif isinstance(event, StateChanged) and event.new is State.PAUSED:
                say(f"paused: {event.reason}")
            elif isinstance(event, Ended):
                self.wait()
                return event.outcome
