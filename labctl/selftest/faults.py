"""A campaign of faults over every kind of link: nothing wrong may be accepted, lost, late or left switched on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from data.errors import BadInput, LabctlError
from drivers.board import open_board
from drivers.faults import KINDS as ALL_KINDS
from drivers.faults import Fault
from drivers.proxy import Proxy
from drivers.proxy.injector import OTHER, once
from labctl.progress import Listener, Stop, never, silent
from labctl.selftest.places import LINKS, Boards, emulated_boards, known_links
from labctl.selftest.session import CALL_S, SESSION_S, Observed, Reference, Session
from labctl.selftest.verdict import CampaignResult, Tally
from labctl.selftest.workload import PHYSICS, Workload, differences, draw_workload

_log = logging.getLogger(__name__)

SHARE: Final = 0.12
"""Share of the messages that are struck while a fault is armed."""
SHARE_OF_HANG_UPS: Final = 0.04
"""Of hang-ups: most are to come in the middle of the work, and not each time that a board is opened."""
MOST_SESSIONS: Final = 60
"""For one link and one kind of fault; a proxy that strikes nothing must not keep the campaign for ever."""
BREAK_S: Final = 60.0
"""How long a session that hangs is waited for once its link has been taken away."""
IN_A_SESSION: Final = 12
WITHOUT_FAULTS_S: Final = 5.0

_REQUESTS: Final = ("delay", "drop", "cut", "flip", "repeat", "hangup", "drip")
"""Requests are never late: no link overtakes itself on the way to a board."""
_MS: Final = {"delay": 40.0, "late": 400.0, "drip": 2.0}

KINDS: Final[Mapping[str, Fault]] = {
    **{kind: Fault(kind, ms=_MS.get(kind, 0.0)) for kind in ALL_KINDS},
    **{f"{kind}/in": Fault(kind, "in", ms=_MS.get(kind, 0.0)) for kind in _REQUESTS},
}
"""Every kind of fault; those with ``/in`` strike requests."""


@dataclass(frozen=True, slots=True)
class CampaignOptions:
    """What a campaign does.

    Attributes:
        faults: how many are brought about at the least, spread evenly over links and kinds.
        seed: of the board and all draws.
        links: names of :data:`labctl.selftest.places.LINKS`; empty for all.
        kinds: kinds of fault, ``/in`` behind those of requests; empty for all.
        points: points of each sweep.
    """

    faults: int = 1000
    seed: int = 1
    links: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    points: int = 90


def run_campaign(options: CampaignOptions, listener: Listener = silent, stop: Stop = never) -> CampaignResult:
    """Bring about faults and judge what comes of them.

    Raises:
        BadInput: a link that is not known here.
        LabctlError: the boards could not be started, or do not give the same outputs twice even without faults.
    """
    cells = tuple(product(known_links(options.links), known_kinds(options.kinds)))
    quota = -(-options.faults // len(cells))
    workload = draw_workload(options.seed, options.points)
    campaign = _Campaign(options, workload, quota)
    with emulated_boards(options.seed, PHYSICS) as boards:
        campaign.learn(boards)
        for number, (link, name) in enumerate(cells):
            if stop():
                break
            listener(number / len(cells), f"{link}: {name}")
            campaign.strike(boards, link, KINDS[name], name)
    return campaign.result()


def known_kinds(names: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The kinds of fault that are meant; all when none is named.

    Raises:
        BadInput: an unknown name.
    """
    wrong = [name for name in names if name not in KINDS]
    if wrong:
        raise BadInput(f"there is no kind of fault {', '.join(wrong)}; there are {', '.join(KINDS)}")
    return names or tuple(KINDS)


