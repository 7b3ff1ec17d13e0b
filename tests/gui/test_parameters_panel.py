from __future__ import annotations

from PyQt6.QtCore import QModelIndex, Qt
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QComboBox, QWidget
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from data.instrument import Quantity, Reading
from gui.desk import Desk
from gui.panels.parameter_items import VALUE, ParameterItems
from gui.panels.parameters import NARROW, ParametersPanel
from gui.theme import DARK, Theme
from gui.widgets.number import NumberField
from labctl.service.messages import BenchStatus, Device, Quantities, Readings, RunBegan
from labctl.service.requests.bench import BOARD, Connect, Read, SetQuantity
from tests.gui.conftest import FakeClient
from tests.gui.looking import look

PSU = Device("psu", "scpi-supply", "simulated", "ok", "connected", "labctl supply", "1", True)
QUANTITIES = Quantities(
    "psu",
    {
        "voltage": Quantity("voltage", "voltage setting", "V", settable=True, low=0, high=5),
        "output": Quantity("output", "output", "", settable=True, choices=(False, True)),
        "mode": Quantity("mode", "mode", "", settable=True, choices=("CV", "CC")),
        "current": Quantity("current", "measured current", "A"),
    },
)
READINGS = Readings(
    "psu",
    (
        Reading("voltage", 1.25, "V", 0.0),
        Reading("output", False, "", 0.0),
        Reading("mode", "CV", "", 0.0),
        Reading("current", 0.0125, "A", 0.0),
    ),
)


def status(*devices: Device, in_use: frozenset[str] = frozenset()) -> BenchStatus:
    return BenchStatus("bench", "", "runs", devices, in_use)


