"""A network as a list of steps that compute many networks of its kind at once.

The steps come from the graph of one network (``torch.fx``). Every step knows the layout of
:mod:`models.batched.layers`; a layer that is not known there is computed by ``torch.func.vmap``, which takes any layer
without memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from torch import Tensor, fx, nn

from data.errors import BadInput
from models.batched.recognition import layer_of_call, layer_of_module
from models.batched.steps import BatchNorm, Context, Convolution, Layer, Linear, MaxPool, PooledConvolution, Relu
from models.noise.graph import POINTS
from models.noise.noisy import NoisyModule

_OWN_OUTPUT: Final = (Linear, Convolution, BatchNorm)
"""Layers whose outputs are new, and not needed for their own gradients."""


@dataclass(frozen=True)
class Step:
    """One layer of the program.

    Attributes:
        name: of the value it makes.
        layer: computes it.
        inputs: names of the values it takes.
        point: the injection point that it is, empty for every other layer.
        done_with: values that no later step needs.
    """

    name: str
    layer: Layer
    inputs: tuple[str, ...]
    point: str = ""
    done_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """Steps in order.

    Attributes:
        steps: at least one.
        first: name of the value that comes in.
        last: name of the value that goes out.
    """

    steps: tuple[Step, ...]
    first: str
    last: str

    def run(self, inputs: Tensor, context: Context) -> Tensor:
        """Outputs of all members, (members, classes, samples).

        Args:
            inputs: (members, height, channels, width, samples) or (members, values, samples).
            context: parameters, noise and the like.
        """
        values = {self.first: inputs}
        for step in self.steps:
            values[step.name] = step.layer(context, *(values[name] for name in step.inputs))
            for name in step.done_with:
                del values[name]
        return values[self.last]

    def order(self, point: str) -> int:
        """Where a point stands; points that are not in the program stand behind everything."""
        return next((index for index, step in enumerate(self.steps) if step.point == point), len(self.steps))


def program_of(noisy: NoisyModule, loud: Collection[str]) -> Program:
    """The program of a network with noise.

    Args:
        noisy: made by :func:`models.noise.inject`.
        loud: points where any of the networks has noise; the others are left out.

    Raises:
        BadInput: a network whose graph cannot be traced, or that does what cannot be computed for many at once.
    """
    if noisy.way != "graph" or not isinstance(noisy.net, fx.GraphModule):
        raise BadInput("the graph of the network cannot be traced, so that several cannot be trained at once")
    steps: list[Step] = []
    names: dict[str, str] = {}
    first, last = "", ""
    modules = dict(noisy.net.named_modules())
    for node in noisy.net.graph.nodes:
        if node.op == "placeholder" and not first:
            first = names[node.name] = node.name
        elif node.op == "output":
            last = names[node.args[0].name]
        elif _is_nothing(node, modules, loud):
            names[node.name] = names[node.args[0].name]
        else:
            names[node.name] = node.name
            steps.append(_step(node, modules, names))
    return Program(_freed(_in_place(_joined(steps, last), last), last), first, last)


def _is_nothing(node: fx.Node, modules: Mapping[str, nn.Module], loud: Collection[str]) -> bool:
    target = str(node.target)
    if node.op != "call_module":
        return False
    silent = target.startswith(f"{POINTS}.") and target.removeprefix(f"{POINTS}.") not in loud
    return silent or isinstance(modules[target], nn.Identity)


def _step(node: fx.Node, modules: Mapping[str, nn.Module], names: Mapping[str, str]) -> Step:
    target = str(node.target)
    inputs = tuple(names[value.name] for value in node.all_input_nodes)
    if node.op == "call_module":
        point = target.removeprefix(f"{POINTS}.") if target.startswith(f"{POINTS}.") else ""
        return Step(node.name, layer_of_module(target, modules[target]), inputs, point)
    if node.op in ("call_function", "call_method"):
        return Step(node.name, layer_of_call(node), inputs)
    raise BadInput(f"the network uses {target} outside its layers; several of its kind cannot be computed at once")


def _users(steps: Sequence[Step], name: str) -> list[Step]:
    return [step for step in steps if name in step.inputs]


def _joined(steps: Sequence[Step], last: str) -> list[Step]:
    """Max-pools take over the rectifier before them, and then the convolution, if nobody else needs these."""
    made = {step.name: step for step in steps}

    def only_for(step: Step) -> Step | None:
        """The step before, where this is all that its value is for."""
        before = made.get(step.inputs[0])
        alone = before is not None and before.name != last and len(_users(steps, before.name)) == 1
        return before if alone else None

    for step in steps:
        if not isinstance(step.layer, MaxPool):
            continue
        before, layer = only_for(step), step.layer
        if before is not None and isinstance(before.layer, Relu):
            del made[before.name]
            step, layer = replace(step, inputs=before.inputs), replace(layer, rectified=True)
            before = only_for(step)
        apart = layer.kernel == layer.stride and not any(layer.padding)
        if apart and before is not None and isinstance(before.layer, Convolution) and before.layer.stride == (1, 1):
            del made[before.name]
            whole = PooledConvolution(before.layer.name, before.layer.padding, layer.kernel, layer.rectified)
            made[step.name] = replace(step, inputs=before.inputs, layer=whole)
        else:
            made[step.name] = replace(step, layer=layer)
    return list(made.values())


def _in_place(steps: Sequence[Step], last: str) -> list[Step]:
    """Rectifiers write over their inputs where nobody else needs these."""
    makers = {step.name: step.layer for step in steps}
    made = []
    for step in steps:
        (value, *_) = step.inputs
        alone = len(_users(steps, value)) == 1 and value != last and isinstance(makers.get(value), _OWN_OUTPUT)
        made.append(replace(step, layer=Relu(in_place=True)) if isinstance(step.layer, Relu) and alone else step)
    return made


def _freed(steps: Sequence[Step], last: str) -> tuple[Step, ...]:
    """Each value is let go of at its last use."""
    final = {name: index for index, step in enumerate(steps) for name in step.inputs if name != last}
    return tuple(
        replace(step, done_with=tuple(name for name, at in final.items() if at == index))
        for index, step in enumerate(steps)
    )
