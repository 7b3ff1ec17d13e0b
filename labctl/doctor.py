"""What this computer has and lacks for the work of a bench, and what to do about it; no board is needed or touched."""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from ctypes.util import find_library
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from data.errors import BadInput, LabctlError

if TYPE_CHECKING:
    from labctl.bench import BenchConfig

Status = Literal["ok", "warn", "fail"]

GIBIBYTE: Final = 2**30
LITTLE_DISK: Final = 5 * GIBIBYTE
NO_DISK: Final = GIBIBYTE // 2

QT_LIBRARIES: Final = {
    "GL": "libgl1",
    "EGL": "libegl1",
    "xkbcommon": "libxkbcommon0",
    "dbus-1": "libdbus-1-3",
    "fontconfig": "libfontconfig1",
    "glib-2.0": "libglib2.0-0",
}
"""Libraries of the system that Qt needs and pip cannot bring, and the Debian packages that hold them."""

EXTRAS: Final = {"PyQt6": "gui", "PyMeasure": "pymeasure", "qcodes": "qcodes"}
"""Packages that only some work needs, and the extra of labctl's that installs them."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what.
        status: ``ok``; ``warn`` where some work will not go; ``fail`` where nothing will.
        found: what was found.
        advice: what to do about it, empty where it is ok.
    """

    name: str
    status: Status
    found: str
    advice: str = ""


def examine(bench: Path | None = None) -> tuple[Check, ...]:
    """Look at everything.

    Args:
        bench: a bench file; None for ``bench.toml`` in the current folder, or else the default bench.

    Returns:
        What was found, in the order in which to mend it. A check that itself breaks down is a failure, not an error.
    """
    looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
        ("python", _python),
        ("packages", _packages),
        ("bench file", lambda: _bench(bench)),
        ("runs folder", lambda: _runs(bench)),
        ("serial ports", _serial_ports),
        ("VISA", _visa),
        ("emulated board", _terminals),
        ("kernels", _kernels),
        ("speech", _speech),
        ("window", _window),
        ("extras", _extras),
    )
    return tuple(check for name, look in looks for check in _looked(name, look))


def _looked(name: str, look: Callable[[], Iterator[Check]]) -> list[Check]:
    try:
        return list(look())
    except Exception as error:  # noqa: BLE001 (one broken check must not hide the others)
        return [Check(name, "fail", f"cannot be looked at: {type(error).__name__}: {error}", "report this")]


def _python() -> Iterator[Check]:
    version = platform.python_version()
    system = f"{platform.system()} {platform.release()}, {os.cpu_count()} processors"
    yield Check("python", "ok", f"{version} on {system}")


def _packages() -> Iterator[Check]:
    try:
        needed = metadata.requires("labctl") or []
    except metadata.PackageNotFoundError:
        yield Check("packages", "warn", "labctl runs from a folder and is not installed", "type `pip install -e .`")
        return
    names = [_package_name(item) for item in needed if "extra ==" not in item]
    absent = [name for name in names if _version(name) is None]
    if absent:
        yield Check("packages", "fail", f"missing: {', '.join(absent)}", f"type `pip install {' '.join(absent)}`")
        return
    shown = ("numpy", "torch", "numba", "h5py", "pyserial", "PyVISA", "PyVISA-py")
    versions = ", ".join(f"{name} {_version(name)}" for name in shown)
    yield Check("packages", "ok", f"labctl {metadata.version('labctl')} with {len(names)} packages: {versions}")


def _bench(bench: Path | None) -> Iterator[Check]:
    from labctl.bench import EMULATED, read_config

    try:
        config = read_config(bench)
    except BadInput as error:
        yield Check("bench file", "fail", str(error), "mend the file; docs/reference/bench-file.md has every setting")
        return
    address = config.board.address
    place = "no file, the default" if bench is None and not Path("bench.toml").exists() else str(bench or "bench.toml")
    yield Check("bench file", "ok", f"{place}: board {address}, {len(config.instruments)} instruments")
    port = Path(address.removeprefix("serial:").partition("?")[0])
    if address != EMULATED and port.is_absolute() and not port.exists():
        yield Check(
            "board", "warn", f"there is no {port}", "plug it in and switch it on; `labctl discover` looks for it"
        )
    known: dict[str, frozenset[str] | None] = {}
    yield from _instruments(config, known)
    yield from _interlocks(config, known)


def _instruments(config: BenchConfig, known: dict[str, frozenset[str] | None]) -> Iterator[Check]:
    """Settings are tried on their drivers; nothing is connected.

    ``known`` gets the quantities of each, None where only the instrument itself knows them.
    """
    from drivers.backend import KnowsQuantities
    from drivers.registry import find_driver

    for name, item in config.instruments.items():
        known[name] = None
        try:
            backend = find_driver(item.driver).backend(item.settings(name))
        except LabctlError as error:
            yield Check(f"instrument {name}", "fail", str(error), "mend its table in the bench file")
            continue
        if isinstance(backend, KnowsQuantities):
            known[name] = backend.known
        yield Check(f"instrument {name}", "ok", f"{item.driver} at {item.address}, not connected")


def _interlocks(config: BenchConfig, known: Mapping[str, frozenset[str] | None]) -> Iterator[Check]:
    """Interlocks are held against what their instruments have; a run would refuse to start on a wrong name."""
    from drivers.board import PARAMETERS
    from labctl.rig import BOARD

    everything = {**known, BOARD: frozenset(parameter.name for parameter in PARAMETERS)}
    for name, item in config.interlocks.items():
        owner, _, quantity = item.quantity.partition(".")
        names = everything.get(owner)
        title, advice = f"interlock {name}", "mend its table in the bench file"
        if owner not in everything:
            yield Check(title, "fail", f"there is no instrument {owner}; there are {', '.join(everything)}", advice)
        elif names is None:
            yield Check(title, "ok", f"{item.quantity}; what {owner} has is known once it is connected")
        elif quantity not in names:
            found = f"{owner} has no quantity {quantity}; it has {', '.join(sorted(names))}"
            yield Check(title, "fail", found, advice)
        else:
            yield Check(title, "ok", f"{item.quantity} is watched")


