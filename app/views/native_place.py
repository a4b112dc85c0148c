"""Keeps a native child of plain widgets in its place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint
from PySide6.QtWidgets import QWidget

_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show)


class NativePlace(QObject):
    """Moves the native window of a widget along with the plain widgets around it.

    Qt places such a window when the widget itself is moved or resized. Where only a widget around it moves, as when the
    main window grows because something at the left needs more room, the window stays behind and leaves a black strip.

    Args:
        native: has a window of its own, but none of the widgets around it has (``WA_DontCreateNativeAncestors``).
        holder: its parent, which it fills.
    """

    def __init__(self, native: QWidget, holder: QWidget) -> None:
        super().__init__(holder)
        self._native = native
        self._holder = holder
        self._around: list[QWidget] = []
        native.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the widget and what is around it."""
        kind = event.type()
        if kind in _MOVES:
            if kind is QEvent.Type.Show and watched is self._native:
                self._watch()
            self._settle()
        return super().eventFilter(watched, event)

    def _watch(self) -> None:
        """Find out what is around the widget: that changes only while it is hidden."""
        for widget in self._around:
            widget.removeEventFilter(self)
        self._around = []
        at: QWidget | None = self._holder
        while at is not None and not at.isWindow():
            at.installEventFilter(self)
            self._around.append(at)
            at = at.parentWidget()

    def _settle(self) -> None:
        native, handle, over = self._native, self._native.windowHandle(), self._native.nativeParentWidget()
        if native.geometry() != self._holder.rect():
            native.setGeometry(self._holder.rect())
        if handle is None or over is None:
            return
        place = native.mapTo(over, QPoint(0, 0))
        if handle.position() != place:
            handle.setPosition(place)
