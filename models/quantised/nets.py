"""A quantised network of any float network: its layers and rectifiers replaced, everything else as it was."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.quantised.rules import Quantisation, need_brevitas

_SMALLEST_WEIGHT_SCALE = 2e-16
"""What Brevitas keeps scales of weights above, so that an output channel of zeros divides by something."""


Net = TypeVar("Net", bound=nn.Module)


def quantise(net: Net, quantisation: Quantisation) -> Net:
    """A copy of a network with the same weights whose layers and rectifiers are Brevitas' quantised ones.

    Names of modules and parameters stay, so a graph traced before (:func:`models.noise.inject`) still holds: noise
    points see what the quantised operations give. Batch norm, pooling and dropout stay what they are. Rectifiers must
    be modules; those that a network calls as a function are not seen.

    Args:
        net: convolutions, fully connected layers and rectifiers as modules.
        quantisation: how.

    Raises:
        BadInput: the quantisation makes no sense, the network has no layers or no rectifiers of its own, or Brevitas
            is not installed.
    """
    quantisation.check()
    need_brevitas()
    made = copy.deepcopy(net)
    replace: dict[type[nn.Module], Callable[[Any, Quantisation], nn.Module]] = {
        nn.Linear: _linear,
        nn.Conv2d: _convolution,
        nn.ReLU: _rectifier,
    }
    done: dict[nn.Module, nn.Module] = {}
    # Brevitas' layers draw initial weights, which are overwritten; whoever draws from torch must not notice.
    with torch.random.fork_rng(devices=[]):
        for name, module in list(made.named_modules(remove_duplicate=False)):
            if type(module) in replace:
                if module not in done:
                    done[module] = replace[type(module)](module, quantisation).train(module.training)
                _put(made, name, done[module])
    if not any(isinstance(module, nn.ReLU) for module in done):
        raise BadInput("the network has no rectifier as a module of its own, so no activation would be quantised")
    if all(isinstance(module, nn.ReLU) for module in done):
        raise BadInput("the network has no convolution or fully connected layer to quantise")
    return made


def activation_steps(net: nn.Module) -> Mapping[str, float]:
    """The step between two activations of each quantised rectifier by its name, in the order of the network."""
    return {name: float(module.act_quant.scale().detach()) for name, module in quantised_rectifiers(net).items()}


def quantised_rectifiers(net: nn.Module) -> Mapping[str, Any]:
    """Brevitas' rectifiers by their names, in the order of the network."""
    import brevitas.nn as quantised

    return {name: module for name, module in net.named_modules() if isinstance(module, quantised.QuantReLU)}


def largest_activation(rectifier: Any) -> Tensor:
    """The largest activation that a quantised rectifier gives, as a tensor without axes."""
    quantiser = rectifier.act_quant
    largest: Tensor = quantiser.scale().detach() * (2 ** quantiser.bit_width().detach() - 1)
    return largest.reshape(())


def _linear(module: nn.Linear, quantisation: Quantisation) -> nn.Module:
    import brevitas.nn as quantised
    from brevitas.quant import Int8WeightPerTensorFloat

    made = quantised.QuantLinear(
        module.in_features,
        module.out_features,
        bias=module.bias is not None,
        weight_quant=Int8WeightPerTensorFloat,
        weight_bit_width=quantisation.bits,
        weight_scaling_min_val=_SMALLEST_WEIGHT_SCALE,
    )
    return _with_weights(made, module)


def _convolution(module: nn.Conv2d, quantisation: Quantisation) -> nn.Module:
    import brevitas.nn as quantised
    from brevitas.quant import Int8WeightPerChannelFloat

    made = quantised.QuantConv2d(
        module.in_channels,
        module.out_channels,
        module.kernel_size,
        stride=module.stride,
        padding=module.padding,
        dilation=module.dilation,
        groups=module.groups,
        padding_mode=module.padding_mode,
        bias=module.bias is not None,
        weight_quant=Int8WeightPerChannelFloat,
        weight_bit_width=quantisation.bits,
        weight_scaling_min_val=_SMALLEST_WEIGHT_SCALE,
    )
    return _with_weights(made, module)


def _rectifier(_: nn.ReLU, quantisation: Quantisation) -> nn.Module:
    import brevitas.nn as quantised
    from brevitas.inject.enum import ScalingImplType
    from brevitas.quant import Uint8ActPerTensorFloat

    scaling: dict[str, object]
    if quantisation.scale is None:
        scaling = {"collect_stats_steps": quantisation.collect_steps}
    else:
        scaling = {"scaling_impl_type": ScalingImplType.CONST, "scaling_init": quantisation.ceiling}
    made: nn.Module = quantised.QuantReLU(
        act_quant=Uint8ActPerTensorFloat.let(bit_width=quantisation.bits, **scaling), return_quant_tensor=False
    )
    return made


def _with_weights(made: nn.Module, module: nn.Linear | nn.Conv2d) -> nn.Module:
    made.to(dtype=module.weight.dtype, device=module.weight.device)
    made.load_state_dict(module.state_dict())
    return made


def _put(net: nn.Module, name: str, module: nn.Module) -> None:
    if not name:
        raise BadInput("a single layer is no network; give it as a module of one")
    parent, _, own = name.rpartition(".")
    setattr(net.get_submodule(parent), own, module)
