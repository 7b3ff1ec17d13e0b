"""What a study is made of: points, the rows they give, and the functions that know the subject."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from data.errors import Problems

if TYPE_CHECKING:
    import pandas as pd

    from labctl.report.page import Page

Row = Mapping[str, str | int | float | bool]
"""One line of the table; a column that a row does not name is empty there."""

RESOURCE: Final = re.compile(r"[a-z][a-z-]*")
"""What names a resource."""

_KEY = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class Point:
    """One piece of work: computed once, from its settings and what the points it needs have left in their folders.

    Attributes:
        key: names it and its folder: small letters, digits, ``.``, ``+`` and ``-``.
        settings: all that it depends on, as JSON has it; seeds included.
        needs: keys of points that come before it in the plan.
        uses: what the worker that computes it must own, e.g. ``gpu`` or ``board``; one of each at a time.
    """

    key: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Point:
        """The point that was written as JSON; one of before resources uses none."""
        return cls(content["key"], content["settings"], tuple(content["needs"]), tuple(content.get("uses", ())))


class Compute(Protocol):
    """Computes a point; the same settings give the same rows."""

    def __call__(self, point: Point, place: Path, needs: Mapping[str, Path]) -> Iterable[Row]:
        """Rows of the table.

        Args:
            point: what to do.
            place: the point's own empty folder, for files that other points need.
            needs: finished folders of the points that this one needs, by key.
        """
        ...


@dataclass(frozen=True)
class Presented:
    """A study's results for readers.

    Attributes:
        page: the report.
        markdown: the same as Markdown, with its pictures in a folder ``pictures`` beside it; empty for a study that is
            not written for repositories.
        findings: what was found, in sentences.
        document: the figures as plain values.
    """

    page: Page
    findings: Sequence[str]
    document: Mapping[str, object]
    markdown: str = ""


@dataclass(frozen=True)
class Study:
    """A kind of study. Its functions are given as ``module:function``, so that naming one loads nothing.

    Attributes:
        name: what it is called on the command line.
        title: what it is about.
        compute: a :class:`Compute`; it is called in worker processes.
        present: makes a :class:`Presented` of the table so far and a folder for pictures.
        plan: makes a :class:`labctl.studies.folder.Plan` of scope, seed and geometry; empty for a study whose plans are
            drawn up elsewhere.
        scopes: what can be asked for, the smallest first, each with what it takes in words.
        any_geometry: whether the boards' array can be chosen.
    """

    name: str
    title: str
    compute: str
    present: str
    plan: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)
    any_geometry: bool = False

    def computing(self) -> Compute:
        """The function that computes a point."""
        found: Compute = load_function(self.compute)
        return found

    def presenting(self) -> Callable[[pd.DataFrame, Path], Presented]:
        """The function that makes the report; it may be given a table that lacks points."""
        found: Callable[[pd.DataFrame, Path], Presented] = load_function(self.present)
        return found


def load_function(name: str) -> Any:
    """The function called ``module:function``."""
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(module), attribute)


def check_plan(points: Sequence[Point]) -> None:
    """See that a plan makes sense.

    Raises:
        Problems: all that does not: no points, keys that are no names or come twice, points that need one which does
            not come before them, resources that are no names.
    """
    problems = [] if points else ["it has no points"]
    seen: set[str] = set()
    for point in points:
        if not _KEY.fullmatch(point.key):
            problems.append(f"{point.key!r} cannot name a point; use small letters, digits, '.', '+' and '-'")
        if point.key in seen:
            problems.append(f"there are two points {point.key}")
        missing = [key for key in point.needs if key not in seen]
        if missing:
            problems.append(f"point {point.key} needs {', '.join(missing)}, which does not come before it in the plan")
        problems += [
            f"point {point.key} uses {name!r}; a resource is small letters and '-'"
            for name in point.uses
            if not RESOURCE.fullmatch(name)
        ]
        seen.add(point.key)
    if problems:
        raise Problems("the plan of the study", problems)
