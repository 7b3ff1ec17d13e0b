"""The layers a program is made of, each a value that computes all members at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from data.errors import BadInput
from models.batched import layers
from models.batched.convolution import convolve, convolve_pool
from models.batched.layers import Pair
from models.batched.pooling import max_pool
from models.noise.kinds import NoiseKind


@dataclass(frozen=True)
class Noise:
    """What a point adds to the activations of all members.

    Attributes:
        strength: as many axes as the activations; broadcasts over them.
        draw: standard normals, shape of the activations, with an axis of ``kind.draws`` in front if that is > 1.
    """

    strength: Tensor
    draw: Tensor


@dataclass(frozen=True)
class Context:
    """What a run of a program computes with.

    Attributes:
        state: parameters and buffers by name, all members stacked; running statistics change in training.
        training: or evaluation.
        noise: by injection point.
        kept: masks of dropout by name of the layer, shape of the activations.
    """

    state: Mapping[str, Tensor]
    training: bool
    noise: Mapping[str, Noise] = field(default_factory=dict)
    kept: Mapping[str, Tensor] = field(default_factory=dict)


class Layer(Protocol):
    """Computes one value of all members."""

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """The value."""
        ...


@dataclass(frozen=True)
class Linear:
    """Fully connected."""

    name: str

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, outputs, samples)."""
        return layers.linear(inputs[0], context.state[f"{self.name}.weight"], context.state.get(f"{self.name}.bias"))


@dataclass(frozen=True)
class Convolution:
    """In two dimensions."""

    name: str
    stride: Pair
    padding: Pair

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, rows, outputs, columns, samples)."""
        weights, bias = context.state[f"{self.name}.weight"], context.state.get(f"{self.name}.bias")
        return convolve(inputs[0], weights, bias, self.stride, self.padding)


@dataclass(frozen=True)
class BatchNorm:
    """With each member's own statistics."""

    name: str
    eps: float
    momentum: float

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """Shape as the activations."""
        (values,) = inputs
        factor, offset = (context.state.get(f"{self.name}.{part}") for part in ("weight", "bias"))
        mean, variance = (context.state.get(f"{self.name}.running_{part}") for part in ("mean", "var"))
        if not context.training and mean is not None and variance is not None:
            return layers.running_norm(values, mean, variance, factor, offset, self.eps)
        normalised, now_mean, now_variance = layers.batch_norm(values, factor, offset, self.eps)
        if context.training and mean is not None and variance is not None:
            count = values.numel() // now_mean.numel()
            mean.lerp_(now_mean, self.momentum)
            variance.lerp_(now_variance * (count / (count - 1)), self.momentum)
        return normalised


@dataclass(frozen=True)
class Relu:
    """Rectifier.

    Attributes:
        in_place: nobody else needs the values that come in.
    """

    in_place: bool = False

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """Shape as the activations."""
        return inputs[0].relu_() if self.in_place else inputs[0].relu()


@dataclass(frozen=True)
class MaxPool:
    """Largest of every window.

    Attributes:
        rectified: whether the rectifier before it is part of it.
    """

    kernel: Pair
    stride: Pair
    padding: Pair
    rectified: bool = False

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, rows, channels, columns, samples)."""
        return max_pool(inputs[0], self.kernel, self.stride, self.padding, rectified=self.rectified)


@dataclass(frozen=True)
class PooledConvolution:
    """A convolution with steps of 1 and a max-pool of windows that do not overlap.

    Attributes:
        rectified: whether there is a rectifier between.
    """

    name: str
    padding: Pair
    kernel: Pair
    rectified: bool

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, rows, outputs, columns, samples)."""
        weights, bias = context.state[f"{self.name}.weight"], context.state.get(f"{self.name}.bias")
        return convolve_pool(inputs[0], weights, bias, self.padding, self.kernel, rectified=self.rectified)


@dataclass(frozen=True)
class AveragePool:
    """Mean of every window, without padding."""

    kernel: Pair
    stride: Pair

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, rows, channels, columns, samples)."""
        return layers.average_pool(inputs[0], self.kernel, self.stride)


@dataclass(frozen=True)
class Mean:
    """Global average pool: one value a channel."""

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, 1, channels, 1, samples)."""
        return inputs[0].mean((1, 3), keepdim=True)


@dataclass(frozen=True)
class Flatten:
    """Pictures as vectors."""

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """(members, values, samples)."""
        return layers.flatten(inputs[0])


@dataclass(frozen=True)
class Add:
    """Two ways come together."""

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """Shape as the activations."""
        one, two = inputs
        samples = max(one.shape[-1], two.shape[-1])
        return _repeated(one, samples) + _repeated(two, samples)


@dataclass(frozen=True)
class Point:
    """Injection point with noise."""

    name: str
    kind: NoiseKind

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """Shape as the activations; where noise was drawn for several times as many samples, these are repeated."""
        noise = context.noise[self.name]
        return self.kind(_repeated(inputs[0], noise.draw.shape[-1]), noise.strength, noise.draw)


@dataclass(frozen=True)
class Dropout:
    """Leaves activations out in training."""

    name: str

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """Shape as the activations."""
        kept = context.kept.get(self.name)
        return inputs[0] * kept if context.training and kept is not None else inputs[0]


@dataclass(frozen=True)
class Foreign:
    """Any other layer or function, member by member through ``torch.func.vmap``.

    Attributes:
        call: takes a mapping of the layer's parameters and the activations of one member, samples first.
        owner: name of the layer, empty for a function.
        parameters: names of its parameters.
    """

    call: Callable[..., Tensor]
    owner: str = ""
    parameters: tuple[str, ...] = ()

    def __call__(self, context: Context, *inputs: Tensor) -> Tensor:
        """In the layout of this room."""
        own = {name: context.state[f"{self.owner}.{name}"] for name in self.parameters}
        samples = max(value.shape[-1] for value in inputs)
        each = (samples_first(_repeated(value, samples)) for value in inputs)
        outputs: Tensor = torch.func.vmap(self.call)(own, *each)
        return samples_last(outputs)


def samples_first(values: Tensor) -> Tensor:
    """(members, samples, ...) with the axes in the order of one network; a view.

    Raises:
        BadInput: what goes through the network is neither a picture nor a vector.
    """
    if values.ndim not in (3, 5):
        raise _neither(values)
    return values.permute(0, 4, 2, 1, 3) if values.ndim == 5 else values.transpose(1, 2)


def samples_last(values: Tensor) -> Tensor:
    """The way back."""
    if values.ndim not in (3, 5):
        raise _neither(values)
    return values.permute(0, 3, 2, 4, 1) if values.ndim == 5 else values.transpose(1, 2)


def _neither(values: Tensor) -> BadInput:
    return BadInput(
        f"between the layers are values with {values.ndim - 2} axes a sample; several networks can be computed at once "
        "where these are pictures (3 axes) or vectors (1)"
    )


def _repeated(values: Tensor, samples: int) -> Tensor:
    """All samples again and again until there are so many."""
    times = samples // values.shape[-1]
    return values if times == 1 else values.repeat(*(1,) * (values.ndim - 1), times)
