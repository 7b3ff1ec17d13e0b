"""What the window remembers between two starts: layouts by name, theme, last bench."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PyQt6.QtCore import QByteArray, QSettings

LAYOUT: Final = 1
"""Version of the layouts: those of another version are not restored."""
CURRENT: Final = "current"


class Settings:
    """Settings in one file that can be deleted.

    Args:
        file: where; None for the user's own place.
    """

    def __init__(self, file: Path | None = None) -> None:
        if file is None:
            from platformdirs import user_config_path

            file = user_config_path("labctl", appauthor=False) / "desktop.ini"
        self.file = file
        self._store = QSettings(str(file), QSettings.Format.IniFormat)

    def text(self, key: str, default: str = "") -> str:
        """A remembered text."""
        value = self._store.value(f"main/{key}", default)
        return value if isinstance(value, str) else default

    def keep(self, key: str, value: str) -> None:
        """Remember a text."""
        self._store.setValue(f"main/{key}", value)

    def layouts(self) -> list[str]:
        """Names of the layouts that were saved by the user."""
        self._store.beginGroup(f"layouts{LAYOUT}")
        names = [name for name in self._store.childGroups() if name != CURRENT]
        self._store.endGroup()
        return names

    def layout(self, name: str) -> tuple[QByteArray, QByteArray] | None:
        """Geometry and state of a layout, None when there is none."""
        geometry = self._store.value(f"layouts{LAYOUT}/{name}/geometry")
        state = self._store.value(f"layouts{LAYOUT}/{name}/state")
        if isinstance(geometry, QByteArray) and isinstance(state, QByteArray):
            return geometry, state
        return None

    def keep_layout(self, name: str, geometry: QByteArray, state: QByteArray) -> None:
        """Save a layout."""
        self._store.setValue(f"layouts{LAYOUT}/{name}/geometry", geometry)
        self._store.setValue(f"layouts{LAYOUT}/{name}/state", state)

    def write(self) -> None:
        """Write the file now."""
        self._store.sync()
