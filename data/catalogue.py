"""The list of runs in a folder: an index beside the files that can be deleted and is rebuilt from them.

The index is one file of JSON lines that is replaced whole, so that two processes can refresh it at once: whoever comes
last wins, nothing is torn, and what the other one found is found again. Where the folder cannot be written the list is
made from the files each time.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from data.errors import BadInput
from data.metadata import run_id_of
from data.runfile import RunMetadata, read_metadata

log = logging.getLogger(__name__)

INDEX_NAME = "catalogue.jsonl"
UNREADABLE = "unreadable"
"""Status of an entry whose file cannot be read; its ``message`` says why."""

_LAYOUT = {"labctl_catalogue": 1}
_AS_MANY_AS_HELP = 5


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One line of the catalogue; the fields are those of :class:`~data.metadata.RunMetadata`.

    ``board`` is the serial number, empty when no board took part. ``status`` may also be ``unreadable``, and then
    ``message`` says why.
    """

    path: Path
    run_id: str
    kind: str
    status: str
    title: str = ""
    started: str = ""
    ended: str = ""
    message: str = ""
    board: str = ""
    simulated: bool = False
    calibration_id: str = ""
    counterpart: str = ""
    comment: str = ""
    size: int = 0

    @property
    def note(self) -> str:
        """What a list shows at the end of the line: why it ended so, or the title, or the comment."""
        return self.message or self.title or self.comment


@dataclass(frozen=True, slots=True)
class _Known:
    entry: RunEntry
    modified_ns: int

    def still_holds(self, stat: os.stat_result) -> bool:
        """A running file is read again, its writer may have died; an unreadable one may have been read too early."""
        same = (self.entry.size, self.modified_ns) == (stat.st_size, stat.st_mtime_ns)
        return same and self.entry.status not in ("running", UNREADABLE)


