"""The parameters as a tree for Qt's views: a row for each device, and below it one for each quantity."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import qtawesome
from PyQt6.QtCore import QAbstractItemModel, QModelIndex, QObject, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon

from gui.models.parameters import Parameter, Parameters
from gui.theme import Theme, figures_font
from gui.widgets.light import light_icon

HEADS: Final = ("quantity", "value", "limits", "age")
QUANTITY, VALUE, LIMITS, AGE = range(4)
PATH: Final = Qt.ItemDataRole.UserRole
"""The path of a parameter; the name of a device."""
SEARCHED: Final = Qt.ItemDataRole.UserRole + 1
"""The text in which the filter looks."""

_Role = Qt.ItemDataRole


class ParameterItems(QAbstractItemModel):
    """Shows parameters; what somebody enters is only told, and shown when it has been set and read back.

    Args:
        parameters: what is shown.
        theme: colours.
        clock: seconds, the same clock as the readings'.
        parent: as everywhere in Qt.
    """

    wanted = pyqtSignal(str, object)
    """A path, and the value that it should be set to."""

    def __init__(
        self,
        parameters: Parameters,
        theme: Theme,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._parameters = parameters
        self._theme = theme
        self._clock = clock
        self._devices: tuple[str, ...] = ()
        self._rows: dict[str, tuple[str, ...]] = {}
        self._font = figures_font()
        self._icons: dict[str, QIcon] = {}
        self.rebuild()

    def rebuild(self) -> None:
        """Devices have come or gone."""
        self.beginResetModel()
        self._devices = self._parameters.devices
        self._rows = {name: tuple(item.path for item in self._parameters.of(name)) for name in self._devices}
        self.endResetModel()

    def refresh(self, device: str | None = None) -> None:
        """Values, ages or locks have changed; of one device or of all."""
        for row, name in enumerate(self._devices):
            if device in (None, name):
                parent = self.index(row, 0)
                last = len(self._rows[name]) - 1
                if last >= 0:
                    self.dataChanged.emit(self.index(0, 0, parent), self.index(last, AGE, parent))

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._icons.clear()
        self.refresh()

    def parameter(self, index: QModelIndex) -> Parameter | None:
        """What stands in a row; None for a device."""
        path = index.data(PATH)
        return self._parameters.find(path) if isinstance(path, str) and "." in path else None

    def index(self, row: int, column: int, parent: QModelIndex = QModelIndex()) -> QModelIndex:  # noqa: B008
        """As Qt wants it; the internal id is 0 for a device, else the device's row plus 1."""
        if not self.hasIndex(row, column, parent):
            return QModelIndex()
        return self.createIndex(row, column, parent.row() + 1 if parent.isValid() else 0)

    def parent(self, child: QModelIndex = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        """The device of a quantity."""
        owner = child.internalId() if child.isValid() else 0
        return self.createIndex(owner - 1, 0, 0) if owner else QModelIndex()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Devices, or the quantities of one."""
        if not parent.isValid():
            return len(self._devices)
        return 0 if parent.internalId() or parent.column() else len(self._rows[self._devices[parent.row()]])

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008, N802
        """Always the same."""
        return len(HEADS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _Role.DisplayRole) -> Any:  # noqa: N802
        """The heads of the columns."""
        return HEADS[section] if role == _Role.DisplayRole and orientation == Qt.Orientation.Horizontal else None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """What may be set now can be edited."""
        found = super().flags(index)
        parameter = self.parameter(index)
        if parameter is not None and index.column() == VALUE and parameter.may_set:
            found |= Qt.ItemFlag.ItemIsUserCheckable if parameter.is_switch else Qt.ItemFlag.ItemIsEditable
        return found

    def data(self, index: QModelIndex, role: int = _Role.DisplayRole) -> Any:
        """As Qt wants it."""
        if not index.isValid():
            return None
        owner = index.internalId()
        if not owner:
            return self._device_data(self._devices[index.row()], index.column(), role)
        path = self._rows[self._devices[owner - 1]][index.row()]
        found = self._parameters.find(path)
        return None if found is None else self._data(found, index.column(), role)

    def setData(self, index: QModelIndex, value: Any, role: int = _Role.EditRole) -> bool:  # noqa: N802
        """Tell what somebody wants."""
        parameter = self.parameter(index)
        if parameter is None or not parameter.may_set:
            return False
        if role == _Role.CheckStateRole:
            self.wanted.emit(parameter.path, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if role == _Role.EditRole:
            self.wanted.emit(parameter.path, value)
            return True
        return False

    def _device_data(self, device: str, column: int, role: int) -> Any:
        if role == _Role.DisplayRole and column == QUANTITY:
            return device
        if role == PATH:
            return device
        if role == SEARCHED:
            return device
        if role == _Role.DecorationRole and column == QUANTITY and self._locked(device):
            return self._icon("lock")
        if role == _Role.ToolTipRole and self._locked(device):
            return f"{device} is used by a run; it can be set when that is over"
        return None

    def _data(self, item: Parameter, column: int, role: int) -> Any:
        if role == _Role.DisplayRole:
            return self._text(item, column)
        if role == PATH:
            return item.path
        if role == SEARCHED:
            return f"{item.path} {item.quantity.label}"
        if role in (_Role.ToolTipRole, _Role.AccessibleDescriptionRole):
            return item.explanation(self._clock())
        if role == _Role.FontRole and column != QUANTITY:
            return self._font
        if role == _Role.ForegroundRole:
            quiet = column in (LIMITS, AGE) or not item.quantity.settable
            muted = item.stale(self._clock()) if column in (VALUE, AGE) else quiet
            return QColor(self._theme.muted) if muted else None
        if role == _Role.DecorationRole and column == VALUE:
            return self._picture(item)
        if role == _Role.CheckStateRole and column == VALUE and item.is_switch and item.quantity.settable:
            return Qt.CheckState.Checked if item.value is True else Qt.CheckState.Unchecked
        return item.value if role == _Role.EditRole and column == VALUE else None

    def _text(self, item: Parameter, column: int) -> str:
        if column == QUANTITY:
            return item.quantity.name
        if column == VALUE:
            return item.value_words()
        return item.limits_words() if column == LIMITS else item.age_words(self._clock())

    def _picture(self, item: Parameter) -> QIcon | None:
        if item.light is not None:
            return self._icon(item.light)
        return self._icon("lock") if item.owner and item.quantity.settable else None

    def _icon(self, name: str) -> QIcon:
        if name not in self._icons:
            lock = name == "lock"
            self._icons[name] = (
                qtawesome.icon("mdi6.lock", color=self._theme.muted) if lock else light_icon(self._theme, name)  # type: ignore[arg-type]
            )
        return self._icons[name]

    def _locked(self, device: str) -> bool:
        return any(item.owner for item in self._parameters.of(device))
