"""Points behind the modules of a network that cannot be traced: hooks that are there only while it computes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.noise.graph import Found, modes_kept
from models.noise.kinds import NoiseKind
from models.noise.operations import Op, name_points, op_of_module
from models.noise.point import NoisePoint


class HookedNet(nn.Module):
    """A network and points behind its modules, in the order in which it calls them.

    Functions that it calls without a module have no point, and it must call the same modules in the same order as with
    the example.
    """

    def __init__(self, net: nn.Module, points: nn.ModuleDict, calls: tuple[tuple[str, str | None], ...]) -> None:
        super().__init__()
        self.net = net
        self.noise_points = points
        self._calls = calls
        """Modules that are operations, by name, and the points behind them."""

    def forward(self, values: Tensor) -> Any:
        """What the network makes of ``values``, with noise.

        Raises:
            BadInput: the network calls other modules than it did with the example.
        """
        if "input" in self.noise_points:
            values = self.noise_points["input"](values)
        due = iter(self._calls)

        def behind(name: str, output: Tensor) -> Tensor:
            expected, point = next(due, (None, None))
            if name != expected:
                raise BadInput(f"the network calls {name} where it called {expected} with the example")
            noisy: Tensor = output if point is None else self.noise_points[point](output)
            return noisy

        with _hooks(self.net, {name for name, _ in self._calls}, behind):
            result = self.net(values)
        left = next(due, None)
        if left is not None:
            raise BadInput(f"the network does not call {left[0]} as it did with the example")
        return result


def hooked_with_points(
    net: nn.Module,
    kind: NoiseKind,
    example: Tensor,
    wanted: Collection[Op],
    more: Mapping[type[nn.Module], Op],
) -> tuple[HookedNet, Found]:
    """``net`` with points behind its modules, as it calls them for ``example``."""
    called: list[str] = []
    ops = _operations(net, more)

    def behind(name: str, output: Tensor) -> Tensor:
        called.append(name)
        return output

    with modes_kept(net), torch.no_grad(), _hooks(net, ops, behind):
        net.eval()(example)
    named = name_points([Op.INPUT, *(ops[name] for name in called)], wanted)
    sources = ["", *called]
    found = [(name, op, source) for (op, name), source in zip(named, sources, strict=True) if name is not None]
    points = nn.ModuleDict({name: NoisePoint(kind) for name, _, _ in found})
    calls = tuple((source, name) for source, (_, name) in zip(called, named[1:], strict=True))
    return HookedNet(net, points, calls), found


def _operations(net: nn.Module, more: Mapping[type[nn.Module], Op]) -> dict[str, Op]:
    """Modules that are operations, by name; what is inside of one of them is not counted again."""
    found: dict[str, Op] = {}
    for name, module in net.named_modules():
        inside = any(outer == "" or name.startswith(f"{outer}.") for outer in found)
        op = None if inside else op_of_module(module, more)
        if op is not None:
            found[name] = op
    return found


@contextmanager
def _hooks(net: nn.Module, names: Collection[str], behind: Any) -> Iterator[None]:
    handles = []
    try:
        for name in names:

            def hook(_module: nn.Module, _inputs: Any, output: Tensor, name: str = name) -> Tensor:
                changed: Tensor = behind(name, output)
                return changed

            handles.append(net.get_submodule(name).register_forward_hook(hook))
        yield
    finally:
        for handle in handles:
            handle.remove()
