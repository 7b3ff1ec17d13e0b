"""The run engine: carries work out, headless; can be paused, resumed, stopped and aborted from any thread."""

from labctl.engine.engine import Engine, Requirement
from labctl.engine.events import Ended, Event, Mailbox, Message, Progress, Rows, StateChanged
from labctl.engine.interlocks import Watch
from labctl.engine.lending import BorrowersFile, LentBoard, Loan, lend
from labctl.engine.results import kept_file
from labctl.engine.states import (
    TRANSITIONS,
    Began,
    Limits,
    NotNow,
    Outcome,
    Overdue,
    State,
    Status,
    UnsafeState,
    Waiting,
)
from labctl.engine.sweeping import BATCH_VECTORS, SweepWork, run_plan
from labctl.engine.work import About, Action, Call, HasSafeState, Saved, Wait, Work
from labctl.interlock import Interlock

__all__ = [
    "BATCH_VECTORS",
    "TRANSITIONS",
    "About",
    "Action",
    "Began",
    "BorrowersFile",
    "Call",
    "Ended",
    "Engine",
    "Event",
    "HasSafeState",
    "Interlock",
    "LentBoard",
    "Limits",
    "Loan",
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
    "kept_file",
    "lend",
    "run_plan",
]