def _runs(bench: Path | None) -> Iterator[Check]:
    from labctl.bench import BenchConfig, read_config

    try:
        folder = read_config(bench).runs.resolve()
    except BadInput:
        folder = BenchConfig().runs.resolve()
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    found = f"{folder}: {free / GIBIBYTE:.1f} GiB free"
    try:
        with tempfile.NamedTemporaryFile(dir=there):
            pass
    except OSError as error:
        yield Check("runs folder", "fail", f"{there} cannot be written: {error.strerror}", "choose another with `runs`")
        return
    if free < NO_DISK:
        yield Check("runs folder", "fail", found, "free some disk, or choose another folder with `runs`")
    elif free < LITTLE_DISK:
        yield Check("runs folder", "warn", found, "a long run may fill it; free some disk")
    else:
        yield Check("runs folder", "ok", found)


def _serial_ports() -> Iterator[Check]:
    from serial.tools import list_ports

    ports = list(list_ports.comports())
    if not ports:
        yield Check("serial ports", "ok", "none plugged in")
    for port in ports:
        what = f"{port.device} ({port.description}{f', {port.serial_number}' if port.serial_number else ''})"
        if os.access(port.device, os.R_OK | os.W_OK) or sys.platform == "win32":
            yield Check("serial port", "ok", what)
        else:
            group = _group(port.device)
            advice = f"type `sudo usermod -aG {group} $USER`, then log out and in again"
            yield Check("serial port", "fail", f"{what}: no permission", advice)


def _group(device: str) -> str:
    """The group that may open a port; ``dialout`` where it has none."""
    if sys.platform == "win32":
        return "dialout"
    import grp

    try:
        return grp.getgrgid(Path(device).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def _visa() -> Iterator[Check]:
    from pyvisa.ctwrapper.highlevel import IVIVisaLibrary

    yield Check("VISA, pyvisa-py", "ok", f"{_version('PyVISA-py')}: write visa@py:RESOURCE")
    for bus, module, package in (("USB", "usb", "PyUSB"), ("GPIB", "gpib", "gpib-ctypes")):
        there = find_spec(module) is not None or find_spec(package.replace("-", "_").lower()) is not None
        found = "there" if there else f"not through pyvisa-py; `pip install {package}` brings it"
        yield Check(f"VISA, {bus}", "ok", found)
    paths = [str(path) for path in IVIVisaLibrary.get_library_paths()]
    if paths:
        yield Check("VISA, vendor's", "ok", f"{', '.join(paths)}: write visa:RESOURCE")
    else:
        yield Check("VISA, vendor's", "ok", "none; only GPIB and some USB instruments need one")


def _terminals() -> Iterator[Check]:
    from drivers.emulator.options import has_terminals

    if has_terminals():
        yield Check("emulated board", "ok", "serial and TCP")
    else:
        yield Check("emulated board", "ok", "TCP only: this system has no pseudo-terminals")


def _kernels() -> Iterator[Check]:
    folder = Path(__file__).resolve().parent.parent / "models" / "kernels" / "__pycache__"
    own = os.environ.get("NUMBA_CACHE_DIR")
    place = Path(own) if own else folder
    there = next(part for part in (place, *place.parents) if part.is_dir())
    compiled = len(list(place.rglob("*.nbc"))) if place.is_dir() else 0
    if not os.access(there, os.W_OK):
        advice = "set NUMBA_CACHE_DIR to a folder that can be written, or every start compiles again"
        yield Check("kernels", "warn", f"{place} cannot be written", advice)
    elif compiled:
        yield Check("kernels", "ok", f"{compiled} compiled kernels in {place}")
    else:
        yield Check("kernels", "ok", "not compiled yet; the first use does it once and takes longer")


def _speech() -> Iterator[Check]:
    import espeakng_loader

    library = Path(espeakng_loader.get_library_path())
    if library.exists():
        yield Check("speech", "ok", f"espeak-ng {_version('espeakng-loader')}")
    else:
        yield Check("speech", "warn", f"{library} is missing", "type `pip install --force-reinstall espeakng-loader`")
    flite = shutil.which("flite")
    yield Check("speech, other voices", "ok", flite or "flite is not installed; its voices are left out of the tests")


def _window() -> Iterator[Check]:
    if _version("PyQt6") is None:
        yield Check("window", "warn", "PyQt6 is not installed", 'type `pip install "labctl[gui]"`')
        return
    absent = [package for name, package in QT_LIBRARIES.items() if find_library(name) is None]
    if sys.platform.startswith("linux") and absent:
        advice = f"type `sudo apt-get install --no-install-recommends {' '.join(absent)}`"
        yield Check("window", "warn", f"libraries that Qt needs are missing: {', '.join(absent)}", advice)
        return
    display = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY")
    no_display = sys.platform.startswith("linux") and not display
    yield Check("window", "ok", f"PyQt6 {_version('PyQt6')}" + (", no display here" if no_display else ""))


def _extras() -> Iterator[Check]:
    for package, extra in EXTRAS.items():
        version = _version(package)
        if extra != "gui":
            yield Check(package, "ok", version or f"not installed; `pip install labctl[{extra}]` brings its drivers")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _package_name(requirement: str) -> str:
    for index, letter in enumerate(requirement):
        if not (letter.isalnum() or letter in "-_."):
            return requirement[:index]
    return requirement
