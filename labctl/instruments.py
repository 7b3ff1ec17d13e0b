"""The instruments of a bench besides the board: ``[instruments.NAME]`` of the bench file, connected when asked for."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from data.errors import BadInput, LabctlError
from data.instrument import Reading

if TYPE_CHECKING:
    from drivers.backend import InstrumentSettings
    from drivers.opened import OpenInstrument

log = logging.getLogger(__name__)

RESERVED = ("board", "schedule")
"""What a plan calls other things than instruments of the bench file."""


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name} is what plans call the bench's own {name}; choose another name")
    return name


QuantityName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=60)]
InstrumentName = Annotated[QuantityName, AfterValidator(_not_reserved)]
_SIM_FILE = re.compile(r"(visa@)([^:]+)(@sim:.*)", re.IGNORECASE)

Scalar = bool | float | str


class Section(BaseModel):
    """A table of the bench file: settings that are not known are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class QuantityConfig(Section):
    """``[instruments.NAME.quantities.QUANTITY]``: what the file says of one quantity."""

    attribute: str = ""
    query: str = ""
    command: str = ""
    label: str = ""
    unit: str | None = None
    kind: Literal["number", "switch", "text"] | None = None
    settable: bool | None = None
    low: float | None = None
    high: float | None = None
    choices: tuple[Scalar, ...] = ()


class InstrumentConfig(Section):
    """``[instruments.NAME]``: which driver, where, and what the driver does not know."""

    driver: Annotated[str, Field(min_length=1)]
    address: Annotated[str, Field(min_length=1)] = "simulated"
    serial_number: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 2.0
    quantities: dict[QuantityName, QuantityConfig] = Field(default_factory=dict)
    safe: tuple[str | dict[str, Scalar], ...] = ()
    options: dict[str, Any] = Field(default_factory=dict)

    def relative_to(self, folder: Path) -> InstrumentConfig:
        """The same with a file of pyvisa-sim in the address taken as relative to the bench file's folder."""
        match = _SIM_FILE.fullmatch(self.address)
        if match is None:
            return self
        return self.model_copy(update={"address": f"{match[1]}{folder / match[2]}{match[3]}"})

    def settings(self, name: str) -> InstrumentSettings:
        """What the drivers take."""
        from drivers.backend import InstrumentSettings, QuantitySettings, SafeStep

        steps: list[SafeStep] = []
        for step in self.safe:
            steps += [step] if isinstance(step, str) else list(step.items())
        quantities = tuple(QuantitySettings(key, **item.model_dump()) for key, item in self.quantities.items())
        return InstrumentSettings(
            name,
            self.driver,
            self.address,
            self.serial_number,
            self.timeout_s,
            quantities,
            tuple(steps),
            self.options,
        )


@dataclass(frozen=True, slots=True)
class InstrumentSnapshot:
    """An instrument in a snapshot.

    Attributes:
        instrument: its name on the bench.
        identity: who it is, empty when it could not be connected.
        readings: its quantities; those that could not be read say why.
        error: why it could not be connected, empty when it could.
    """

    instrument: str
    identity: str
    readings: tuple[Reading, ...]
    error: str = ""


class Instruments(Mapping[str, "OpenInstrument"]):
    """The instruments of a bench by name; each is connected when it is first asked for, and kept.

    Leave it with ``with`` or :meth:`close`: every instrument that was set is then in its safe state, and let go of.

    Args:
        configured: what the bench file says, by name.
    """

    def __init__(self, configured: Mapping[str, InstrumentConfig]) -> None:
        self._configured = dict(configured)
        self._connected: dict[str, OpenInstrument] = {}
        self._lock = threading.RLock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(self._configured)

    def __len__(self) -> int:
        return len(self._configured)

    def __contains__(self, name: object) -> bool:
        return name in self._configured

    def __getitem__(self, name: str) -> OpenInstrument:
        """The instrument, connected.

        Raises:
            KeyError: the bench has none of that name.
            BadInput: it is not there, is another one, or its settings do not fit its driver.
            LinkError: its link failed.
        """
        from drivers.registry import connect

        with self._lock:
            if name not in self._configured:
                raise KeyError(name)
            if self._closed:
                raise BadInput(f"the bench has been closed; open it again to use {name}")
            if name not in self._connected:
                self._connected[name] = connect(self._configured[name].settings(name))
            return self._connected[name]

    def configuration(self, name: str) -> InstrumentConfig:
        """What the bench file says of an instrument."""
        return self._configured[name]

    def find(self, name: str) -> OpenInstrument:
        """As ``[name]``, with a sentence that names the known ones when there is none of that name.

        Raises:
            BadInput: the bench has no such instrument, or it cannot be connected.
            LinkError: its link failed.
        """
        if name not in self._configured:
            known = ", ".join(self._configured) or "none; add [instruments.NAME] to the bench file"
            raise BadInput(f"the bench has no instrument {name!r}; it has {known}")
        return self[name]

    def snapshot(self, max_age_s: float = 0.0) -> tuple[InstrumentSnapshot, ...]:
        """Every instrument of the bench; one that cannot be connected says why."""
        return tuple(self._snapshot(name, max_age_s) for name in self._configured)

    @property
    def simulated(self) -> bool:
        """Whether any connected instrument is simulated."""
        return any(instrument.identity.simulated for instrument in list(self._connected.values()))

    def safe(self) -> None:
        """Every connected instrument to its safe state, also after one that failed.

        Raises:
            LabctlError: the first failure.
        """
        failures: list[LabctlError] = []
        for instrument in list(self._connected.values()):
            try:
                instrument.safe()
            except LabctlError as error:
                log.error("%s could not be put into its safe state: %s", instrument.name, error)
                failures.append(error)
        if failures:
            raise failures[0]

    def close(self) -> None:
        """Close every connected instrument; may be called again."""
        with self._lock:
            self._closed = True
            while self._connected:
                _, instrument = self._connected.popitem()
                instrument.close()

    def disconnect(self, name: str) -> None:
        """Put one instrument into its safe state and let go of it; it is connected again when it is asked for.

        Raises:
            LabctlError: its safe state could not be confirmed; it is let go of all the same.
        """
        with self._lock:
            instrument = self._connected.pop(name, None)
        if instrument is not None:
            try:
                instrument.safe()
            finally:
                instrument.close()

    def release(self) -> None:
        """Let go of every connected instrument and leave it as it is set."""
        with self._lock:
            self._closed = True
            while self._connected:
                _, instrument = self._connected.popitem()
                instrument.release()

    def _snapshot(self, name: str, max_age_s: float) -> InstrumentSnapshot:
        try:
            instrument = self[name]
        except LabctlError as error:
            return InstrumentSnapshot(name, "", (), str(error))
        return InstrumentSnapshot(name, str(instrument.identity), instrument.snapshot(max_age_s))
