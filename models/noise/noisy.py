"""A network with an injection point after every operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from data.errors import BadInput
from models.noise.draws import draw_noise
from models.noise.dropout import Dropout
from models.noise.graph import POINTS, CannotTrace, Found, graph_with_points, modes_kept
from models.noise.hooked import hooked_with_points
from models.noise.kinds import NoiseKind
from models.noise.operations import EVERY_OP, Op, Point
from models.noise.point import NoisePoint
from models.noise.strengths import SILENT, Strengths

Way = Literal["graph", "hooks"]


class NoisyModule(nn.Module):
    """A network with :class:`NoisePoint` after its operations; made by :func:`inject`.

    It shares modules and parameters with the network it was made of, which itself stays without noise. Noise is drawn
    before the forward pass and stays until the next draw, a change of strengths, or one between training and
    evaluation::

        noisy = inject(net, ADDITIVE, images[:2])
        noisy.set_strengths(training=Strengths.everywhere(0.5), evaluation=Strengths.at("conv1", 1.0))
        noisy.draw(len(images), generator)
        logits = noisy(images)

    Attributes:
        net: computes; the points are its ``noise_points``.
        kind: of noise.
        points: in the order of the computation.
        way: ``graph`` where every operation was found in the network's graph; ``hooks`` where it could not be traced,
            so that only operations that are modules have points.
        training_strengths: in force while the module trains.
        evaluation_strengths: in force otherwise.
    """

    def __init__(self, net: nn.Module, kind: NoiseKind, points: tuple[Point, ...], way: Way) -> None:
        super().__init__()
        self.net = net
        self.kind = kind
        self.points = points
        self.way = way
        self.training_strengths = SILENT
        self.evaluation_strengths = SILENT
        self._drawn = False

    @property
    def strengths(self) -> Strengths:
        """Those in force now."""
        return self.training_strengths if self.training else self.evaluation_strengths

    def set_strengths(self, *, training: Strengths | None = None, evaluation: Strengths | None = None) -> None:
        """Change the strengths for training, for evaluation or both; what was drawn is forgotten.

        Raises:
            BadInput: names that are no points, or strengths that they cannot have.
        """
        for strengths in (training, evaluation):
            if strengths is not None:
                strengths.check(self.points)
        self.training_strengths = self.training_strengths if training is None else training
        self.evaluation_strengths = self.evaluation_strengths if evaluation is None else evaluation
        self.quiet()

    def draw(self, samples: int, generator: torch.Generator, *, factor: Tensor | None = None) -> None:
        """Draw the noise of one batch at the strengths in force (:func:`models.noise.draws.draw_noise`).

        Args:
            samples: of the batch.
            generator: gives every draw; on the device of the network.
            factor: multiplies the strengths, shape () or (samples,); of a schedule (:mod:`models.noise.schedules`).

        Raises:
            BadInput: a generator on another device.
        """
        owners = dict(self.named_modules())
        for name, value in self.buffers_of(self.strengths, samples, generator, factor=factor).items():
            owner, _, field = name.rpartition(".")
            setattr(owners[owner], field, value)
        self._drawn = True

    def buffers_of(
        self,
        strengths: Strengths,
        samples: int,
        generator: torch.Generator,
        *,
        factor: Tensor | None = None,
        held: Collection[str] = (),
    ) -> dict[str, Tensor]:
        """What :meth:`draw` sets, for ``torch.func.functional_call``: every point's buffers by their full names.

        Nothing in the module changes. While it trains, masks of :class:`models.noise.dropout.Dropout` come after the
        noise, from the same generator. Arguments and errors as :func:`models.noise.draws.draw_noise`.
        """
        if self.points:
            like = self.point(self.points[0].name).strength
            if like.device != generator.device:
                raise BadInput(f"the network is on {like.device}, the generator on {generator.device}; make it there")
            dtype = like.dtype
        else:
            dtype = torch.float32
        made = draw_noise(self.points, self.kind, strengths, samples, generator, factor=factor, held=held, dtype=dtype)
        buffers = {}
        for name, (strength, draw) in made.items():
            buffers[f"net.{POINTS}.{name}.strength"] = strength
            buffers[f"net.{POINTS}.{name}.draw"] = draw
        if self.training:
            for name, module in self.net.named_modules():
                if isinstance(module, Dropout) and module.share:
                    buffers[f"net.{name}.kept"] = module.draw(samples, generator)
        return buffers

    def point(self, name: str) -> NoisePoint:
        """The module of a point.

        Raises:
            BadInput: there is no such point.
        """
        points = self.net.get_submodule(POINTS)
        found = dict(points.named_children()).get(name)
        if not isinstance(found, NoisePoint):
            raise BadInput(f"there is no point {name!r}; there are {', '.join(p.name for p in self.points)}")
        return found

    def quiet(self) -> None:
        """Forget what was drawn."""
        for point in self.points:
            self.point(point.name).quiet()
        self._drawn = False

    def train(self, mode: bool = True) -> NoisyModule:
        """Train or evaluate; noise drawn for one of them does not stay for the other."""
        if mode != self.training:
            self.quiet()
        super().train(mode)
        return self

    def forward(self, values: Tensor) -> Any:
        """What the network makes of ``values``, shape (samples, ...), with the noise that was drawn.

        Raises:
            BadInput: noise is wanted, but none was drawn, or it was drawn for another number of samples.
        """
        if not self._drawn and self.strengths != SILENT:
            self._check_drawn()
        return self.net(values)

    def _check_drawn(self) -> None:
        for point in self.points:
            if not self.strengths.silent(point.name) and self.point(point.name).draw.numel() == 0:
                raise BadInput(f"there is noise at {point.name}, but none was drawn; call draw before every batch")


def inject(
    net: nn.Module,
    kind: NoiseKind,
    example: Tensor,
    *,
    ops: Collection[Op] = EVERY_OP,
    more: Mapping[type[nn.Module], Op] | None = None,
    way: Way | None = None,
) -> NoisyModule:
    """A network with points on its input and after every operation; ``net`` itself is not changed.

    Args:
        net: any network of one tensor.
        kind: of noise, at all points.
        example: an input, shape (samples, ...); tells the shapes of the activations.
        ops: operations that get a point; the default is every one, :data:`NOT_AFTER_BATCH_NORM` leaves one kind out.
        more: further classes of modules that are operations, quantised layers, say.
        way: ``graph`` or ``hooks`` (:class:`NoisyModule`); None takes the graph, and hooks where there is none.

    Raises:
        BadInput: a network that cannot be traced where a graph is asked for, that computes something else with silent
            points, or that mixes its samples' axis with others.
    """
    more = more or {}
    if way == "hooks":
        made = _hooked(net, kind, example, ops, more)
    else:
        try:
            traced, found = graph_with_points(net, kind, ops, more)
            made = _Made(traced, found, "graph")
        except CannotTrace as error:
            if way == "graph":
                raise BadInput(f"the graph of the network cannot be traced: {error}") from error
            made = _hooked(net, kind, example, ops, more)
    shapes = _shapes(made, net, example)
    points = tuple(Point(name, op, shapes[name], source) for name, op, source in made.found)
    noisy = NoisyModule(made.net, kind, points, made.way)
    noisy.training = net.training
    return noisy


@dataclass(frozen=True)
class _Made:
    net: nn.Module
    found: Found
    way: Way


def _hooked(
    net: nn.Module, kind: NoiseKind, example: Tensor, ops: Collection[Op], more: Mapping[type[nn.Module], Op]
) -> _Made:
    hooked, found = hooked_with_points(net, kind, example, ops, more)
    return _Made(hooked, found, "hooks")


def _shapes(made: _Made, net: nn.Module, example: Tensor) -> dict[str, tuple[int, ...]]:
    """Shape of one sample's activation at every point, which takes its type and device from it.

    Refuses a network that is not the same with points.
    """
    seen: dict[str, tuple[int, ...]] = {}
    handles = []
    points = made.net.get_submodule(POINTS)
    for name, point in points.named_children():

        def see(point: nn.Module, _inputs: Any, output: Tensor, name: str = name) -> None:
            seen[name] = tuple(output.shape)
            point.to(output.device, output.dtype if output.is_floating_point() else None)

        handles.append(point.register_forward_hook(see))
    try:
        with modes_kept(made.net), modes_kept(net), torch.no_grad():
            plain, noisy = net.eval()(example), made.net.eval()(example)
    finally:
        for handle in handles:
            handle.remove()
    if not torch.equal(plain, noisy):
        raise BadInput(
            "with silent points the network computes something else, as one does that draws at random by itself; "
            "it cannot have noise"
        )
    for name, shape in seen.items():
        if shape[:1] != tuple(example.shape[:1]):
            raise BadInput(f"the activation at {name} has shape {shape}; its first axis must be the samples")
    return {name: shape[1:] for name, shape in seen.items()}
