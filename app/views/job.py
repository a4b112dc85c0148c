"""A job that takes a while, in the status bar: what, how far, and the button that ends it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QToolButton, QWidget

_HEIGHT_PX: Final = 16


class JobBar(QWidget):
    """Is there while a job runs."""

    cancelled = Signal()
    """The user wants no more of it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.bar = QProgressBar(textVisible=False)
        self.bar.setFixedSize(140, 8)
        self.button = QToolButton(text="Cancel", toolTip="Stop writing; no file is left")
        self.button.clicked.connect(self.cancelled)
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 0, 6, 0)
        row.setSpacing(8)
        for part in (self.text, self.bar, self.button):
            row.addWidget(part)
        # The status bar is as high as its highest part, seen or not.
        self.setFixedHeight(_HEIGHT_PX)
        self.button.setFixedHeight(_HEIGHT_PX)
        self.button.setStyleSheet("padding: 0 6px;")
        self.hide()

    def begin(self, text: str) -> None:
        """Show a job at its start."""
        self.text.setText(text)
        self.bar.setRange(0, 0)
        self.show()

    def progress(self, done: int, total: int) -> None:
        """Show how far it is."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)
