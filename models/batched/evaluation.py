"""Accuracy of many trained networks at many noise strengths.

All members of a chunk and all strengths of a group go through the network at once: strengths lie along the axis of the
samples. What comes before the first noisy point is the same for all of them and is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from data.errors import BadInput
from models.batched.chunks import chunk_size, member_bytes, shares
from models.batched.inputs import Inputs, LabelledInputs
from models.batched.noise import NoisePlan
from models.batched.program import program_of
from models.batched.steps import Context, Noise
from models.batched.trained import TrainedMembers
from models.batched.training import injected
from models.batched.values import Stream, generator
from models.batched.working import Counter, Progress, check_threads, in_threads
from models.noise.kinds import ADDITIVE, NoiseKind
from models.noise.noisy import NoisyModule
from models.noise.strengths import Strengths

_SAMPLES = 512
"""Samples that are drawn for at a time; the noise of a member does not depend on how much memory there is."""

Grid = Sequence[Strengths]


def evaluate(
    trained: TrainedMembers,
    data: LabelledInputs,
    grid: Grid,
    *,
    kind: NoiseKind = ADDITIVE,
    draws: int = 1,
    seed: int = 0,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> NDArray[np.float64]:
    """Accuracy of every member at every strength, with fresh noise for each.

    Args:
        trained: networks.
        data: samples to judge by.
        grid: strengths of the noise.
        kind: of the noise.
        draws: of noise for every sample; accuracies are means over them. Where there is no noise one is enough and
            one is computed.
        seed: of the noise, together with the seeds of the members.
        threads: that share the members; None for as many as torch uses.
        device: where.
        progress: told now and then, on the calling thread.
        should_stop: asked now and then, on the calling thread.

    Returns:
        shares of samples whose largest output is the right one, (members, len(grid)).

    Raises:
        BadInput: strengths that the points cannot have, or samples that do not fit.
        Cancelled: ``should_stop`` said so.
    """
    return evaluate_each(
        trained,
        data,
        [grid] * len(trained),
        kind=kind,
        draws=draws,
        seed=seed,
        threads=threads,
        device=device,
        progress=progress,
        should_stop=should_stop,
    )


def evaluate_each(
    trained: TrainedMembers,
    data: LabelledInputs,
    grids: Sequence[Grid],
    *,
    kind: NoiseKind = ADDITIVE,
    draws: int = 1,
    seed: int = 0,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> NDArray[np.float64]:
    """:func:`evaluate` with a grid for each member, all of the same length.

    Raises:
        BadInput: as there, or grids that are not one for each member, or of different lengths.
        Cancelled: ``should_stop`` said so.
    """
    place = torch.device(device)
    job = _Job.of(trained, data, grids, kind, draws, seed, place)
    if not job.entries:
        return np.empty((len(trained), 0))
    count = 1 if place.type != "cpu" else check_threads(threads)
    samples = min(len(data.labels), _SAMPLES)
    each = member_bytes(job.noisy.points, 0, samples, trained.recipe.dtype)
    size = chunk_size(each, place)
    chunks = shares(len(trained), size, count)
    works = [partial(_judge, job, chunk, max(size // len(chunk), 1)) for chunk in chunks]
    what = f"evaluation of {len(trained)} networks"
    steps = len(chunks) * len(job.starts) * job.entries * draws
    done = in_threads(works, steps, what, threads=count, progress=progress, should_stop=should_stop)
    return np.concatenate(done)


@dataclass(frozen=True)
class _Job:
    """What all chunks of an evaluation have in common."""

    trained: TrainedMembers
    grids: Sequence[Grid]
    inputs: Inputs
    kind: NoiseKind
    draws: int
    seed: int
    noisy: NoisyModule

    @classmethod
    def of(
        cls,
        trained: TrainedMembers,
        data: LabelledInputs,
        grids: Sequence[Grid],
        kind: NoiseKind,
        draws: int,
        seed: int,
        device: torch.device,
    ) -> _Job:
        if draws < 1 or seed < 0:
            raise BadInput(f"noise is drawn at least once and from a seed of 0 or more, not {draws} times from {seed}")
        if len(grids) != len(trained) or len({len(grid) for grid in grids}) > 1:
            raise BadInput(
                f"{len(trained)} networks need as many grids of strengths, all of the same length, not {len(grids)} of "
                f"{', '.join(sorted({str(len(grid)) for grid in grids}))} strengths"
            )
        inputs = Inputs.of(data, trained.recipe.dtype, device)
        noisy = injected(trained.build, data, kind)
        for strengths in {strengths for grid in grids for strengths in grid}:
            strengths.check(noisy.points)
        return cls(trained, grids, inputs, kind, draws, seed, noisy)

    @property
    def entries(self) -> int:
        """Of each grid."""
        return len(self.grids[0]) if self.grids else 0

    @property
    def starts(self) -> range:
        """First samples of those that are computed at a time."""
        return range(0, len(self.inputs), _SAMPLES)


@dataclass(frozen=True)
class _Entry:
    """One pass over the samples: an entry of the grids, and which of its draws."""

    index: int
    draw: int


def _judge(job: _Job, rows: range, at_once: int, counter: Counter) -> NDArray[np.float64]:
    """Accuracies of some members, (members, entries)."""
    like = job.inputs.values
    state = {name: value[rows.start : rows.stop].to(like.device) for name, value in job.trained.state.items()}
    right = np.zeros((len(rows), job.entries))
    drawn = np.ones(job.entries)
    with torch.inference_mode():
        for loud, entries in _groups(job, rows).items():
            # Without noise all entries are the same, and all draws.
            passes = [_Entry(entry, draw) for entry in entries for draw in range(job.draws)] if loud else []
            passes = passes or [_Entry(entries[0], 0)]
            drawn[entries] = job.draws if loud else 1
            program = program_of(job.noisy, loud)
            for first in job.starts:
                stop = min(first + _SAMPLES, len(job.inputs))
                values, labels = job.inputs.part(first, stop, len(rows)), job.inputs.labels[first:stop]
                for some in _cut(passes, at_once):
                    for _ in some:
                        counter.step()
                    noise = _noise(job, rows, some, first, stop - first) if loud else {}
                    outputs = program.run(values, Context(state, training=False, noise=noise))
                    hits = outputs.argmax(1).view(len(rows), -1, stop - first) == labels
                    for entry, count in zip(some, hits.sum(2).T.cpu().numpy(), strict=True):
                        right[:, entry.index] += count
            if not loud:
                right[:, entries] = right[:, entries[:1]]
    return right / drawn / len(job.inputs)


def _groups(job: _Job, rows: range) -> dict[frozenset[str], list[int]]:
    """Entries by the points where any of the members has noise."""
    groups: dict[frozenset[str], list[int]] = {}
    for entry in range(job.entries):
        given = {job.grids[row][entry] for row in rows}
        loud = frozenset(p.name for p in job.noisy.points if not all(each.silent(p.name) for each in given))
        groups.setdefault(loud, []).append(entry)
    return groups


def _noise(job: _Job, rows: range, passes: Sequence[_Entry], first: int, samples: int) -> dict[str, Noise]:
    """Noise of several passes, one behind the other along the axis of the samples."""
    members = job.trained.members
    each = []
    for entry in passes:
        given = [job.grids[row][entry.index] for row in rows]
        plan = NoisePlan.of(job.noisy.points, job.kind, given, job.inputs.values)
        numbers = (job.seed, entry.index, entry.draw, first)
        chances = [
            generator(members[row].seed, Stream.EVALUATION, *numbers, device=job.inputs.values.device) for row in rows
        ]
        each.append(plan.draw(samples, chances))
    return {name: _behind([noise[name] for noise in each]) for name in each[0]}


def _behind(noises: Sequence[Noise]) -> Noise:
    samples = noises[0].draw.shape[-1]
    strengths = [noise.strength.expand(*noise.strength.shape[:-1], samples) for noise in noises]
    return Noise(torch.cat(strengths, dim=-1), torch.cat([noise.draw for noise in noises], dim=-1))


def _cut(passes: Sequence[_Entry], size: int) -> list[Sequence[_Entry]]:
    return [passes[first : first + size] for first in range(0, len(passes), size)]
