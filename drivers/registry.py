"""Drivers by name: ours, those of other packages, and what PyMeasure and QCoDeS bring.

=====================  ==================================================================================
name                   driver
=====================  ==================================================================================
``scpi-supply``, ...   ours (:data:`OURS`)
``custom``             the bench file is the driver (:mod:`drivers.custom`)
``pymeasure:CLASS``    a class of PyMeasure's, e.g. ``pymeasure:keithley.Keithley2000``
``qcodes:CLASS``       a class of QCoDeS', e.g. ``qcodes:Keithley.Keithley2450``
any other              an entry point of the group ``labctl.instruments`` of an installed package
=====================  ==================================================================================
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Final, cast

from data.errors import BadInput
from drivers.backend import Driver, InstrumentSettings
from drivers.opened import OpenInstrument, open_instrument

GROUP: Final = "labctl.instruments"

OURS: Final = {
    "scpi-supply": "drivers.scpi_instruments:SUPPLY",
    "scpi-meter": "drivers.scpi_instruments:METER",
    "espec-chamber": "drivers.espec:CHAMBER",
    "lucidac": "drivers.lucidac.computer:DRIVER",
}
"""Our own drivers by name; each is loaded when it is used."""


def driver_names() -> tuple[str, ...]:
    """Every name that :func:`find_driver` takes, but the classes of PyMeasure and QCoDeS, which are many."""
    return tuple(dict.fromkeys([*OURS, "custom", *sorted(entry.name for entry in entry_points(group=GROUP))]))


def find_driver(name: str) -> Driver:
    """The driver of a name (see the table above).

    Raises:
        BadInput: there is none of that name, or its package is absent or broken.
    """
    family, separator, path = name.partition(":")
    if separator and family == "pymeasure":
        from drivers.pymeasure_instrument import PymeasureDriver

        return PymeasureDriver(path)
    if separator and family == "qcodes":
        from drivers.qcodes_instrument import QcodesDriver

        return QcodesDriver(path)
    if name == "custom":
        from drivers.custom import CustomDriver

        return CustomDriver()
    if name in OURS:
        module, _, attribute = OURS[name].partition(":")
        return _checked(name, getattr(importlib.import_module(module), attribute))
    for entry in entry_points(group=GROUP, name=name):
        try:
            return _checked(name, entry.load())
        except (ImportError, AttributeError) as error:
            raise BadInput(f"the driver {name} of {entry.value} cannot be loaded: {error}") from error
    raise BadInput(
        f"there is no driver {name!r}; there are {', '.join(driver_names())}, pymeasure:CLASS and qcodes:CLASS"
    )


def _checked(name: str, found: object) -> Driver:
    if not callable(getattr(found, "backend", None)):
        raise BadInput(f"the driver {name} is no driver: it has no method `backend`")
    return cast("Driver", found)


def connect(settings: InstrumentSettings) -> OpenInstrument:
    """The instrument of a bench file, connected.

    Raises:
        BadInput: the settings cannot be used, or it is not there, or is another one.
        LinkError: the link failed meanwhile.
    """
    return open_instrument(settings.name, find_driver(settings.driver).backend(settings), settings.serial_number)
