"""Points written into the graph of a network (``torch.fx``); the network itself stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from torch import fx, nn

from models.noise.dropout import Dropout
from models.noise.kinds import NoiseKind
from models.noise.operations import Op, name_points, op_of_call, op_of_module
from models.noise.point import NoisePoint

POINTS: Final = "noise_points"
"""Name of the submodule that holds the points."""

Found = list[tuple[str, Op, str]]
"""Name, operation and source of each point, in the order of the computation."""


class CannotTrace(Exception):
    """``torch.fx`` cannot follow the network; the message says why."""


def graph_with_points(
    net: nn.Module, kind: NoiseKind, wanted: Collection[Op], more: Mapping[type[nn.Module], Op]
) -> tuple[fx.GraphModule, Found]:
    """A graph that computes what ``net`` does, with its modules and parameters, and has points in it.

    Raises:
        CannotTrace: the network takes ways that depend on what it computes, or on whether it trains.
    """
    root, graph = _trace(net, more)
    module = fx.GraphModule(root, graph)
    nodes = [(node, op) for node in graph.nodes if (op := _op_of(node, module, more)) is not None]
    points, found = nn.ModuleDict(), []
    for (node, _), (op, name) in zip(nodes, name_points([op for _, op in nodes], wanted), strict=True):
        if name is None:
            continue
        points[name] = NoisePoint(kind)
        found.append((name, op, "" if op is Op.INPUT else str(node.target if node.op == "call_module" else node.name)))
    module.add_module(POINTS, points)
    named = iter(found)
    for (node, _), (_, name) in zip(nodes, name_points([op for _, op in nodes], wanted), strict=True):
        if name is not None:
            _insert(graph, node, f"{POINTS}.{next(named)[0]}")
    for node in graph.nodes:
        # A type that the network's code gives as text cannot be pickled.
        node.type = None
    graph.lint()
    module.recompile()
    return module, found


def _insert(graph: fx.Graph, node: fx.Node, target: str) -> None:
    with graph.inserting_after(node):
        point = graph.call_module(target, (node,))
    node.replace_all_uses_with(point, delete_user_cb=lambda user: user is not point)


class _Tracer(fx.Tracer):
    def __init__(self, more: Mapping[type[nn.Module], Op] | None = None) -> None:
        super().__init__()
        # Unpickling a graph makes its tracer anew, without arguments.
        self._more = more or {}

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        ours = isinstance(m, Dropout) or op_of_module(m, self._more) is not None
        return ours or super().is_leaf_module(m, module_qualified_name)


def _trace(net: nn.Module, more: Mapping[type[nn.Module], Op]) -> tuple[nn.Module, fx.Graph]:
    """The graph, and what it is a graph of: a shallow copy, as tracing leaves constants behind in what it traces."""
    traced = []
    with modes_kept(net):
        for training in (True, False):
            root = copy.copy(net).train(training)
            try:
                traced.append((root, _Tracer(more).trace(root)))
            except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
                # Whatever the code of a network does with a stand-in for a tensor may raise anything.
                raise CannotTrace(str(error)) from error
    if str(traced[0][1]) != str(traced[1][1]):
        raise CannotTrace("it computes otherwise in training than in evaluation")
    return traced[1]


def _op_of(node: fx.Node, module: fx.GraphModule, more: Mapping[type[nn.Module], Op]) -> Op | None:
    if node.op == "placeholder":
        first = next(n for n in node.graph.nodes if n.op == "placeholder")
        return Op.INPUT if node is first else None
    if node.op == "call_module":
        return op_of_module(module.get_submodule(str(node.target)), more)
    return op_of_call(node.target) if node.op in ("call_function", "call_method") else None


@contextmanager
def modes_kept(net: nn.Module) -> Iterator[None]:
    """Put every module back into training or evaluation as it was."""
    before: list[tuple[Any, bool]] = [(module, module.training) for module in net.modules()]
    try:
        yield
    finally:
        for module, training in before:
            module.training = training
