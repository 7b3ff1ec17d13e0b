"""A live session as the window keeps it: the utterances, the one that is looked at, the running count."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from labctl.service.messages_keyword import AnswerView, SpottingBegan, TallyTold, UtteranceSpotted
from labctl.statistics import Proportion

MOST_ROWS: Final = 2000
"""Utterances in the list; older ones leave it."""
MOST_DETAILS: Final = 500
"""Utterances of which every layer is kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """An utterance in the list.

    Attributes:
        number: counted from 1.
        said: the word, or the class, or a question mark.
        name: where it comes from.
        words: decided word and whether it is right, by network and target.
    """

    number: int
    said: str
    name: str
    words: Mapping[str, Mapping[str, tuple[str, bool | None]]]


class LiveSession:
    """What has been told of the session that goes on, or of the last one."""

    def __init__(self) -> None:
        self.began: SpottingBegan | None = None
        self.tally: TallyTold | None = None
        self.network = ""
        self._rows: deque[Row] = deque(maxlen=MOST_ROWS)
        self._details: OrderedDict[int, UtteranceSpotted] = OrderedDict()
        self._chosen: int | None = None

    def begin(self, began: SpottingBegan) -> None:
        """A session begins; nothing of the last one stays."""
        self.began, self.tally, self._chosen = began, None, None
        self._rows.clear()
        self._details.clear()
        names = [name for name, _ in began.networks]
        if self.network not in names:
            self.network = names[0] if names else ""

    def add(self, told: UtteranceSpotted) -> Row:
        """One more utterance."""
        words = {
            answer.network: {target: (item.word, item.right) for target, item in answer.decisions.items()}
            for answer in told.answers
        }
        row = Row(told.number, told.said or told.truth or "?", told.name, words)
        self._rows.append(row)
        self._details[told.number] = told
        while len(self._details) > MOST_DETAILS:
            self._details.popitem(last=False)
        return row

    @property
    def rows(self) -> tuple[Row, ...]:
        """The list, the oldest first."""
        return tuple(self._rows)

    @property
    def targets(self) -> tuple[str, ...]:
        """What computes, the board first."""
        return () if self.began is None else self.began.targets

    @property
    def follows(self) -> bool:
        """Whether the newest utterance is looked at."""
        return self._chosen is None

    def choose(self, number: int | None) -> None:
        """Look at an utterance; None for the newest, always."""
        newest = next(reversed(self._details), None)
        self._chosen = None if number == newest else number

    @property
    def shown(self) -> UtteranceSpotted | None:
        """The utterance that is looked at; None where there is none, or its layers are not kept any more."""
        if self._chosen is not None:
            return self._details.get(self._chosen)
        return next(reversed(self._details.values()), None)

    @property
    def answer(self) -> AnswerView | None:
        """What the network that is looked at said to the utterance that is looked at."""
        told = self.shown
        if told is None:
            return None
        return next((item for item in told.answers if item.network == self.network), None)


def mark(right: bool | None) -> str:
    """Right or wrong as a sign; nothing where nobody knows."""
    return "" if right is None else ("✓" if right else "✗")


def share(value: Proportion) -> str:
    """A share with its interval, both in percent; a dash where there is none."""
    if not value.count:
        return "–"
    return f"{100 * value.value:5.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]"


def times(array_s: float, board_s: float, total_s: float) -> str:
    """The times of an utterance in milliseconds."""
    return f"array {1e3 * array_s:.2f} ms · board {1e3 * board_s:.0f} ms · all {1e3 * total_s:.0f} ms"


def state_line(session: LiveSession) -> str:
    """The session in a line."""
    began, tally = session.began, session.tally
    if began is None or tally is None:
        return ""
    total = f" of {tally.total}" if tally.total else ""
    simulated = "SIMULATED · " if began.simulated else ""
    return f"{simulated}{tally.utterances}{total} · board {1e3 * tally.board_s:.0f} ms"


def levelled(features: NDArray[Any]) -> NDArray[Any]:
    """Features, shape (frames, coefficients), each coefficient in its own standard deviations: all can be seen."""
    middle = features - features.mean(axis=0)
    spread = middle.std(axis=0)
    return np.asarray(middle / np.where(spread > 0, spread, 1.0), np.float32)


def limits(*values: NDArray[Any]) -> tuple[float, float]:
    """Smallest and largest of all values, never the same."""
    known = [item for item in values if item.size]
    if not known:
        return 0.0, 1.0
    low, high = min(float(item.min()) for item in known), max(float(item.max()) for item in known)
    return (low, high) if high > low else (low - 0.5, high + 0.5)
