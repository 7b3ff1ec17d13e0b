"""Who is on the bench: connect, disconnect, simulate, look for boards; why it failed."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PyQt6.QtCore import QPoint, QSize, Qt
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.offers import Offer, of_button
from gui.theme import Theme
from gui.widgets.light import light_icon
from gui.widgets.notice import Notice
from labctl.service.messages import BenchStatus, Device, Trouble
from labctl.service.requests.bench import BOARD, Connect, Disconnect, Discover

EMULATED = "emulated"
_NAME = Qt.ItemDataRole.UserRole


def words(device: Device) -> list[str]:
    """What the lines below a device say."""
    lines = []
    if device.identity:
        lines.append(device.identity + (f", firmware {device.firmware}" if device.firmware else ""))
    lines.append(f"{device.driver} at {device.address}")
    if device.reason:
        lines.append(device.reason)
    return lines


class InstrumentsPanel(QWidget):
    """The board and the instruments, a row each.

    Args:
        desk: the service.
        theme: colours.
    """

    def __init__(self, desk: Desk, theme: Theme) -> None:
        super().__init__()
        self._desk = desk
        self._theme = theme
        self._notice = Notice(theme)
        self._tree = QTreeWidget()
        self._tree.setColumnCount(2)
        self._tree.setHeaderLabels(["device", "state"])
        self._tree.setIconSize(QSize(16, 16))
        self._tree.setWordWrap(True)
        self._tree.setUniformRowHeights(False)
        self._tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self._tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self._tree.setAccessibleName("Instruments")
        header = self._tree.header()
        assert header is not None
        header.setStretchLastSection(True)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self._connect = QPushButton("Connect")
        self._simulate = QPushButton("Simulate")
        self._simulate.setToolTip("Connect an emulated board in place of the real one; everything then says SIMULATED")
        self._discover = QPushButton("Look for boards")
        row = QHBoxLayout()
        for button in (self._connect, self._simulate, self._discover):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 6, 6, 6)
        column.addWidget(self._notice)
        column.addWidget(self._tree, 1)
        column.addLayout(row)
        self._connect.clicked.connect(self._toggle)
        self._simulate.clicked.connect(lambda: self.ask(Connect(BOARD, EMULATED)))
        self._discover.clicked.connect(self._look)
        self._tree.currentItemChanged.connect(lambda *_: self._show_buttons())
        self._tree.itemDoubleClicked.connect(lambda *_: self._toggle())
        self._tree.customContextMenuRequested.connect(self._show_menu)
        desk.on(BenchStatus, self._show)
        self._show(desk.bench)

    def widget(self) -> QWidget:
        """The panel itself."""
        return self

    def offers(self) -> Iterable[Offer]:
        """What can be done here just now."""
        device = self.chosen
        name = "" if device is None else device.name
        yield of_button(self._connect, f"{self._connect.text()} {name}")
        yield Offer(f"Reconnect {name}", self._reconnect, able=device is not None and device.connected)
        yield of_button(self._simulate, "Simulate a board")
        yield of_button(self._discover)

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._theme = theme
        self._notice.recolour(theme)
        self._show(self._desk.bench)

    @property
    def chosen(self) -> Device | None:
        """The device of the current row."""
        item = self._tree.currentItem()
        while item is not None and item.parent() is not None:
            item = item.parent()
        return None if item is None else self._desk.bench.device(item.data(0, _NAME))

    def _show(self, status: BenchStatus) -> None:
        chosen = self.chosen
        self._tree.setUpdatesEnabled(False)
        self._tree.clear()
        for device in status.devices:
            item = QTreeWidgetItem([device.name, device.word])
            item.setIcon(1, light_icon(self._theme, device.light))
            item.setData(0, _NAME, device.name)
            if device.simulated and device.connected:
                item.setText(1, f"{device.word}, SIMULATED")
            if device.name in status.in_use:
                item.setText(1, f"{item.text(1)}, in use")
            item.setToolTip(1, "\n".join(words(device)))
            self._tree.addTopLevelItem(item)
            for line in words(device):
                detail = QTreeWidgetItem([line])
                detail.setToolTip(0, line)
                item.addChild(detail)
                detail.setFirstColumnSpanned(True)
            item.setExpanded(device.name == BOARD or bool(device.reason))
            if chosen is None or device.name == chosen.name:
                self._tree.setCurrentItem(item)
                chosen = device
        self._tree.setUpdatesEnabled(True)
        self._show_buttons()

    def _show_buttons(self) -> None:
        device = self.chosen
        self._connect.setEnabled(device is not None and device.light != "busy")
        self._connect.setText("Disconnect" if device is not None and device.connected else "Connect")
        board = self._desk.bench.device(BOARD)
        self._simulate.setEnabled(board is not None and not board.connected and board.light != "busy")

    def _toggle(self) -> None:
        device = self.chosen
        if device is not None and device.light != "busy":
            self.ask(Disconnect(device.name) if device.connected else Connect(device.name))

    def _reconnect(self) -> None:
        device = self.chosen
        if device is not None and device.connected:
            self.ask(self._desk.recall.again(device.name))

    def ask(self, request: Connect | Disconnect) -> None:
        """Connect or disconnect; why that failed stands here."""
        self._notice.clear()
        self._desk.ask(request, failed=self._failed)

    def _failed(self, trouble: Trouble) -> None:
        self._notice.show_trouble(trouble)  # its row has no room for a long sentence

    def _show_menu(self, where: QPoint) -> None:
        device = self.chosen
        if device is None:
            return
        menu = QMenu(self)
        choices: list[tuple[str, Connect | Disconnect]] = [("Connect", Connect(device.name))]
        if device.connected:
            choices = [("Disconnect", Disconnect(device.name)), ("Reconnect", self._desk.recall.again(device.name))]
        if device.name == BOARD:
            choices.append(("Simulate", Connect(BOARD, EMULATED)))
        for text, request in choices:
            action = QAction(text, menu)
            action.triggered.connect(partial(self._chosen, request))
            menu.addAction(action)
        viewport = self._tree.viewport()
        assert viewport is not None
        menu.exec(viewport.mapToGlobal(where))
        menu.deleteLater()

    def _chosen(self, request: Connect | Disconnect, _checked: bool = False) -> None:
        self.ask(request)

    def _look(self) -> None:
        self._notice.clear()
        self._discover.setEnabled(False)
        self._discover.setText("Looking…")
        self._desk.ask(Discover(), self._found, self._not_found)

    def _found(self, candidates: tuple[Any, ...]) -> None:
        self._restore_discover()
        boards = [item for item in candidates if item.identity is not None]
        lines = [f"{item.identity} at {item.address}" for item in boards]
        lines += [f"{item.address}: {item.reason}" for item in candidates if item.identity is None]
        if not candidates:
            self._notice.say("No serial port here, and the bench file names no address: choose Simulate for a board.")
            return
        self._notice.say("\n".join(lines), "ok" if boards else "warning")
        if boards:
            self._offer(boards)

    def _offer(self, boards: list[Any]) -> None:
        menu = QMenu(self)
        for item in boards:
            action = QAction(f"Connect {item.identity} at {item.address}", menu)
            action.triggered.connect(partial(self._chosen, Connect(BOARD, item.address)))
            menu.addAction(action)
        self._discover.setMenu(menu)

    def _not_found(self, trouble: Trouble) -> None:
        self._restore_discover()
        self._notice.show_trouble(trouble)

    def _restore_discover(self) -> None:
        self._discover.setEnabled(True)
        self._discover.setText("Look for boards")
