"""What only one point at a time can use, shared out among the worker processes of this machine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from data.errors import Problems
from labctl.studies.points import RESOURCE

GPU: Final = "gpu"
VISIBLE: Final = "CUDA_VISIBLE_DEVICES"
MOST: Final = 256


def parse_resources(text: str) -> dict[str, int]:
    """How much there is of each resource, from ``gpu=2,board=1``; nothing from an empty text.

    Raises:
        Problems: all parts that cannot be used.
    """
    found: dict[str, int] = {}
    problems = []
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, _, count = (item.strip() for item in part.partition("="))
        if not (RESOURCE.fullmatch(name) and count.isdecimal() and 1 <= int(count) <= MOST):
            problems.append(f"{part!r} is not like gpu=1, a name in small letters and a count from 1 to {MOST}")
        elif name in found:
            problems.append(f"{name} comes twice")
        else:
            found[name] = int(count)
    if problems:
        raise Problems(f"the resources {text!r}", problems)
    return found


def share(resources: Mapping[str, int], workers: int) -> tuple[frozenset[str], ...]:
    """What each worker owns: at most one of each resource, spread over the workers.

    Raises:
        Problems: there is more of a resource than workers.
    """
    over = [f"{count} {name}, but {workers} workers" for name, count in resources.items() if count > workers]
    if over:
        raise Problems("a worker owns at most one of each resource: there are", over)
    owned: list[set[str]] = [set() for _ in range(workers)]
    for name, count in resources.items():
        # The sort is stable: those that own least come first, from the left.
        for worker in sorted(owned, key=len)[:count]:
            worker.add(name)
    return tuple(frozenset(names) for names in owned)


def environments(owned: tuple[frozenset[str], ...]) -> tuple[dict[str, str], ...]:
    """Variables that keep each worker to its own GPU; where nobody owns one, nothing is hidden from anybody."""
    if not any(GPU in names for names in owned):
        return tuple({} for _ in owned)
    given = os.environ.get(VISIBLE)
    devices = [str(number) for number in range(len(owned))] if given is None else given.split(",")
    found = []
    for names in owned:
        device = devices.pop(0) if GPU in names and devices else ""
        found.append({VISIBLE: device})
    return tuple(found)
