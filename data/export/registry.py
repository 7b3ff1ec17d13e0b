"""The formats there are, and the one way to export to them.

A plug-in adds a format by an entry point in the group ``labctl.export`` that loads a :class:`Format`::

    [project.entry-points."labctl.export"]
    origin = "my_package.origin:FORMAT"
"""

from __future__ import annotations

import errno
import importlib
import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import BadInput, LabctlError
from data.runfile import Run, read_run

GROUP = "labctl.export"

Write = Callable[[Run, Path], None]
"""Writes a run to the given path, which does not exist, and whatever else is needed beside it, under names that begin
with its stem and a dot. The folder is empty and the writer's own until it returns."""


Names = Callable[[Run], Mapping[str, str]]
"""What the variables of a run are called in a format that allows fewer names, by their own."""


@dataclass(frozen=True, slots=True)
class Format:
    """A format a run can be exported to.

    Attributes:
        name: as in ``--format``.
        suffix: ending of the file, with the dot.
        description: one line.
        writer: the function that writes it, or where to import it from, ``module:function``; the packages it needs are
            then loaded only when it is used.
        tables: whether it writes the tables of :mod:`data.export.tables` and not one array a variable.
        names: for a format of arrays that renames variables: the function that says how, or where to import it from.
    """

    name: str
    suffix: str
    description: str
    writer: Write | str
    tables: bool = False
    names: Names | str = ""

    def write(self, run: Run, path: Path) -> None:
        """Write ``run`` to ``path`` and files beside it."""
        writer = _loaded(self.writer) if isinstance(self.writer, str) else self.writer
        writer(run, path)

    def names_of(self, run: Run) -> dict[str, str]:
        """What the variables of a run are called in this format, by the names that they have in the run."""
        if not self.names:
            return {name: name for name in run.variables}
        names = _loaded(self.names) if isinstance(self.names, str) else self.names
        return dict(names(run))


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plug-in that was found and cannot be used."""

    name: str
    why: str


_OWN = (
    Format("netcdf", ".nc", "NetCDF-4 (xarray, MATLAB, R), everything in one file", "data.export.netcdf:write"),
    Format(
        "csv",
        ".csv",
        "tables as text with a unit row, and a JSON file with the rest",
        "data.export.text:write",
        tables=True,
    ),
    Format(
        "parquet",
        ".parquet",
        "tables for pandas and R, units in the metadata",
        "data.export.parquet:write",
        tables=True,
    ),
    Format(
        "matlab",
        ".mat",
        "MATLAB 5 file, at most 2 GiB a variable",
        "data.export.matlab:write",
        names="data.export.matlab:names_of",
    ),
    Format("npz", ".npz", "NumPy arrays and the metadata as JSON text, no pickle", "data.export.numpy_archive:write"),
)


def formats() -> tuple[Format, ...]:
    """Every format that can be used, our own first."""
    return _load()[0]


def broken_plugins() -> tuple[BrokenPlugin, ...]:
    """The plug-ins that were found and cannot be used, each with the reason."""
    return _load()[1]


def export(
    run: Run | Path | str, target: Path | str, format: str | None = None, *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Export a run.

    Everything is written under another name first, so that ``target`` is either whole or not there.

    Args:
        run: a run in memory, or its file.
        target: the file to write; tables that do not fit into one file go beside it, as ``<stem>.<dims>.<suffix>``.
        format: name of a format; by the ending of ``target`` when None.
        overwrite: replace files that exist.

    Returns:
        The files written, ``target`` first.

    Raises:
        BadInput: an unknown format, a file that exists, a folder that cannot be written, or a run that the format
            cannot hold.
        LabctlError: the writing failed.
    """
    target = Path(target)
    chosen = choose_format(target, format)
    if target.exists() and not overwrite:
        raise BadInput(f"{target} exists already; give another name or ask to overwrite it")
    loaded = run if isinstance(run, Run) else read_run(run)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".labctl-export-", dir=target.parent) as folder:
            _write(chosen, loaded, Path(folder) / target.name)
            return _move(Path(folder), target, overwrite)
    except OSError as error:
        raise _failure(error, target) from error


def _write(chosen: Format, run: Run, path: Path) -> None:
    try:
        chosen.write(run, path)
    except (LabctlError, OSError):
        raise
    except Exception as error:
        raise LabctlError(f"run {run.metadata.run_id} could not be exported as {chosen.name}: {error}") from error


def _move(folder: Path, target: Path, overwrite: bool) -> tuple[Path, ...]:
    made = sorted(folder.iterdir(), key=lambda path: (path.name != target.name, path.name))
    final = tuple(target.parent / path.name for path in made)
    taken = [path.name for path in final if path.exists()]
    if taken and not overwrite:
        raise BadInput(f"{', '.join(taken)} in {target.parent} would be overwritten; give another name or ask for it")
    for source, path in zip(made, final, strict=True):
        source.replace(path)
    return final


def choose_format(target: Path, name: str | None) -> Format:
    """The format of a name, or without one by the ending of a file.

    Raises:
        BadInput: there is none; the sentence lists those there are.
    """
    known, broken = _load()
    for item in known:
        if name == item.name or (name is None and target.suffix.lower() == item.suffix):
            return item
    choice = ", ".join(f"{item.name} ({item.suffix})" for item in known)
    lost = "".join(f"; the plug-in {item.name} could not be loaded: {item.why}" for item in broken)
    wrong = f"there is no export format {name!r}" if name else f"the ending of {target.name} names no export format"
    raise BadInput(f"{wrong}; there are {choice}{lost}")


def _loaded(where: str) -> Any:
    module, _, function = where.partition(":")
    return getattr(importlib.import_module(module), function)


def _failure(error: OSError, target: Path) -> LabctlError:
    why = error.strerror or str(error)
    if isinstance(error, PermissionError | NotADirectoryError | FileNotFoundError | FileExistsError):
        return BadInput(f"cannot write {target.name} to {target.parent} ({why}); choose another folder")
    hint = "; make room on that disk" if error.errno == errno.ENOSPC else ""
    return LabctlError(f"{target} could not be written ({why}){hint}")


def _load() -> tuple[tuple[Format, ...], tuple[BrokenPlugin, ...]]:
    known, broken = list(_OWN), []
    for entry in importlib.metadata.entry_points(group=GROUP):
        try:
            loaded = entry.load()
        except Exception as error:  # noqa: BLE001 - a stranger's module may raise anything, and is reported
            broken.append(BrokenPlugin(entry.name, f"{type(error).__name__}: {error}"))
            continue
        why = _objection(loaded, known)
        if why:
            broken.append(BrokenPlugin(entry.name, why))
        else:
            known.append(loaded)
    return tuple(known), tuple(broken)


def _objection(loaded: object, known: list[Format]) -> str:
    if not isinstance(loaded, Format):
        return f"{type(loaded).__name__} is not a data.export.Format"
    if any(loaded.name == item.name for item in known):
        return f"there is a format {loaded.name} already"
    return ""
