"""Refine chip parameters by gradient on measured outputs: all columns and terms at once, through the ordered model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from data.errors import BadInput
from data.values import Activations, Schedule, Weights, check_activations, check_weights
from models.chip_tensors import ChipTensors
from models.parameters import ChipParameters

_BY_FACTOR: Final = ("gain", "tau_membrane_ns", "rail_low", "rail_high", "tau_line_ns", "line_limit")
"""Parameters that keep their sign: learned as the logarithm of a factor; all others as a difference."""
_CHUNK: Final = 4096
"""Vectors computed at a time."""


@dataclass(frozen=True)
class Measured:
    """Outputs of one programme and schedule.

    Attributes:
        activations: codes, shape (vectors, rows).
        weights: codes, shape (rows, columns).
        schedule: how the vectors were sent.
        outputs: codes, or their mean over repeats, shape (vectors, columns).
    """

    activations: Activations
    weights: Weights
    schedule: Schedule
    outputs: NDArray[np.floating]


@dataclass(frozen=True)
class Refined:
    """What a refinement found.

    Attributes:
        chip: the parameters after it.
        before: mean squared residual in output codes squared, at the start.
        after: the same at the end.
        evaluations: how often the model was computed.
    """

    chip: ChipParameters
    before: float
    after: float
    evaluations: int


def refine(
    chip: ChipParameters, learn: Collection[str], measured: Sequence[Measured], *, iterations: int = 60
) -> Refined:
    """Least squares from ``chip`` on, by L-BFGS (Nocedal and Wright, *Numerical Optimization*, 2nd ed., section 7.2).

    Only what a voltage reaches has a gradient: a rail should start nearer to 0 than it is, not farther out, and the
    parameters in ``learn`` must not be able to stand in for each other (``gain`` for ``row_gain``, say). Outputs at the
    ends of the ADC's range are left out.

    Args:
        chip: where to start, an ordered model or an unordered one.
        learn: names of parameters (:data:`models.chip_tensors.LEARNABLE`).
        measured: at least one set of outputs.
        iterations: at most so many.

    Raises:
        BadInput: a name that cannot be learned, or measurements that do not fit the chip.
    """
    if not measured or not learn:
        raise BadInput("a refinement needs at least one measurement and one parameter to learn")
    start = ChipTensors.of(chip, torch.float32).learning(learn)
    sets = [_Set.of(item, chip) for item in measured]
    steps = {name: torch.zeros_like(getattr(start, name), requires_grad=True) for name in learn}
    optimiser = torch.optim.LBFGS(
        list(steps.values()), max_iter=iterations, history_size=20, line_search_fn="strong_wolfe"
    )
    losses: list[float] = []

    def evaluate() -> Tensor:
        optimiser.zero_grad()
        total = torch.zeros(())
        for part in sets:
            # One backward pass a chunk, so that memory does not grow with the measurement.
            for first in range(0, len(part.activations), _CHUNK):
                loss = part.loss(_moved(start, steps), first) / sum(item.weight for item in sets)
                torch.autograd.backward(loss)
                total += loss.detach()
        losses.append(float(total))
        return total

    # The line search of torch minimises until nothing changes any more; it needs no tolerance of ours.
    optimiser.step(evaluate)  # type: ignore[no-untyped-call]
    evaluate()
    return Refined(_moved(start, steps).parameters(), losses[0], losses[-1], len(losses))


@dataclass(frozen=True)
class _Set:
    activations: Tensor
    weights: Tensor
    schedule: Schedule
    outputs: Tensor
    counts: Tensor

    @classmethod
    def of(cls, item: Measured, chip: ChipParameters) -> _Set:
        geometry = chip.geometry
        item.schedule.check(geometry)
        activations = torch.as_tensor(check_activations(item.activations, geometry))
        weights = torch.as_tensor(check_weights(item.weights, geometry).astype(np.float32))
        outputs = torch.as_tensor(np.asarray(item.outputs, np.float32))
        if outputs.shape != (len(activations), geometry.columns) or not bool(outputs.isfinite().all()):
            raise BadInput(
                f"the outputs have shape {tuple(outputs.shape)}; they must be finite numbers of shape "
                f"({len(activations)}, {geometry.columns})"
            )
        counts = (outputs > geometry.output_min) & (outputs < geometry.output_max)
        return cls(activations, weights, item.schedule, outputs, counts)

    @property
    def weight(self) -> int:
        return max(int(self.counts.sum()), 1)

    def loss(self, chip: ChipTensors, first: int) -> Tensor:
        """Sum of the squared residuals of a chunk; rounding down takes half a code on average."""
        part = slice(first, first + _CHUNK)
        charges = chip.input_charges(self.activations[part])[:, None]
        levels = chip.voltages(charges, chip.folded_weights(self.weights)[None], self.schedule)[:, 0] + chip.offset
        residual = torch.where(self.counts[part], levels - 0.5 - self.outputs[part], 0.0)
        return residual.square().sum()


def _moved(start: ChipTensors, steps: dict[str, Tensor]) -> ChipTensors:
    def value(name: str, step: Tensor) -> Tensor:
        held: Tensor = getattr(start, name).detach()
        return held * step.exp() if name in _BY_FACTOR else held + step

    moved: dict[str, Any] = {name: value(name, step) for name, step in steps.items()}
    return replace(start, **moved)
