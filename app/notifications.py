"""Notices that tell what happened and what to do, without a box to click away. A storm of equal ones shows once."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from core.errors import UserError

_LIFETIME_MS = {"info": 4000, "warning": 9000, "error": 12000}
_AT_MOST = 3
_WIDTH = 400
_MARGIN = 16


class Level(StrEnum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Notifier(QObject):
    """Where every part of the program leaves its notices."""

    posted = Signal(str, str, str)
    """level, what happened, what to do."""

    def info(self, what: str, what_to_do: str = "") -> None:
        """Tell something good or neutral."""
        self.posted.emit(Level.INFO, what, what_to_do)

    def warn(self, what: str, what_to_do: str = "") -> None:
        """Tell that something did not go as hoped."""
        self.posted.emit(Level.WARNING, what, what_to_do)

    def error(self, error: UserError) -> None:
        """Tell a mistake that the user can mend."""
        self.posted.emit(Level.ERROR, error.what, error.what_to_do)


def as_sentence(text: str) -> str:
    """Give a notice a capital letter and a full stop, unless it starts with a file name."""
    text = text.strip()
    if not text:
        return ""
    first = text.split(maxsplit=1)[0]
    if "." not in first and "_" not in first:
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else text + "."


class Toast(QFrame):
    """One notice; a click or its time takes it away."""

    closed = Signal(object)

    def __init__(self, level: str, what: str, what_to_do: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setProperty("level", str(level))
        self.key = (str(level), what, what_to_do)
        self._count = 1
        self._what = QLabel(as_sentence(what))
        self._what.setWordWrap(True)
        self._what.setTextFormat(Qt.TextFormat.PlainText)
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(self._what)
        self.text = as_sentence(what)
        if what_to_do:
            hint = QLabel(as_sentence(what_to_do))
            hint.setWordWrap(True)
            hint.setTextFormat(Qt.TextFormat.PlainText)
            hint.setObjectName("muted")
            column.addWidget(hint)
            self.text += " " + as_sentence(what_to_do)
        close = QToolButton(text="✕", autoRaise=True)
        close.setAccessibleName("Dismiss this notice")
        close.clicked.connect(lambda: self.closed.emit(self))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 9, 6, 10)
        row.addLayout(column, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.setFixedWidth(_WIDTH)
        self._timer = QTimer(self, singleShot=True, interval=_LIFETIME_MS[str(level)])
        self._timer.timeout.connect(lambda: self.closed.emit(self))
        self._timer.start()

    def repeat(self) -> None:
        """Count the same notice again instead of stacking it."""
        self._count += 1
        self._what.setText(f"{as_sentence(self.key[1])} ({self._count} times)")
        self._timer.start()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Dismiss on a click."""
        super().mousePressEvent(event)
        self.closed.emit(self)


class ToastStack(QObject):
    """Shows the notifier's notices in the lower left corner of a window.

    Left, because the 3D view at the right is a native window that covers plain widgets, and a native notice beside it
    makes Qt draw it at the wrong place.
    """

    def __init__(self, notifier: Notifier, host: QWidget) -> None:
        super().__init__(host)
        self._host = host
        self._toasts: list[Toast] = []
        notifier.posted.connect(self.show)
        host.installEventFilter(self)

    @property
    def texts(self) -> list[str]:
        """What is on screen, oldest first."""
        return [toast.text for toast in self._toasts]

    def show(self, level: str, what: str, what_to_do: str) -> None:
        """Show one notice."""
        for toast in self._toasts:
            if toast.key == (str(level), what, what_to_do):
                toast.repeat()
                self._place()
                return
        toast = Toast(level, what, what_to_do, self._host)
        toast.closed.connect(self._remove)
        self._toasts.append(toast)
        while len(self._toasts) > _AT_MOST:
            self._remove(self._toasts[0])
        self._place()
        toast.show()
        toast.raise_()

    def clear(self) -> None:
        """Take every notice away."""
        for toast in list(self._toasts):
            self._remove(toast)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Keep the notices in their corner."""
        if event.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(watched, event)

    def _remove(self, toast: Toast) -> None:
        if toast in self._toasts:
            self._toasts.remove(toast)
            toast.hide()
            toast.deleteLater()
            self._place()

    def _place(self) -> None:
        bottom = self._host.height() - _MARGIN - 28
        for toast in reversed(self._toasts):
            height = toast.heightForWidth(_WIDTH) if toast.hasHeightForWidth() else toast.sizeHint().height()
            toast.setFixedHeight(height)
            bottom -= height
            toast.move(_MARGIN, bottom)
            bottom -= 8
