"""The list of runs in a table; a cell is worked out when it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import qtawesome
from PyQt6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap, QPolygonF
from PyQt6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from gui.models.run_list import BOARD, CALIBRATION, COLUMNS, MARK, ORIGIN, SIZE, STARTED, STATUS, TICK, RunList, cell
from gui.theme import Theme, figures_font
from gui.widgets.light import light_icon
from labctl.service.messages import Light
from labctl.service.messages_runs import RunRow, RunsChanged

_FIGURES = (STARTED, SIZE, BOARD, CALIBRATION)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class RunsTable(QAbstractTableModel):
    """A view of a :class:`~gui.models.run_list.RunList`.

    Args:
        runs: the list.
        theme: colours.
    """

    def __init__(self, runs: RunList, theme: Theme, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs = runs
        self._figures = figures_font()
        self._theme = theme
        self._icons: dict[str, QIcon] = {}
        self._ticks: dict[str, QIcon] = {}
        self.recolour(theme)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        lights: tuple[Light, ...] = ("off", "busy", "ok", "warning", "fault")
        self._icons = {light: light_icon(theme, light) for light in lights}
        chosen = theme.accent_text
        self._icons["star"] = qtawesome.icon("mdi6.star", color=theme.warning, color_selected=chosen)
        self._icons["cross"] = qtawesome.icon("mdi6.close-thick", color=theme.muted, color_selected=chosen)
        self._icons["unticked"] = _box(theme, None)
        self._icons |= {str(number): _box(theme, colour) for number, colour in enumerate(theme.series)}
        self.touch()

    def take_colours(self, colours: Mapping[str, str]) -> None:
        """Tick runs in the colours in which they are drawn, by run id; others in the next of the series."""
        self._ticks = {run_id: _box(self._theme, colour) for run_id, colour in colours.items()}
        self.touch()

    def take(self, change: RunsChanged) -> None:
        """Rows have come, changed or gone."""
        self.beginResetModel()
        self.runs.take(change)
        self.endResetModel()

    def arrange(self) -> None:
        """What filters or sorts was changed."""
        self.beginResetModel()
        self.runs.arrange()
        self.endResetModel()

    def touch(self) -> None:
        """Everything may look different."""
        if self.runs.shown:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.runs.shown) - 1, len(COLUMNS) - 1))

    def row_at(self, index: QModelIndex) -> RunRow | None:
        """The run of a cell."""
        return self.runs.shown[index.row()] if 0 <= index.row() < len(self.runs.shown) else None

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """How many runs are shown."""
        return 0 if parent is not None and parent.isValid() else len(self.runs.shown)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802
        """How many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802
        """Names of the columns."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return "" if section == MARK else COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole and section in (TICK, MARK):
            return "Ticked runs are drawn over the plot" if section == TICK else "Star and cross"
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self.runs.column, self.runs.descending = column, order == Qt.SortOrder.DescendingOrder
        self.arrange()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What is drawn in a cell."""
        row = self.row_at(index)
        if row is None:
            return None
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(row, column)
        if role == Qt.ItemDataRole.CheckStateRole and column == TICK:
            return Qt.CheckState.Checked if row.file in self.runs.ticked else Qt.CheckState.Unchecked
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        if role == Qt.ItemDataRole.FontRole and column in _FIGURES:
            return self._figures
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SIZE:
            return _RIGHT
        if role == Qt.ItemDataRole.ToolTipRole:
            return _tip(row)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return row.stamp if column == MARK else cell(row, column)
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Every run can be chosen; a tick is set by the view."""
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable

    def _icon(self, row: RunRow, column: int) -> QIcon | None:
        if column == STATUS:
            return self._icons[row.light]
        if column == MARK and row.stamp:
            return self._icons[row.stamp]
        if column == TICK:
            number = self.runs.ticked.get(row.file)
            if number is None:
                return self._icons["unticked"]
            return self._ticks.get(row.run_id) or self._icons[str(number % len(self._theme.series))]
        return None

    def _colour(self, row: RunRow, column: int) -> QColor | None:
        if row.stamp == "cross":
            return QColor(self._theme.muted)
        if column == ORIGIN:
            return QColor(self._theme.simulated if row.simulated else self._theme.measured)
        return None


def _box(theme: Theme, colour: str | None) -> QIcon:
    """A box, ticked in the colour of the run's curve; None for an empty one."""
    icon = QIcon(_box_pixmap(theme, colour, colour or theme.muted))
    icon.addPixmap(_box_pixmap(theme, colour, theme.surface), QIcon.Mode.Selected)  # seen on any ground
    return icon


def _box_pixmap(theme: Theme, colour: str | None, edge: str) -> QPixmap:
    pixmap = QPixmap(32, 32)
    pixmap.setDevicePixelRatio(2.0)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(edge), 1.5))
    painter.setBrush(QColor(colour or theme.surface))
    painter.drawRoundedRect(QRectF(1.5, 1.5, 13, 13), 2, 2)
    if colour is not None:
        painter.setPen(QPen(QColor(theme.surface), 2.2, cap=Qt.PenCapStyle.RoundCap))
        painter.drawPolyline(QPolygonF([QPointF(4.2, 8.4), QPointF(7, 11.2), QPointF(11.8, 5.2)]))
    painter.end()
    return pixmap


class RunCells(QStyledItemDelegate):
    """Draws the box of a tick as the table gives it, in the colour of the curve."""

    def initStyleOption(self, option: QStyleOptionViewItem | None, index: QModelIndex) -> None:  # noqa: N802
        """Without the style's own box; that there is one stays known to those who cannot see it."""
        super().initStyleOption(option, index)
        if option is not None and index.column() == TICK:
            option.features &= ~QStyleOptionViewItem.ViewItemFeature.HasCheckIndicator


def _tip(row: RunRow) -> str:
    parts = (row.title, f"{row.status}: {row.message}" if row.message else row.status, row.note, row.file)
    return "\n".join(part for part in parts if part)
