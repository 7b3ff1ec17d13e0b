"""The quantities that a scan can set or read, by the names that plans use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from data.instrument import Quantity
from data.scan import SCHEDULE_QUANTITIES
from labctl.service.messages import BenchStatus, Quantities


def known_quantities(status: BenchStatus, told: Iterable[Quantities]) -> dict[str, Quantity]:
    """Those of the connected devices, and the settings of the board's schedule first."""
    connected = {device.name for device in status.devices if device.connected}
    found = dict(SCHEDULE_QUANTITIES)
    for item in told:
        if item.device in connected:
            found |= {f"{item.device}.{name}": quantity for name, quantity in item.quantities.items()}
    return found


def settable(known: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """Those that an axis can set."""
    return {path: quantity for path, quantity in known.items() if quantity.settable}


def grouped(known: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Paths by their device."""
    found: dict[str, tuple[str, ...]] = {}
    for path in known:
        device = path.partition(".")[0]
        found[device] = (*found.get(device, ()), path)
    return found
