"""Studies in words and rows."""

from __future__ import annotations

from gui.models.spans import ago, span
from labctl.service.messages import Light
from labctl.service.messages_studies import StudyProgress
from labctl.studies.values import PointLine, PointState, StudyEntry, StudyView

_LIGHTS: dict[PointState, Light] = {
    "done": "ok",
    "computing": "busy",
    "failed": "fault",
    "blocked": "warning",
    "waiting": "off",
}
_ORDER: tuple[PointState, ...] = ("failed", "computing", "blocked", "waiting", "done")


def light_of(state: PointState) -> Light:
    """The light of a point."""
    return _LIGHTS[state]


def state_words(entry: StudyEntry) -> tuple[Light, str]:
    """How a study is, as light and words."""
    if entry.problem:
        return "fault", "cannot be read"
    if entry.running:
        return "busy", "running"
    if entry.failed:
        return "warning", f"{entry.failed} failed"
    return ("ok", "complete") if entry.complete else ("off", "not complete")


def entry_row(entry: StudyEntry, now: float) -> tuple[str, ...]:
    """A line of the list of studies."""
    name = f"{entry.study} ({entry.scope}, seed {entry.seed})" if entry.scope else entry.study
    points = f"{entry.done} of {entry.points}" if entry.points else "–"
    return name, state_words(entry)[1], points, ago(max(0.0, now - entry.changed)) if entry.changed else "–"


def point_rows(view: StudyView) -> list[PointLine]:
    """The points, those that need a look first."""
    return sorted(view.points, key=lambda item: _ORDER.index(item.state))


def count_words(view: StudyView) -> str:
    """How many points are in which state."""
    counts = {state: sum(item.state == state for item in view.points) for state in _ORDER}
    words = [f"{counts['done']} of {len(view.points)} points done"]
    words += [f"{counts[state]} {state}" for state in ("computing", "failed", "blocked", "waiting") if counts[state]]
    return ", ".join(words)


def progress_words(progress: StudyProgress) -> str:
    """How far a study is that runs here."""
    left = f", {span(progress.left_s)} left" if progress.left_s is not None else ""
    return f"{progress.done} of {progress.total} points{left}"


def default_folder(study: str, scope: str, seed: int, geometry: str) -> str:
    """What the folder of a study is called unless somebody chooses another name."""
    return f"study-{study}-{scope}-seed-{seed}" + (f"-{geometry}" if geometry else "")
