"""What is known about a run besides its numbers: who measured what, with what, when, and how it ended."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from data.errors import BadInput
from data.values import Geometry, Identity

SCHEMA = 3
"""Version of the layout of run files; a reader refuses files with a higher one."""

Status = Literal["running", "complete", "stopped", "aborted", "failed", "interrupted"]
"""No run ends itself as ``interrupted``: it is what a file left ``running`` by a dead process reads as."""

STATUSES: tuple[Status, ...] = get_args(Status)

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_FILENAME = re.compile(r"(\d{8}-\d{6}-[0-9a-f]{4})-(.+)\.h5")
_KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_REPORTED_PACKAGES = ("labctl", "numpy", "h5py", "h5netcdf")
_REPORTED_IF_LOADED = ("torch", "numba", "scipy")
_TEXT_FIELDS = ("title", "started", "calibration_id", "calibration_hash", "counterpart", "plan", "snapshot", "comment")


@dataclass(frozen=True)
class RunMetadata:
    """Everything about a run that is not an array.

    Attributes:
        run_id: e.g. ``20261122-144700-3f2a``, UTC time and four random digits; sorts by time.
        kind: what was done, e.g. ``position`` or ``comparison``; letters, digits, ``-`` and ``_``.
        started: ISO 8601 with microseconds, UTC.
        simulated: whether the numbers come from a model or an emulated board and not from hardware.
        title: one line for lists.
        identity: the board, None when no board took part.
        geometry: its array, None when no board took part.
        versions: software by name, e.g. ``{"labctl": "0.1.0"}``.
        calibration_id: the calibration in use, empty for none.
        calibration_hash: digest of its content, empty for none.
        counterpart: run_id of the run this one belongs to, empty for none.
        plan: the plan as JSON text, empty for none.
        snapshot: every instrument's state at the start as JSON text, empty for none.
        seed: what random choices started from, None when there were none.
        comment: free text.
        schema: version of the file layout.
        status: how the run ended, or ``running``.
        ended: ISO 8601, UTC; empty while it runs.
        message: why it ended so; empty when there is nothing to say.
    """

    run_id: str
    kind: str
    started: str
    simulated: bool
    title: str = ""
    identity: Identity | None = None
    geometry: Geometry | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    calibration_id: str = ""
    calibration_hash: str = ""
    counterpart: str = ""
    plan: str = ""
    snapshot: str = ""
    seed: int | None = None
    comment: str = ""
    schema: int = SCHEMA
    status: Status = "running"
    ended: str = ""
    message: str = ""

    @classmethod
    def new(cls, kind: str, *, simulated: bool, folder: Path | None = None, **known: Any) -> RunMetadata:
        """Metadata of a run that starts now: a fresh run_id, the time, and the versions of the software in use.

        Args:
            kind: what is done.
            simulated: whether the numbers are simulated.
            folder: where its file will go, so that its id comes after those there; see :func:`new_run_id`.
            known: further fields of this class.
        """
        now = datetime.now(UTC)
        known.setdefault("versions", software_versions())
        return cls(run_id=new_run_id(now, folder), kind=kind, started=iso_time(now), simulated=simulated, **known)

    def check(self) -> None:
        """Raise :class:`BadInput` naming the first field that a file could not hold."""
        if not _RUN_ID.fullmatch(self.run_id):
            raise BadInput(f"run id {self.run_id!r} is not of the form 20261122-144700-3f2a")
        if not _KIND.fullmatch(self.kind):
            raise BadInput(f"run kind {self.kind!r} may hold letters, digits, '-' and '_' only, at most 64")
        if self.status not in STATUSES:
            raise BadInput(f"run status {self.status!r} is none of {', '.join(STATUSES)}")
        for name in _TEXT_FIELDS:
            check_text(f"the {name} of run {self.run_id}", getattr(self, name))

    @property
    def filename(self) -> str:
        """The name of this run's file."""
        return f"{self.run_id}-{self.kind}.h5"

    def attributes(self) -> dict[str, str | int]:
        """The fields as NetCDF attributes, without the ending; structured ones are JSON text.

        NetCDF knows neither None nor bool nor dictionaries: an absent attribute is None.
        """
        attributes: dict[str, str | int] = {
            "Conventions": "CF-1.11",
            "labctl_schema": self.schema,
            "run_id": self.run_id,
            "kind": self.kind,
            "origin": "simulated" if self.simulated else "measured",
            "versions": json.dumps(dict(self.versions), sort_keys=True),
        }
        attributes.update({name: getattr(self, name) for name in _TEXT_FIELDS})
        if self.identity is not None:
            attributes["identity"] = json.dumps(asdict(self.identity))
        if self.geometry is not None:
            attributes["geometry"] = json.dumps(asdict(self.geometry))
        if self.seed is not None:
            attributes["seed"] = self.seed
        return attributes

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, Any]) -> RunMetadata:
        """The inverse of :meth:`attributes`, with the ending.

        Raises:
            KeyError, TypeError, ValueError: an attribute is missing or cannot be understood.
        """
        status = attributes["status"]
        if status not in STATUSES:
            raise ValueError(f"unknown status {status!r}")
        identity, geometry = attributes.get("identity"), attributes.get("geometry")
        return cls(
            run_id=attributes["run_id"],
            kind=attributes["kind"],
            simulated=attributes["origin"] == "simulated",
            identity=None if identity is None else Identity(**json.loads(identity)),
            geometry=None if geometry is None else Geometry(**json.loads(geometry)),
            versions=json.loads(attributes["versions"]),
            seed=int(attributes["seed"]) if "seed" in attributes else None,
            schema=int(attributes["labctl_schema"]),
            status=status,
            ended=attributes["ended"],
            message=attributes["message"],
            **{name: attributes[name] for name in _TEXT_FIELDS},
        )

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain values, ready for JSON; ``plan`` and ``snapshot`` are decoded where they are JSON."""
        fields = asdict(self) | {"versions": dict(self.versions)}
        for name in ("plan", "snapshot"):
            fields[name] = _decoded(fields[name])
        return fields


def new_run_id(now: datetime | None = None, folder: Path | None = None) -> str:
    """A run id for this moment; two made in the same second differ in all but one case of 65,536.

    Args:
        now: the moment; None for the one that it is.
        folder: where its file will go. The id is then of no file there, and not earlier than the newest one: a clock
            that was set back does not turn the order of runs round, nor what ``latest`` means. The time of a run is in
            its ``started``, as the clock had it.
    """
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
    taken = {run_id_of(path)[0] for path in folder.glob("*.h5")} if folder is not None and folder.is_dir() else set()
    newest = max((_moment_of(run_id) for run_id in taken if _RUN_ID.fullmatch(run_id)), default=moment)
    if newest > moment:
        moment = newest + timedelta(seconds=1)
    while (run_id := f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}") in taken:
        pass
    return run_id


def _moment_of(run_id: str) -> datetime:
    """The time in a run id; one that cannot be lies far back."""
    try:
        return datetime.strptime(run_id[:15], "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def run_id_of(path: Path) -> tuple[str, str]:
    """Run id and kind as the name of a file has them, for one that cannot be read; the bare name and nothing if not."""
    found = _FILENAME.fullmatch(path.name)
    return (found[1], found[2]) if found else (path.stem, "")


def utc_now() -> str:
    """The time now, as :func:`iso_time`."""
    return iso_time(datetime.now(UTC))


def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages that numbers can depend on, heavy ones only if they are loaded."""
    names = [*_REPORTED_PACKAGES, *(name for name in _REPORTED_IF_LOADED if name in sys.modules)]
    versions = {"python": platform.python_version(), "system": platform.platform(terse=True)}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "unknown"
    return versions


def check_text(what: str, text: object) -> None:
    """Raise :class:`BadInput` if HDF5 could not hold this as text."""
    if not isinstance(text, str):
        raise BadInput(f"{what} must be text, not {type(text).__name__}")
    if "\0" in text or (not text.isascii() and text != text.encode("utf-8", "replace").decode("utf-8")):
        raise BadInput(f"{what} holds a NUL or half a surrogate pair, which a file cannot store")


def iso_time(moment: datetime) -> str:
    """A moment as it stands in run files: ISO 8601, UTC, microseconds."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _decoded(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
