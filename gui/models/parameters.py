"""The quantities of what is connected: what was read, what was set here, how old it is, who may change it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from data.instrument import Quantity, Reading, Value
from gui.models.figures import limits_text, value_text
from gui.models.spans import ago
from labctl.service.messages import BenchStatus, Light, Quantities, Readings

STALE_S: Final = 8.0
"""Seconds after which a reading is shown as old; it is asked for every two."""
LARGEST_DIFFERENCE: Final = 0.01
"""Part of a set value by which what is read may differ before both are shown."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One quantity of one device.

    Attributes:
        device: whose it is.
        quantity: what it is.
        reading: as it was last read, None before that.
        read_at: when, on the clock that the caller uses.
        was_set: what it was set to from here and read back; None when it was not, or when a run has had it since.
        setting: what it is being set to now, None when it is not.
        error: why it could not be set, empty when it could.
        owner: the run that has it now, empty when none has.
    """

    device: str
    quantity: Quantity
    reading: Reading | None = None
    read_at: float = 0.0
    was_set: Value | None = None
    setting: Value | None = None
    error: str = ""
    owner: str = ""

    @property
    def path(self) -> str:
        """As plans name it."""
        return f"{self.device}.{self.quantity.name}"

    @property
    def value(self) -> Value | None:
        """What was read last."""
        return None if self.reading is None else self.reading.value

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        choices = self.quantity.choices
        return (bool(choices) and all(isinstance(item, bool) for item in choices)) or isinstance(self.value, bool)

    @property
    def may_set(self) -> bool:
        """Whether it can be set now."""
        return self.quantity.settable and not self.owner and self.setting is None

    @property
    def differs(self) -> bool:
        """Whether it reads otherwise than it was set."""
        wanted, found = self.was_set, self.value
        if wanted is None or found is None:
            return False
        if isinstance(wanted, str | bool) or isinstance(found, str | bool):
            return wanted != found
        return abs(found - wanted) > LARGEST_DIFFERENCE * max(abs(wanted), abs(found))

    @property
    def light(self) -> Light | None:
        """What is to be noticed, if anything."""
        if self.error or (self.reading is not None and self.reading.error):
            return "fault"
        if self.setting is not None:
            return "busy"
        return "warning" if self.differs else None

    def age_s(self, now: float) -> float | None:
        """Seconds since the device was asked for it."""
        return None if self.reading is None else self.reading.age_s + max(0.0, now - self.read_at)

    def stale(self, now: float) -> bool:
        """Whether what is shown may no longer be so."""
        age = self.age_s(now)
        return age is None or age > STALE_S

    def value_words(self) -> str:
        """The value column."""
        unit = self.quantity.unit
        if self.setting is not None:
            return f"setting {value_text(self.setting, unit)}"
        if self.reading is not None and self.reading.error:
            return "no answer"
        text = value_text(self.value, unit)
        return f"{text}, set {value_text(self.was_set, unit)}" if self.differs else text

    def age_words(self, now: float) -> str:
        """The age column."""
        age = self.age_s(now)
        return "never" if age is None else ago(age).removesuffix(" ago")

    def limits_words(self) -> str:
        """The limits column."""
        if self.is_switch and self.quantity.settable:
            return "off / on"
        return limits_text(self.quantity)

    def explanation(self, now: float) -> str:
        """Everything about it, for a tool tip."""
        quantity = self.quantity
        lines = [f"{self.path}: {quantity.label}", self._last_read(now)]
        if quantity.settable:
            limits = self.limits_words()
            lines.append(f"can be set: {limits}" if limits else "can be set to any number")
        else:
            lines.append("can only be read")
        if self.was_set is not None:
            lines.append(f"was set to {value_text(self.was_set, quantity.unit)} here")
        if self.owner:
            lines.append(f"locked: {self.device} is used by {self.owner}; it can be set when that is over")
        lines += [text for text in (self.error, self.reading.error if self.reading else "") if text]
        return "\n".join(lines)

    def _last_read(self, now: float) -> str:
        age = self.age_s(now)
        return "not read yet" if age is None else f"{value_text(self.value, self.quantity.unit)}, read {ago(age)}"


class Parameters:
    """All parameters of a bench; the view shows them and asks for what is due."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Parameter]] = {}
        self._connected: tuple[str, ...] = ()
        self._in_use: frozenset[str] = frozenset()
        self._asked: set[str] = set()

    @property
    def devices(self) -> tuple[str, ...]:
        """Connected devices of which quantities are known, in the order of the bench."""
        return tuple(name for name in self._connected if name in self._rows)

    def of(self, device: str) -> tuple[Parameter, ...]:
        """The parameters of a device."""
        return tuple(self._rows.get(device, {}).values())

    def find(self, path: str) -> Parameter | None:
        """A parameter by its path."""
        device, _, name = path.partition(".")
        return self._rows.get(device, {}).get(name)

    def __iter__(self) -> Iterator[Parameter]:
        for device in self.devices:
            yield from self.of(device)

    def hear_bench(self, status: BenchStatus, run: str) -> bool:
        """Who is connected and who is in use by the run; says whether devices have come or gone."""
        before = self.devices
        self._connected = tuple(item.name for item in status.devices if item.connected)
        for device in set(self._rows) - set(self._connected):
            self._forget_readings(device)
        self._in_use = status.in_use
        for device in self._rows:
            owner = (run or "a run") if device in status.in_use else ""
            for path in [item.path for item in self.of(device) if item.owner != owner]:
                # What a run sets is its own affair: what was set before says nothing any more.
                self._change(path, owner=owner, was_set=None, error="")
        return self.devices != before

    def hear_quantities(self, told: Quantities) -> None:
        """What a device has; what was known of it is forgotten."""
        self._rows[told.device] = {name: Parameter(told.device, item) for name, item in told.quantities.items()}

    def hear_readings(self, told: Readings, now: float) -> tuple[str, ...]:
        """What a device was read as; the paths that have changed."""
        rows = self._rows.get(told.device, {})
        known = [item for item in told.readings if item.name in rows]
        for item in known:
            self._change(f"{told.device}.{item.name}", reading=item, read_at=now)
        return tuple(f"{told.device}.{item.name}" for item in known)

    def setting(self, path: str, value: Value) -> None:
        """It is being set."""
        self._change(path, setting=value, error="")

    def was_set(self, path: str, value: Value) -> None:
        """It has been set and read back."""
        self._change(path, setting=None, was_set=value)

    def refused(self, path: str, why: str) -> None:
        """It has not been set."""
        self._change(path, setting=None, error=why)

    def due(self, shown: Mapping[str, bool]) -> tuple[str, ...]:
        """Devices to read now: in sight, not in use by a run, not asked already.

        Args:
            shown: whether the rows of a device are in sight, by device.
        """
        wanted = [name for name in self.devices if shown.get(name, False) and name not in self._in_use]
        return tuple(name for name in wanted if name not in self._asked)

    def asked(self, device: str) -> bool:
        """Note that it is being asked; false when it is already."""
        if device in self._asked:
            return False
        self._asked.add(device)
        return True

    def answered(self, device: str) -> None:
        """Note that it has answered, or that it will not."""
        self._asked.discard(device)

    def _forget_readings(self, device: str) -> None:
        self._rows[device] = {
            item.quantity.name: Parameter(device, item.quantity) for item in self._rows[device].values()
        }

    def _change(self, path: str, **what: object) -> None:
        found = self.find(path)
        if found is not None:
            self._rows[found.device][found.quantity.name] = replace(found, **what)  # type: ignore[arg-type]