class Catalogue:
    """The runs in one folder (not in folders below it), oldest first.

    Args:
        folder: where the run files are; it need not exist yet.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._known: dict[str, _Known] | None = None

    def refresh(self) -> None:
        """Look for new, changed and vanished files; only those are read.

        Raises:
            BadInput: ``folder`` is a file or may not be read.
        """
        known = self._read_index() if self._known is None else self._known
        found: dict[str, _Known] = {}
        for path, stat in self._files():
            old = known.get(path.name)
            found[path.name] = old if old and old.still_holds(stat) else _Known(_entry(path, stat), stat.st_mtime_ns)
        if found != known:
            self._write_index(found.values())
        self._known = found

    def rebuild(self) -> None:
        """Forget the index and read every file again."""
        self._known = {}
        self.refresh()
        self._write_index(self._known.values())

    def runs(
        self,
        *,
        kind: str | None = None,
        status: str | None = None,
        board: str | None = None,
        simulated: bool | None = None,
        since: str | None = None,
        before: str | None = None,
    ) -> tuple[RunEntry, ...]:
        """The runs as of the last :meth:`refresh`, oldest first; those that fit every filter given.

        Args:
            kind: only runs of this kind.
            status: only runs with this status, ``unreadable`` for the files that cannot be read.
            board: only runs on the board with this serial number.
            simulated: only simulated, or only measured runs.
            since: ISO 8601 (or the beginning of it); runs started then or later.
            before: ISO 8601 (or the beginning of it); runs started earlier.
        """
        wanted = {"kind": kind, "status": status, "board": board, "simulated": simulated}
        filters = {name: value for name, value in wanted.items() if value is not None}
        return tuple(
            entry
            for entry in self._entries()
            if all(getattr(entry, name) == value for name, value in filters.items())
            and (since is None or entry.started >= since)
            and (before is None or entry.started < before)
        )

    def find(self, text: str | Path, kind: str | None = None) -> RunEntry:
        """The one run that ``text`` means: a run id, the beginning of one, ``latest``, or a file.

        Args:
            text: what the user typed.
            kind: only among runs of this kind.

        Raises:
            BadInput: no run or several fit (the sentence names near ones), or its file cannot be read.
        """
        name = str(text)
        entries = [entry for entry in self._entries() if kind is None or kind == entry.kind]
        if name == "latest":
            readable = [entry for entry in entries if entry.status != UNREADABLE]
            if not readable:
                raise BadInput(self._empty(kind))
            return readable[-1]
        fits = [entry for entry in entries if name in (entry.run_id, entry.path.name)]
        fits = fits or [entry for entry in entries if name and entry.run_id.startswith(name)]
        if len(fits) > 1:
            raise BadInput(f"{name!r} can mean {_listed(entry.path.name for entry in fits)}; give more of it")
        if fits:
            return _readable(fits[0])
        if Path(text).is_file():
            return _readable(_entry(Path(text), Path(text).stat()))
        if not entries:
            raise BadInput(self._empty(kind))
        near = difflib.get_close_matches(name, [entry.run_id for entry in entries], _AS_MANY_AS_HELP, 0.5)
        hint = f"near it are {_listed(near)}" if near else f"the latest is {entries[-1].run_id}"
        raise BadInput(f"there is no run {name!r} in {self.folder}; {hint}")

    def _entries(self) -> list[RunEntry]:
        if self._known is None:
            self.refresh()
        entries = [known.entry for known in (self._known or {}).values()]
        return sorted(entries, key=lambda entry: (entry.run_id[:15], entry.started, entry.run_id, entry.path.name))

    def _empty(self, kind: str | None) -> str:
        return f"the folder {self.folder} holds no runs{f' of kind {kind}' if kind else ''} yet"

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        if not self.folder.exists():
            return
        try:
            paths = sorted(path for path in self.folder.iterdir() if path.suffix == ".h5")
        except OSError as error:
            raise BadInput(f"the folder {self.folder} cannot be listed ({error.strerror})") from error
        for path in paths:
            try:
                stat = path.stat()
            except FileNotFoundError:
                continue  # gone since the listing
            yield path, stat

    def _read_index(self) -> dict[str, _Known]:
        """What the index says; nothing where there is none or it is damaged, since the files have it all."""
        try:
            head, *lines = (self.folder / INDEX_NAME).read_text(encoding="utf-8").splitlines()
            if json.loads(head) != _LAYOUT:
                return {}
            known = (self._from_line(json.loads(line)) for line in lines)
            return {item.entry.path.name: item for item in known}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.debug("the index of %s is not used: %s", self.folder, error)
            return {}

    def _from_line(self, item: dict[str, Any]) -> _Known:
        modified_ns = item.pop("modified_ns")
        return _Known(RunEntry(**(item | {"path": self.folder / item["path"]})), modified_ns)

    def _write_index(self, found: Iterable[_Known]) -> None:
        lines = [json.dumps(_LAYOUT)]
        for known in found:
            fields = asdict(known.entry) | {"path": known.entry.path.name, "modified_ns": known.modified_ns}
            lines.append(json.dumps(fields))
        temporary = self.folder / f".{INDEX_NAME}.{os.getpid()}.{secrets.token_hex(4)}"
        try:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
            temporary.replace(self.folder / INDEX_NAME)
        except OSError as error:
            log.info("the index of %s cannot be kept, its files are read each time: %s", self.folder, error)
            temporary.unlink(missing_ok=True)


def _entry(path: Path, stat: os.stat_result) -> RunEntry:
    try:
        metadata = read_metadata(path)
    except BadInput as error:
        run_id, kind = run_id_of(path)
        return RunEntry(path, run_id, kind, UNREADABLE, message=str(error), size=stat.st_size)
    return _from_metadata(path, metadata, stat.st_size)


def _from_metadata(path: Path, metadata: RunMetadata, size: int) -> RunEntry:
    return RunEntry(
        path=path,
        run_id=metadata.run_id,
        kind=metadata.kind,
        status=metadata.status,
        title=metadata.title,
        started=metadata.started,
        ended=metadata.ended,
        message=metadata.message,
        board="" if metadata.identity is None else metadata.identity.serial_number,
        simulated=metadata.simulated,
        calibration_id=metadata.calibration_id,
        counterpart=metadata.counterpart,
        comment=metadata.comment,
        size=size,
    )


def _readable(entry: RunEntry) -> RunEntry:
    if entry.status == UNREADABLE:
        raise BadInput(entry.message)
    return entry


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = len(shown) - _AS_MANY_AS_HELP
    return ", ".join(shown[:_AS_MANY_AS_HELP]) + (f" and {more} more" if more > 0 else "")
