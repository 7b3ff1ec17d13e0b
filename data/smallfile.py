"""A small file of a few entries that any process may change: whole after a kill, nobody's change lost."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from filelock import FileLock, Timeout

from data.errors import BadInput, LabctlError

T = TypeVar("T")

_BUSY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class SmallFile(Generic[T]):
    """Entries by name in one JSON document.

    Attributes:
        path: of the file.
        what: what it holds, in a word: ``marks``.
        entries: the name of the entries in the document.
        layout: version of the document.
        take: makes an entry from plain values; raises TypeError or ValueError where that cannot be.
        give: the plain values of an entry.
    """

    path: Path
    what: str
    entries: str
    layout: int
    take: Callable[[Any], T]
    give: Callable[[T], Any]

    def read(self) -> Mapping[str, T]:
        """The entries by name; none where there is no file.

        Raises:
            BadInput: the file holds something else, or is of a newer labctl.
        """
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            layout = content[f"labctl_{self.what}"]
            if layout == self.layout:
                return {name: self.take(item) for name, item in content[self.entries].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput(f"{self.path} holds no {self.what} ({error}); move it away to begin a new one") from error
        raise BadInput(f"{self.path} was written by a newer labctl (layout {layout}); update labctl")

    @contextmanager
    def change(self) -> Iterator[dict[str, T]]:
        """Read, let the caller change, replace the file whole; nobody else's change falls between.

        Raises:
            BadInput: as :meth:`read`, or the folder cannot be written.
            LabctlError: another process keeps it busy.
        """
        try:
            with FileLock(self.path.with_name(f".{self.path.name}.lock"), timeout=_BUSY_S):
                entries = dict(self.read())
                yield entries
                self._write(entries)
        except Timeout as error:
            raise LabctlError(f"another process keeps {self.path} busy; try again") from error
        except OSError as error:
            raise BadInput(f"the {self.what} cannot be kept in {self.path} ({error.strerror or error})") from error

    def _write(self, entries: Mapping[str, T]) -> None:
        plain = {name: self.give(entries[name]) for name in sorted(entries)}
        content = {f"labctl_{self.what}": self.layout, self.entries: plain}
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        try:
            temporary.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            temporary.replace(self.path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
