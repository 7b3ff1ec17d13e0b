"""Train one quantised network after another.

Many of them in one computation (:mod:`models.batched`) is not possible: Brevitas' straight-through gradients are
``autograd`` functions that ``torch.func.vmap`` refuses. Recipe, seeds and order of the samples are the same as there,
so a quantised network begins with the weights, and sees the samples, of the plain one with its seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from data.errors import Cancelled
from data.labelled import Labelled
from models.batched.checks import check_seed, check_training
from models.batched.values import Member, Recipe, Stream, generator
from models.network import Progress
from models.noise import ADDITIVE, SILENT, NoiseKind, NoisyModule, Strengths, clamp_weights, clampable, inject
from models.quantised.nets import largest_activation, quantise, quantised_rectifiers
from models.quantised.rules import Quantisation
from models.threads import one_thread

_JUDGED = 512
"""Samples that noise is drawn for at a time, as in :mod:`models.batched`."""


@one_thread()
def train_quantised(
    build: Callable[[torch.Generator], nn.Module],
    quantisation: Quantisation,
    samples: Labelled,
    member: Member,
    recipe: Recipe,
    *,
    kind: NoiseKind = ADDITIVE,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> NoisyModule:
    """Build, quantise and train a network; the same arguments give the same one.

    Args:
        build: makes a float network with initial weights from a generator.
        quantisation: of weights and activations.
        samples: to learn from.
        member: seed, and noise in training, which quantised networks are published without.
        recipe: how.
        kind: of the noise that the network's points give.
        progress: told after every epoch.
        should_stop: asked before every step.

    Returns:
        the network with a noise point after every operation, ready for evaluation.

    Raises:
        BadInput: a recipe, quantisation or network that makes no sense, or Brevitas is not installed.
        Cancelled: ``should_stop`` said so.
    """
    recipe.check()
    check_seed(member.seed)
    inputs, labels = torch.from_numpy(samples.inputs).to(recipe.dtype), torch.from_numpy(samples.labels)
    net = build(generator(member.seed, Stream.WEIGHTS)).to(recipe.dtype)
    noisy = quantise(inject(net, kind, inputs[:2]), quantisation)
    check_training(noisy, [member], len(inputs), recipe)
    noisy.set_strengths(training=member.strengths)
    noisy.train()
    order, noise = generator(member.seed, Stream.ORDER), generator(member.seed, Stream.NOISE)
    weights = dict(noisy.named_parameters())
    clamped = [weights[name] for name in clampable(noisy)]
    optimiser = torch.optim.Adam(weights.values(), lr=recipe.learning_rate)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs)
    for epoch in range(recipe.epochs):
        shuffled = torch.randperm(len(inputs), generator=order)
        for first in range(0, len(inputs), recipe.batch):
            rows = shuffled[first : first + recipe.batch]
            if should_stop is not None and should_stop():
                raise Cancelled("the training of a quantised network was stopped")
            noisy.draw(len(rows), noise, factor=member.schedule.factor(epoch, len(rows), noise))
            optimiser.zero_grad()
            torch.autograd.backward(functional.cross_entropy(noisy(inputs[rows]), labels[rows]))
            optimiser.step()
            if recipe.clamp is not None:
                clamp_weights(clamped, recipe.clamp)
        cosine.step()
        if progress is not None:
            progress((epoch + 1) / recipe.epochs, f"quantised network, epoch {epoch + 1} of {recipe.epochs}")
    return noisy.eval()


@one_thread()
def accuracies(
    noisy: NoisyModule, samples: Labelled, grid: Sequence[Strengths], seed: int, draws: int = 1
) -> NDArray[np.float64]:
    """Share of right decisions of a trained network under noise, shape (strengths,).

    The noise is that which :func:`models.batched.evaluate` gives a member of this seed.

    Args:
        noisy: the network, in evaluation.
        samples: to judge by.
        grid: strengths at its points.
        seed: of the noise; every strength and every draw has other noise.
        draws: how often each sample is judged; without any noise once is as good and is what is done.
    """
    inputs, labels = torch.from_numpy(samples.inputs), torch.from_numpy(samples.labels)
    inputs = inputs.to(next(noisy.parameters()).dtype)
    found = np.zeros(len(grid))
    before = noisy.evaluation_strengths
    try:
        for index, strengths in enumerate(grid):
            noisy.set_strengths(evaluation=strengths)
            silent = all(strengths.silent(point.name) for point in noisy.points)
            rights = [_right(noisy, inputs, labels, (seed, index, draw)) for draw in range(1 if silent else draws)]
            found[index] = sum(rights) / (len(rights) * len(samples))
    finally:
        noisy.set_strengths(evaluation=before)
    return found


@one_thread()
def cut_shares(noisy: NoisyModule, samples: Labelled) -> Mapping[str, float]:
    """Share of the activations that each quantised rectifier cuts to its largest one, without noise.

    Of those above 0: what is below is no matter of scale. A few in a hundred thousand are what a learned scale begins
    with; many say that it has not followed the activations.

    Args:
        noisy: a quantised network, in evaluation; what was drawn is forgotten.
        samples: its inputs.
    """
    above: Counter[str] = Counter()
    positive: Counter[str] = Counter()

    def counting(name: str, ceiling: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def see(_: nn.Module, given: tuple[Tensor, ...]) -> None:
            above[name] += int((given[0] > ceiling).sum())
            positive[name] += int((given[0] > 0).sum())

        return see

    before = noisy.evaluation_strengths
    rectifiers = quantised_rectifiers(noisy)
    handles = [
        module.register_forward_pre_hook(counting(name, largest_activation(module)))
        for name, module in rectifiers.items()
    ]
    try:
        noisy.set_strengths(evaluation=SILENT)
        inputs = torch.from_numpy(samples.inputs).to(next(noisy.parameters()).dtype)
        with torch.no_grad():
            for some in torch.split(inputs, _JUDGED):
                noisy(some)
    finally:
        noisy.set_strengths(evaluation=before)
        for handle in handles:
            handle.remove()
    return {name: above[name] / max(positive[name], 1) for name in rectifiers}


def _right(noisy: NoisyModule, inputs: Tensor, labels: Tensor, which: tuple[int, int, int]) -> int:
    found, (seed, index, draw) = 0, which
    with torch.no_grad():
        for first in range(0, len(inputs), _JUDGED):
            some = inputs[first : first + _JUDGED]
            noisy.draw(len(some), generator(seed, Stream.EVALUATION, 0, index, draw, first))
            found += int((noisy(some).argmax(dim=1) == labels[first : first + _JUDGED]).sum())
    return found
