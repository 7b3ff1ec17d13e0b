"""What the tests of the engine share: short deadlines, and waiting for something to happen."""

import time
from collections.abc import Callable

from labctl.engine import Engine, Limits, Outcome

QUICK = Limits(
    safe_s=5.0, abort_s=0.1, glitch_s=0.05, reconnect_s=0.2, retry_s=0.02, close_s=1.0, pause_s=20.0, losses=3
)
PATIENCE_S = 10.0


def until(happened: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < ends, "it did not happen"
        time.sleep(0.002)


def waits_for(engine: Engine) -> str:
    waiting = engine.status().waiting
    return "" if waiting is None else waiting.name


def ended(engine: Engine) -> Outcome:
    outcome = engine.wait(PATIENCE_S)
    assert outcome is not None, engine.status()
    return outcome