class _Campaign:
    """Tallies, and what they are judged by."""

    def __init__(self, options: CampaignOptions, workload: Workload, quota: int) -> None:
        self._options = options
        self._workload = workload
        self._quota = quota
        self._safe = workload.safe_digests()
        self._reference: Reference
        self._cells: dict[tuple[str, str], Tally] = {}
        self._complaints: list[str] = []
        self._slowest_s = 0.0
        self._reconnections = 0
        self._drawn = options.seed

    def learn(self, boards: Boards) -> None:
        """Do the work without faults, twice."""
        first, second = (_without_faults(self._workload, str(boards.board.tcp)) for _ in range(2))
        if (first.outputs != second.outputs).any() or differences(first.trace, second.trace):
            raise LabctlError("the emulated board does not give the same outputs twice; nothing can be judged by it")
        self._reference = first

    def strike(self, boards: Boards, link: str, fault: Fault, name: str) -> None:
        """Bring about one kind of fault on one kind of link until there were enough."""
        tally = Tally()
        for _ in range(MOST_SESSIONS):
            if tally.injected >= self._quota:
                break
            self._drawn += 1
            tally += self._session(boards, link, fault, f"{link}, {name}", self._quota - tally.injected)
        else:
            self._complain(f"{link}, {name}: only {tally.injected} of {self._quota} faults could be brought about")
        self._cells[link, name] = tally

    def _session(self, boards: Boards, link: str, fault: Fault, where: str, wanted: int) -> Tally:
        with ExitStack() as resources:
            proxy = resources.enter_context(boards.proxy(link, self._drawn))
            proxy.injector.arm(self._armed(fault, wanted))
            board = boards.board.serial_number
            session = Session(LINKS[link](proxy), board, self._workload, self._reference)
            session.start()
            hung = not self._ended(session, proxy)
        seen = session.observed
        unsafe = boards.unsafe(self._safe)
        tally = Tally(
            injected=len(proxy.injector.injections),
            wrong_values=seen.wrong_values,
            lost_rows=seen.lost_rows,
            hangs=len(seen.overdue) + hung,
            unsafe=int(bool(unsafe)),
        )
        self._note(where, seen, tally, hung, unsafe)
        if fault.kind == OTHER and tally.injected and not seen.refused:
            self._complain(f"{where}: another board was not refused ({seen.failure or 'nothing was noticed'})")
            tally += Tally(wrong_values=1)
        return tally

    def _armed(self, fault: Fault, wanted: int) -> Fault:
        if fault.kind == OTHER:
            return replace(once(OTHER), after=5 + self._drawn * 7 % 40)
        share = SHARE_OF_HANG_UPS if fault.kind == "hangup" else SHARE
        return replace(fault, p=share, count=min(wanted, IN_A_SESSION))

    def _ended(self, session: Session, proxy: Proxy) -> bool:
        """Wait for a session; one that hangs loses its link, and then has to end."""
        if session.join(SESSION_S):
            return True
        proxy.stop()
        session.join(BREAK_S)
        return False

    def _note(self, where: str, seen: Observed, tally: Tally, hung: bool, unsafe: str) -> None:
        self._slowest_s = max(self._slowest_s, seen.slowest_s)
        self._reconnections += seen.reconnections
        for what in seen.overdue:
            self._complain(f"{where}: {what}; at most {CALL_S:g} s were allowed")
        if hung:
            self._complain(f"{where}: the session did not end")
        if unsafe:
            self._complain(f"{where}: {unsafe}")
        if tally.wrong_values or tally.lost_rows:
            self._complain(f"{where}: {tally.wrong_values} wrong values, {tally.lost_rows} lost rows")
        if seen.failure and not seen.refused:
            self._complain(f"{where}: a session ended early: {seen.failure}")

    def _complain(self, sentence: str) -> None:
        _log.warning("%s", sentence)
        self._complaints.append(sentence)

    def result(self) -> CampaignResult:
        """What was found."""
        return CampaignResult(
            cells=self._cells,
            slowest_s=self._slowest_s,
            deadline_s=CALL_S,
            reconnections=self._reconnections,
            seed=self._options.seed,
            complaints=tuple(self._complaints),
        )


def _without_faults(workload: Workload, address: str) -> Reference:
    with open_board(address, timeout_s=WITHOUT_FAULTS_S) as board, TemporaryDirectory("labctl-selftest-") as folder:
        outputs = workload.sweep(board, Path(folder), lambda points: None)
        return Reference(outputs, workload.compute(board))
