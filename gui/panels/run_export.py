"""Taking runs to other programs: format, folder, and what will be written, before it is."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer, QUrl
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from gui.desk import Desk
from gui.theme import Theme, figures_font
from gui.widgets.notice import Notice
from labctl.service.messages import TaskProgress, Trouble
from labctl.service.messages_runs import ExportFormats, ExportPiece, RunRow
from labctl.service.requests.export import ExportRuns, ListFormats, PreviewExport

PREVIEW_AFTER_MS = 150


class ExportDialog(QDialog):
    """Stands beside the window while it is used; nothing waits for it.

    Args:
        desk: the service.
        theme: colours.
        parent: the panel.
    """

    def __init__(self, desk: Desk, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export runs")
        self.setModal(False)
        self.resize(760, 460)
        self._desk = desk
        self._rows: list[RunRow] = []
        self._pieces: tuple[ExportPiece, ...] = ()
        self._number: int | None = None
        self._notice = Notice(theme)
        self._what = QLabel()
        self._what.setWordWrap(True)
        self._format = QComboBox()
        self._format.setAccessibleName("Format")
        self._folder = QLineEdit()
        self._folder.setAccessibleName("Folder")
        self._name = QLineEdit()
        self._name.setAccessibleName("File name")
        self._overwrite = QCheckBox("Replace files that exist")
        self._which = QComboBox()
        self._which.setAccessibleName("File that is shown")
        self._title = QLabel()
        self._title.setWordWrap(True)
        self._table = QTableWidget()
        self._export = QPushButton("Export")
        self._export.setDefault(True)
        self._open = QPushButton("Open folder")
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(PREVIEW_AFTER_MS)
        self._later.timeout.connect(self._ask_preview)
        self._lay_out()
        self._listen()
        desk.ask(ListFormats(), self._take_formats, self._notice.show_trouble)

    def offer(self, rows: list[RunRow]) -> None:
        """Offer to export these runs."""
        self._rows = rows
        first = Path(rows[0].file)
        self._what.setText(
            f"{rows[0].run_id}  {rows[0].kind}  {rows[0].title}" if len(rows) == 1 else f"{len(rows)} runs"
        )
        if not self._folder.text():
            self._folder.setText(str(first.parent / "export"))
        self._name.setText(first.stem if len(rows) == 1 else "")
        self._name.setPlaceholderText("each as its run file is called")
        self._name.setEnabled(len(rows) == 1)
        self._notice.clear()
        self._show_buttons()
        self._later.start()
        self.show()
        self.raise_()
        self.activateWindow()

    def recolour(self, theme: Theme) -> None:
        """Take the colours of another theme."""
        self._notice.recolour(theme)

    @property
    def targets(self) -> tuple[str, ...]:
        """The file that is written for each run."""
        chosen = self._format.currentData()
        suffix = "" if chosen is None else chosen.suffix
        folder = Path(self._folder.text()).expanduser()
        stems = [Path(row.file).stem for row in self._rows]
        if len(stems) == 1 and self._name.text().strip():
            stems = [self._name.text().strip().removesuffix(suffix)]
        return tuple(str(folder / f"{stem}{suffix}") for stem in stems)

    def _lay_out(self) -> None:
        browse = QPushButton("Browse…")
        browse.clicked.connect(self._browse)
        folder = QHBoxLayout()
        folder.addWidget(self._folder, 1)
        folder.addWidget(browse)
        form = QFormLayout()
        form.addRow("Run", self._what)
        form.addRow("&Format", self._format)
        form.addRow("Folder", folder)
        form.addRow("&Name", self._name)
        form.addRow("", self._overwrite)
        self._table.setAccessibleName("What will be written")
        self._table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._table.setAlternatingRowColors(True)
        self._table.setFont(figures_font())
        rows = self._table.verticalHeader()
        assert rows is not None
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(20)
        head = QHBoxLayout()
        head.addWidget(QLabel("Will be written:"))
        head.addWidget(self._which, 1)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addWidget(self._open)
        buttons.addStretch(1)
        buttons.addWidget(self._export)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addLayout(head)
        column.addWidget(self._title)
        column.addWidget(self._table, 1)
        column.addWidget(self._notice)
        column.addLayout(buttons)

    def _listen(self) -> None:
        self._format.currentIndexChanged.connect(lambda _: self._later.start())
        self._name.textChanged.connect(lambda _: self._later.start())
        self._which.currentIndexChanged.connect(self._show_piece)
        self._export.clicked.connect(self._do)
        self._open.clicked.connect(self._open_folder)
        self._desk.on(TaskProgress, self._hear_task)

    def _take_formats(self, found: ExportFormats) -> None:
        for item in found.formats:
            self._format.addItem(f"{item.name}: {item.description}", item)
        if found.broken:
            self._notice.say("A plug-in cannot be used: " + "; ".join(found.broken))
        self._show_buttons()
        self._later.start()

    @property
    def _format_name(self) -> str:
        chosen = self._format.currentData()
        return "" if chosen is None else str(chosen.name)

    def _ask_preview(self) -> None:
        if not self._rows or not self._format_name:
            return
        request = PreviewExport(self._rows[0].file, self._format_name, Path(self.targets[0]).name)
        self._title.setText("Reading …")
        self._desk.ask(request, partial(self._take_preview, request), self._no_preview)

    def _take_preview(self, request: PreviewExport, pieces: tuple[ExportPiece, ...]) -> None:
        if not self._rows or request.file != self._rows[0].file or request.format != self._format_name:
            return  # something else has been chosen meanwhile
        self._pieces = pieces
        current = max(self._which.currentIndex(), 0)
        self._which.blockSignals(True)
        self._which.clear()
        self._which.addItems([piece.file for piece in pieces])
        self._which.setCurrentIndex(min(current, len(pieces) - 1))
        self._which.blockSignals(False)
        self._show_piece()

    def _no_preview(self, trouble: Trouble) -> None:
        self._pieces = ()
        self._show_piece()
        self._notice.show_trouble(trouble)

    def _show_piece(self) -> None:
        index = self._which.currentIndex()
        self._table.clear()
        if not 0 <= index < len(self._pieces):
            self._table.setRowCount(0)
            self._title.setText("")
            return
        piece = self._pieces[index]
        more = f"; {len(self._rows) - 1} more runs likewise" if len(self._rows) > 1 else ""
        self._title.setText(piece.title + more)
        self._table.setColumnCount(len(piece.header))
        heads = [
            f"{name} [{unit}]" if unit not in ("", "1") else name
            for name, unit in zip(piece.header, piece.units, strict=True)
        ]
        self._table.setHorizontalHeaderLabels(heads)
        self._table.setRowCount(len(piece.lines))
        for row, line in enumerate(piece.lines):
            for column, text in enumerate(line):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self._table.setItem(row, column, item)
        self._table.resizeColumnsToContents()
        for column in range(len(piece.header)):
            self._table.setColumnWidth(column, min(self._table.columnWidth(column), 220))

    def _show_buttons(self) -> None:
        self._export.setEnabled(bool(self._rows) and bool(self._format_name) and self._number is None)
        count = len(self._rows)
        self._export.setText("Export" if count < 2 else f"Export {count} runs")

    def _browse(self) -> None:
        chooser = QFileDialog(self, "Folder for the exported files", self._folder.text())
        chooser.setFileMode(QFileDialog.FileMode.Directory)
        chooser.setOption(QFileDialog.Option.ShowDirsOnly)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.fileSelected.connect(self._folder.setText)
        chooser.open()

    def _do(self) -> None:
        if not self._folder.text().strip():
            self._notice.say("Give a folder to write to.")
            return
        files = tuple(row.file for row in self._rows)
        request = ExportRuns(files, self.targets, self._format_name, self._overwrite.isChecked())
        self._notice.say("Writing …", "busy")
        self._number = self._desk.ask(request, self._done, self._failed)
        self._show_buttons()

    def _hear_task(self, task: TaskProgress) -> None:
        if task.number == self._number and task.state == "running" and task.message:
            self._notice.say(f"Writing {task.message}: {100 * task.fraction:.0f} %", "busy")

    def _done(self, written: tuple[str, ...]) -> None:
        self._number = None
        count = "1 file" if len(written) == 1 else f"{len(written)} files"
        self._notice.say(f"{count} written to {Path(written[0]).parent}", "ok")
        self._show_buttons()

    def _failed(self, trouble: Trouble) -> None:
        self._number = None
        self._notice.show_trouble(trouble)
        self._show_buttons()

    def _open_folder(self) -> None:
        folder = Path(self._folder.text()).expanduser()
        if folder.is_dir():
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))
        else:
            self._notice.say(f"{folder} will be made by the export.")
