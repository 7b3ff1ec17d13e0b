"""Kill a process that measures, again and again, at random moments: what it acknowledged must be there.

Each time a process of its own (:mod:`labctl.selftest.acquiring`) sweeps an emulated board through the run engine, one
short run after another, and is ended with SIGKILL at a moment drawn evenly from several runs' time: while a file is
made, while rows arrive, while a run ends. Then every file is read, verified, repaired and verified again.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np

from data import upkeep
from data.catalogue import INDEX_NAME, UNREADABLE, Catalogue
from data.errors import BadInput, LabctlError
from data.runfile import Run, read_run
from drivers import emulator
from labctl.progress import Listener, silent

SPAN_S: Final = 1.5
"""Kills fall within so many seconds after the board has been connected."""
START_S: Final = 120.0
"""Longest time a process may take to connect the board."""


@dataclass(frozen=True)
class Killings:
    """What a kill campaign found.

    Attributes:
        kills: processes killed.
        files: run files they left.
        interrupted: of these, runs that were cut off.
        acknowledged_rows: points acknowledged before the kills.
        lost_rows: acknowledged points that a file does not have.
        wrong_rows: acknowledged points whose values are not what the board answered.
        unreadable: files that cannot be opened.
        not_marked: runs that were cut off and do not read as interrupted.
        not_repaired: files that are not sound after a repair.
        notes: what was wrong, in words.
    """

    kills: int = 0
    files: int = 0
    interrupted: int = 0
    acknowledged_rows: int = 0
    lost_rows: int = 0
    wrong_rows: int = 0
    unreadable: int = 0
    not_marked: int = 0
    not_repaired: int = 0
    notes: tuple[str, ...] = field(default=())

    @property
    def clean(self) -> bool:
        """Whether nothing was lost and every file could be repaired."""
        return not (self.lost_rows or self.wrong_rows or self.unreadable or self.not_marked or self.not_repaired)

    def plus(self, other: Killings) -> Killings:
        """Both together."""
        names = [name for name in self.__dataclass_fields__ if name != "notes"]
        sums = {name: getattr(self, name) + getattr(other, name) for name in names}
        return replace(self, **sums, notes=self.notes + other.notes)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The last thing a process said about one run: points saved, and the checksum of their values."""

    points: int = 0
    checksum: int = 0


def campaign(kills: int, *, seed: int = 0, listener: Listener = silent) -> Killings:
    """Kill that many processes.

    Args:
        kills: how many.
        seed: of the moments.
        listener: hears of progress.

    Raises:
        BadInput: fewer than one kill.
        LabctlError: a process could not begin to measure.
    """
    if kills < 1:
        raise BadInput(f"{kills} kills were asked for; it must be at least 1")
    chance = random.Random(seed)
    found = Killings()
    with emulator.start(emulator.Options(seed=1, tcp="127.0.0.1:0", until_stdin_closes=True)) as board:
        for number in range(kills):
            listener(number / kills, f"{number} of {kills} killed, {found.files} files")
            with tempfile.TemporaryDirectory(prefix="labctl-kills-") as folder:
                said = kill_once(Path(folder), f"socket://{board.tcp}", number, chance.uniform(0, SPAN_S))
                found = found.plus(judge(Path(folder), said))
    return found


def kill_once(folder: Path, address: str, seed: int, after_s: float) -> dict[str, Acknowledged]:
    """Let a process measure for so long, kill it, and return what it acknowledged, by file name.

    Raises:
        LabctlError: it could not begin to measure.
    """
    command = [sys.executable, "-m", "labctl.selftest.acquiring", str(folder), address, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        giving_up = threading.Timer(START_S, process.kill)
        giving_up.start()
        try:
            if not process.stdout.readline():
                raise LabctlError(f"the process that was to be killed could not measure on {address}; see its messages")
            lines: list[str] = []
            reader = threading.Thread(target=lines.extend, args=(process.stdout,), name="acknowledged")
            reader.start()
            time.sleep(after_s)
        finally:
            giving_up.cancel()
            giving_up.join()
            process.kill()
        reader.join()
    said: dict[str, Acknowledged] = {}
    for line in lines:
        with contextlib.suppress(ValueError):  # the last line may be cut
            item = json.loads(line)
            said[item["file"]] = Acknowledged(item["points"], item["checksum"])
    return said


def judge(folder: Path, said: dict[str, Acknowledged]) -> Killings:
    """Look at what a killed process left in ``folder``."""
    found = Killings(kills=1, acknowledged_rows=sum(item.points for item in said.values()))
    files = sorted(folder.glob("*.h5"))
    for name in said.keys() - {path.name for path in files}:
        found = found.plus(Killings(lost_rows=said[name].points, notes=(f"{name} is not there",)))
    for path in files:
        found = found.plus(_judge_file(path, said.get(path.name, Acknowledged())))
    upkeep.remove_leftovers(folder)
    left = sorted(item.name for item in folder.iterdir() if item.suffix != ".h5" and item.name != INDEX_NAME)
    if left:
        found = found.plus(Killings(not_repaired=1, notes=(f"left behind: {', '.join(left)}",)))
    catalogue = Catalogue(folder)
    catalogue.refresh()
    lost = [entry.path.name for entry in catalogue.runs() if entry.status in (UNREADABLE, "running")]
    return found.plus(Killings(not_marked=len(lost), notes=tuple(f"{name} is not in the catalogue" for name in lost)))


def _judge_file(path: Path, said: Acknowledged) -> Killings:
    try:
        run = read_run(path)
    except BadInput as error:
        return Killings(files=1, unreadable=1, lost_rows=said.points, notes=(str(error),))
    found = Killings(files=1).plus(_judge_rows(run, said))
    if run.metadata.status not in ("interrupted", "complete"):
        found = found.plus(Killings(not_marked=1, notes=(f"{path.name} reads as {run.metadata.status}",)))
    if run.metadata.status == "interrupted":
        found = found.plus(Killings(interrupted=1))
    mended = upkeep.repair(path)
    verdict = upkeep.verify(path)
    if mended.failed or verdict.verdict != "sound" or not _judge_rows(read_run(path), said).clean:
        found = found.plus(Killings(not_repaired=1, notes=(f"{path.name}: {mended.note}; {verdict.note}",)))
    return found


def _judge_rows(run: Run, said: Acknowledged) -> Killings:
    """Compare the file with what was acknowledged for it."""
    rows = run.rows_done or 0
    if rows < said.points:
        return Killings(lost_rows=said.points - rows, notes=(f"{run.path.name} has {rows} of {said.points} rows",))
    if said.points == 0:
        return Killings()
    values = np.ascontiguousarray(run.values("output")[: said.points], "<i2")
    if zlib.crc32(values.tobytes()) != said.checksum:
        return Killings(wrong_rows=said.points, notes=(f"{run.path.name} has other values than the board answered",))
    return Killings()
