"""Find runs by id, prefix, ``latest`` or file, in the folder of the bench."""

from __future__ import annotations

from pathlib import Path

from data.catalogue import Catalogue
from data.errors import BadInput
from labctl.bench import read_config


def open_catalogue(bench: Path | None = None, folder: Path | None = None) -> Catalogue:
    """The catalogue of ``folder``, or of the runs of a bench file.

    Raises:
        BadInput: ``folder`` is not there.
    """
    if folder is not None and not folder.is_dir():
        raise BadInput(f"there is no folder {folder}")
    return Catalogue(folder if folder is not None else read_config(bench).runs)


def find(run: str | Path, bench: Path | None = None, folder: Path | None = None, kind: str | None = None) -> Path:
    """The file of a run.

    Raises:
        BadInput: no run, or more than one, is meant by ``run``.
    """
    path = Path(run)
    if path.is_file():
        return path
    catalogue = open_catalogue(bench, folder)
    catalogue.refresh()
    return catalogue.find(str(run), kind=kind).path
