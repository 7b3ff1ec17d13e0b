"""Training of many networks together: a chunk of members is one computation, and threads share the chunks.

Sums of floats depend on how they are split. Here a member is never split: what it computes does not depend on how many
threads there are, and on its neighbours only as far as libraries choose another order of sums for another number of
matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.batched.checks import check_training
from models.batched.chunks import chunk_size, member_bytes, shares
from models.batched.inputs import Augment, Inputs, LabelledInputs, augmented
from models.batched.noise import NoisePlan
from models.batched.program import program_of
from models.batched.stack import Build, fresh
from models.batched.steps import Context, Noise, samples_last
from models.batched.trained import TrainedMembers
from models.batched.values import Member, Recipe, Stream, generator
from models.batched.working import Counter, Progress, check_threads, in_threads
from models.noise.clamping import clamp_weights, clampable
from models.noise.dropout import Dropout
from models.noise.kinds import ADDITIVE, NoiseKind
from models.noise.noisy import NoisyModule, inject
from models.noise.operations import EVERY_OP
from models.noise.schedules import Constant


def train_members(
    build: Build,
    data: LabelledInputs,
    members: Sequence[Member],
    recipe: Recipe,
    *,
    kind: NoiseKind = ADDITIVE,
    augment: Augment | None = None,
    threads: int | None = None,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> TrainedMembers:
    """Train networks of one architecture, each as it would be trained alone.

    Args:
        build: makes a network with initial weights from a generator on the CPU.
        data: training samples, the same for all.
        members: one for each network.
        recipe: how.
        kind: of the noise in training.
        augment: changes every batch at random.
        threads: that share the members; None for as many as torch uses. A GPU is fed by one.
        device: where.
        progress: told now and then, on the calling thread.
        should_stop: asked now and then, on the calling thread.

    Raises:
        BadInput: members, recipe, samples or a network that do not fit together.
        Cancelled: ``should_stop`` said so.
    """
    place = torch.device(device)
    job = _Job.of(build, data, members, recipe, kind, augment, place)
    count = 1 if place.type != "cpu" else check_threads(threads)
    chunks = shares(len(members), chunk_size(job.bytes_each, place), count)
    works = [partial(_train, job, tuple(members[i] for i in chunk)) for chunk in chunks]
    steps = len(chunks) * recipe.epochs * len(job.starts)
    what = f"training of {len(members)} networks"
    done = in_threads(works, steps, what, threads=count, progress=progress, should_stop=should_stop)
    return TrainedMembers(
        build,
        tuple(members),
        recipe,
        {name: torch.cat([state[name] for state, _ in done]) for name in done[0][0]},
        np.concatenate([losses for _, losses in done]),
    )


@dataclass(frozen=True)
class _Job:
    """What all chunks of a training have in common."""

    build: Build
    data: LabelledInputs
    inputs: Inputs
    recipe: Recipe
    kind: NoiseKind
    augment: Augment | None
    noisy: NoisyModule
    bytes_each: int

    @classmethod
    def of(
        cls,
        build: Build,
        data: LabelledInputs,
        members: Sequence[Member],
        recipe: Recipe,
        kind: NoiseKind,
        augment: Augment | None,
        device: torch.device,
    ) -> _Job:
        recipe.check()
        inputs = Inputs.of(data, recipe.dtype, device)
        noisy = injected(build, data, kind)
        check_training(noisy, members, len(inputs), recipe)
        size = sum(parameter.numel() for parameter in noisy.parameters())
        each = member_bytes(noisy.points, size, recipe.batch, recipe.dtype)
        return cls(build, data, inputs, recipe, kind, augment, noisy, each)

    @property
    def starts(self) -> range:
        """First samples of the batches of an epoch."""
        return range(0, len(self.inputs), self.recipe.batch)


def injected(build: Build, data: LabelledInputs, kind: NoiseKind) -> NoisyModule:
    """A network of the architecture with points after every operation."""
    net = build(generator(0, Stream.WEIGHTS)).float()
    return inject(net, kind, torch.from_numpy(data.inputs[:2]).float(), ops=EVERY_OP)


class _Chunk:
    """Members that are computed together."""

    def __init__(self, job: _Job, members: Sequence[Member]) -> None:
        like, seeds = job.inputs.values, [member.seed for member in members]
        self.job, self.members = job, members
        self.stack = fresh(job.build, members, job.recipe.dtype, like.device)
        self.plan = NoisePlan.of(job.noisy.points, job.kind, [member.strengths for member in members], like)
        self.program = program_of(job.noisy, {point.name for point in self.plan.points})
        self.steady = all(member.schedule == Constant() for member in members)
        self.dropouts = [(n, m) for n, m in job.noisy.net.named_modules() if isinstance(m, Dropout) and m.share]
        self.order = [generator(seed, Stream.ORDER) for seed in seeds]
        self.noise = [generator(seed, Stream.NOISE, device=like.device) for seed in seeds]
        self.augment = [np.random.default_rng((seed, int(Stream.AUGMENT))) for seed in seeds]

    def epoch_rows(self) -> Tensor:
        """Order of the samples in the next epoch, (members, n)."""
        rows = [torch.randperm(len(self.job.inputs), generator=chance) for chance in self.order]
        return torch.stack(rows).to(self.job.inputs.values.device)

    def losses(self, epoch: int, rows: Tensor) -> Tensor:
        """Cross-entropy of each member's batch, (members,).

        Args:
            epoch: counted from 0.
            rows: the samples, (members, samples).
        """
        values, labels = self.job.inputs.batch(rows)
        if self.job.augment is not None:
            values = augmented(self.job.data, rows, self.job.augment, self.augment, values)
        noise, kept = self._drawn(epoch, rows.shape[1])
        outputs = self.program.run(values, Context(self.stack.state, training=True, noise=noise, kept=kept))
        return functional.cross_entropy(outputs, labels, reduction="none").mean(1)

    def _drawn(self, epoch: int, samples: int) -> tuple[dict[str, Noise], dict[str, Tensor]]:
        factors = None
        if not self.steady:
            # For silent members, too: what one draws must not depend on whether its neighbours have noise.
            scheduled = zip(self.members, self.noise, strict=True)
            factors = [member.schedule.factor(epoch, samples, chance) for member, chance in scheduled]
        noise = self.plan.draw(samples, self.noise, factors)
        kept = {
            name: samples_last(torch.stack([module.draw(samples, chance) for chance in self.noise]))
            for name, module in self.dropouts
        }
        return noise, kept


def _train(job: _Job, members: Sequence[Member], counter: Counter) -> tuple[dict[str, Tensor], NDArray[np.float64]]:
    """State and losses of a chunk."""
    recipe, chunk = job.recipe, _Chunk(job, members)
    stack = chunk.stack
    held = [] if recipe.clamp is None else [stack.parameters[name] for name in clampable(stack.template)]
    frozen = {name for name, value in stack.template.named_parameters() if not value.requires_grad}
    learnt = [value.requires_grad_() for name, value in stack.parameters.items() if name not in frozen]
    optimiser = torch.optim.Adam(learnt, lr=recipe.learning_rate, fused=True)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    losses = torch.zeros(len(members), recipe.epochs, dtype=torch.float64)
    for epoch in range(recipe.epochs):
        order = chunk.epoch_rows()
        total = order.new_zeros(len(members), dtype=recipe.dtype)
        for first in job.starts:
            counter.step()
            rows = order[:, first : first + recipe.batch]
            loss = chunk.losses(epoch, rows)
            optimiser.zero_grad()
            torch.autograd.backward(loss.sum())
            optimiser.step()
            if recipe.clamp is not None:
                clamp_weights(held, recipe.clamp)
            total += loss.detach() * rows.shape[1]
        cosine.step()
        losses[:, epoch] = total / len(job.inputs)
    for name, value in stack.buffers.items():
        if name.endswith("num_batches_tracked"):
            value += recipe.epochs * len(job.starts)
    return {name: value.detach().cpu() for name, value in stack.state.items()}, losses.numpy()
