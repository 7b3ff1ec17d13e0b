"""Carry a sweep plan out on a processor and stream what it answers into a run file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from data.metadata import RunMetadata
from data.processor import AnalogProcessor
from data.sweep import Batch, SweepPlan
from data.sweepfile import SweepWriter
from data.values import Outputs
from labctl.progress import Listener, Stop, never, silent

log = logging.getLogger(__name__)

BATCH_VECTORS = 2048
"""Vectors between two checkpoints: what a killed process can lose at most."""


@runtime_checkable
class HasSafeState(Protocol):
    """Hardware that can be brought to a safe state."""

    def safe(self) -> None:
        """Supply off, weights zero."""
        ...


def run_plan(
    plan: SweepPlan,
    processor: AnalogProcessor,
    folder: Path,
    metadata: RunMetadata,
    *,
    listener: Listener = silent,
    stop: Stop = never,
) -> Path:
    """Measure every point of ``plan`` and return the run file.

    Each batch is flushed to the file before the next is sent. If anything fails, or Ctrl-C is pressed, the processor
    goes to its safe state first and the file keeps what was measured.

    Raises:
        BadInput: the plan does not fit the processor; nothing has been sent then.
        LinkError: the board or its link failed.
    """
    plan.check(processor.geometry)
    with SweepWriter.create(folder, metadata, plan) as writer:
        try:
            stopped = _measure(plan, processor, writer, listener, stop)
        except BaseException:
            make_safe(processor)
            raise
        writer.finish("stopped" if stopped else "complete")
    return writer.path


def make_safe(processor: AnalogProcessor) -> None:
    """Bring hardware to its safe state; a link that is dead by now is logged, not raised."""
    if not isinstance(processor, HasSafeState):
        return
    try:
        processor.safe()
    except Exception:
        log.exception("the safe state of %s could not be confirmed", processor.identity)


def _measure(plan: SweepPlan, processor: AnalogProcessor, writer: SweepWriter, listener: Listener, stop: Stop) -> bool:
    programmed = -1
    done = 0
    for batch in plan.batches(max(1, BATCH_VECTORS // plan.repeats)):
        if stop():
            return True
        if batch.program != programmed:
            processor.program(plan.programme(batch.program))
            programmed = batch.program
        writer.write(batch.points, _answers(plan, batch, processor))
        writer.checkpoint()
        done += len(batch.points)
        listener(done / plan.points, f"{plan.kind}: {done} of {plan.points} points")
    return False


def _answers(plan: SweepPlan, batch: Batch, processor: AnalogProcessor) -> Outputs:
    vectors = np.repeat(plan.activations[batch.points], plan.repeats, axis=0)
    outputs = processor.multiply(vectors, plan.schedules[batch.schedule])
    return outputs.reshape(len(batch.points), plan.repeats, -1)
