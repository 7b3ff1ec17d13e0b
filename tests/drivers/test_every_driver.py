"""What every driver must do, whoever wrote it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pytest

from data.errors import BadInput, LabctlError
from data.instrument import Instrument, Quantity, Reconnectable, Value
from drivers.errors import Disconnected, LinkError, LinkTimeout, ProtocolError
from drivers.opened import OpenInstrument
from drivers.registry import OURS

from .benches import CASES, Case, simulations

Opener = Callable[[], OpenInstrument]


@pytest.fixture(scope="module", autouse=True)
def kept() -> Iterator[None]:
    held = simulations()
    yield
    held.clear()


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    chosen: Case = request.param
    if chosen.missing:
        pytest.skip(f"{chosen.package} is not installed")
    return chosen


@pytest.fixture
def opener(case: Case) -> Iterator[Opener]:
    with case.open() as there:
        yield there


@pytest.fixture
def instrument(opener: Opener) -> Iterator[OpenInstrument]:
    with opener() as there:
        yield there


class Spy:
    """Counts what reaches the driver, and fails where it is told to."""

    def __init__(self, instrument: OpenInstrument, monkeypatch: pytest.MonkeyPatch) -> None:
        backend = instrument._backend
        self.reads: list[str] = []
        self.writes: list[str] = []
        self.failures: dict[str, Exception] = {}
        read, write = backend.read, backend.write

        def spied_read(name: str) -> Value:
            self.reads.append(name)
            if name in self.failures:
                raise self.failures[name]
            return read(name)

        def spied_write(name: str, value: Value) -> None:
            self.writes.append(name)
            write(name, value)

        monkeypatch.setattr(backend, "read", spied_read)
        monkeypatch.setattr(backend, "write", spied_write)


@pytest.fixture
def spy(instrument: OpenInstrument, monkeypatch: pytest.MonkeyPatch) -> Spy:
    return Spy(instrument, monkeypatch)


def test_every_driver_of_ours_is_tried() -> None:
    assert set(OURS) | {"custom"} <= set(CASES)


def test_it_says_who_it_is_and_what_it_has(instrument: OpenInstrument) -> None:
    assert isinstance(instrument, Instrument)
    assert isinstance(instrument, Reconnectable)
    assert instrument.identity.model
    assert instrument.identity.simulated
    assert instrument.quantities
    for name, quantity in instrument.quantities.items():
        assert quantity.name == name
        assert quantity.label
        if quantity.settable and quantity.unit and not quantity.choices:
            assert math.isfinite(quantity.low)
            assert math.isfinite(quantity.high)


def test_every_quantity_has_a_value_of_its_kind(instrument: OpenInstrument, case: Case) -> None:
    for name, quantity in instrument.quantities.items():
        if name in case.unreadable:
            with pytest.raises(LinkError):
                instrument.get(name)
            continue
        value = instrument.get(name)
        assert isinstance(value, float) if quantity.unit else isinstance(value, bool | str)


def beyond(quantity: Quantity) -> list[Value]:
    """Values that no quantity like this may be set to."""
    if not quantity.settable:
        return [quantity.low if quantity.unit else "x"]
    wrong: list[Value] = ["neither"]
    if quantity.unit:
        wrong += [float("nan"), float("inf"), True]
    if quantity.unit and not quantity.choices:
        wrong += [quantity.low - 1, quantity.high + 1]
    return wrong


def test_limits_hold_before_anything_is_sent(instrument: OpenInstrument, spy: Spy) -> None:
    for name, quantity in instrument.quantities.items():
        for value in beyond(quantity):
            with pytest.raises(BadInput, match=instrument.name):
                instrument.set(name, value)
    for wrong in ("nothing", "", "Voltage"):
        with pytest.raises(BadInput, match="has no quantity"):
            instrument.set(wrong, 0.0)
        with pytest.raises(BadInput, match="has no quantity"):
            instrument.get(wrong)
    assert (spy.reads, spy.writes) == ([], [])


def test_what_is_set_is_there(instrument: OpenInstrument, case: Case) -> None:
    for name, value in case.good.items():
        instrument.set(name, value)
    assert {name: instrument.get(name) for name in case.good} == case.good


def test_values_have_an_age(instrument: OpenInstrument, case: Case, spy: Spy) -> None:
    name = next(name for name in instrument.quantities if name not in case.unreadable)
    first = instrument.get(name, max_age_s=60)
    assert instrument.get(name, max_age_s=60) == first
    assert spy.reads == [name]
    instrument.get(name)
    assert spy.reads == [name, name]
    if case.good:
        settable, value = next(iter(case.good.items()))
        instrument.get(settable)
        instrument.set(settable, value)
        assert instrument.get(settable, max_age_s=60) == value


def test_one_quantity_that_fails_spoils_no_snapshot(instrument: OpenInstrument, case: Case, spy: Spy) -> None:
    readable = [name for name in instrument.quantities if name not in case.unreadable]
    spy.failures[readable[0]] = LinkTimeout("no answer in time", instrument.name, "X?")
    readings = {reading.name: reading for reading in instrument.snapshot()}
    assert list(readings) == list(instrument.quantities)
    assert readings[readable[0]].value is None
    assert "no answer in time" in readings[readable[0]].error
    for name in readable[1:]:
        assert readings[name].error == ""
        assert readings[name].value is not None
        assert 0 <= readings[name].age_s < 10
        assert readings[name].unit == instrument.quantities[name].unit
    for name in case.unreadable:
        assert readings[name].error


def test_a_lost_link_is_waited_for_once(instrument: OpenInstrument, spy: Spy) -> None:
    for name in instrument.quantities:
        spy.failures[name] = Disconnected("unplugged", instrument.name, name)
    assert all("unplugged" in reading.error for reading in instrument.snapshot())
    assert len(spy.reads) == 1


def test_the_safe_state(instrument: OpenInstrument, case: Case) -> None:
    for name, value in case.good.items():
        instrument.set(name, value)
    instrument.safe()
    assert {name: instrument.get(name) for name in case.safe} == case.safe


def test_closing_makes_safe_what_was_set_and_may_be_repeated(opener: Opener, case: Case) -> None:
    instrument = opener()
    for name, value in case.good.items():
        instrument.set(name, value)
    made_safe: list[bool] = []
    make_safe = instrument._backend.make_safe
    instrument._backend.make_safe = lambda: (made_safe.append(True), make_safe())[1]  # type: ignore[method-assign]
    instrument.close()
    instrument.close()
    assert made_safe == ([True] if case.good else [])
    with pytest.raises(LinkError, match="closed"):
        instrument.get(next(iter(instrument.quantities)))
    with pytest.raises(LinkError, match="closed"):
        instrument.safe()
    opener().close()  # the place is free again


def test_what_was_only_read_is_left_alone(opener: Opener, case: Case) -> None:
    if not case.good or not case.lasting:
        pytest.skip("nothing can be set, or nothing stays")
    instrument = opener()
    name, value = next(iter(case.good.items()))
    instrument.set(name, value)
    instrument.release()
    with opener() as again:
        assert again.get(name) == value
    with opener() as again:
        assert again.get(name) == value
        again.safe()


def test_it_comes_back_as_it_was(instrument: OpenInstrument, case: Case) -> None:
    for name, value in case.good.items():
        instrument.set(name, value)
    instrument._backend.close()  # the cable is pulled
    with pytest.raises(LinkError):
        instrument.get(next(iter(instrument.quantities)))
    instrument.reconnect(20)
    assert {name: instrument.get(name) for name in case.good} == case.good
    instrument.safe()
    instrument.reconnect(20)
    assert {name: instrument.get(name) for name in case.safe} == case.safe


def test_failures_are_of_the_three_kinds(instrument: OpenInstrument, case: Case) -> None:
    instrument._backend.close()
    readable = next(name for name in instrument.quantities if name not in case.unreadable)
    for attempt in (lambda: instrument.get(readable), instrument.safe):
        if attempt == instrument.safe and not case.safe:
            continue
        with pytest.raises(LabctlError) as caught:
            attempt()
        assert isinstance(caught.value, LinkTimeout | Disconnected | ProtocolError)
        assert instrument.name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert all(reading.error for reading in instrument.snapshot())
