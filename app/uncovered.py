"""Shows a window again where a menu, a tool tip or another window lay over it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import QWidget


class Uncovered(QObject):
    """Has a window painted anew where the display asks for it.

    Where a display keeps no picture of what is covered (X without a compositor: many remote and virtual ones), it asks
    for the part that comes to light. Qt has a copy to answer with, but leaves it out in a window with an OpenGL widget
    in it, also in one that draws for itself: closed menus and tool tips stayed on screen.
    """

    def __init__(self, window: QWidget) -> None:
        """Watch a window that is on screen."""
        super().__init__(window)
        self._window = window
        handle = window.windowHandle()
        assert handle is not None
        handle.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Paint what was uncovered as soon as there is time."""
        if isinstance(event, QPaintEvent):
            self._window.update(event.region())
        return super().eventFilter(watched, event)
