"""Which panels there are and where they stand; a panel's module is loaded when the panel is built."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, cast

from PyQt6.QtWidgets import QWidget

from gui.desk import Desk
from gui.offers import Offer
from gui.theme import Theme

Area = Literal["left", "centre", "right", "bottom"]


class Panel(Protocol):
    """A widget that can stand in a dock."""

    def widget(self) -> QWidget:
        """The widget."""
        ...

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now, for the list of commands."""
        ...

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        ...


@dataclass(frozen=True, slots=True)
class Place:
    """A panel and where it stands.

    Attributes:
        name: in saved layouts; never changed.
        title: for people.
        icon: name in qtawesome.
        area: where it stands in the default layout; panels of one area that do not stack are tabs.
        home: ``module:Class``, made with ``(desk, theme)``.
        keys: shortcut that shows it.
        stacked: below the panel before it, not a tab beside it.
    """

    name: str
    title: str
    icon: str
    area: Area
    home: str
    keys: str
    stacked: bool = False

    def build(self, desk: Desk, theme: Theme) -> Panel:
        """Make the panel."""
        module, _, name = self.home.partition(":")
        return cast(Panel, getattr(importlib.import_module(module), name)(desk, theme))


PLACES: tuple[Place, ...] = (
    Place("instruments", "Instruments", "mdi6.connection", "left", "gui.panels.instruments:InstrumentsPanel", "Alt+1"),
    Place(
        "parameters",
        "Parameters",
        "mdi6.tune-variant",
        "left",
        "gui.panels.parameters:ParametersPanel",
        "Alt+2",
        stacked=True,
    ),
    Place("plot", "Live plot", "mdi6.chart-line", "centre", "gui.panels.plot:PlotPanel", "Alt+3"),
    Place(
        "calibration",
        "Calibration",
        "mdi6.tune-vertical",
        "centre",
        "gui.panels.calibration:CalibrationPanel",
        "Alt+4",
    ),
    Place("keyword", "Keyword spotting", "mdi6.waveform", "centre", "gui.panels.keyword:KeywordPanel", "Alt+5"),
    Place(
        "studies",
        "Studies",
        "mdi6.flask-outline",
        "centre",
        "gui.panels.studies:StudiesPanel",
        "Alt+6",
    ),
    Place(
        "builder", "Sweep builder", "mdi6.chart-timeline-variant", "right", "gui.panels.builder:BuilderPanel", "Alt+7"
    ),
    Place("queue", "Queue", "mdi6.playlist-play", "bottom", "gui.panels.queue:QueuePanel", "Alt+Q"),
    Place("runs", "Runs", "mdi6.database-outline", "bottom", "gui.panels.runs:RunsPanel", "Alt+U"),
    Place("log", "Log", "mdi6.text-box-outline", "bottom", "gui.panels.log:LogPanel", "Alt+L"),
    Place("script", "Script", "mdi6.language-python", "bottom", "gui.panels.script:ScriptPanel", "Alt+C"),
)
"""The panels in the order in which they are built and stand."""
