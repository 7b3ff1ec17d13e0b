"""How long a scan takes and how large its file becomes, before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from data.scan import ScanPlan
from data.sweep import SweepPlan
from data.values import Schedule
from labctl.engine.sweeping import sweep_bytes

TALK_S: Final = 0.02
"""Seconds that one question to an instrument is taken to last."""
VECTOR_LINK_S: Final = 30e-6
"""Seconds that one vector is taken to need on the link."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a scan costs.

    Attributes:
        settings: how many; of an adaptive scan at most.
        seconds: for all of them, waits included; the instruments may be slower.
        bytes: of the run file.
    """

    settings: int
    seconds: float
    bytes: int


def estimate(plan: ScanPlan, sweep: SweepPlan | None) -> Estimate:
    """What a plan costs with the sweep that it measures at each setting, None without one."""
    setting_s = TALK_S * (len(plan.read) + 1)
    fixed_bytes, row_bytes = 0, 8 * (len(plan.targets) + len(plan.read) + len(plan.shape) + 2)
    if sweep is not None:
        setting_s += sweep_s(sweep)
        outputs = 2 * sweep.vectors * sweep.weights.shape[2]
        fixed_bytes, row_bytes = sweep_bytes(sweep) - outputs, row_bytes + outputs
    return Estimate(plan.count, plan.seconds(setting_s), fixed_bytes + plan.count * row_bytes)


def sweep_s(sweep: SweepPlan) -> float:
    """Seconds that a sweep needs, on the array and on the link."""
    rows = sweep.activations.shape[1]
    each = sum(vector_s(sweep.schedules[index], rows) for index in sweep.schedule) * sweep.repeats
    return each + VECTOR_LINK_S * sweep.vectors


def vector_s(schedule: Schedule, rows: int) -> float:
    """Seconds that the array needs for one vector of full length."""
    events_ns = rows * schedule.sends * schedule.spacing_ns
    return (schedule.reset_ns + events_ns + schedule.settle_ns) * 1e-9
