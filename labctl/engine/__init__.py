"""The run engine: carries work out, headless; can be paused, resumed, stopped and aborted from any thread."""

from labctl.engine.engine import Engine, Requirement
from labctl.engine.events import Ended, Event, Mailbox, Message, Progress, Rows, StateChanged
from labctl.engine.interlocks import Watch
from labctl.engine.states import TRANSITIONS, Limits, NotNow, Outcome, Overdue, State, Status, UnsafeState, Waiting
from labctl.engine.sweeping import BATCH_VECTORS, SweepWork, run_plan
from labctl.engine.work import Action, Call, HasSafeState, Saved, Wait, Work
from labctl.interlock import Interlock

__all__ = [
    "BATCH_VECTORS",
    "TRANSITIONS",
    "Action",
    "Call",
    "Ended",
    "Engine",
    "Event",
    "HasSafeState",
    "Interlock",
    "Limits",
    "Mailbox",
    "Message",
    "NotNow",
    "Outcome",
    "Overdue",
    "Progress",
    "Requirement",
    "Rows",
    "Saved",
    "State",
    "StateChanged",
    "Status",
    "SweepWork",
    "UnsafeState",
    "Wait",
    "Waiting",
    "Watch",
    "Work",
    "run_plan",
]
