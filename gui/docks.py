"""The docks of the window: built one after another, arranged as they were or as they should be."""

from __future__ import annotations

from typing import Final

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDockWidget, QLabel, QMainWindow, QTabBar, QTabWidget

from gui.desk import Desk
from gui.places import PLACES, Panel, Place
from gui.settings import CURRENT, LAYOUT, Settings
from gui.sides import Sides
from gui.theme import Theme
from gui.widgets.scrolled import Scrolled

SIDE: Final = 340
"""Width of the panels at the sides, in pixels."""
LEAST: Final = 180
"""Height that every panel gets at least, if it needs as much; with less room it scrolls."""
LOW: Final = 240
"""Height of the panels at the bottom."""

_AREAS = {
    "left": Qt.DockWidgetArea.LeftDockWidgetArea,
    "centre": Qt.DockWidgetArea.RightDockWidgetArea,
    "right": Qt.DockWidgetArea.RightDockWidgetArea,
    "bottom": Qt.DockWidgetArea.BottomDockWidgetArea,
}


class Docks:
    """A dock for each place, empty until its panel is built.

    Args:
        window: whose docks they are.
        desk: the service.
        theme: colours.
    """

    def __init__(self, window: QMainWindow, desk: Desk, theme: Theme) -> None:
        self._window = window
        self._desk = desk
        self._theme = theme
        self._docks: dict[str, QDockWidget] = {}
        self.panels: dict[str, Panel] = {}
        window.setDockNestingEnabled(True)
        window.setTabPosition(Qt.DockWidgetArea.AllDockWidgetAreas, QTabWidget.TabPosition.North)
        window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        for place in PLACES:
            self._docks[place.name] = self._make(place)
        self._arrange()
        self._default = window.saveState(LAYOUT)
        self._sides = Sides(window, self._areas(), self._share)

    def __getitem__(self, name: str) -> QDockWidget:
        return self._docks[name]

    def waiting(self) -> list[Place]:
        """The places whose panels are not built yet; those in sight first."""
        left = [place for place in PLACES if place.name not in self.panels]
        return sorted(left, key=lambda place: self._docks[place.name].visibleRegion().isEmpty())

    def build(self, place: Place) -> Panel:
        """Make one panel."""
        panel = place.build(self._desk, self._theme)
        self.panels[place.name] = panel
        self._docks[place.name].setWidget(Scrolled(panel.widget(), LEAST))
        return panel

    def arrange(self) -> None:
        """The default layout."""
        # Tab bars that are not used any more stay in sight otherwise; those that are show again.
        for bar in self._window.findChildren(QTabBar, options=Qt.FindChildOption.FindDirectChildrenOnly):
            bar.hide()
        self._window.restoreState(self._default, LAYOUT)
        areas = self._areas()
        for docks in areas.values():
            docks[0].raise_()
        self._share()
        self._sides.forget()

    def _arrange(self) -> None:
        window, areas = self._window, self._areas()
        # The heads first: a dock that stands among tabs cannot be split.
        for area, docks in areas.items():
            if area == "right" and "centre" in areas:
                window.splitDockWidget(areas["centre"][0], docks[0], Qt.Orientation.Horizontal)
            else:
                window.addDockWidget(_AREAS[area], docks[0])
            docks[0].show()
        for place in PLACES:
            dock, docks = self._docks[place.name], areas[place.area]
            before = docks[docks.index(dock) - 1]
            if dock is not docks[0] and place.stacked:
                window.splitDockWidget(before, dock, Qt.Orientation.Vertical)
            elif dock is not docks[0]:
                window.tabifyDockWidget(before, dock)
            dock.show()
        for docks in areas.values():
            docks[0].raise_()
        self._share()

    def _areas(self) -> dict[str, list[QDockWidget]]:
        areas: dict[str, list[QDockWidget]] = {}
        for place in PLACES:
            areas.setdefault(place.area, []).append(self._docks[place.name])
        return areas

    def show(self, name: str) -> None:
        """Bring a panel to the front and give it the keys."""
        dock = self._docks[name]
        dock.show()
        dock.raise_()
        panel = self.panels.get(name)
        if panel is not None:
            widget = panel.widget()
            widget.setFocus(Qt.FocusReason.ShortcutFocusReason)
            if not widget.hasFocus():
                widget.focusNextChild() if widget.focusPolicy() == Qt.FocusPolicy.NoFocus else None

    def recolour(self, theme: Theme) -> None:
        """Hand another theme to every panel."""
        self._theme = theme
        for panel in self.panels.values():
            panel.recolour(theme)

    def restore(self, settings: Settings, name: str = CURRENT) -> bool:
        """Arrange as saved; false and the default layout where nothing fitting was saved."""
        saved = settings.layout(name)
        if saved is None:
            return False
        geometry, state = saved
        self._window.restoreGeometry(geometry)
        if not self._window.restoreState(state, LAYOUT) or all(dock.isHidden() for dock in self._docks.values()):
            self.arrange()
            return False
        self._sides.keep()
        return True

    def save(self, settings: Settings, name: str = CURRENT) -> None:
        """Save the layout under a name."""
        settings.keep_layout(name, self._window.saveGeometry(), self._window.saveState(LAYOUT))

    def _make(self, place: Place) -> QDockWidget:
        dock = QDockWidget(place.title, self._window)
        dock.setObjectName(place.name)
        waits = QLabel("…")
        waits.setAlignment(Qt.AlignmentFlag.AlignCenter)
        dock.setWidget(waits)
        if place.area == "centre" and not any(item.area == "centre" for item in PLACES[: PLACES.index(place)]):
            # The first of the centre, the plot, can be moved but not be lost.
            dock.setFeatures(dock.features() & ~QDockWidget.DockWidgetFeature.DockWidgetClosable)
        return dock

    def _share(self) -> None:
        """How the default layout shares the window."""
        areas = self._areas()
        width, height = self._window.width(), self._window.height()
        heads = {area: docks[0] for area, docks in areas.items()}
        side = min(SIDE, width // 4)
        widths = {"left": side, "centre": width - 2 * side, "right": side}
        across = [area for area in widths if area in heads]
        self._window.resizeDocks(
            [heads[area] for area in across], [widths[area] for area in across], Qt.Orientation.Horizontal
        )
        for name, docks in areas.items():
            stack = [docks[0], *(dock for dock in docks if _place(dock).stacked)]
            if len(stack) > 1 and name != "bottom":
                self._window.resizeDocks(stack, [int(height * 0.8 / len(stack))] * len(stack), Qt.Orientation.Vertical)
        if "bottom" in heads and "centre" in heads:
            low = min(LOW, int(height * 0.3))
            self._window.resizeDocks([heads["centre"], heads["bottom"]], [height - low, low], Qt.Orientation.Vertical)


def _place(dock: QDockWidget) -> Place:
    return next(place for place in PLACES if place.name == dock.objectName())
