"""When the service is gone: what it would have said at its end, and what a new one has to be asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labctl.service.messages import BenchStatus, EngineStatus, Message, RunBegan, RunEnded, TaskProgress
from labctl.service.request import Request
from labctl.service.requests.bench import Connect, Disconnect, UseBench


class Recall:
    """Which bench was in use and what was connected, by the requests that were carried out."""

    def __init__(self) -> None:
        self._bench: UseBench | None = None
        self._devices: dict[str, Connect] = {}

    @property
    def bench(self) -> UseBench | None:
        """What brings the bench back; None where there was none yet."""
        return self._bench

    @property
    def devices(self) -> tuple[Connect, ...]:
        """What connects its devices again, once the bench is there."""
        return tuple(self._devices.values())

    def again(self, device: str) -> Connect:
        """What connects a device as it was connected last, e.g. a board that was simulated in place of the bench's."""
        return self._devices.get(device, Connect(device))

    def hear(self, request: Request) -> None:
        """A request has been carried out."""
        if isinstance(request, UseBench):
            self._bench = request
            self._devices.clear()
        elif isinstance(request, Connect):
            self._devices[request.device] = request
        elif isinstance(request, Disconnect):
            self._devices.pop(request.device, None)


def farewell(
    reason: str, bench: BenchStatus, run: RunBegan | None, asked: Iterable[tuple[int, Request]]
) -> tuple[Message, ...]:
    """What a service that has ended did not live to tell: nothing runs, and nothing is connected.

    Args:
        reason: why it has ended.
        bench: as it was told last.
        run: that went on.
        asked: the requests that were not answered, by number.
    """
    devices = tuple(
        replace(device, light="off", word="not connected", identity="", firmware="", simulated=None, reason="")
        for device in bench.devices
    )
    over = [TaskProgress(number, request.title, "failed") for number, request in asked if request.title]
    ended = [] if run is None else [RunEnded(run.run_id, run.title, "interrupted", reason, run.file)]
    return (*over, *ended, replace(bench, devices=devices, in_use=frozenset()), EngineStatus())
