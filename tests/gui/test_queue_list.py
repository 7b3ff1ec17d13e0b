from __future__ import annotations

from gui.models.queue_list import PROGRESS, ROUNDS, TIME, QueueModel
from labctl.service.messages_queue import QueueList, QueueRow, QueueState


def row(
    number: int, state: QueueState = "waiting", rounds: int = 1, done: int = 0, seconds: float | None = 10
) -> QueueRow:
    return QueueRow(number, f"job {number}", "sweep", state, rounds, done, seconds=seconds)


def model(*rows: QueueRow, fraction: float | None = None, here: bool = False) -> QueueModel:
    running = any(item.state == "running" for item in rows)
    return QueueModel(QueueList("queue.sqlite", rows, 17 if running else None, here), fraction)


def after_move(waiting: list[int], number: int, place: int) -> list[int]:
    """What the queue on disk does when an entry is moved."""
    order = [other for other in waiting if other != number]
    order.insert(place - 1, number)
    return order


def test_a_drop_puts_the_entry_where_it_was_dropped() -> None:
    shown = model(row(1, "done"), row(2, "running"), row(3), row(4), row(5))
    waiting = list(shown.waiting)
    for number in waiting:
        for before in range(len(shown.rows) + 1):
            numbers = [item.number for item in shown.rows if item.number != number]
            at = sum(item.number != number for item in shown.rows[:before])
            numbers.insert(at, number)
            wanted = [item for item in numbers if item in waiting]
            place = shown.dropped(number, before)
            assert (waiting if place is None else after_move(waiting, number, place)) == wanted


def test_only_what_waits_is_moved_and_not_beyond_the_ends() -> None:
    shown = model(row(1, "running"), row(2), row(3))
    assert shown.moved(1, 1) is None
    assert shown.moved(2, -1) is None
    assert shown.moved(2, 1) == 2
    assert shown.moved(3, 1) is None
    assert shown.dropped(1, 3) is None


def test_time_left_counts_what_waits_and_the_rest_of_what_runs() -> None:
    shown = model(row(1, "done"), row(2, "running", seconds=100), row(3, seconds=30), fraction=0.25, here=True)
    assert shown.left_s() == 75 + 30
    assert "about 1:45" in shown.summary()
    unknown = model(row(1, seconds=None), row(2, seconds=30))
    assert "more than 0:30" in unknown.summary()
    assert model(row(1, seconds=None)).left_s() is None


def test_progress_of_another_process_is_its_rounds() -> None:
    elsewhere = model(row(1, "running", rounds=4, done=1), fraction=0.9)
    assert elsewhere.text(elsewhere.rows[0], PROGRESS) == "25 %"
    assert elsewhere.text(elsewhere.rows[0], ROUNDS) == "1 of 4"
    assert "by process 17" in elsewhere.summary()
    here = model(row(1, "running", rounds=4, done=1), fraction=0.9, here=True)
    assert here.text(here.rows[0], PROGRESS) == "90 %"
    assert "runs here" in here.summary()
    waits = model(row(1, seconds=None))
    assert (waits.text(waits.rows[0], PROGRESS), waits.text(waits.rows[0], TIME)) == ("", "–")
