"""Small parts that dialogs share: a line for a file or folder with its chooser, and times in words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QWidget


class FolderRow(QWidget):
    """A line to type a folder in, and a button to choose one."""

    changed = Signal()

    def __init__(self, title: str, path: Path) -> None:
        super().__init__()
        self._title = title
        self.line = QLineEdit(str(path))
        self.line.setAccessibleName(title)
        self.line.textChanged.connect(lambda _text: self.changed.emit())
        self.button = QPushButton("Choose…")
        self.button.setAccessibleName(f"Choose: {title}")
        self.button.setAutoDefault(False)
        self.button.clicked.connect(self._ask)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.button)

    @property
    def path(self) -> Path:
        """What is in the line."""
        return Path(self.line.text().strip()).expanduser()

    @path.setter
    def path(self, path: Path) -> None:
        self.line.setText(str(path))

    def _ask(self) -> None:
        name = self._choose()
        if name:
            self.line.setText(name)

    def _choose(self) -> str:
        return str(QFileDialog.getExistingDirectory(self, self._title, str(self.path)))


class FileRow(FolderRow):
    """A line to type a file in, and a button to choose one."""

    def __init__(self, title: str, path: Path, kinds: str) -> None:
        super().__init__(title, path)
        self._kinds = kinds

    def _choose(self) -> str:
        return str(QFileDialog.getOpenFileName(self, self._title, str(self.path), self._kinds)[0])


def remaining_text(seconds: float) -> str:
    """Say how long something still takes."""
    if seconds < 1:
        return "nearly done"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    minutes = seconds / 60
    if minutes < 90:
        return f"about {minutes:.0f} min left"
    return f"about {minutes / 60:.1f} h left"
