"""What plans cost, in words."""

from __future__ import annotations

from collections.abc import Sequence

from data.scan import ScanPlan
from gui.models.spans import size, span
from labctl.service.messages_plans import PlanCheck, SweepCost


def cost_words(plan: ScanPlan, check: PlanCheck, *, busy: bool) -> str:
    """Count, time and size in a line.

    Args:
        plan: the scan.
        check: what the service said last.
        busy: whether that was about another plan, and the answer about this one is still to come.
    """
    if busy:
        return "looking at it …"
    if check.settings is None or check.seconds is None or check.bytes is None:
        return "not countable yet" if plan.axes else ""
    most = "at most " if plan.adaptive is not None else ""
    shape = plan.shape if plan.adaptive is None else ()
    product = f"{' × '.join(map(str, shape))} = " if len(shape) > 1 else ""
    noun = "setting" if check.settings == 1 else "settings"
    return f"{most}{product}{check.settings} {noun} · {time_words(check.seconds)} · {size(check.bytes)}"


def sweeps_words(costs: Sequence[SweepCost]) -> str:
    """The same of standard sweeps."""
    seconds, content = sum(item.seconds for item in costs), sum(item.bytes for item in costs)
    points = sum(item.points for item in costs)
    return f"{points} points · {time_words(seconds)} · {size(content)}" if costs else "no sweep is ticked"


def time_words(seconds: float) -> str:
    """About how long: ``under 1 s``, ``about 40 s``, ``about 12:30``."""
    if seconds < 1:
        return "under 1 s"
    return f"about {seconds:.0f} s" if seconds < 60 else f"about {span(seconds)}"
