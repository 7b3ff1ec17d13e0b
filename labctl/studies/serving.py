"""What a worker process does: points as they come, one at a time and on one thread.

Orders come as lines of JSON on standard input, outcomes go as lines of JSON to what was standard output. When the input
closes, because the study was stopped or whoever started it has died, the point being computed is given up: ``with``
blocks are left, so that a board reaches its safe state; what does not end in time is ended.
"""

from __future__ import annotations

import _thread
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import Any, Final, NoReturn

from data.errors import LabctlError
from labctl.studies.folder import Failure, StudyFolder
from labctl.studies.points import Point, load_function

PATIENCE_S: Final = 4.0
"""Seconds that a point has to leave its ``with`` blocks."""
AGAIN_S: Final = 0.1
"""Seconds between two signals to leave; only the first that is heard counts."""


def compute_point(compute: str, point: Point, folder: StudyFolder) -> Failure | None:
    """Compute one point and write it in one piece; what goes wrong is returned, not raised."""
    try:
        with folder.writing(point.key) as place:
            function = load_function(compute)
            folder.finish(place, list(function(point, place, {key: folder.place(key) for key in point.needs})))
    except LabctlError as error:
        return Failure(point.key, str(error), traceback.format_exc())
    except Exception as error:  # noqa: BLE001 (a point that fails must not take the others with it)
        return Failure(point.key, repr(error), traceback.format_exc())
    return None


def serve(orders: FileIO, outcomes: FileIO) -> None:
    """Compute the points that come until no more can come.

    Args:
        orders: first what is computed where (``compute``, ``folder``, ``path``), then a point on each line.
        outcomes: gets the failure of each point, or ``null``, on a line.
    """
    order: Mapping[str, Any] = json.loads(orders.readline() or b"{}")
    if not order:
        return
    sys.path[:] = order["path"]
    folder = StudyFolder(Path(order["folder"]))
    points: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(orders, points), daemon=True).start()
    while line := points.get():
        failure = compute_point(order["compute"], Point.read(json.loads(line)), folder)
        outcomes.write(json.dumps(None if failure is None else asdict(failure)).encode() + b"\n")


def _listen(orders: FileIO, points: queue.SimpleQueue[bytes]) -> None:
    for line in orders:
        points.put(line)
    points.put(b"")
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        _interrupt()
        time.sleep(AGAIN_S)
    os._exit(1)


def _interrupt() -> None:
    if hasattr(signal, "pthread_kill") and (main := threading.main_thread().ident) is not None:
        signal.pthread_kill(main, signal.SIGTERM)
    else:
        _thread.interrupt_main(signal.SIGTERM)


def _leave(*_: object) -> NoReturn:
    # Once is enough: what is left in turn must not be interrupted again.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _unheard(thrown: sys.UnraisableHookArgs) -> None:
    """Let the next signal try again where a finaliser ran at that moment, which nothing can be raised out of."""
    if isinstance(thrown.exc_value, SystemExit):
        signal.signal(signal.SIGTERM, _leave)
    else:
        sys.__unraisablehook__(thrown)


def main() -> None:
    """Serve on standard input and output, which nothing that is computed gets to see."""
    # Ctrl-C reaches the whole group; the process that started this one decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    sys.unraisablehook = _unheard
    # Without buffers: a thread that waits for the next line holds no lock that the end of the process needs.
    orders, outcomes = FileIO(os.dup(0)), FileIO(os.dup(1), "w")
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    try:
        serve(orders, outcomes)
    except (BrokenPipeError, SystemExit):
        # What was being computed has left its blocks; the rest of an interpreter's end would only take time.
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
