"""What the bench file says of runs: ``[interlocks.NAME]`` and ``[engine]``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from labctl.instruments import Section
from labctl.interlock import Interlock

if TYPE_CHECKING:
    from labctl.engine.states import Limits


class InterlockConfig(Section):
    """``[interlocks.NAME]``: what must hold while a run goes on."""

    quantity: str
    low: float = -math.inf
    high: float = math.inf
    hysteresis: float = 0.0
    action: Literal["pause", "abort"] = "pause"
    every_s: float = 5.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        problems = [problem.partition(": ")[2] for problem in self.value("it").problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def value(self, name: str) -> Interlock:
        """The interlock."""
        return Interlock(name, **self.model_dump())


class EngineConfig(Section):
    """``[engine]``: how long a run may be held up."""

    pause_s: Annotated[float, Field(gt=0)] = 86_400.0
    reconnect_s: Annotated[float, Field(gt=0)] = 120.0
    safe_s: Annotated[float, Field(gt=0, le=600)] = 10.0

    def value(self) -> Limits:
        """The deadlines of the engine."""
        from labctl.engine.states import Limits

        return Limits(**self.model_dump())
