"""The folder of a study: its plan, a folder for each finished point, what failed, table and report.

::

    plan.json                what is to be done
    points/KEY/result.json   rows of a finished point; its files lie beside it
    points/.KEY.*.part/      being computed; left over only after a kill, and thrown away
    failed/KEY.json          why a point failed; it is tried again by the next run
    running.json             which process works here
    table.parquet            all rows
    report.html, pictures/
    findings.json            what was found, in sentences
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from data.errors import BadInput
from labctl.plain import plain
from labctl.studies.holding import Holding, mark
from labctl.studies.points import Point, Row, check_plan

FORMAT = "labctl study"
VERSION = 1
KEYS = ".keys-"
"""How folders begin that hold the keys of one run."""
SEEN_S = 60.0
"""Seconds after which every machine sees what another one has finished: as long as NFS goes on with what it knows."""
LOOK_S = 0.2


@dataclass(frozen=True)
class Plan:
    """What a study does.

    Attributes:
        study: name of the study.
        scope: ``quick`` or ``full``, or what else the points were drawn up from, in words.
        seed: what everything is drawn from.
        points: in the order in which they are begun; each after those that it needs.
    """

    study: str
    scope: str
    seed: int
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Failure:
    """Why a point failed: a sentence, and the traceback for whoever mends it."""

    key: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class State:
    """How far a study is; keys of points in the order of the plan.

    Attributes:
        done: finished.
        failed: tried and failed.
        blocked: wait for a point that failed.
        waiting: not tried yet.
        running: whether a process is at work on it now.
    """

    done: tuple[str, ...]
    failed: tuple[Failure, ...]
    blocked: tuple[str, ...]
    waiting: tuple[str, ...]
    running: bool

    @property
    def complete(self) -> bool:
        """Whether every point is finished."""
        return not (self.failed or self.blocked or self.waiting)


class StudyFolder:
    """The folder of a study; nothing is read or written before a method is called."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points = path / "points"
        self.table = path / "table.parquet"
        self.report = path / "report.html"
        self.pictures = path / "pictures"
        self._plan = path / "plan.json"
        self._findings = path / "findings.json"
        self._failed = path / "failed"
        self._holding = Holding(path / "running.json")

    def begin(self, plan: Plan) -> None:
        """Write the plan, or see that the one which is there is the same.

        Raises:
            BadInput: a plan that makes no sense, another plan's folder, or a folder that cannot be written to.
        """
        check_plan(plan.points)
        if self._plan.exists():
            if self.plan() != _as_read(plan):
                raise BadInput(f"{self.path} holds a study with another plan; choose another folder with --out")
        else:
            try:
                self.points.mkdir(parents=True, exist_ok=True)
                _write(self._plan, {"format": FORMAT, "version": VERSION, **plain(plan)})
            except OSError as error:
                raise BadInput(f"the study cannot be written to {self.path}: {error.strerror}") from error

    def plan(self) -> Plan:
        """The plan.

        Raises:
            BadInput: there is none, it is damaged, or of a newer version.
        """
        try:
            content = json.loads(self._plan.read_text(encoding="utf-8"))
            if content["format"] != FORMAT or content["version"] > VERSION:
                raise BadInput(f"{self._plan} was not written by this version of labctl")
            points = tuple(Point.read(point) for point in content["points"])
            return Plan(content["study"], content["scope"], int(content["seed"]), points)
        except FileNotFoundError:
            raise BadInput(f"there is no study in {self.path}") from None
        except (OSError, json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"the plan of the study {self._plan} is damaged: {error!r}") from error

    def place(self, key: str) -> Path:
        """Folder of a finished point."""
        return self.points / key

    def is_done(self, key: str) -> bool:
        """Whether a point is finished."""
        return (self.place(key) / "result.json").is_file()

    def appears(self, key: str) -> bool:
        """Whether a point that was finished, maybe by another machine, is there; waits for a slow file system."""
        until = time.monotonic() + SEEN_S
        while not self.is_done(key):
            if time.monotonic() > until:
                return False
            time.sleep(LOOK_S)
            with suppress(OSError):
                next(self.points.iterdir(), None)  # has NFS ask its server again
        return True

    def finished(self, key: str) -> float:
        """When a finished point was finished, in seconds since the epoch; 0 for one that is not."""
        try:
            return (self.place(key) / "result.json").stat().st_mtime
        except OSError:
            return 0.0

    @contextmanager
    def writing(self, key: str) -> Iterator[Path]:
        """A new folder for a point; without an error it becomes the finished one in one step.

        Whoever comes second with the same point finds it finished; what it brings is thrown away.
        """
        part = self.points / f".{key}.{mark()}.part"
        part.mkdir()
        try:
            yield part
            try:
                part.replace(self.place(key))
            except OSError:
                # A folder that holds something is not replaced: somebody else was first.
                if not self.is_done(key):
                    raise
        finally:
            shutil.rmtree(part, ignore_errors=True)

    def finish(self, part: Path, rows: Sequence[Row]) -> None:
        """Write the rows of a point into the folder that :meth:`writing` gave."""
        _write(part / "result.json", plain(list(rows)))

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Rows of a finished point."""
        found: list[dict[str, Any]] = json.loads((self.place(key) / "result.json").read_text(encoding="utf-8"))
        return found

    def keep_findings(self, findings: Sequence[str]) -> None:
        """Write what was found, in sentences."""
        _write(self._findings, list(findings))

    def findings(self) -> tuple[str, ...]:
        """What was found, in sentences; none while there is no report."""
        try:
            return tuple(str(item) for item in json.loads(self._findings.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return ()

    def computing(self) -> tuple[str, ...]:
        """Keys of the points that are being computed now; only what a process that still runs has begun."""
        if self._holding.holder() is None:
            return ()
        return tuple(sorted({_half(part) for part in self.points.glob(".*.part")}))

    def fail(self, failure: Failure) -> None:
        """Note that a point failed."""
        self._failed.mkdir(exist_ok=True)
        _write(self._failed / f"{failure.key}.json", asdict(failure))

    def failures(self) -> dict[str, Failure]:
        """What failed, by key."""
        found = []
        for file in sorted(self._failed.glob("*.json")):
            with suppress(FileNotFoundError):  # a run that begins forgets them
                found.append(Failure(**json.loads(file.read_text(encoding="utf-8"))))
        return {item.key: item for item in found}

    def tidy(self) -> None:
        """Throw away half-done points, and forget what failed: both are tried again. Only while holding the folder.

        Keys go, too, of a run that was killed.
        """
        shutil.rmtree(self._failed, ignore_errors=True)
        for keys in self.path.glob(f"{KEYS}*"):
            shutil.rmtree(keys, ignore_errors=True)
        self.sweep()

    def sweep(self, key: str | None = None) -> None:
        """Throw away half-done points, or one that nobody computes. Only while holding the folder."""
        for part in self.points.glob(".*.part"):
            if key is None or _half(part) == key:
                shutil.rmtree(part, ignore_errors=True)

    def state(self) -> State:
        """How far the study is."""
        failed = self.failures()
        done: list[str] = []
        blocked: list[str] = []
        waiting: list[str] = []
        for point in self.plan().points:
            if self.is_done(point.key):
                done.append(point.key)
                failed.pop(point.key, None)
            elif point.key in failed:
                continue
            elif any(key in failed or key in blocked for key in point.needs):
                blocked.append(point.key)
            else:
                waiting.append(point.key)
        running = self._holding.holder() is not None
        return State(tuple(done), tuple(failed.values()), tuple(blocked), tuple(waiting), running)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Be the only process that works on this folder.

        Raises:
            BadInput: another one is.
        """
        with self._holding.held(self.path):
            yield

    def refresh(self) -> None:
        """Say again that we are at work; to be called now and then while the folder is held."""
        self._holding.refresh()

    def since(self) -> float | None:
        """When the work that goes on now began, in seconds since the epoch; None where nobody is at work."""
        return self._holding.since


def _as_read(plan: Plan) -> Plan:
    """The plan as it comes back from its file, where a tuple is a list."""
    return replace(plan, points=tuple(replace(point, settings=plain(point.settings)) for point in plan.points))


def _half(part: Path) -> str:
    """The key of a point by the folder in which it is being computed; a key may have dots."""
    return part.name[1:].rsplit(".", 2)[0]


def _write(path: Path, content: Mapping[str, Any] | list[Any]) -> None:
    """JSON in one step: whoever reads meets the whole file or none."""
    part = path.with_name(f".{path.name}.{mark()}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(content, file, indent=1, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
