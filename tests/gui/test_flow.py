"""A day at the bench by mouse and keys, in a process of its own: Qt's events offscreen, the X server's under Xvfb."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

import pytest

from tests.gui.hands import PATIENCE_S

LONGEST_S = 280.0
QT_ON_X = ("xcb-cursor", "xcb-icccm", "xcb-keysyms", "xcb-shape", "xkbcommon-x11")


@contextmanager
def x_server() -> Iterator[str]:
    """A screen that nobody sees; its display."""
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdout is not None
        try:
            yield f":{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def run(folder: Path, hands: str, **environment: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "tests.gui.flow", str(folder), hands],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.timeout(LONGEST_S + PATIENCE_S)
def test_a_day_at_the_bench(tmp_path: Path) -> None:
    run(tmp_path, "qt", QT_QPA_PLATFORM="offscreen")


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="Xvfb is not installed")
@pytest.mark.skipif(importlib.util.find_spec("Xlib") is None, reason="python-xlib is not installed")
@pytest.mark.skipif(not all(map(find_library, QT_ON_X)), reason=f"Qt needs the libraries {', '.join(QT_ON_X)} for X")
@pytest.mark.timeout(LONGEST_S + PATIENCE_S)
def test_a_day_at_the_bench_with_mouse_and_keys_of_the_x_server(tmp_path: Path) -> None:
    with x_server() as display:
        run(tmp_path, "x", QT_QPA_PLATFORM="xcb", DISPLAY=display)
