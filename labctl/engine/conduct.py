"""How a run goes: chunk by chunk, with everything that can come in between, and the way out."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from data.errors import BadInput, Cancelled, DiskFull, LabctlError
from data.instrument import Reconnectable
from data.metadata import Status as Ending
from drivers.errors import LinkError
from labctl.engine.control import Control
from labctl.engine.events import Progress, Rows
from labctl.engine.hands import Hands
from labctl.engine.interlocks import Guard, Watch
from labctl.engine.states import Began, Limits, Outcome, Overdue, State
from labctl.engine.work import Action, Call, HasSafeState, Saved, Wait, Work
from labctl.progress import Stop, never

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""Seconds between two looks whether a wait is over that nobody may have told of."""
BY_ITSELF = "; it goes on by itself when this is over"


class _Leave(Exception):
    """The way out of a run that was stopped or aborted."""


class _Again(Exception):
    """Something came in between: the chunk has to be begun anew."""


class _Lost(Exception):
    """A link was lost that can be opened again."""

    def __init__(self, device: Reconnectable, error: LinkError) -> None:
        super().__init__(str(error))
        self.device = device
        self.error = error


class Conductor:
    """One run, on the engine's thread.

    Args:
        work: what is run.
        control: the engine's state.
        limits: deadlines.
        watch: the interlocks.
        stop: asked at every checkpoint; true ends the run and keeps what was measured.
    """

    def __init__(self, work: Work, control: Control, limits: Limits, watch: Watch, stop: Stop) -> None:
        self._work = work
        self._control = control
        self._limits = limits
        self._watch = watch
        self._stop = stop
        self._hands = Hands(control.changed)
        self._losses = 0
        self._trips = 0
        self._gave_up = self._tripped = False
        self._away: object | None = None
        self._began = math.nan

    def run(self) -> Outcome:
        """Carry the work out, to its end or wherever it is stopped; the hardware is safe when this returns."""
        self._began = time.monotonic()
        status: Ending = "complete"
        message, made = "", False
        error: Exception | None = None
        try:
            with self._control.waiting("making the file", self._limits.save_s):
                self._work.begin()
            made = True
            self._control.tell(self._beginning())
            self._measure()
        except _Leave:
            status, message = "stopped", self._control.reason
        except Cancelled as cancelled:
            status, message = "stopped", str(cancelled)
        except Exception as caught:
            status, message, error = "failed", str(caught) or type(caught).__name__, caught
            log.debug("the run failed", exc_info=True)
        try:
            return self._end(status, message, error, made)
        finally:
            self._hands.close()

    def _beginning(self) -> Began:
        work, about = self._work, self._work.about
        return Began(
            work.title,
            about.kind,
            about.run_id,
            work.path,
            work.total,
            about.simulated,
            tuple(work.devices),
            about.axes,
            about.shape,
            about.quantities,
        )

    def _measure(self) -> None:
        while True:
            self._checkpoint()
            chunk = self._work.chunk()
            if chunk is None:
                return
            try:
                for action in chunk:
                    self._act(action)
            except _Again:
                self._work.forget()
            except _Lost as lost:
                self._reconnect(lost)
            else:
                self._save()
                self._losses = self._trips = 0

    def _checkpoint(self) -> None:
        """Where a run can hold or leave: nothing is half measured or half saved."""
        if self._stop() and not self._control.leaving:
            self._control.stop("it was told to stop")
        self._leave_if_asked()
        if self._control.state is not State.RUNNING:
            self._hold(self._control.reason, asked=True)
        self._look()
        while self._watch.tripped:
            reason = "; ".join(guard.reason for guard in self._watch.tripped)
            self._trips += 1
            if self._trips > self._limits.trips:
                raise LabctlError(f"{reason}, again whenever the run goes on; see whether what it sets is the cause")
            every_s = min(guard.interlock.every_s for guard in self._watch.tripped)
            self._hold(reason + BY_ITSELF, ready=lambda: not self._watch.tripped, every_s=every_s, safe=True)
            if self._control.state is not State.RUNNING:  # somebody has paused it as well
                self._hold(self._control.reason, asked=True)
            self._look()

    def _leave_if_asked(self) -> None:
        if self._control.leaving:
            raise _Leave

    # What a chunk is made of

    def _act(self, action: Action) -> None:
        if self._control.state is State.ABORTING:
            raise _Leave
        self._look()
        if self._watch.tripped:
            raise _Again
        if isinstance(action, Wait):
            self._wait(action)
        else:
            self._call(action)

    def _wait(self, wait: Wait) -> None:
        ends, over = time.monotonic() + wait.seconds, wait.over or never
        with self._control.waiting(wait.name, wait.seconds):
            while (left := ends - time.monotonic()) > 0 and not over():
                pause = min(left, self._watch.due_in(), math.inf if wait.over is None else LOOK_S)
                self._control.wait_for(lambda: self._control.state is not State.RUNNING or over(), pause)
                if self._control.state is not State.RUNNING:
                    raise _Again
                self._look()
                if self._watch.tripped:
                    raise _Again

    def _call(self, call: Call) -> None:
        try:
            self._do(call)
        except LinkError as error:
            if isinstance(call.device, Reconnectable):
                raise _Lost(call.device, error) from error
            raise

    def _do(self, call: Call, *, even_aborting: bool = False) -> None:
        """Have a call carried out; comes back at its deadline, and soon after an abort, whatever the driver does."""
        control = self._control
        task = self._hands.begin(call)

        def over() -> bool:
            return task.done or (control.state is State.ABORTING and not even_aborting)

        with control.waiting(call.name, call.deadline_s):
            in_time = control.wait_for(over, call.deadline_s)
            if in_time and not task.done:
                control.wait_for(lambda: task.done, self._limits.abort_s)
        if not task.done:
            self._hands.abandon()
            if in_time:
                raise _Leave
            raise Overdue(f"{call.name}: no end after {call.deadline_s:g} s")
        if task.error is not None:
            raise task.error

    # What can come in between

    def _look(self) -> None:
        """Read the interlocks that are due; one that aborts does."""
        for guard in self._watch.due():
            reason = self._judged(guard)
            if reason and guard.interlock.action == "abort" and self._control.state is not State.ABORTING:
                self._tripped = True
                self._control.abort(reason)
        if self._control.state is State.ABORTING:
            raise _Leave

    def _judged(self, guard: Guard) -> str:
        try:
            self._call(guard.reading())
        except _Lost as lost:
            self._reconnect(lost)
            return guard.judge(lost.error)
        except LabctlError as error:
            return guard.judge(error)
        return guard.judge()

    def _hold(
        self,
        reason: str,
        *,
        ready: Callable[[], bool] = lambda: False,
        every_s: float = math.inf,
        safe: bool = False,
        asked: bool = False,
    ) -> None:
        """Be paused until somebody resumes or ``ready``, which is asked every so many seconds, is true.

        A pause that was asked for is not begun here: whoever asked may have resumed already.
        """
        control = self._control
        if not asked:
            control.advance(State.RUNNING, State.PAUSING, reason)
        if safe:
            self._make_safe()
        control.advance(State.PAUSING, State.PAUSED, reason)
        self._work.forget()
        ends, asks = time.monotonic() + self._limits.pause_s, time.monotonic() + every_s
        with control.waiting(f"paused: {reason}", self._limits.pause_s):
            while control.state is State.PAUSED:
                pause = min(ends, asks) - time.monotonic()
                if control.wait_for(lambda: control.state is not State.PAUSED, min(pause, self._watch.due_in())):
                    break
                self._look()
                if time.monotonic() >= asks:
                    asks = time.monotonic() + every_s
                    if ready():
                        control.go_on()
                        break
                if time.monotonic() >= ends:
                    self._gave_up = True
                    control.advance(State.PAUSED, State.STOPPING, f"paused for {self._limits.pause_s:g} s: {reason}")
        self._leave_if_asked()

    def _reconnect(self, lost: _Lost) -> None:
        """Bring a lost link back, or fail."""
        limits, control = self._limits, self._control
        self._away = lost.device
        self._losses += 1
        if self._losses > limits.losses:
            raise lost.error
        reason = f"{lost.error}; reconnecting"
        control.advance(State.RUNNING, State.PAUSING, reason)
        if not control.advance(State.PAUSING, State.PAUSED, reason):
            control.say(reason, warning=True)
        quick = min(limits.glitch_s, limits.reconnect_s)
        try:
            self._open_again(lost, quick)
        except LabctlError as error:
            self._leave_if_asked()
            if isinstance(error, BadInput) or limits.reconnect_s <= quick:
                raise
            self._make_safe(but=lost.device)
            self._open_again(lost, limits.reconnect_s - quick)
        self._away = None
        control.say(f"{lost.error.instrument} is back")
        self._work.forget()
        control.go_on()

    def _open_again(self, lost: _Lost, seconds: float) -> None:
        def reconnect() -> None:
            lost.device.reconnect(seconds)

        self._do(Call(f"reconnecting {lost.error.instrument}", reconnect, lost.device, seconds + self._limits.safe_s))

    # What is kept

    def _save(self) -> None:
        """Save the chunk; on a full disk hold until there is room, with the hardware safe."""
        kept: list[Saved] = []
        full = ""

        def attempt() -> bool:
            nonlocal full
            try:
                with self._control.waiting("saving", self._limits.save_s):
                    kept.append(self._work.save())
            except DiskFull as error:
                full = str(error)
            return bool(kept)

        try:
            while not kept and not attempt():
                self._hold(full + BY_ITSELF, ready=attempt, every_s=self._limits.retry_s, safe=True)
        except _Leave:
            if not kept and not attempt():
                self._control.say(f"what was measured last is not in the file: {full}", warning=True)
            raise
        finally:
            if kept:
                self._told(kept[0])

    def _told(self, saved: Saved) -> None:
        total = self._work.total
        left_s = None
        if saved.done:
            left_s = (time.monotonic() - self._began) * max(total - saved.done, 0) / saved.done
        if saved.rows:
            self._control.tell(Rows(saved.first, saved.rows))
        self._control.tell(Progress(saved.done, total, saved.message, left_s))

    # The way out

    def _end(self, status: Ending, message: str, error: Exception | None, made: bool) -> Outcome:
        control = self._control
        for state in (State.RUNNING, State.PAUSING, State.PAUSED):
            control.advance(state, State.STOPPING, message)
        unsafe = self._make_safe()
        if status == "stopped" and control.state is State.ABORTING:
            status = "aborted"
        message = "; ".join(part for part in (message, *unsafe) if part)
        if made:
            try:
                self._close(status, message)
            except Exception as second:
                log.debug("the file could not be closed", exc_info=True)
                self._work.abandon(second)
                if error is None:
                    status, message, error = "failed", str(second), second
                else:
                    error.add_note(f"also, while the run file was closed: {second}")
        return Outcome(status, message, self._work.path, error, unsafe, self._gave_up, self._tripped)

    def _make_safe(self, but: object = None) -> tuple[str, ...]:
        """Bring everything to its safe state; what could not be confirmed, a sentence each."""
        devices = {name: device for name, device in self._work.devices.items() if device is not but}
        failed = {name: error for name, device in devices.items() if (error := self._safe(name, device))}
        unsafe = []
        for name, error in failed.items():
            if self._safe_once_more(name, devices[name], error):
                continue
            log.error("the safe state of %s could not be confirmed", name, exc_info=error)
            unsafe.append(f"the safe state of {name} could not be confirmed: {error}")
            self._control.say(unsafe[-1], warning=True)
        return tuple(unsafe)

    def _safe(self, name: str, device: HasSafeState) -> Exception | None:
        """Bring one device to its safe state; why that failed."""
        try:
            self._do(Call(f"making {name} safe", device.safe, device, self._limits.safe_s), even_aborting=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, the others must be made safe, too
            return error
        return None

    def _safe_once_more(self, name: str, device: HasSafeState, error: Exception | None) -> bool:
        """Where the link was lost just then: open it again and confirm, which nothing else has to wait for."""
        if device is self._away or not isinstance(device, Reconnectable):
            return False
        seconds, reopen = self._limits.glitch_s, device.reconnect
        call = Call(f"reconnecting {name}", lambda: reopen(seconds), device, seconds + self._limits.safe_s)
        tries = self._limits.losses
        while tries and isinstance(error, LinkError):
            tries -= 1
            try:
                self._do(call, even_aborting=True)
            except Exception:
                log.debug("%s did not come back to be made safe", name, exc_info=True)
                return False
            error = self._safe(name, device)
        return error is None

    def _close(self, status: Ending, message: str) -> None:
        ends = time.monotonic() + self._limits.close_s
        with self._control.waiting("closing the file", self._limits.close_s):
            while True:
                try:
                    self._work.end(status, message)
                    return
                except DiskFull:
                    if self._control.state is State.ABORTING or time.monotonic() >= ends:
                        raise
                    self._control.wait_for(lambda: self._control.state is State.ABORTING, self._limits.retry_s)
