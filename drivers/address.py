"""How the place of an instrument is written down, and the settings of its link.

=======================================  ==================================================================
address                                  what it is
=======================================  ==================================================================
``/dev/ttyACM0``, ``COM3``               a serial port
``serial:/dev/ttyUSB0?baud=921600``      the same, with a setting
``tcp://host:port``, ``host:port``       a TCP connection
``socket://host:port``                   the same, through pyserial
``rfc2217://host:port``                  a serial port behind an RFC 2217 server, through pyserial
``visa:RESOURCE``                        a resource of the VISA library installed on this computer
``visa@py:RESOURCE``                     a resource of the VISA library named after the ``@`` (``py``: pyvisa-py)
``visa@FILE@sim:RESOURCE``               an instrument simulated by pyvisa-sim from its file
=======================================  ==================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

from drivers.errors import CannotOpen

HELP: Final = "write /dev/ttyACM0, COM3, tcp://host:port, rfc2217://host:port or visa:RESOURCE"

_HOST_PORT: Final = re.compile(r"[A-Za-z0-9.-]+:\d+|\[[0-9A-Fa-f:.]+\]:\d+")
_VISA: Final = re.compile(r"visa(?:@([^:]*))?:(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Settings of a link, applied in one place whenever it is opened. The line is always 8N1 without flow control.

    Attributes:
        baud: bits per second of a serial line.
        open_timeout_s: how long opening may take, in seconds.
    """

    baud: int = 115200
    open_timeout_s: float = 2.0

    def with_text(self, options: list[tuple[str, str]], address: str) -> LinkSettings:
        """The same settings with those that an address names.

        Raises:
            CannotOpen: an unknown setting, or a value that is not a positive number.
        """
        known = [item.name for item in fields(self)]
        result = self
        for name, text in options:
            if name not in known:
                raise CannotOpen(f"{address} has the unknown setting {name!r}; known are {', '.join(known)}")
            try:
                if name == "baud":
                    result = replace(result, baud=int(text))
                else:
                    result = replace(result, open_timeout_s=float(text))
            except ValueError as error:
                raise CannotOpen(f"{address}: {name} must be a number, not {text!r}") from error
        if result.baud <= 0 or not 0 < result.open_timeout_s < 3600:
            raise CannotOpen(f"{address}: baud and open_timeout_s must be greater than 0")
        return result


@dataclass(frozen=True, slots=True)
class Address:
    """An address taken apart.

    Attributes:
        text: as the user wrote it.
        kind: which backend opens it.
        target: what that backend opens: a port name or URL, ``host:port``, or a VISA resource.
        settings: settings of the link.
        library: the VISA library, empty for the default one.
        host: host of a network address.
        port: port of a network address.
    """

    text: str
    kind: Literal["tcp", "serial", "visa"]
    target: str
    settings: LinkSettings
    library: str = ""
    host: str = ""
    port: int = 0


def parse_address(text: str, settings: LinkSettings) -> Address:
    """Take an address apart (see the table above).

    Raises:
        CannotOpen: the text is no address, or names an unknown setting.
    """
    address = text.strip()
    if not address:
        raise CannotOpen(f"the address is empty; {HELP}")
    visa = _VISA.fullmatch(address)
    if visa:
        return Address(text, "visa", visa[2], settings.with_text([], text), library=visa[1] or "")
    target, _, query = address.partition("?")
    chosen = settings.with_text(parse_qsl(query, keep_blank_values=True), text)
    scheme, separator, rest = target.partition("://")
    if separator:
        host, number = _host_and_port(text, rest)
        if scheme == "tcp":
            return Address(text, "tcp", rest, chosen, host=host, port=number)
        if scheme in ("socket", "rfc2217"):
            return Address(text, "serial", target, chosen, host=host, port=number)
        raise CannotOpen(f"{text} begins with {scheme}://, which is not known; {HELP}")
    if _HOST_PORT.fullmatch(target):
        host, number = _host_and_port(text, target)
        return Address(text, "tcp", target, chosen, host=host, port=number)
    port = target.removeprefix("serial:")
    if not port:
        raise CannotOpen(f"{text} names no port; {HELP}")
    return Address(text, "serial", port, chosen)


def _host_and_port(text: str, target: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{target}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise CannotOpen(f"{text} has a port that is not a number from 1 to 65535") from error
    if not host or not port:
        raise CannotOpen(f"{text} needs a host and a port from 1 to 65535, as in tcp://127.0.0.1:5025")
    return host, port
