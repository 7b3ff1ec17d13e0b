"""LUCIDAC, an analog computer of anabrid's: eight integrators and four multipliers, patched by a switch matrix."""

from drivers.lucidac.circuit import Circuit, Integrator, Route, linear_system
from drivers.lucidac.computer import Lucidac, open_lucidac
from drivers.lucidac.run import Run, Samples

__all__ = ["Circuit", "Integrator", "Lucidac", "Route", "Run", "Samples", "linear_system", "open_lucidac"]
