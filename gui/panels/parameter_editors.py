"""Editors in the tree of parameters: nothing is set before Return, or before a choice is made."""

from __future__ import annotations

from typing import Final

from PyQt6.QtCore import QAbstractItemModel, QEvent, QModelIndex, QObject, QSize
from PyQt6.QtWidgets import QComboBox, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from gui.models.figures import step_of, value_text
from gui.models.parameters import Parameter, Parameters
from gui.panels.parameter_items import PATH
from gui.widgets.number import NumberField

_HEIGHT: Final = 20


class ParameterEditors(QStyledItemDelegate):
    """Makes the editor that fits a quantity.

    Args:
        parameters: what is edited.
        parent: the view.
    """

    def __init__(self, parameters: Parameters, parent: QObject) -> None:
        super().__init__(parent)
        self._parameters = parameters
        self.steps: dict[str, float] = {}
        """Steps of the arrow keys by path, where somebody has chosen one."""

    def createEditor(  # noqa: N802
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> QWidget | None:
        """A list of choices, a field for a number, or a line for a text."""
        found = self._parameters.find(index.data(PATH))
        if found is None:
            return None
        editor = self._editor(found, parent)
        editor.setAccessibleName(f"New value of {found.path}")
        return editor

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:  # noqa: N802
        """High enough for an editor."""
        return super().sizeHint(option, index).expandedTo(QSize(0, _HEIGHT))

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:  # noqa: N802
        """Nothing: the editor was made with the value, and readings must not change what is being typed."""

    def setModelData(  # noqa: N802
        self, editor: QWidget | None, model: QAbstractItemModel | None, index: QModelIndex
    ) -> None:
        """What is wanted."""
        assert model is not None
        if isinstance(editor, NumberField):
            editor.interpretText()
            model.setData(index, editor.value())
        elif isinstance(editor, QComboBox):
            model.setData(index, editor.currentData())
        elif isinstance(editor, QLineEdit):
            model.setData(index, editor.text())

    def updateEditorGeometry(  # noqa: N802
        self, editor: QWidget | None, option: QStyleOptionViewItem, index: QModelIndex
    ) -> None:
        """Wide enough for the number, whatever the column's width."""
        assert editor is not None
        rect = option.rect
        rect.setWidth(max(rect.width(), editor.sizeHint().width()))
        editor.setGeometry(rect)

    def eventFilter(self, editor: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Leaving the field sets nothing: hardware is moved by Return alone."""
        if event is not None and event.type() == QEvent.Type.FocusOut and isinstance(editor, QWidget):
            if isinstance(editor, QComboBox) and editor.view().isVisible():  # type: ignore[union-attr]
                return False
            self.closeEditor.emit(editor, QStyledItemDelegate.EndEditHint.RevertModelCache)
            return True
        return super().eventFilter(editor, event)

    def _editor(self, found: Parameter, parent: QWidget | None) -> QWidget:
        quantity, value = found.quantity, found.value
        if quantity.choices:
            box = QComboBox(parent)
            for choice in quantity.choices:
                box.addItem(value_text(choice, quantity.unit), choice)
            if value in quantity.choices:
                box.setCurrentIndex(quantity.choices.index(value))
            box.activated.connect(lambda _: self._chosen(box))
            return box
        if isinstance(value, str):
            line = QLineEdit(value, parent)
            line.setFrame(False)
            return line
        step = self.steps.get(found.path) or step_of(quantity)
        field = NumberField(quantity.unit, step=step, low=quantity.low, high=quantity.high, parent=parent)
        start = found.was_set if isinstance(found.was_set, float | int) else value
        field.show_number(float(start or 0.0))
        field.selectAll()
        return field

    def _chosen(self, box: QComboBox) -> None:
        self.commitData.emit(box)
        self.closeEditor.emit(box, QStyledItemDelegate.EndEditHint.NoHint)
