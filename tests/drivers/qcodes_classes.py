"""Classes of somebody's own on QCoDeS, by their full path; loaded only where QCoDeS is installed."""

from typing import Any

from qcodes.instrument import VisaInstrument


class LateMeter(VisaInstrument):
    """Gives 2."""

    default_terminator = "\n"

    def __init__(self, name: str, address: str, **kwargs: Any) -> None:
        super().__init__(name, address, **kwargs)
        self.add_parameter("two", get_cmd="TWO?", get_parser=float)
