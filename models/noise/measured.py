"""Strengths as a board has them: the trial noise of its columns, in the units of a network's activations."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm

from data.errors import BadInput
from data.values import Schedule
from models.conversion import ACTIVATIONS_IN_RANGE, VOLTAGES_IN_RANGE, WEIGHTS_IN_RANGE, usable_range
from models.layers import OrderedConv2d, OrderedLinear
from models.network import even_splits
from models.noise.folding import folding_factor
from models.noise.graph import modes_kept
from models.noise.noisy import NoisyModule
from models.noise.operations import Op, Point
from models.noise.strengths import Strengths
from models.parameters import ChipParameters

_ROUNDING: Final = 1 / 12
"""Variance of rounding down to whole codes, its mean being taken up by the offset."""
_VECTORS: Final = 2048
"""Vectors of a layer by which its range is told."""

Product = nn.Linear | nn.Conv2d | OrderedLinear


def measured_strengths(
    noisy: NoisyModule,
    example: Tensor,
    chip: ChipParameters,
    schedule: Schedule,
    columns: NDArray[np.intp] | None = None,
) -> Strengths:
    """Additive strengths for training for a board: one for each output or channel of every product it would carry.

    A product is cut into blocks of the array's rows; each block is read with the trial noise of its column and rounded,
    and block outputs are summed, so that the noise of an output is ``sqrt(blocks (noise^2 + 1/12))`` output codes. As a
    conversion to integers does, the weights are taken to fill the range of the weight codes, the inputs that of the
    activations, and both to be lowered where block outputs would not fit into rails and ADC range; that says how many
    output codes one unit of the activation is (a negative input counts by its size). Layers of our own
    (:mod:`models.layers`) count in output codes and round by themselves: theirs is ``sqrt(blocks) noise`` of the chip
    that they hold. Other points stay silent: the board computes nothing there. A batch norm right behind a product is
    folded into its weights, as :func:`models.nets.float_network` does: the noise then comes in behind it, and its
    strength at the point before it is divided by what each output is multiplied by.

    The strengths hold for the weights as they are. Take them anew every few epochs while a network learns: larger
    weights do not outgrow this noise, because the ranges follow them.

    Args:
        noisy: the network, where ``example`` is; noise that was drawn for it is forgotten.
        example: typical inputs, shape (samples, ...), by which ranges are told.
        chip: fitted parameters of the board: ``unordered`` of a calibration record, which does without the order.
        schedule: how vectors will be sent; more sends, more output codes for one unit.
        columns: columns in use, output j on the j-th; layers with more outputs begin again. None takes all.

    Raises:
        BadInput: noise that is not additive, a network without products or with one that gives more than a vector a
            sample, columns that are not there, a layer that gives nothing but zeros for the example,
            or a batch norm behind a product without running statistics or with a factor of 0.
    """
    if noisy.kind.name != "additive":
        raise BadInput(f"the trial noise of a board is additive; this network has {noisy.kind.name} noise")
    used = np.arange(chip.geometry.columns) if columns is None else np.asarray(columns)
    if not len(used) or used.min() < 0 or used.max() >= chip.geometry.columns:
        raise BadInput(f"the columns in use must be among the {chip.geometry.columns} of the array, and at least one")
    own = chip.select(used)
    products = [(point, module) for point in noisy.points if (module := _product(noisy, point)) is not None]
    if not products:
        raise BadInput("the network has no product with a point after it, so no noise of a board fits it")
    inputs, factors = _seen(noisy, [module for _, module in products], example)
    found = {}
    for point, module in products:
        if isinstance(module, OrderedLinear):
            found[point.name] = (module.noise * module.blocks**0.5).tolist()
            continue
        found[point.name] = _of_product(point, module, inputs[module], factors.get(module), own, schedule)
    return Strengths.of(found)


def _of_product(
    point: Point,
    module: nn.Linear | nn.Conv2d,
    level: Tensor,
    factor: Tensor | None,
    chip: ChipParameters,
    schedule: Schedule,
) -> list[float]:
    """Strength at each output; ``factor`` is what a batch norm behind multiplies them by, None without one."""
    vectors, weights = _vectors(module, level)
    factor = weights.new_ones(point.shape[0]) if factor is None else factor
    if not factor.all():
        raise BadInput(
            f"the batch norm behind {point.name} multiplies an output by 0; no noise before it is that of a board"
        )
    splits = even_splits(weights.shape[0], chip.geometry.rows)
    codes = _codes_per_unit(vectors, weights * factor[: weights.shape[1]], splits, chip, schedule, point.name)
    noise = np.sqrt((len(splits) - 1) * (chip.noise**2 + _ROUNDING)) / codes
    made: list[float] = (np.resize(noise, point.shape[0]) / factor.abs().double().numpy(force=True)).tolist()
    return made


def _product(noisy: NoisyModule, point: Point) -> Product | None:
    if point.op not in (Op.CONV, Op.FC, Op.OUT):
        return None
    net = noisy.net if noisy.way == "graph" else noisy.net.get_submodule("net")
    module = dict(net.named_modules()).get(point.source)
    if isinstance(module, OrderedConv2d):
        return module.product
    if not isinstance(module, Product):
        return None
    if isinstance(module, nn.Linear) and len(point.shape) != 1:
        raise BadInput(f"the product before {point.name} gives shape {point.shape} a sample; a board gives vectors")
    return module


def _seen(
    noisy: NoisyModule, modules: list[Product], example: Tensor
) -> tuple[dict[nn.Module, Tensor], dict[nn.Module, Tensor]]:
    """What comes into each module, without noise, and the factors of the batch norms that take what comes out."""
    noisy.quiet()
    inputs: dict[nn.Module, Tensor] = {}
    outputs: list[tuple[nn.Module, Tensor]] = []
    factors: dict[nn.Module, Tensor] = {}

    def see(module: nn.Module, given: tuple[Any, ...], made: Tensor) -> None:
        inputs[module] = given[0].detach()
        outputs.append((module, made))

    def see_norm(norm: nn.Module, given: tuple[Any, ...]) -> None:
        # A silent point hands over the very tensor.
        if isinstance(norm, _BatchNorm):
            factors.update({module: folding_factor(norm) for module, made in outputs if made is given[0]})

    handles = [module.register_forward_hook(see, prepend=True) for module in modules]
    norms = [module for module in noisy.net.modules() if isinstance(module, _BatchNorm)]
    handles += [norm.register_forward_pre_hook(see_norm) for norm in norms]
    try:
        with modes_kept(noisy), torch.no_grad():
            noisy.eval()
            noisy.net(example)
    finally:
        for handle in handles:
            handle.remove()
    return inputs, factors


def _vectors(module: nn.Linear | nn.Conv2d, level: Tensor) -> tuple[Tensor, Tensor]:
    """The product as an array does it: vectors (n, inputs) and weights (inputs, outputs); of groups, the first one."""
    weights = module.weight.detach().flatten(1).T
    if isinstance(module, nn.Linear):
        vectors = level.flatten(0, -2)
    else:
        first = level[:, : level.shape[1] // module.groups]
        # Padding given as a word is zeros, too, which change no range.
        padding = module.padding if isinstance(module.padding, tuple) else (0, 0)
        places = functional.unfold(
            first, module.weight.shape[2:], dilation=module.dilation, padding=padding, stride=module.stride
        )
        vectors = places.transpose(1, 2).flatten(0, 1)
        weights = weights[:, : weights.shape[1] // module.groups]
    step = max(len(vectors) // _VECTORS, 1)
    return vectors[::step], weights


def _codes_per_unit(
    vectors: Tensor, weights: Tensor, splits: tuple[int, ...], chip: ChipParameters, schedule: Schedule, name: str
) -> float:
    """Output codes for one unit of the layer's sums."""
    geometry = chip.geometry
    blocks = torch.stack([vectors[:, a:b] @ weights[a:b] for a, b in pairwise(splits)]).double().numpy(force=True)
    tail = (1 - VOLTAGES_IN_RANGE) / 2
    low, high = usable_range(chip)
    reach = max(float(np.quantile(blocks, 1 - tail)) / high, float(np.quantile(blocks, tail)) / low)
    largest = float(np.quantile(weights.abs().double().numpy(force=True), WEIGHTS_IN_RANGE))
    active = vectors.abs().double().numpy(force=True)
    brightest = float(np.quantile(active[active > 0], ACTIVATIONS_IN_RANGE)) if active.any() else 0.0
    if not (reach > 0 and largest > 0 and brightest > 0):
        raise BadInput(f"the product before {name} gives nothing but zeros for the example; its range cannot be told")
    full = schedule.sends * float(np.median(chip.gain)) * geometry.weight_max / largest
    return min(full * geometry.activation_max / brightest, 1 / reach)
