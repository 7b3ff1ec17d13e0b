"""What a LUCIDAC is patched to: integrators, and routes from outputs through coefficients to inputs.

Outputs and inputs of the two mathematics blocks are numbered 0..15: integrator *i* has input *i* and output *i*;
multiplier *m* has the inputs 8 + 2 m and 9 + 2 m and the output 8 + m. An integrator adds up its inputs, negates and
integrates, and begins at the negative of its initial value:

    dx/dt = -k0 * sum of inputs,   x(0) = -initial,   k0 = 10,000/s (fast) or 100/s
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from data.errors import BadInput, Problems

INTEGRATORS: Final = 8
ENDS: Final = 16
LANES: Final = 32
PROBES: Final = 8
LARGEST: Final = 10.0
"""Largest coefficient; one above 1 is divided by ten and scaled up again behind it."""
FAST: Final = 10_000
SLOW: Final = 100


@dataclass(frozen=True, slots=True)
class Integrator:
    """Settings of one integrator.

    Attributes:
        initial: initial value in machine units, -1..1; the output begins at its negative.
        fast: k0 = 10,000/s when true, 100/s when false.
    """

    initial: float = 0.0
    fast: bool = True


@dataclass(frozen=True, slots=True)
class Route:
    """One lane of the switch matrix.

    Attributes:
        source: the output it comes from, 0..15.
        lane: which lane, 0..31; each carries one route.
        coefficient: -10..10.
        target: the input that it is added to, 0..15.
    """

    source: int
    lane: int
    coefficient: float
    target: int


@dataclass(frozen=True, slots=True)
class Circuit:
    """A whole configuration.

    Attributes:
        routes: the lanes in use.
        integrators: eight settings, or fewer; the rest is as new.
        probes: the outputs that are sampled, at most eight, in the order of the samples' columns.
    """

    routes: tuple[Route, ...] = ()
    integrators: tuple[Integrator, ...] = ()
    probes: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise :class:`Problems` with everything that cannot be patched."""
        problems = [f"{route} leads from or to nowhere" for route in self.routes if not _exists(route)]
        lanes = [route.lane for route in self.routes]
        problems += [f"lane {lane} carries several routes" for lane in sorted({x for x in lanes if lanes.count(x) > 1})]
        problems += [
            f"coefficient {route.coefficient} of lane {route.lane} is outside -10..10"
            for route in self.routes
            if not -LARGEST <= route.coefficient <= LARGEST
        ]
        if len(self.integrators) > INTEGRATORS:
            problems.append(f"there are {len(self.integrators)} integrators; a LUCIDAC has {INTEGRATORS}")
        problems += [
            f"initial value {item.initial} of integrator {index} is outside -1..1"
            for index, item in enumerate(self.integrators)
            if not -1 <= item.initial <= 1
        ]
        if len(self.probes) > PROBES or len(set(self.probes)) != len(self.probes):
            problems.append(f"the probes {self.probes} are more than {PROBES}, or name an output twice")
        problems += [f"probe {probe} is no output" for probe in self.probes if not 0 <= probe < ENDS]
        if problems:
            raise Problems("the circuit", problems)

    def with_coefficient(self, lane: int, coefficient: float) -> Circuit:
        """The same circuit with another coefficient on a lane.

        Raises:
            BadInput: the lane carries nothing.
        """
        if all(route.lane != lane for route in self.routes):
            raise BadInput(f"lane {lane} carries nothing in the circuit that is loaded")
        routes = tuple(replace(r, coefficient=coefficient) if r.lane == lane else r for r in self.routes)
        return replace(self, routes=routes)

    def with_initial(self, index: int, initial: float) -> Circuit:
        """The same circuit with another initial value of an integrator."""
        items = self.all_integrators()
        return replace(self, integrators=(*items[:index], replace(items[index], initial=initial), *items[index + 1 :]))

    def all_integrators(self) -> tuple[Integrator, ...]:
        """Eight settings."""
        return self.integrators + (Integrator(),) * (INTEGRATORS - len(self.integrators))

    def document(self) -> dict[str, object]:
        """The configuration of a carrier as the firmware takes it."""
        sources: list[int | None] = [None] * LANES
        coefficients = [0.0] * LANES
        scaled = [False] * LANES
        targets: list[list[int]] = [[] for _ in range(ENDS)]
        for route in self.routes:
            sources[route.lane] = route.source
            scaled[route.lane] = abs(route.coefficient) > 1
            coefficients[route.lane] = route.coefficient / LARGEST if scaled[route.lane] else route.coefficient
            targets[route.target].append(route.lane)
        elements = [{"ic": item.initial, "k": FAST if item.fast else SLOW} for item in self.all_integrators()]
        return {
            "/0": {
                "/U": {"outputs": sources, "constant": False},
                "/C": {"elements": coefficients},
                "/I": {"outputs": targets, "upscaling": scaled},
                "/M0": {"elements": elements},
                "/M1": {},
            },
            "adc_channels": [*self.probes, *[None] * (PROBES - len(self.probes))],
        }


def linear_system(matrix: ArrayLike, start: ArrayLike, *, fast: bool = True) -> Circuit:
    """The circuit of dx/dt = k0 A x, x(0) = start, with every x sampled.

    Args:
        matrix: A, shape (n, n), n at most 8; elements -10..10, at most 32 of them not zero.
        start: x(0), shape (n,), each -1..1.
        fast: whether k0 is 10,000/s or 100/s.

    Raises:
        BadInput: a shape that does not fit, or more elements than lanes.
        Problems: elements or initial values out of range.
    """
    a, x = np.asarray(matrix, np.float64), np.asarray(start, np.float64)
    if a.ndim != 2 or a.shape[0] != a.shape[1] or x.shape != (len(a),) or len(a) > INTEGRATORS:
        raise BadInput(f"a matrix of shape {a.shape} and a start of shape {x.shape}; n x n and n are needed, n up to 8")
    filled = np.argwhere(a != 0)
    if len(filled) > LANES:
        raise BadInput(f"the matrix has {len(filled)} elements that are not zero; a LUCIDAC has {LANES} lanes")
    routes = tuple(Route(int(j), lane, -float(a[i, j]), int(i)) for lane, (i, j) in enumerate(filled))
    integrators = tuple(Integrator(-float(value), fast) for value in x)
    circuit = Circuit(routes, integrators, tuple(range(len(a))))
    circuit.check()
    return circuit


def _exists(route: Route) -> bool:
    return 0 <= route.source < ENDS and 0 <= route.target < ENDS and 0 <= route.lane < LANES
