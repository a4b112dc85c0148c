"""What the program remembers between runs. Corrupt, future or vanished settings never stop the start."""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QSplitter, QWidget

_MAX_RECENT = 10


class Settings:
    """Typed access to an INI file; whatever cannot be read counts as not set."""

    def __init__(self, path: Path | None = None) -> None:
        if path is None:
            self._store = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "Bonesight", "Bonesight")
        else:
            self._store = QSettings(str(path), QSettings.Format.IniFormat)

    def text(self, key: str, default: str = "") -> str:
        """Return a string."""
        value = self._read(key)
        return value if isinstance(value, str) else default

    def flag(self, key: str, default: bool) -> bool:
        """Return a yes or no."""
        return {"true": True, "false": False}.get(self.text(key).lower(), default)

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number within bounds."""
        try:
            value = float(self.text(key))
        except ValueError:
            return default
        return value if low <= value <= high else default

    def set(self, key: str, value: str | bool | float) -> None:
        """Remember a value."""
        self._store.setValue(key, str(value).lower() if isinstance(value, bool) else str(value))

    def folder(self) -> Path:
        """Return the folder that dialogs start in: the last one if it still exists."""
        text = self.text("folder")
        try:
            return Path(text) if text and Path(text).is_dir() else Path.home()
        except (OSError, ValueError):
            return Path.home()

    def recent(self) -> list[Path]:
        """Return the pictures opened last that still exist, newest first."""
        paths = []
        for line in self.text("recent").split("|"):
            try:
                if line and Path(line).is_file():
                    paths.append(Path(line))
            except (OSError, ValueError):
                continue
        return paths[:_MAX_RECENT]

    def add_recent(self, path: Path) -> None:
        """Put a picture at the top of the list of recent ones."""
        paths = [path, *(other for other in self.recent() if other != path)][:_MAX_RECENT]
        self.set("recent", "|".join(str(other) for other in paths if "|" not in str(other)))
        self.set("folder", str(path.parent))

    def save_window(self, window: QWidget) -> None:
        """Remember where the window is and how its splitters stand."""
        self._set_bytes("window/geometry", window.saveGeometry())
        for splitter in window.findChildren(QSplitter):
            if splitter.objectName():
                self._set_bytes(f"window/{splitter.objectName()}", splitter.saveState())

    def restore_window(self, window: QWidget) -> bool:
        """Put the window back, but never off screen. Return whether anything was remembered."""
        geometry = self._bytes("window/geometry")
        restored = geometry is not None and window.restoreGeometry(geometry)
        if restored and not any(
            screen.availableGeometry().intersected(window.frameGeometry()).width() > 100
            for screen in QGuiApplication.screens()
        ):
            window.move(QGuiApplication.primaryScreen().availableGeometry().topLeft())
        for splitter in window.findChildren(QSplitter):
            state = self._bytes(f"window/{splitter.objectName()}") if splitter.objectName() else None
            if state is not None:
                splitter.restoreState(state)
        return bool(restored)

    def flush(self) -> None:
        """Write to the disk; a full or read-only disk is not worth a word here."""
        self._store.sync()

    def _read(self, key: str) -> Any:
        try:
            return self._store.value(key)
        except Exception:  # noqa: BLE001  # a foreign type in the file makes QSettings raise whatever it likes
            return None

    def _set_bytes(self, key: str, value: QByteArray) -> None:
        # Base64 text, because a QByteArray in the file would be a pickled type that a later Qt may not read.
        self.set(key, base64.b64encode(value.data()).decode("ascii"))

    def _bytes(self, key: str) -> QByteArray | None:
        try:
            data = base64.b64decode(self.text(key), validate=True)
        except (binascii.Error, ValueError):
            return None
        return QByteArray(data) if data else None
