"""Every test must leave the machine as it found it: no process, thread, port or file stays open."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")

# What tests compute is small: threads of the linear algebra mostly wait for one another, and spin while they do, which
# doubles the processor time of a calibration. Read when the libraries are loaded, so said before that. Tests that are
# about threads ask for them.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# How fast examples are drawn says on a busy machine how busy it is.
settings.register_profile("busy machine", suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

# A background job of a plain shell ignores Ctrl-C, and so would every process that the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

GRACE_S = 2.0


def _has_children() -> bool:
    """Linux says at once whether there is any; elsewhere all processes of the machine have to be looked at."""
    told = list(Path("/proc/self/task").glob("*/children"))
    try:
        return not told or any(file.read_text() for file in told)
    except OSError:  # a thread has ended meanwhile
        return True


def _children() -> dict[str, str]:
    if not _has_children():
        return {}
    found = {}
    for child in psutil.Process().children(recursive=True):
        try:
            command = " ".join(child.cmdline())
            if child.status() != psutil.STATUS_ZOMBIE and "resource_tracker" not in command:
                found[f"process {child.pid}"] = command
        except psutil.NoSuchProcess:
            continue
    return found


def _threads() -> dict[str, str]:
    return {f"thread {t.ident}": t.name for t in threading.enumerate() if t.is_alive() and t.name != "MainThread"}


def _handles() -> dict[str, str]:
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return {}
    found = {}
    for entry in list(folder.iterdir()):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        kept = target.startswith(("socket:", "/dev/pts/", "/dev/ptmx")) or target.endswith((".h5", ".nc", ".sqlite"))
        if kept:
            found[f"handle {entry.name} {target}"] = target
    return found


def _open_things() -> dict[str, str]:
    return {**_children(), **_threads(), **_handles()}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test that leaves a process, thread, port or data file open."""
    before = _open_things()
    yield
    deadline = time.monotonic() + GRACE_S
    while True:
        left = {key: what for key, what in _open_things().items() if key not in before}
        if not left:
            return
        if time.monotonic() > deadline:
            break
        gc.collect()
        time.sleep(0.02)
    pytest.fail("left behind: " + ", ".join(f"{key} ({what})" for key, what in left.items()))


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the configuration and the caches of the user out of the tests."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True, scope="session")
def own_runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the locks of instruments in a folder of the tests; of the session, as boards may last for a module."""
    folder = tmp_path_factory.getbasetemp() / "runtime"
    folder.mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield
