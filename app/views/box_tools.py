"""Drawing and dragging the person's box over the picture."""

from __future__ import annotations

from typing import Any, Final

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ROI import Handle
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.sources import Box

_SMALLEST_PX = 8.0
_GRIP_ROOM: Final = 9.0
"""Pixels of the screen from a handle's middle to the edge of the view, so that all of it is seen."""
_STEADY: Final = 4.0
"""Pixels of the screen that a drag along one axis may stray along the other."""


class PictureViewBox(pg.ViewBox):
    """A view box that pans and zooms a picture and, when asked, draws a box instead."""

    drawn = Signal(object)
    """A new box: (x, y, width, height) in picture pixels."""
    fit_asked = Signal()

    def __init__(self) -> None:
        super().__init__(lockAspect=True, invertY=True, enableMenu=False)
        self.drawing = False
        self._band = pg.QtWidgets.QGraphicsRectItem()
        pen = QPen(QColor(255, 255, 255), 1.5, Qt.PenStyle.DashLine)
        pen.setCosmetic(True)
        self._band.setPen(pen)
        self._band.setBrush(QColor(255, 255, 255, 25))
        self._band.hide()
        self.addItem(self._band, ignoreBounds=True)

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """Draw a box while drawing, pan otherwise."""
        if not self.drawing or event.button() != Qt.MouseButton.LeftButton:
            super().mouseDragEvent(event, axis=axis)
            return
        event.accept()
        start = self.mapToView(event.buttonDownPos())
        rect = QRectF(start, self.mapToView(event.pos())).normalized()
        self._band.setRect(rect)
        self._band.setVisible(not event.isFinish())
        if event.isFinish() and min(rect.width(), rect.height()) >= _SMALLEST_PX:
            self.drawn.emit((rect.x(), rect.y(), rect.width(), rect.height()))

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802
        """Fit the picture."""
        event.accept()
        self.fit_asked.emit()


_SHADE = pg.mkPen(0, 0, 0, 120, width=3.4)
"""Under the white lines, which would vanish on snow and on the light theme's ground."""


class _Grip(Handle):
    """A handle that can be seen on any picture."""

    def __init__(self, box: BoxItem, kind: str) -> None:
        pen, lit = pg.mkPen(255, 255, 255, 220, width=1.5), pg.mkPen(255, 214, 102, width=2)
        self._box = box
        self._begun = (QPointF(), QPointF())
        super().__init__(radius=5, typ=kind, pen=pen, hoverPen=lit, parent=box, antialias=True)
        self.setToolTip("Drag to change the person's box; the pose follows")

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the handle over its shade."""
        painter.setPen(_SHADE)
        painter.drawPath(self.shape())
        super().paint(painter, option, widget)

    def mouseDragEvent(self, event: Any) -> None:  # noqa: N802
        """Remember where the handle and the place it stands for are; drag to where the button is let go."""
        if event.isStart():
            self._begun = self.scenePos(), self._box.place_of(self)
        elif event.isFinish() and self.isMoving:
            # Of quick moves the scene passes on only some; the last must not be lost.
            self.movePoint(event.scenePos() + self.cursorOffset, event.modifiers(), finish=False)
        super().mouseDragEvent(event)

    def movePoint(self, pos: QPointF, modifiers: Any = None, finish: bool = True) -> None:  # noqa: N802
        """Move what the handle stands for, which may lie farther out than the handle."""
        handle, place = self._begun
        if self.typ == "t":
            meant = QPointF(pos) + (place - handle)
        else:
            x = _pulled(pos.x(), handle.x(), place.x())
            meant = QPointF(x, _pulled(pos.y(), handle.y(), place.y()))
        super().movePoint(meant, modifiers, finish)


class BoxItem(pg.ROI):
    """The person's box with handles at its corners and one to move it; the inside stays free for panning.

    A box may reach beyond the picture, and beyond the view. A handle that would be out of sight with it stands at the
    edge of the view instead, as long as the picture's edge there is in sight.
    """

    changed = Signal(object)
    """The user let go of the box: (x, y, width, height) in picture pixels."""

    def __init__(self) -> None:
        super().__init__((0, 0), (1, 1), movable=False, rotatable=False, resizable=True, antialias=True)
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            self.addScaleHandle((x, y), (1 - x, 1 - y), item=_Grip(self, "s"))
        self.addTranslateHandle((0.5, 0.0), item=_Grip(self, "t"))
        self._quiet = False
        self._picture_px = (1.0, 1.0)
        self.sigRegionChangeFinished.connect(self._tell)
        self.show_box((0.0, 0.0, 1.0, 1.0), (1, 1), given=False)
        self.hide()

    def show_box(self, box: Box, picture_px: tuple[int, int], given: bool) -> None:
        """Show a box: a full line where the user gave it, dashed where the program found it.

        Args:
            box: (x, y, width, height) in picture pixels.
            picture_px: (width, height) of the picture.
            given: whether the user gave it.
        """
        self._quiet = True
        self._picture_px = picture_px
        try:
            self.setPos(QPointF(box[0], box[1]), finish=False)
            self.setSize((box[2], box[3]), finish=False)
        finally:
            self._quiet = False
        pen = pg.mkPen(255, 255, 255, 200, width=1.4, style=Qt.PenStyle.SolidLine if given else Qt.PenStyle.DashLine)
        self.setPen(pen)
        self.hoverPen = pen
        self._place_grips()
        self.show()

    def place_of(self, grip: Handle) -> QPointF:
        """Return in the scene's pixels where a handle would stand if all of the box were in sight."""
        return self.mapToScene(self.handles[self.indexOfHandle(grip)]["pos"] * self.state["size"])

    def stateChanged(self, finish: bool = True) -> None:  # noqa: N802
        """Take the handles along."""
        super().stateChanged(finish)
        self._place_grips()

    def viewTransformChanged(self) -> None:  # noqa: N802
        """Keep the handles in sight."""
        super().viewTransformChanged()
        self._place_grips()

    def _place_grips(self) -> None:
        view = self.getViewBox()
        if not isinstance(view, pg.ViewBox):
            return
        seen, left_top = view.viewRect(), self.pos()
        across, down = (_GRIP_ROOM * step for step in view.viewPixelSize())
        width, height = self._picture_px
        for handle in self.handles:
            place = left_top + handle["pos"] * self.state["size"]
            x = _in_sight(place.x(), seen.left(), seen.right(), across, width)
            y = _in_sight(place.y(), seen.top(), seen.bottom(), down, height)
            handle["item"].setPos(x - left_top.x(), y - left_top.y())

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the box over its shade."""
        painter.setPen(_SHADE)
        painter.drawRect(QRectF(0.0, 0.0, self.size().x(), self.size().y()).normalized())
        super().paint(painter, option, widget)

    def _tell(self) -> None:
        if self._quiet:
            return
        rect = QRectF(self.pos(), QPointF(self.pos().x() + self.size().x(), self.pos().y() + self.size().y()))
        rect = rect.normalized()
        if min(rect.width(), rect.height()) >= _SMALLEST_PX:
            self.changed.emit((rect.x(), rect.y(), rect.width(), rect.height()))


def _pulled(pointer: float, handle: float, place: float) -> float:
    """Return where a corner comes to on one axis: to the pointer; but out of sight it stays unless it is pulled."""
    is_away = abs(place - handle) > 0.5
    return place if is_away and abs(pointer - handle) < _STEADY else pointer


def _in_sight(place: float, start: float, end: float, room: float, size: float) -> float:
    """Return a handle's place on one axis: inside the view from start to end if the picture's end there is in it."""
    if start <= 0.0 and place < start + room:
        return min(start + room, end)
    if end >= size and place > end - room:
        return max(end - room, start)
    return place
