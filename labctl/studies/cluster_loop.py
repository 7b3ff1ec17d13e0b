"""A thread for Dask's conversations that ends when it is told, also where no conversation came about."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Final

from tornado.ioloop import IOLoop

PATIENCE_S: Final = 10.0


def start_loop() -> tuple[IOLoop, Callable[[], None]]:
    """A running loop, and what ends it with everything that still runs on it."""
    ready: queue.SimpleQueue[tuple[IOLoop, asyncio.Event]] = queue.SimpleQueue()

    async def until_told() -> None:
        told = asyncio.Event()
        ready.put((IOLoop.current(), told))
        await told.wait()

    thread = threading.Thread(target=lambda: asyncio.run(until_told()), name="study scheduler", daemon=True)
    thread.start()
    loop, told = ready.get(timeout=PATIENCE_S)

    def stop() -> None:
        loop.add_callback(told.set)
        thread.join(PATIENCE_S)

    return loop, stop
