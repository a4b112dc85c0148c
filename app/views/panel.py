"""A framed panel with a title, room for controls in its header, and a content widget: what every view sits in."""

from __future__ import annotations

from typing import Any, Final

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QEnterEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

_FEWEST_LETTERS = 6
_FRAME_PX: Final = 30
"""What the desktop's title bar takes of a screen's height."""
LOWEST_PX: Final = 70
"""Of a picture or body: two over each other, with the tables below, fit a screen of 540 pixels."""


class ElidedLabel(QLabel):
    """A label that cuts its text instead of widening its panel; the tool tip has all of it."""

    def __init__(self, text: str = "", parent: QWidget | None = None, **properties: Any) -> None:
        super().__init__(text, parent, **properties)
        self._told: tuple[str, ...] = ()
        self._tip = ""

    def tell(self, text: str, *shorter: str) -> None:
        """Set a text, and what is said instead where it has no room, the shortest last."""
        self._told = (text, *shorter)
        self.setText(text)

    def shown_text(self) -> str:
        """Return as much of the text as there is room for; nothing rather than a letter or two."""
        metrics = self.fontMetrics()
        words = self._told if self._told[:1] == (self.text(),) else (self.text(),)
        for text in words:
            if metrics.horizontalAdvance(text) <= self.width():
                return text
        if self.width() < _FEWEST_LETTERS * metrics.averageCharWidth():
            return ""
        return metrics.elidedText(words[-1], Qt.TextElideMode.ElideRight, self.width())

    def setToolTip(self, text: str) -> None:  # noqa: N802
        """Say more than the text does."""
        self._tip = text
        self._fill_tip(self.underMouse())

    # Not when a tool tip is asked for: every event of every label would pass through Python.

    def enterEvent(self, event: QEnterEvent) -> None:  # noqa: N802
        """Have what was cut above the tool tip."""
        self._fill_tip(True)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Say no more than before."""
        self._fill_tip(False)
        super().leaveEvent(event)

    def _fill_tip(self, pointed_at: bool) -> None:
        cut = pointed_at and self.shown_text() != self.text()
        super().setToolTip("\n".join(filter(None, (self.text() if cut else "", self._tip))))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Ask for no width at all."""
        return QSize(0, self.fontMetrics().height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw as much as fits."""
        painter = QPainter(self)
        self.style().drawItemText(
            painter, self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self.palette(), True,
            self.shown_text(), self.foregroundRole(),
        )  # fmt: skip


class Panel(QFrame):
    """The frame that all views share."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.title = ElidedLabel(title, objectName="panelTitle")
        self.note = ElidedLabel(objectName="muted")
        self._header = QHBoxLayout()
        self._header.setContentsMargins(10, 5, 6, 3)
        self._header.setSpacing(6)
        self._header.addWidget(self.title)
        self._header.addWidget(self.note, 1)
        self.header = header = QWidget(objectName="panelHeader")
        header.setLayout(self._header)
        header.setMinimumHeight(34)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(1, 1, 1, 1)
        self._column.setSpacing(0)
        self._column.addWidget(header)

    def add_control(self, widget: QWidget) -> None:
        """Put a control at the right of the header."""
        self._header.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)

    def add_content(self, widget: QWidget, stretch: int = 0) -> None:
        """Put a widget under what is already there."""
        self._column.addWidget(widget, stretch)


class EmptyState(QWidget):
    """What stands in a view that has nothing to show yet: a line on what it is, and a line on what to do."""

    def __init__(self, title: str, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = QLabel(title, objectName="emptyTitle", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        self.text = QLabel(text, objectName="emptyText", alignment=Qt.AlignmentFlag.AlignCenter, wordWrap=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 6, 24, 6)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addStretch(1)

    def say(self, title: str, text: str) -> None:
        """Change both lines."""
        self.title.setText(title)
        self.text.setText(text)


def size_for_screen(window: QWidget, width: int, height: int) -> None:
    """Give a window its usual size, or what a small screen has room for."""
    room = window.screen().availableSize()
    window.resize(min(width, room.width()), min(height, room.height() - _FRAME_PX))


class _KeyKeeper(QObject):
    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        command = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and not event.modifiers() & command
            and event.key() < Qt.Key.Key_F1
        ):
            event.accept()
        return super().eventFilter(watched, event)


def keep_keys(*widgets: QWidget) -> None:
    """Let these widgets use plain keys (arrows, letters) while they have the focus, before the window's shortcuts."""
    for widget in widgets:
        widget.installEventFilter(_KeyKeeper(widget))
