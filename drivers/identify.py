"""Finds out whether a board is at the other end of a link, and which one."""

from __future__ import annotations

from dataclasses import dataclass

from data.values import Geometry, Identity
from drivers.errors import BoardError, LinkError, LinkTimeout, NotABoard, ProtocolError, WrongBoard, shown
from drivers.exchange import SYNC_TRIES, Exchange
from drivers.wire import VERSION

_PROTOCOL = f"LABCTL,{VERSION}"


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a board says about itself: who it is, and the size of its array."""

    identity: Identity
    geometry: Geometry


def introduce(exchange: Exchange, sync_tries: int = SYNC_TRIES) -> Introduction:
    """Ask who is there, whatever the last user left on the line.

    Raises:
        NotABoard: nothing, garbage, another device, or another version of the protocol answers.
        LinkError: the link broke meanwhile.
    """
    try:
        exchange.synchronise(sync_tries)
    except LinkTimeout as error:
        raise _nobody(exchange, error) from error
    try:
        protocol = exchange.ask("SYSTem:PROTocol?")
        if protocol != _PROTOCOL:
            raise NotABoard(
                f"the device at {exchange.name} speaks the protocol {shown(protocol.encode())}, not {_PROTOCOL}; "
                "another version of labctl or of the firmware is needed"
            )
        identity = read_identity(exchange)
        return Introduction(identity, read_geometry(exchange))
    except BoardError as error:
        raise NotABoard(
            f"the device at {exchange.name} is no board: it refused {error.command} ({error.text})"
        ) from error


def confirm(exchange: Exchange, known: Introduction) -> None:
    """Make sure that the board that was met before is still the one at the other end.

    Raises:
        WrongBoard: another board, or the same one with another firmware or array.
        NotABoard: something that is no board.
        LinkError: the link broke meanwhile.
    """
    found = Introduction(read_identity(exchange), read_geometry(exchange))
    if found.identity.serial_number != known.identity.serial_number:
        raise WrongBoard(
            f"the board at {exchange.link.address} is {found.identity.serial_number} now, it was "
            f"{known.identity.serial_number}; check the cable"
        )
    if found != known:
        raise WrongBoard(
            f"{exchange.name} is {found.identity} with {found.geometry} now, it was {known.identity} with "
            f"{known.geometry}; open it again"
        )


def read_identity(exchange: Exchange) -> Identity:
    """``*IDN?`` and whether the board is emulated.

    Raises:
        NotABoard: the answer is not the four fields of IEEE 488.2.
    """
    answer = exchange.ask("*IDN?")
    names = [name.strip() for name in answer.split(",")]
    if len(names) != 4 or not names[2]:
        raise NotABoard(f"the device at {exchange.name} names itself {shown(answer.encode())}, not as IEEE 488.2 asks")
    simulated = exchange.ask("SYSTem:SIMulated?") == "1"
    manufacturer, model, serial_number, firmware = names
    return Identity(manufacturer, model, serial_number, firmware, simulated)


def read_geometry(exchange: Exchange) -> Geometry:
    """``GEOMetry?``.

    Raises:
        NotABoard: the answer is not seven whole numbers that make an array.
    """
    answer = exchange.ask("GEOMetry?")
    try:
        geometry = Geometry(*[int(number) for number in answer.split(",")])
    except (TypeError, ValueError) as error:
        raise NotABoard(
            f"the board at {exchange.name} gives the impossible geometry {shown(answer.encode())}"
        ) from error
    sizes = (geometry.rows, geometry.columns, geometry.activation_max, geometry.weight_max, geometry.clock_ns)
    if answer.count(",") != 6 or min(sizes) < 1 or geometry.output_min >= geometry.output_max:
        raise NotABoard(f"the board at {exchange.name} gives the impossible geometry {shown(answer.encode())}")
    return geometry


def _nobody(exchange: Exchange, error: LinkError) -> NotABoard:
    """Why nobody answered as a board does; asked in the way that any SCPI instrument understands."""
    place = f"no board at {exchange.name}"
    heard = exchange.heard
    try:
        plain = exchange.ask_plain("*IDN?").strip()
    except (LinkTimeout, ProtocolError):
        plain = b""
    if not heard and not plain:
        return NotABoard(f"{place}: nothing answers; is it switched on, and is the baud rate right? ({error.what})")
    if plain.startswith(b"*IDN?"):
        return NotABoard(f"{place}: what is sent comes back unchanged; a loop-back plug or a device with echo is there")
    if plain.count(b",") >= 2 and all(32 <= byte < 127 for byte in plain):
        return NotABoard(f"{place}: another device answers, {shown(plain)}")
    return NotABoard(f"{place}: what comes back is no answer of a board: {shown(heard or plain)}")
