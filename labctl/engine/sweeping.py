"""A sweep plan as work for the engine, and the function that simply carries one out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from data.errors import BadInput, LabctlError
from data.metadata import RunMetadata
from data.metadata import Status as Ending
from data.processor import AnalogProcessor
from data.sweep import Batch, SweepPlan
from data.sweepfile import SweepWriter
from data.values import Outputs, Schedule
from labctl.engine.engine import Engine
from labctl.engine.preflight import room_on_disk
from labctl.engine.results import kept_file
from labctl.engine.work import CALL_S, About, Action, Call, HasSafeState, Saved
from labctl.progress import Listener, Stop, never, silent

BATCH_VECTORS: Final = 2048
"""Vectors between two checkpoints: what a killed process can lose at most."""
VECTOR_S: Final = 0.1
"""Seconds that a vector may take on anything that computes: a model on a busy machine is the slowest."""


class SweepWork:
    """Measures every point of a sweep plan on a processor and streams it to a run file.

    Args:
        plan: what is measured.
        processor: what computes.
        folder: where the run file goes.
        metadata: of the run.
        batch_vectors: vectors between two checkpoints.
    """

    def __init__(
        self,
        plan: SweepPlan,
        processor: AnalogProcessor,
        folder: Path,
        metadata: RunMetadata,
        *,
        batch_vectors: int = BATCH_VECTORS,
    ) -> None:
        self._plan = plan
        self._processor = processor
        self._folder = folder
        self._metadata = metadata
        self._points = max(1, batch_vectors // max(plan.repeats, 1))
        self._writer: SweepWriter | None = None
        self._batches: Iterator[Batch] = iter(())
        self._batch: Batch | None = None
        self._programmed = -1
        self._outputs: Outputs | None = None
        self._time_s: float | None = None
        self._written = False

    @property
    def title(self) -> str:
        """The kind of sweep."""
        return f"sweep {self._plan.kind}"

    @property
    def about(self) -> About:
        """As its file says."""
        return About.of(self._metadata, self._plan.coordinates)

    @property
    def total(self) -> int:
        """Points of the plan."""
        return self._plan.points

    @property
    def devices(self) -> Mapping[str, HasSafeState]:
        """The processor, where it is hardware."""
        return hardware(self._processor)

    @property
    def path(self) -> Path | None:
        """The run file."""
        return None if self._writer is None else self._writer.path

    def problems(self) -> Iterator[str]:
        """Where the plan does not fit the processor or the disk."""
        try:
            self._plan.check(self._processor.geometry)
        except BadInput as error:
            yield str(error)
        yield from room_on_disk(self._folder, sweep_bytes(self._plan))

    def begin(self) -> None:
        """Make the file, with room for all outputs."""
        self._writer = SweepWriter.create(self._folder, self._metadata, self._plan)
        self._batches = self._plan.batches(self._points)
        self._batch = next(self._batches, None)

    def chunk(self) -> Iterator[Action] | None:
        """Program the board if need be and send one batch."""
        return None if self._batch is None else self._measure(self._batch)

    def save(self) -> Saved:
        """Write the batch and flush."""
        writer, batch, outputs = self._writer, self._batch, self._outputs
        if writer is None or batch is None or outputs is None:
            raise LabctlError("there is nothing to save: no batch has been measured")
        if not self._written:
            writer.write(batch.points, outputs, self._time_s)
            self._written = True
        done = writer.checkpoint()
        self._batch, self._outputs, self._written = next(self._batches, None), None, False
        plan = self._plan
        message = f"{plan.kind}: {done} of {plan.points} points"
        return Saved(done, message, int(batch.points[0]), {"output": outputs})

    def forget(self) -> None:
        """Program the board again before the next batch."""
        self._programmed = -1

    def end(self, status: Ending, message: str) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.finish(status, message)

    def abandon(self, error: Exception) -> None:
        """Let go of the file."""
        if self._writer is not None:
            self._writer.__exit__(type(error), error, error.__traceback__)

    def _measure(self, batch: Batch) -> Iterator[Action]:
        plan, processor = self._plan, self._processor
        if batch.program != self._programmed:
            weights = plan.programme(batch.program)
            yield Call(f"programming weights {batch.program}", lambda: processor.program(weights), processor)
            self._programmed = batch.program
        first, last = int(batch.points[0]), int(batch.points[-1])

        def multiply() -> None:
            self._outputs = answers(plan, batch, processor, plan.schedules[batch.schedule])
            self._time_s = None if self._writer is None else self._writer.clock.now()

        seconds = CALL_S + VECTOR_S * len(batch.points) * plan.repeats
        yield Call(f"measuring points {first}..{last} of {plan.kind}", multiply, processor, seconds)


def answers(plan: SweepPlan, batch: Batch, processor: AnalogProcessor, schedule: Schedule) -> Outputs:
    """Outputs of one batch, shape (points, repeats, columns); the repeats of a point follow one another."""
    vectors = np.repeat(plan.activations[batch.points], plan.repeats, axis=0)
    return processor.multiply(vectors, schedule).reshape(len(batch.points), plan.repeats, -1)


def sweep_bytes(plan: SweepPlan) -> int:
    """Bytes of the arrays in the file of a sweep."""
    columns = plan.weights.shape[2] if plan.weights.ndim == 3 else 0
    coordinates = sum(item.values.nbytes for item in plan.coordinates.values())
    return 2 * plan.vectors * columns + plan.weights.nbytes + plan.activations.nbytes + 24 * plan.points + coordinates


def hardware(processor: AnalogProcessor) -> Mapping[str, HasSafeState]:
    """A processor by its name if it has a safe state; a chip model has none."""
    if isinstance(processor, HasSafeState):
        identity = processor.identity
        return {f"{identity.model} {identity.serial_number}": processor}
    return {}


def run_plan(
    plan: SweepPlan,
    processor: AnalogProcessor,
    folder: Path,
    metadata: RunMetadata,
    *,
    listener: Listener = silent,
    stop: Stop = never,
    engine: Engine | None = None,
    batch_vectors: int = BATCH_VECTORS,
) -> Path:
    """Measure every point of ``plan`` and return the run file.

    Each batch is flushed to the file before the next is sent. However it ends, the processor goes to its safe state
    first and the file keeps what was measured; Ctrl-C is a stop.

    Args:
        plan: what is measured.
        processor: what computes.
        folder: where the run file goes.
        metadata: of the run.
        listener: hears of progress; cannot slow the run.
        stop: asked between batches; true keeps what was measured and ends.
        engine: what runs it; None makes one, for a processor that belongs to no bench.
        batch_vectors: vectors between two checkpoints.

    Raises:
        Problems: the plan does not fit the processor or the disk; nothing has been sent then.
        LinkError: the board or its link failed.
        UnsafeState: everything is measured, and the safe state could not be confirmed.
        Cancelled: somebody aborted it; what was saved is kept.
    """
    work = SweepWork(plan, processor, folder, metadata, batch_vectors=batch_vectors)
    return kept_file(work.title, (engine or Engine()).run(work, listener=listener, stop=stop))
