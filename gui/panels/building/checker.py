"""Has a plan looked at by the service while it is edited: not at every key, and never twice at once."""

from __future__ import annotations

from typing import Final

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from data.scan import ScanPlan
from gui.desk import Desk
from labctl.service.messages import Trouble
from labctl.service.messages_plans import PlanCheck
from labctl.service.requests.plans import CheckPlan

QUIET_MS: Final = 150
"""A plan is looked at when nothing has been changed for so long."""


class PlanChecker(QObject):
    """Asks for a look at the newest plan.

    Args:
        desk: the service.
        parent: as everywhere in Qt.
    """

    checked = pyqtSignal(object, object)
    """A plan, and the :class:`labctl.service.messages_plans.PlanCheck` of it."""

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._wanted: ScanPlan | None = None
        self._asked: ScanPlan | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(QUIET_MS)
        self._timer.timeout.connect(self._ask)

    @property
    def busy(self) -> bool:
        """Whether the newest plan has not been looked at yet."""
        return self._wanted is not None or self._asked is not None

    def look_at(self, plan: ScanPlan) -> None:
        """Have a plan looked at, soon."""
        self._wanted = plan
        self._timer.start()

    def forget(self) -> None:
        """There is nothing to look at any more."""
        self._wanted = None
        self._timer.stop()

    def _ask(self) -> None:
        if self._wanted is None or self._asked is not None:
            return
        self._asked, self._wanted = self._wanted, None
        self._desk.ask(CheckPlan(self._asked), self._answered, self._failed)

    def _answered(self, check: PlanCheck) -> None:
        plan, self._asked = self._asked, None
        if self._wanted is None:
            self.checked.emit(plan, check)
        elif not self._timer.isActive():
            self._ask()

    def _failed(self, trouble: Trouble) -> None:
        self._answered(PlanCheck(problems=trouble.problems or (trouble.sentence,)))
