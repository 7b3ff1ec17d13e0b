"""The network files that there are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from data.errors import BadInput
from models.networkfile import NetworkSummary, summarise_network

log = logging.getLogger(__name__)

SUFFIX: Final = ".safetensors"
MOST: Final = 500


def list_networks(folder: Path | str, files: Sequence[Path | str] = ()) -> tuple[NetworkSummary, ...]:
    """The networks of a folder and of the folders in it, the newest first; damaged files are logged and left out.

    Args:
        folder: where to look.
        files: others to list before them.

    Raises:
        BadInput: there are more than 500 files.
    """
    found = list(Path(folder).glob(f"*{SUFFIX}")) + list(Path(folder).glob(f"*/*{SUFFIX}"))
    if len(found) > MOST:
        raise BadInput(f"{folder} holds {len(found)} network files, more than {MOST}; choose files by name")
    ordered = sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
    networks = []
    for path in dict.fromkeys([*map(Path, files), *ordered]):
        try:
            networks.append(summarise_network(path))
        except BadInput as error:
            log.warning("%s", error)
    return tuple(networks)
