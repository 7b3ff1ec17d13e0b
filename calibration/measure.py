"""Carries out a sweep plan on an analog processor, without files: for probes, scripts and tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.processor import AnalogProcessor
from data.sweep import SweepData, SweepPlan

BATCH = 512
"""Points that are sent together at most."""


def measure(
    plan: SweepPlan,
    processor: AnalogProcessor,
    *,
    run_id: str = "",
    progress: Callable[[float], None] = lambda done: None,
) -> SweepData:
    """Measure every point of a plan; the weights of its last programme stay programmed.

    Repeats of a batch are taken one after another, so that slow drift shows as little as possible between points.

    Raises:
        BadInput: the processor cannot carry the plan out; nothing has been measured then.
    """
    plan.check(processor.geometry)
    outputs = np.zeros((plan.points, plan.repeats, processor.geometry.columns), np.int16)
    programmed = -1
    for batch in plan.batches(BATCH):
        if batch.program != programmed:
            processor.program(plan.programme(batch.program))
            programmed = batch.program
        vectors, schedule = plan.activations[batch.points], plan.schedules[batch.schedule]
        for repeat in range(plan.repeats):
            outputs[batch.points, repeat] = processor.multiply(vectors, schedule)
        progress((int(batch.points[-1]) + 1) / plan.points)
    return SweepData(plan, outputs, plan.points, run_id)
