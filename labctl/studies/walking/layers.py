"""What is inside a trained network: sizes of weights and signals, and how nearly its activations are two levels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from data.errors import BadInput
from data.labelled import Labelled
from labctl.studies.points import Row
from labctl.studies.walking.datasets import spread
from labctl.studies.walking.names import (
    ALL_LEVELS,
    EVERYWHERE,
    EXPLAINED,
    EXPLAINED_SIZES,
    ON_OFF,
    QUIET,
    SEPARATION,
    SIGNAL,
    SIGNS,
    WEIGHTS,
    WEIGHTS_BEHIND,
)
from models.batched.values import Member, Stream, generator
from models.noise import MULTIPLICATIVE, SILENT, NoiseKind, NoisyModule, Strengths, inject
from models.noise.clamping import clampable
from models.robustness import binarisation, on_or_off, two_levels, unit_sizes

LOOKED_AT = 500
"""Samples by which activations are judged, and as many training samples for the sizes of the levels."""
_BATCH = 250

Activations = NDArray[np.float32]
Change = Callable[[Activations], Activations]


class Inside:
    """A trained network, asked for what passes its injection points in front of the noise.

    Args:
        net: in evaluation.
        train: samples for the sizes of levels.
        test: samples that are judged.
        member: the training: strengths of the noise that accuracies with two levels are judged under, and the seed of
            its draws.
        kind: of that noise.
    """

    def __init__(
        self,
        net: nn.Module,
        train: Labelled,
        test: Labelled,
        member: Member,
        kind: NoiseKind = MULTIPLICATIVE,
    ) -> None:
        self._net = net
        self._train = spread(train, LOOKED_AT)
        self._test = spread(test, LOOKED_AT)
        self._member = member
        self._kind = kind

    def rows(self, injections: Sequence[str], names: Mapping[str, Any], *, levels: bool) -> Iterator[Row]:
        """Figures of the network and of its activations at some points.

        Args:
            injections: names of points, or ``everywhere``, where all layers count as in front.
            names: of the rows.
            levels: whether two levels are asked for.
        """
        noisy = inject(self._net, self._kind, torch.from_numpy(self._test.inputs[:2])).eval()
        points = [name for name in injections if name != EVERYWHERE]
        seen, right = self._through(noisy, self._test, points)
        learnt = self._through(noisy, self._train, points)[0] if levels else {}
        for injection in injections:
            where = {**names, "injection": injection}
            yield from self._weights(noisy, injection, where)
            if injection == EVERYWHERE:
                continue
            signal = seen[injection]
            yield {**where, "quantity": SIGNAL, "value": float(np.std(signal - signal.mean(axis=0), dtype=np.float64))}
            if levels:
                yield {**where, "quantity": QUIET, "value": right, "count": len(self._test)}
                yield from self._levels(noisy, injection, where, signal, learnt[injection])

    def _weights(self, noisy: NoisyModule, injection: str, where: Mapping[str, Any]) -> Iterator[Row]:
        """Sizes of the weights in front of a point and behind it; none where there are no layers."""
        parameters = dict(self._net.named_parameters())
        layers = [name.removesuffix(".weight") for name in clampable(self._net)]
        order = [point.name for point in noisy.points]
        place = {point.source: order.index(point.name) for point in noisy.points}
        last = len(order) if injection == EVERYWHERE else order.index(injection)
        for quantity, front in ((WEIGHTS, True), (WEIGHTS_BEHIND, False)):
            chosen = [parameters[f"{name}.weight"] for name in layers if (place[name] <= last) == front]
            if chosen:
                sizes = torch.stack([weights.detach().double().square().mean().sqrt() for weights in chosen])
                yield {**where, "quantity": quantity, "value": float(sizes.log().mean().exp())}

    def _levels(
        self, noisy: NoisyModule, injection: str, where: Mapping[str, Any], signal: Activations, learnt: Activations
    ) -> Iterator[Row]:
        sizes = unit_sizes(learnt)
        alive = sizes > 0
        shares = signal[:, alive] / sizes[alive]
        try:
            found, large = binarisation(shares), binarisation(np.abs(shares))
            cut = binarisation(np.abs(learnt[:, alive] / sizes[alive]))
        except BadInput:
            # A layer that is silent, or has run away to infinity, has no levels.
            return
        yield {**where, "quantity": EXPLAINED, "value": found.explained}
        yield {**where, "quantity": EXPLAINED_SIZES, "value": large.explained}
        if np.isfinite(found.separation):
            yield {**where, "quantity": SEPARATION, "value": found.separation}
        codes: dict[str, Change] = {
            ALL_LEVELS: lambda values: values,
            SIGNS: lambda values: two_levels(values, sizes),
            ON_OFF: lambda values: on_or_off(values, sizes, (cut.low + cut.high) / 2),
        }
        for quantity, code in codes.items():
            _, right = self._through(noisy, self._test, (), {injection: code}, self._member.strengths)
            yield {**where, "quantity": quantity, "value": right, "count": len(self._test)}

    def _through(
        self,
        noisy: NoisyModule,
        part: Labelled,
        wanted: Sequence[str],
        changed: Mapping[str, Change] | None = None,
        strengths: Strengths = SILENT,
    ) -> tuple[dict[str, Activations], float]:
        """Activations in front of some points, shape (samples, ...), and accuracy, with what is changed at others.

        The noise of a member is the same in every call.
        """
        kept: dict[str, list[Activations]] = {name: [] for name in wanted}
        handles = []

        def keep(name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
            return lambda _module, inputs: kept[name].append(inputs[0].numpy().copy())

        def change(how: Change) -> Callable[[nn.Module, tuple[Tensor]], Tensor]:
            return lambda _module, inputs: torch.from_numpy(how(inputs[0].numpy()))

        right, chance = 0, generator(self._member.seed, Stream.EVALUATION)
        noisy.set_strengths(evaluation=strengths)
        try:
            handles += [noisy.point(name).register_forward_pre_hook(keep(name)) for name in wanted]
            handles += [
                noisy.point(name).register_forward_pre_hook(change(how)) for name, how in (changed or {}).items()
            ]
            with torch.no_grad():
                for first in range(0, len(part), _BATCH):
                    batch = part.select(slice(first, first + _BATCH))
                    noisy.draw(len(batch), chance)
                    decided = noisy(torch.from_numpy(batch.inputs)).argmax(1).numpy()
                    right += int(np.sum(decided == batch.labels))
        finally:
            noisy.set_strengths(evaluation=SILENT)
            for handle in handles:
                handle.remove()
        return {name: np.concatenate(parts) for name, parts in kept.items()}, right / len(part)
