"""A supply with a load, an exact processor, and scans over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from data.axes import LinearAxis, RangeAxis
from data.instrument import Value
from data.metadata import RunMetadata
from data.scan import Adaptive, ScanPlan
from data.scanfile import scan_plan_as_json
from data.sweep import SweepPlan
from data.values import Activations, Geometry, Identity, Outputs, Schedule, Weights
from labctl.engine import Limits
from labctl.scanning import Rig, ScanWork, Strategy
from tests.labctl.benchwork import Supply

GEOMETRY = Geometry(rows=8, columns=4)
QUICK = Limits(safe_s=5.0, glitch_s=0.1, reconnect_s=0.2, retry_s=0.01)


class Load(Supply):
    """A meter across a resistor on the supply: its current follows the voltage."""

    def __init__(self, supply: Supply, ohms: float = 10.0) -> None:
        super().__init__("meter", supply.log)
        self._supply = supply
        self._ohms = ohms

    def get(self, name: str, max_age_s: float = 0.0) -> Value:
        self._talk(f"read {name}")
        return float(self._supply.values["voltage"]) / self._ohms


class ExactBoard:
    """The integer product, clamped; slower schedules give smaller outputs, so that they can be told apart."""

    geometry = GEOMETRY
    identity = Identity("test", "exact", "E-1", "1", simulated=True)

    def __init__(self) -> None:
        self.log: list[str] = []
        self._weights: Weights | None = None

    def program(self, weights: Weights) -> None:
        self._weights = weights

    def multiply(self, activations: Activations, schedule: Schedule) -> Outputs:
        assert self._weights is not None, "programmed first"
        product = activations.astype(int) @ self._weights.astype(int) // schedule.spacing_ns
        outputs: Outputs = np.clip(product, -128, 127).astype(np.int16)
        return outputs

    def safe(self) -> None:
        self._weights = None
        self.log.append("safe")


def work_for(
    plan: ScanPlan,
    folder: Path,
    rig: Rig,
    *,
    sweep: SweepPlan | None = None,
    strategy: Strategy | None = None,
) -> ScanWork:
    metadata = RunMetadata.new(plan.kind, simulated=True, plan=scan_plan_as_json(plan))
    return ScanWork(plan, rig, folder, metadata, sweep=sweep, strategy=strategy)


VOLTAGES = ScanPlan(
    axes=(LinearAxis(set="supply.voltage", start=0, stop=4, points=5),), read=("meter.current", "supply.voltage")
)


def watched(supply: Supply, heard: Callable[[str, Value], None]) -> None:
    plain = supply.set

    def set_(name: str, value: Value) -> None:
        heard(name, value)
        plain(name, value)

    supply.set = set_  # type: ignore[method-assign]


def adaptive_plan(most: int, loss: float = 0.0) -> ScanPlan:
    return ScanPlan(
        axes=(RangeAxis(set="supply.voltage", low=0.0, high=4.0),),
        read=("meter.current",),
        adaptive=Adaptive(goal="meter.current", most=most, loss=loss),
    )
