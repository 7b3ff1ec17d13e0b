"""How the strength of noise goes through a training: a factor on all strengths, for each epoch and each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from data.errors import BadInput

VantRule = Literal["normal", "half-normal"]


class NoiseSchedule(Protocol):
    """Gives the factor by which the strengths of a batch are multiplied."""

    def factor(self, epoch: int, samples: int, generator: torch.Generator) -> Tensor:
        """Shape () for one factor or (samples,) for one a sample, float32, on the device of the generator.

        Args:
            epoch: counted from 0.
            samples: of the batch.
            generator: gives what is drawn; the same that draws the noise of the batch afterwards.
        """
        ...


@dataclass(frozen=True)
class Constant:
    """The full strength all the time."""

    def factor(self, epoch: int, samples: int, generator: torch.Generator) -> Tensor:
        """1."""
        return _one(1.0, generator)


@dataclass(frozen=True)
class Ramp:
    """Nothing for ``after`` epochs, then linearly up to the full strength over ``epochs``, then constant.

    The published trainings of VGG rise over the first 100 of 500 epochs (Wang et al., arXiv 2501.14531).
    """

    epochs: int
    after: int = 0

    def __post_init__(self) -> None:
        _check_epochs(epochs=self.epochs, after=self.after)

    def level(self, epoch: int) -> float:
        """The factor as a number."""
        done = epoch - self.after
        return 0.0 if done < 0 else 1.0 if done >= self.epochs else done / self.epochs

    def factor(self, epoch: int, samples: int, generator: torch.Generator) -> Tensor:
        """0 to 1."""
        return _one(self.level(epoch), generator)


@dataclass(frozen=True)
class Overshoot:
    """Linearly up to ``peak`` times the strength over ``rise`` epochs, back to it over ``fall``, then constant."""

    rise: int = 100
    fall: int = 75
    peak: float = 1.5

    def __post_init__(self) -> None:
        _check_epochs(rise=self.rise, fall=self.fall)
        if not (math.isfinite(self.peak) and self.peak >= 1):
            raise BadInput(f"the peak of overshooting noise is {self.peak}; it must be 1 or more")

    def factor(self, epoch: int, samples: int, generator: torch.Generator) -> Tensor:
        """0 to ``peak``."""
        if epoch < self.rise:
            return _one(self.peak * epoch / self.rise, generator)
        left = max(self.rise + self.fall - epoch, 0)
        return _one(1 + (self.peak - 1) * left / max(self.fall, 1), generator)


@dataclass(frozen=True)
class Vant:
    """Variance-aware noisy training: every sample has a strength of its own, the same at all points, new each batch.

    With z standard normal and s the strength in training, the strength of a sample is

    - rule ``normal``, as published (Wang et al., arXiv 2503.16183): normal with mean ``alpha s`` and standard deviation
      ``theta s``. A negative one counts by its size: noise is symmetric.
    - rule ``half-normal``, as in the authors' code: ``alpha s + theta s |z|``; its mean is higher by 0.80 ``theta s``,
      and it is never below ``alpha s``.

    Attributes:
        alpha: mean share of the strength (rule ``half-normal``: smallest share).
        theta: scatter relative to the strength. The publication gives it in units of the activations:
            :meth:`of_scatter` divides.
        rule: ``normal`` or ``half-normal``.
        ramp: rises before; strengths scatter once it has reached its full height.
    """

    alpha: float = 0.45
    theta: float = 0.5
    rule: VantRule = "normal"
    ramp: Ramp | None = None

    def __post_init__(self) -> None:
        for name in ("alpha", "theta"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise BadInput(f"{name} of variance-aware noise is {value}; it must be 0 or more")
        if self.rule not in ("normal", "half-normal"):
            raise BadInput(f"variance-aware noise has the rules 'normal' and 'half-normal', not {self.rule!r}")

    @classmethod
    def of_scatter(
        cls,
        scatter: float,
        strength: float,
        *,
        alpha: float = 0.45,
        rule: VantRule = "normal",
        ramp: Ramp | None = None,
    ) -> Vant:
        """``theta`` from a scatter in the units of the strength.

        Raises:
            BadInput: a strength that is not positive.
        """
        if not strength > 0:
            raise BadInput(f"the strength that scatters is {strength}; it must be positive")
        return cls(alpha, scatter / strength, rule, ramp)

    def factor(self, epoch: int, samples: int, generator: torch.Generator) -> Tensor:
        """Shape (samples,); while the ramp rises, shape () and nothing is drawn."""
        if self.ramp is not None and self.ramp.level(epoch) < 1:
            return self.ramp.factor(epoch, samples, generator)
        z = torch.randn(samples, generator=generator, device=generator.device)
        if self.rule == "half-normal":
            return self.alpha + self.theta * z.abs()
        return (self.alpha + self.theta * z).abs()


def _one(value: float, generator: torch.Generator) -> Tensor:
    return torch.tensor(value, device=generator.device)


def _check_epochs(**epochs: int) -> None:
    for name, value in epochs.items():
        if value < 0:
            raise BadInput(f"a noise schedule with {name} = {value} epochs cannot be; it must be 0 or more")
