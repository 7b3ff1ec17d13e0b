"""Layouts of run files: how a file of an older one becomes one of today, step by step, in memory.

To change the layout: raise :data:`data.metadata.SCHEMA`, add the step from the one before to :data:`STEPS`, and store a
small file of the old layout beside the tests, which read it ever after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from data.clock import TIME
from data.metadata import SCHEMA
from data.variables import Variable


@dataclass(frozen=True, slots=True)
class Contents:
    """What a run file holds: attributes and variables, without the record of checkpoints."""

    attributes: Mapping[str, Any]
    variables: Mapping[str, Variable]


Step = Callable[[Contents], Contents]


def upgraded(contents: Contents) -> Contents:
    """The same contents in the layout of today.

    Raises:
        KeyError, TypeError, ValueError: something is missing or cannot be understood.
    """
    layout = int(contents.attributes["labctl_schema"])
    for number in range(layout, SCHEMA):
        step = STEPS[number](contents)
        contents = Contents({**step.attributes, "labctl_schema": number + 1}, step.variables)
    return contents


def _from_1(contents: Contents) -> Contents:
    """Layout 2 added checksums, the record of checkpoints and the seal; what a file says stayed the same."""
    return contents


def _from_2(contents: Contents) -> Contents:
    """Layout 3 added ``time``, when rows were measured; what a sweep swept under that name makes room for it."""
    swept = contents.variables.get(TIME)
    if "plan_kind" not in contents.variables or swept is None or not swept.coordinate:
        return contents
    renamed = {f"swept_{TIME}" if name == TIME else name: item for name, item in contents.variables.items()}
    return Contents(contents.attributes, renamed)


STEPS: Mapping[int, Step] = {1: _from_1, 2: _from_2}
"""The step from each layout to the next one."""
