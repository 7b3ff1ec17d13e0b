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
from labctl.studies.walking.names import (
    EVERYWHERE,
    EXPLAINED,
    QUIET,
    SEPARATION,
    SIGNAL,
    TWO_LEVELS,
    WEIGHTS,
    WEIGHTS_BEHIND,
)
from models.noise import ADDITIVE, NoisyModule, inject
from models.noise.clamping import clampable
from models.robustness import binarisation, two_levels, unit_sizes

LOOKED_AT = 500
"""Samples by which activations are judged, and as many training samples for the sizes of the levels."""
_BATCH = 250

Activations = NDArray[np.float32]


class Inside:
    """A trained network, asked for what passes its injection points without noise.

    Args:
        net: in evaluation.
        train: samples for the sizes of levels.
        test: samples that are judged.
    """

    def __init__(self, net: nn.Module, train: Labelled, test: Labelled) -> None:
        self._net = net
        self._train = train.select(slice(0, LOOKED_AT))
        self._test = test.select(slice(0, LOOKED_AT))

    def rows(self, injections: Sequence[str], names: Mapping[str, Any], *, levels: bool) -> Iterator[Row]:
        """Figures of the network and of its activations at some points.

        Args:
            injections: names of points, or ``everywhere``, where all layers count as in front.
            names: of the rows.
            levels: whether two levels are asked for.
        """
        noisy = inject(self._net, ADDITIVE, torch.from_numpy(self._test.inputs[:2]))
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
        try:
            found = binarisation(signal[:, alive] / sizes[alive])
        except BadInput:
            # A layer that is silent, or has run away to infinity, has no levels.
            return
        yield {**where, "quantity": EXPLAINED, "value": found.explained}
        if np.isfinite(found.separation):
            yield {**where, "quantity": SEPARATION, "value": found.separation}

        def signs(values: Tensor) -> Tensor:
            return torch.from_numpy(two_levels(values.numpy(), sizes))

        _, right = self._through(noisy, self._test, (), {injection: signs})
        yield {**where, "quantity": TWO_LEVELS, "value": right, "count": len(self._test)}

    @staticmethod
    def _through(
        noisy: NoisyModule,
        part: Labelled,
        wanted: Sequence[str],
        changed: Mapping[str, Callable[[Tensor], Tensor]] | None = None,
    ) -> tuple[dict[str, Activations], float]:
        """Activations at some points, shape (samples, ...), and accuracy, with what is changed at others."""
        kept: dict[str, list[Activations]] = {name: [] for name in wanted}
        handles = []

        def keep(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
            return lambda _module, _inputs, output: kept[name].append(output.numpy().copy())

        def change(how: Callable[[Tensor], Tensor]) -> Callable[[nn.Module, Any, Tensor], Tensor]:
            return lambda _module, _inputs, output: how(output)

        right = 0
        try:
            handles += [noisy.point(name).register_forward_hook(keep(name)) for name in wanted]
            handles += [noisy.point(name).register_forward_hook(change(how)) for name, how in (changed or {}).items()]
            with torch.no_grad():
                for first in range(0, len(part), _BATCH):
                    batch = part.select(slice(first, first + _BATCH))
                    decided = noisy(torch.from_numpy(batch.inputs)).argmax(1).numpy()
                    right += int(np.sum(decided == batch.labels))
        finally:
            for handle in handles:
                handle.remove()
        return {name: np.concatenate(parts) for name, parts in kept.items()}, right / len(part)