def shown(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> ParametersPanel:
    panel = ParametersPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.resize(420, 400)
    panel.show()
    panel.activateWindow()
    qtbot.waitUntil(panel.isActiveWindow)  # keys go to the active window
    client.tell(status(PSU), QUANTITIES, READINGS)
    look(desk)
    return panel


def cell(panel: ParametersPanel, name: str, column: int = VALUE) -> QModelIndex:
    model = panel._shown
    device = model.index(0, 0)
    for row in range(model.rowCount(device)):
        if model.index(row, 0, device).data() == name:
            return model.index(row, column, device)
    raise AssertionError(f"no row {name}")


def editor(panel: ParametersPanel, name: str, kind: type[QWidget]) -> QWidget:
    index = cell(panel, name)
    panel._tree.setCurrentIndex(index)
    panel._tree.edit(index)
    (found,) = (item for item in panel._tree.viewport().findChildren(kind) if item.isVisible())  # type: ignore[union-attr]
    return found


def asked_to_set(client: FakeClient) -> list[SetQuantity]:
    return [item for item in client.asked if isinstance(item, SetQuantity)]


def test_the_tree_is_one_that_qt_can_rely_on(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    tester = ModelTester(None)
    tester.check(ParameterItems(panel._parameters, theme, parent=panel))
    tester._cleanup()


def test_values_stand_with_unit_limits_and_age(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    assert [cell(panel, "voltage", column).data() for column in range(4)] == ["voltage", "1.25 V", "0 … 5 V", "now"]
    assert cell(panel, "current").data() == "12.5 mA"
    assert cell(panel, "output").data() == "off"
    panel.resize(NARROW - 40, 400)
    assert panel._tree.isColumnHidden(2)
    assert "0 … 5 V" in cell(panel, "voltage").data(Qt.ItemDataRole.ToolTipRole)
    panel.recolour(DARK)


def test_return_sets_and_leaving_the_field_does_not(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    panel.activateWindow()
    field = editor(panel, "voltage", NumberField)
    qtbot.keyClicks(field, "1500m")
    qtbot.waitUntil(field.hasFocus)
    panel._filter.setFocus()
    qtbot.waitUntil(lambda: not panel._tree.viewport().findChildren(NumberField))  # type: ignore[union-attr]
    assert asked_to_set(client) == []
    field = editor(panel, "voltage", NumberField)
    qtbot.keyClicks(field, "1500m")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(asked_to_set(client)))
    assert asked_to_set(client) == [SetQuantity("psu", "voltage", 1.5)]
    assert cell(panel, "voltage").data() == "setting 1.5 V"


def test_a_value_beyond_its_limits_is_asked_for_as_typed_and_refused_in_the_row(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    field = editor(panel, "voltage", NumberField)
    qtbot.keyClicks(field, "9")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: bool(asked_to_set(client)))
    assert asked_to_set(client) == [SetQuantity("psu", "voltage", 9.0)]
    client.refuse(
        "psu: the voltage setting 9.0 V is outside 0..5 V", number=client.asked.index(asked_to_set(client)[0]) + 1
    )
    look(desk)
    assert "psu.voltage was not set to 9 V" in panel._notice.text
    assert "outside 0..5 V" in cell(panel, "voltage").data(Qt.ItemDataRole.ToolTipRole)
    assert cell(panel, "voltage").data() == "1.25 V"


def test_arrow_keys_step_within_the_limits(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    panel._keep_step("psu.voltage", 2.0)
    field = editor(panel, "voltage", NumberField)
    assert isinstance(field, NumberField)
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == 3.25
    qtbot.keyClick(field, Qt.Key.Key_Up)
    assert field.value() == 5.0
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert asked_to_set(client) == []


def test_switches_and_choices(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    panel._tree.setCurrentIndex(cell(panel, "output"))
    qtbot.keyClick(panel._tree, Qt.Key.Key_Space)
    assert asked_to_set(client) == [SetQuantity("psu", "output", True)]
    assert cell(panel, "output").data(Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Unchecked, "not before it is set"
    box = editor(panel, "mode", QComboBox)
    assert isinstance(box, QComboBox)
    box.setCurrentIndex(1)
    box.activated.emit(1)
    assert asked_to_set(client)[1:] == [SetQuantity("psu", "mode", "CC")]


def test_what_a_run_has_can_neither_be_edited_nor_is_it_asked_for(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    began = RunBegan("id", "bias scan", "scan", "", 3, True)
    client.tell(began, status(PSU, in_use=frozenset({"psu"})))
    look(desk)
    assert not cell(panel, "voltage").flags() & Qt.ItemFlag.ItemIsEditable
    assert "used by bias scan" in cell(panel, "voltage").data(Qt.ItemDataRole.ToolTipRole)
    before = len(client.asked)
    panel._look()
    assert len(client.asked) == before


def test_readings_are_asked_for_in_sight_and_one_at_a_time(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    panel._look()
    panel._look()
    assert [item for item in client.asked if isinstance(item, Read)] == [Read("psu", 1.0)]
    client.answer(READINGS, number=1)
    look(desk)
    panel._tree.collapse(panel._shown.index(0, 0))
    panel._look()
    assert len(client.asked) == 1
    panel.hide()
    assert not panel._timer.isActive()


def test_the_filter_finds_names_and_words(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = shown(qtbot, desk, theme, client)
    qtbot.keyClicks(panel._filter, "measured")
    device = panel._shown.index(0, 0)
    assert [panel._shown.index(row, 0, device).data() for row in range(panel._shown.rowCount(device))] == ["current"]
    panel._filter.setText("nothing like it")
    assert panel._shown.rowCount() == 0


def test_a_quantity_goes_to_the_scan_and_its_path_to_the_clipboard(
    qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient
) -> None:
    panel = shown(qtbot, desk, theme, client)
    offered: list[tuple[str, str]] = []
    desk.quantity_offered.connect(lambda path, role: offered.append((path, role)))
    panel._tree.setCurrentIndex(cell(panel, "current"))
    found = panel._parameters.find("psu.current")
    assert found is not None
    menu = panel.menu_of(found)
    words = {action.text(): action for action in menu.actions()}
    assert not words["Add to scan as axis"].isEnabled()
    words["Add to scan as reading"].trigger()
    assert offered == [("psu.current", "reading")]
    words["Copy path psu.current"].trigger()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == "psu.current"
    menu.deleteLater()


def test_with_nothing_connected_it_says_what_to_do(qtbot: QtBot, desk: Desk, theme: Theme, client: FakeClient) -> None:
    panel = ParametersPanel(desk, theme)
    qtbot.addWidget(panel)
    panel.show()
    assert panel._empty.isVisible()
    assert not panel._filter.isVisible()
    panel._simulate()
    assert client.asked == [Connect(BOARD, "emulated")]
