"""An emulated board in a process of its own, for programs that want one beside them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO

from data.errors import BadInput, LabctlError
from drivers.emulator.options import Options

PATIENCE_S = 5.0


class EmulatedBoard:
    """A running emulated board; a context manager that stops it.

    Attributes:
        tcp: ``HOST:PORT``, or None.
        serial: name of the serial line, or None.
        serial_number: as in ``*IDN?``.
        identity: the answer to ``*IDN?``.
        pid: of the board's process.
    """

    def __init__(self, process: subprocess.Popen[bytes], announced: Mapping[str, object]) -> None:
        self._process = process
        self.tcp = _text(announced["tcp"])
        self.serial = _text(announced["serial"])
        self.serial_number = str(announced["serial_number"])
        self.identity = str(announced["identity"])
        self.pid = process.pid

    def __enter__(self) -> EmulatedBoard:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process; does nothing when it has ended."""
        _end(self._process)


def start(options: Options, timeout_s: float = 60.0) -> EmulatedBoard:
    """Start an emulated board and wait until it answers.

    The first start on a machine compiles the physics, which takes some seconds; later ones find it in a cache.

    Raises:
        BadInput: the board refused its options; the sentence is its own.
        LabctlError: it did not start within ``timeout_s``, or ended without a word.
    """
    command = [sys.executable, "-P", "-m", "drivers.emulator"]
    command += replace(options, until_stdin_closes=True).arguments()
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "PYTHONPATH": path},
            # Ctrl-C in a terminal reaches the whole group; the board ends when its parent says so.
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        try:
            line = _first_line(process, timeout_s)
            if not line:
                raise _failure(process, complaints, timeout_s)
            return EmulatedBoard(process, json.loads(line))
        except BaseException:
            _end(process)
            raise


def _first_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    """The line that the board announces itself with; empty when it has ended or takes too long."""
    lines: list[bytes] = []
    output = process.stdout
    reader = threading.Thread(target=lambda: lines.append(output.readline() if output else b""), daemon=True)
    reader.start()
    reader.join(timeout_s)
    if reader.is_alive():
        process.kill()
        reader.join()
        return b""
    return lines[0]


def _failure(process: subprocess.Popen[bytes], complaints: IO[bytes], timeout_s: float) -> LabctlError:
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    complaints.seek(0)
    sentences = complaints.read().decode("utf-8", "replace").strip().splitlines()
    last = sentences[-1].removeprefix("labctl: ") if sentences else ""
    if process.returncode == 2 and last:
        return BadInput(last)
    if last:
        return LabctlError(f"the emulated board ended with exit code {process.returncode}: {last}")
    return LabctlError(f"the emulated board did not start within {timeout_s:g} s; try again with a longer timeout")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask by closing the standard input, then insist."""
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()
    for insist in (process.terminate, process.kill):
        try:
            process.wait(PATIENCE_S)
            break
        except subprocess.TimeoutExpired:
            insist()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _text(value: object) -> str | None:
    return None if value is None else str(value)
