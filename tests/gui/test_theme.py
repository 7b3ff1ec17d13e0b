from __future__ import annotations

import pytest
from PyQt6.QtWidgets import QApplication, QCheckBox, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from gui.plotting import curve_pen
from gui.theme import DARK, LIGHT, Theme, apply


def edge(widget: QWidget) -> int:
    """How far the lightest or darkest pixel of a drawn widget is from what is behind it."""
    image = widget.grab().toImage()
    pixels = [image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(image.height())]
    behind = image.pixelColor(image.width() - 1, image.height() // 2).lightness()
    return max(abs(pixel - behind) for pixel in pixels)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_an_empty_box_can_be_seen(qtbot: QtBot, qapp: QApplication, theme: Theme) -> None:
    apply(qapp, theme)
    box = QCheckBox()
    qtbot.addWidget(box)
    box.resize(40, 24)
    assert edge(box) > 50
    line = QLineEdit()
    qtbot.addWidget(line)
    line.resize(60, 24)
    assert edge(line) > 30
    apply(qapp, LIGHT)


@pytest.mark.parametrize(("density", "width"), [(1.0, 1), (1.25, 1), (2.0, 2), (3.0, 3)])
def test_lines_are_as_thin_on_a_dense_screen(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, density: float, width: int
) -> None:
    monkeypatch.setattr(QApplication, "devicePixelRatio", lambda _: density)
    assert curve_pen("#0072b2").width() == width
