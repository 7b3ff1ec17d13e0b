"""The window: docks, controls, strip, menus; opened at once, filled panel by panel."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import qtawesome
from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PyQt6.QtWidgets import QApplication, QFileDialog, QInputDialog, QMainWindow, QMessageBox

from gui.actions import Actions
from gui.closing import Closing
from gui.controls import Controls
from gui.desk import Desk
from gui.docks import Docks
from gui.offers import Offer, of_action, plain
from gui.palette import CommandPalette
from gui.places import PLACES, Panel
from gui.settings import Settings
from gui.strip import Strip
from gui.theme import Appearance, Theme, apply, system_appearance, theme_of
from gui.widgets.notice import Notice
from labctl.service.messages import BenchStatus, Trouble
from labctl.service.requests.bench import UseBench
from labctl.service.requests.engine import Steer
from labctl.service.requests.runs import OpenRun

OFFERED = (".wav", ".wave", ".safetensors")

FILE, VIEW, HELP = "&File", "&View", "&Help"

log = logging.getLogger(__name__)


class MainWindow(QMainWindow):
    """The window of one bench.

    Args:
        desk: the service.
        settings: what is remembered.
        close_service: ends the service, the hardware safe; called on a thread of its own.
    """

    filled = pyqtSignal()
    """All panels are built."""

    def __init__(self, desk: Desk, settings: Settings, close_service: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("labctl")
        self.setWindowTitle("labctl")
        self.resize(1280, 720)
        self.setAcceptDrops(True)
        self.desk = desk
        self._settings = settings
        self._closing = Closing(close_service, self)
        self._theme = theme_of(self._appearance())
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply(app, self._theme)
        self.actions_ = Actions(self)
        for menu in (FILE, "&Run", VIEW, HELP):
            self.actions_.menu(menu)
        self._controls = Controls(desk, self.actions_, self._theme)
        self.addToolBar(self._controls)
        self._strip = Strip(desk)
        self.setStatusBar(self._strip)
        self.docks = Docks(self, desk, self._theme)
        self._fill_menus()
        self.docks.restore(settings)
        desk.on(BenchStatus, self._show_bench)
        desk.troubled.connect(self._show_trouble)
        desk.panel_wanted.connect(self.docks.show)
        desk.lived.connect(self._show_service)
        self._strip.start_wanted.connect(desk.start_again)
        self._closing.closed.connect(self.close)

    @property
    def theme(self) -> Theme:
        """The colours of now."""
        return self._theme

    def fill(self) -> None:
        """Build the panels, one in each turn of the event loop; :attr:`filled` when all stand."""
        waiting = self.docks.waiting()
        if not waiting:
            self.filled.emit()
            return
        self.docks.build(waiting[0])
        QTimer.singleShot(0, self.fill)

    def panel(self, name: str) -> Panel:
        """A panel that is built."""
        return self.docks.panels[name]

    def offers(self) -> Iterable[tuple[str, Offer]]:
        """Everything that can be done just now: menus, then panel by panel, each with where it belongs."""
        for menu, action in self.actions_:
            yield plain(menu), of_action(action)
        for place in PLACES:
            panel = self.docks.panels.get(place.name)
            for offer in () if panel is None else panel.offers():
                yield place.title, offer.after(partial(self.docks.show, place.name))

    def show_mistake(self, sentence: str) -> None:
        """An exception that nobody foresaw: say it, make the bench safe, go on."""
        self.desk.ask(Steer("abort"))
        self._strip.say(f"labctl made a mistake: {sentence}. The bench goes to its safe state; the log has more.")

    def recolour(self, appearance: Appearance) -> None:
        """Light or dark, everything."""
        self._theme = theme_of(appearance)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        apply(app, self._theme)
        qtawesome.reset_cache()
        self._controls.recolour(self._theme)
        self.docks.recolour(self._theme)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Files may be dropped anywhere but on a field that takes text."""
        if event is not None and _files(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Open what was dropped."""
        if event is not None:
            event.acceptProposedAction()
            self.open_files(_files(event))

    def open_files(self, paths: list[Path]) -> None:
        """Recordings, networks and folders go to the panel that has use for them; the others are opened."""
        offered = tuple(path for path in paths if path.suffix.lower() in OFFERED or path.is_dir())
        if offered:
            self.desk.files_offered.emit(offered)
        for path in paths:
            if path not in offered:
                self.open_file(path)

    def open_file(self, path: Path) -> None:
        """A bench file, or a run file: by its ending."""
        if path.suffix == ".toml":
            self.desk.ask(UseBench(str(path)))
            self._settings.keep("bench", str(path))
        elif path.suffix == ".h5":
            self.desk.ask(OpenRun(str(path)), self.desk.run_chosen.emit)
        else:
            self._strip.say(f"{path.name} is neither a bench file (.toml) nor a run (.h5)")

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802
        """A run is not left without asking; then service, devices and window go down in that order."""
        assert event is not None
        if self._closing.done:
            event.accept()
            return
        event.ignore()
        if self._closing.begun or (self.desk.engine.active and not self._may_abort()):
            return
        self.docks.save(self._settings)
        self._settings.write()
        self.desk.stop()
        self._strip.say("making the hardware safe …")
        self._closing.begin()

    def _may_abort(self) -> bool:
        box = QMessageBox(self)
        box.setWindowTitle("A run is going on")
        box.setText(f"{self.desk.engine.title} is {self.desk.engine.state}.")
        box.setInformativeText("Abort it? The hardware goes to its safe state; what has been saved stays.")
        abort = box.addButton("Abort and close", QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton("Stay", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        chosen = box.clickedButton() is abort
        box.deleteLater()
        return chosen

    def _appearance(self) -> Appearance:
        chosen = self._settings.text("theme", "system")
        if chosen in ("light", "dark"):
            return "light" if chosen == "light" else "dark"
        return system_appearance()

    def _fill_menus(self) -> None:
        add = self.actions_.add
        add(FILE, "&Open bench or run…", self._choose_file, keys=QKeySequence.StandardKey.Open)
        add(FILE, "Use the &demonstration bench", lambda: self.desk.ask(UseBench(demo=True)))
        self._start_again = add(
            FILE,
            "Start the bench service &again",
            self.desk.start_again,
            tip="After it has ended; what was connected is connected again",
        )
        self._start_again.setEnabled(not self.desk.alive)
        self.actions_.separator(FILE)
        add(FILE, "&Quit", self.close, keys=QKeySequence.StandardKey.Quit)
        for place in PLACES:
            add(VIEW, place.title, partial(self.docks.show, place.name), keys=place.keys)
        self.actions_.separator(VIEW)
        for name in ("light", "dark", "system"):
            add(VIEW, f"Colours: {name}", partial(self._choose_theme, name))
        self.actions_.separator(VIEW)
        add(VIEW, "Save layout as…", self._save_layout)
        add(VIEW, "Restore layout…", self._restore_layout)
        add(VIEW, "&Reset layout", self.docks.arrange)
        add(HELP, "&Command palette", self._show_palette, keys="Ctrl+P")
        add(HELP, "&About labctl", self._about)

    def _choose_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a bench file or a run", "", "Bench or run (*.toml *.h5)")
        if name:
            self.open_file(Path(name))

    def _choose_theme(self, name: str) -> None:
        self._settings.keep("theme", name)
        self.recolour(self._appearance())

    def _save_layout(self) -> None:
        name, given = QInputDialog.getText(self, "Save layout", "Name of the layout:")
        if given and name.strip():
            self.docks.save(self._settings, name.strip().replace("/", "-"))

    def _restore_layout(self) -> None:
        names = self._settings.layouts()
        if not names:
            self._strip.say("no layout has been saved yet; View, Save layout as…")
            return
        name, given = QInputDialog.getItem(self, "Restore layout", "Layout:", names, 0, False)
        if given:
            self.docks.restore(self._settings, name)

    def _show_palette(self) -> None:
        CommandPalette(self.offers(), self).show()

    def _about(self) -> None:
        import labctl

        QMessageBox.about(self, "labctl", f"labctl {labctl.__version__}\nThe bench for analog processor boards.")

    def _show_bench(self, status: BenchStatus) -> None:
        mark = " (SIMULATED)" if status.simulated else ""
        self.setWindowTitle(f"labctl · {status.name}{mark}")

    def _show_service(self, lives: bool) -> None:
        self._start_again.setEnabled(not lives)
        for notice in self.findChildren(Notice) if lives else []:
            notice.clear()  # what was said of the one that has ended

    def _show_trouble(self, trouble: Trouble, asked: str) -> None:
        self._strip.say(f"{asked}: {trouble.sentence}")
        log.warning("%s: %s", asked, trouble.sentence)


def _files(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    data = event.mimeData()
    if data is None:
        return []
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]
