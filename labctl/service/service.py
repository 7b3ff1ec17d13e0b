"""The bench service: carries requests out in lanes, and tells what happens."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from data.errors import BadInput, Cancelled, LabctlError, Problems
from labctl.service.messages import Answered, Failed, Message, Trouble
from labctl.service.request import Lane, Request, Task
from labctl.service.session import Session

log = logging.getLogger(__name__)

NICE: Final = {Lane.COMPUTE: 10, Lane.STUDIES: 10, Lane.FILES: 5, Lane.CHECKS: 5}
"""Priority of lanes, as of ``nice``: window and board go before arithmetic, and before looks at files."""
CLOSE_S: Final = 20.0
"""Seconds that requests get to end when the service closes."""

_Item = tuple[Request, Task]


class Service:
    """Carries out requests; every method may be called from any thread.

    Nothing is started before :meth:`start`. After :meth:`close` all hardware is in its safe state.

    Args:
        tell: takes messages to the client; must not wait.
    """

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self.session = Session(tell)
        self._lanes: dict[Lane, queue.SimpleQueue[_Item | None]] = {}
        self._threads: list[threading.Thread] = []
        self._closing = False

    def start(self) -> None:
        """Start the lanes."""
        for lane in Lane:
            if lane is Lane.AT_ONCE:
                continue
            self._lanes[lane] = queue.SimpleQueue()
            thread = threading.Thread(target=self._work, args=(lane,), name=f"labctl-service-{lane}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def submit(self, number: int, request: Request) -> None:
        """Carry a request out in its lane; its answer, or why there is none, is told under its number."""
        task = Task(number, request.title, self._tell)
        if request.lane is Lane.AT_ONCE:
            self._carry_out(request, task)
            return
        self.session.tasks.add(request.lane, task)
        task.waits()
        self._lanes[request.lane].put((request, task))

    def cancel(self, number: int) -> None:
        """Ask a request to end; nothing happens when it is over."""
        self.session.tasks.cancel(number)

    def close(self) -> None:
        """Abort what runs, make the hardware safe, let go of it and end the lanes; may be called again."""
        self._closing = True
        self.session.tasks.cancel_all()
        try:
            bench = self.session.opened
            if bench is not None:
                bench.engine.close()
        finally:
            for lane in self._lanes.values():
                lane.put(None)
            ends = time.monotonic() + CLOSE_S
            for thread in self._threads:
                thread.join(max(0.0, ends - time.monotonic()))
                if thread.is_alive():
                    log.warning("%s has not ended in time", thread.name)
            self._threads.clear()
            self.session.release()

    def _work(self, lane: Lane) -> None:
        if lane in NICE:
            give_way(NICE[lane])
        while (item := self._lanes[lane].get()) is not None:
            request, task = item
            self._carry_out(request, task)
            self.session.tasks.remove(task.number)

    def _carry_out(self, request: Request, task: Task) -> None:
        try:
            if task.stop() or self._closing:
                raise Cancelled("stopped before it began")
            task.began()
            value = request.do(self.session, task)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must reach the window, not end the service
            trouble = trouble_of(error)
            if request.title and trouble.kind in ("input", "link", "failed"):
                log.warning("%s: %s", request.title, trouble)
            if trouble.kind == "mistake":
                self._after_a_mistake(request, trouble)
            task.ended("stopped" if trouble.kind == "stopped" else "failed")
            self._tell(Failed(task.number, trouble))
            return
        task.ended("done")
        self._tell(Answered(task.number, value))

    def _after_a_mistake(self, request: Request, trouble: Trouble) -> None:
        """An exception that nobody foresaw: whatever it was doing, the hardware must not stay as it is."""
        log.error("%s: %s\n%s", request.title or type(request).__name__, trouble, traceback.format_exc())
        if request.lane is Lane.CHECKS:
            return  # it touched nothing, and a run that goes on is none of its business
        try:
            self.session.make_safe()
        except Exception as error:  # noqa: BLE001 - as above
            log.error("the safe state could not be confirmed: %s; check the hardware by hand", error)


def give_way(nice: int) -> None:
    """Let others go before this thread, and before those that it starts.

    On Linux a thread has a priority of its own; elsewhere nothing is changed.

    Args:
        nice: priority, as of ``nice``.
    """
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), nice)


def trouble_of(error: BaseException) -> Trouble:
    """An exception as a value that travels."""
    from drivers.errors import LinkError

    sentence = str(error) or type(error).__name__
    if isinstance(error, Cancelled):
        return Trouble("stopped", sentence)
    if isinstance(error, Problems):
        return Trouble("input", sentence, tuple(error.problems))
    if isinstance(error, BadInput):
        return Trouble("input", sentence)
    if isinstance(error, LinkError):
        return Trouble("link", sentence)
    if isinstance(error, LabctlError):
        return Trouble("failed", sentence)
    return Trouble("mistake", f"{type(error).__name__}: {sentence}")
