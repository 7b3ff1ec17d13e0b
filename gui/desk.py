"""Between the window and the bench service: asks, hands out what is told, and remembers it as a script."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from gui.models.farewell import Recall, farewell
from labctl.service.messages import (
    Answered,
    BenchStatus,
    EngineStatus,
    Failed,
    Message,
    Quantities,
    RunBegan,
    RunEnded,
    ServiceGone,
    Trouble,
)
from labctl.service.request import Request

log = logging.getLogger(__name__)

EVERY_MS: Final = 20
BUDGET_S: Final = 0.004
"""Longest time for which messages are handed out before the window may draw and hear keys again."""

M = TypeVar("M", bound=Message)
Answer = Callable[[Any], None]
Refusal = Callable[[Trouble], None]


class Client(Protocol):
    """What a service looks like from here."""

    def start(self) -> None:
        """Start it, or another one when it is gone."""

    def ask(self, request: Request) -> int:
        """Send a request; its number."""

    def cancel(self, number: int) -> None:
        """Ask a request to end."""

    def take(self, timeout_s: float | None = 0.0) -> tuple[Message, ...]:
        """What it has told."""

    def close(self) -> None:
        """End it, the hardware safe."""


class Desk(QObject):
    """Hands messages of the service to whoever asked for their kind; lives on the window's thread.

    Args:
        client: the service.
    """

    scripted = pyqtSignal(str)
    """A line of Python that does what was just asked."""
    troubled = pyqtSignal(object, str)
    """A :class:`Trouble` that no panel takes care of, and what was asked."""
    run_chosen = pyqtSignal(object)
    """A :class:`labctl.service.messages.RunData` that should be shown in the live plot."""
    overlay_changed = pyqtSignal(object, bool)
    """A :class:`labctl.service.messages.RunData` that should be drawn over what is shown, or no longer."""
    overlays_coloured = pyqtSignal(object)
    """The colour of each run that is drawn over what is shown, by run id."""
    plan_offered = pyqtSignal(str)
    """A scan plan as JSON text, to be edited in the sweep builder."""
    entry_offered = pyqtSignal(int)
    """The number of the waiting entry of the queue whose plan was just offered: it should be saved back there."""
    quantity_offered = pyqtSignal(str, str)
    """A quantity, ``INSTRUMENT.QUANTITY``, that should become an ``axis`` or a ``reading`` in the sweep builder."""
    files_offered = pyqtSignal(object)
    """Paths of recordings, networks and folders that were dropped on the window, a tuple."""
    lived = pyqtSignal(bool)
    """Whether the service is there: it has ended, or it has been started again."""
    panel_wanted = pyqtSignal(str)
    """The name of a panel that should come to the front."""

    def __init__(self, client: Client, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._client = client
        self._listeners: dict[type[Message], list[Callable[[Any], None]]] = {}
        self._asked: dict[int, tuple[Request, Answer | None, Refusal | None]] = {}
        self._waiting: list[Message] = []
        self.recall = Recall()
        self._run: RunBegan | None = None
        self.alive = True
        self.bench = BenchStatus("", "", "", ())
        self.engine = EngineStatus()
        self.quantities: dict[str, Quantities] = {}
        self.lines: list[str] = []
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY_MS)
        self._timer.timeout.connect(self.look)
        self.on(BenchStatus, self._keep_bench)
        self.on(EngineStatus, self._keep_engine)
        self.on(Quantities, self._keep_quantities)
        self.on(Answered, self._answered)
        self.on(Failed, self._failed)
        self.on(RunBegan, self._keep_run)
        self.on(RunEnded, self._keep_run)
        self.on(ServiceGone, self._gone)

    def start(self) -> None:
        """Start the service and listen to it."""
        self._client.start()
        self._timer.start()

    def start_again(self) -> None:
        """Start the service again after it has ended: with the bench that it had, then with the devices it had."""
        if self.alive:
            return
        self._client.start()
        self.alive = True
        self.lived.emit(True)
        bench, devices = self.recall.bench, self.recall.devices
        if bench is not None:
            self.ask(bench, lambda _: self._reconnect(devices))

    def stop(self) -> None:
        """Listen no longer; the service goes on until it is closed."""
        self._timer.stop()

    def on(self, kind: type[M], listener: Callable[[M], None]) -> None:
        """Call ``listener`` with every message of this kind."""
        self._listeners.setdefault(kind, []).append(listener)

    def ask(self, request: Request, answered: Answer | None = None, failed: Refusal | None = None) -> int:
        """Ask the service.

        Args:
            request: what is wanted.
            answered: gets the answer.
            failed: gets the reason when there is none; without it the window shows the reason.

        Returns:
            The request's number, for :meth:`cancel`.
        """
        number = self._client.ask(request)
        self._asked[number] = (request, answered, failed)
        return number

    def cancel(self, number: int) -> None:
        """Ask a request to end and keep what is finished."""
        self._client.cancel(number)

    def look(self) -> None:
        """Hand out what the service has told; called by a timer."""
        self._waiting.extend(self._client.take())
        ends = time.perf_counter() + BUDGET_S
        done = 0
        try:
            for message in self._waiting:
                done += 1
                self._hand_out(message)
                if time.perf_counter() > ends:
                    break
        finally:
            # Also after a mistake in a listener: the same message would meet it again and again.
            del self._waiting[:done]

    def _hand_out(self, message: Message) -> None:
        for listener in self._listeners.get(type(message), ()):
            listener(message)

    def _reconnect(self, devices: tuple[Request, ...]) -> None:
        for request in devices:
            self.ask(request)

    def _answered(self, message: Answered) -> None:
        request, answered, _ = self._asked.pop(message.number)
        self.recall.hear(request)
        script = request.script()
        if script:
            self.lines.append(script)
            self.scripted.emit(script)
        if answered is not None:
            answered(message.value)

    def _failed(self, message: Failed) -> None:
        if message.number not in self._asked:
            return  # asked of a service that was gone, before its end was heard of: the end has told it
        request, _, failed = self._asked.pop(message.number)
        if failed is not None:
            failed(message.trouble)
        else:
            self.troubled.emit(message.trouble, request.title or type(request).__name__)

    def _gone(self, message: ServiceGone) -> None:
        trouble = Trouble("failed", message.reason)
        self.alive = False
        asked, self._asked = self._asked, {}
        requests = [(number, request) for number, (request, _, _) in asked.items()]
        for told in farewell(message.reason, self.bench, self._run, requests):
            self._hand_out(told)
        for _, _, failed in asked.values():
            if failed is not None:
                failed(trouble)
        self.troubled.emit(trouble, "bench service")
        self.lived.emit(False)

    def _keep_bench(self, status: BenchStatus) -> None:
        self.bench = status

    def _keep_quantities(self, told: Quantities) -> None:
        self.quantities[told.device] = told

    def _keep_run(self, told: RunBegan | RunEnded) -> None:
        self._run = told if isinstance(told, RunBegan) else None

    def _keep_engine(self, status: EngineStatus) -> None:
        self.engine = status
