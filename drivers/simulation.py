"""Instruments simulated by pyvisa-sim: what its files must be, said in sentences.

pyvisa-sim opens a resource that its file does not have without a word, and every later call fails in a way of its own.
"""

from __future__ import annotations

from pathlib import Path

import pyvisa
from pyvisa.rname import InvalidResourceName, to_canonical_name

from drivers.errors import CannotOpen


def is_simulated(library: str) -> bool:
    """Whether a library, as pyvisa spells it, is pyvisa-sim."""
    return library.endswith("@sim")


def check_simulated(library: str, resource: str) -> None:
    """Make sure that a file of pyvisa-sim has a resource.

    Args:
        library: as pyvisa spells it: ``FILE@sim``, or ``@sim`` for the file that pyvisa-sim brings.
        resource: the VISA resource.

    Raises:
        CannotOpen: no such file, no file of pyvisa-sim's, or no such resource in it.
    """
    path = library.removesuffix("@sim")
    if path and not Path(path).is_file():
        raise CannotOpen(f"there is no file {path} of simulated instruments")
    try:
        manager = pyvisa.ResourceManager(library)
        known = manager.list_resources("?*")
    except Exception as error:  # pyvisa-sim raises what its reading of the file raises
        last = str(error).replace("\\n", "\n").strip(" \n'\"").splitlines()[-1:]
        raise CannotOpen(
            f"{path or 'pyvisa-sim'} is no file of simulated instruments: {''.join(last)[:200]}"
        ) from error
    try:
        found = to_canonical_name(resource) in known
    except InvalidResourceName:
        found = False
    if not found:
        raise CannotOpen(f"{path or 'pyvisa-sim'} has no instrument {resource}; it has {', '.join(known)}")
