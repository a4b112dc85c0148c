"""Drawing and dragging the person's box over the picture."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from pyqtgraph.graphicsItems.ROI import Handle
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.sources import Box

_SMALLEST_PX = 8.0


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
        super().__init__(radius=5, typ=kind, pen=pen, hoverPen=lit, parent=box, antialias=True)
        self.setToolTip("Drag to change the person's box; the pose follows")

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:
        """Draw the handle over its shade."""
        painter.setPen(_SHADE)
        painter.drawPath(self.shape())
        super().paint(painter, option, widget)


class BoxItem(pg.ROI):
    """The person's box with handles at its corners and one to move it; the inside stays free for panning."""

    changed = Signal(object)
    """The user let go of the box: (x, y, width, height) in picture pixels."""

    def __init__(self) -> None:
        super().__init__((0, 0), (1, 1), movable=False, rotatable=False, resizable=True, antialias=True)
        for x, y in ((0, 0), (1, 0), (0, 1), (1, 1)):
            self.addScaleHandle((x, y), (1 - x, 1 - y), item=_Grip(self, "s"))
        self.addTranslateHandle((0.5, 0.0), item=_Grip(self, "t"))
        self._quiet = False
        self.sigRegionChangeFinished.connect(self._tell)
        self.show_box((0.0, 0.0, 1.0, 1.0), given=False)
        self.hide()

    def show_box(self, box: Box, given: bool) -> None:
        """Show a box: a full line where the user gave it, dashed where the program found it."""
        self._quiet = True
        try:
            self.setPos(QPointF(box[0], box[1]), finish=False)
            self.setSize((box[2], box[3]), finish=False)
        finally:
            self._quiet = False
        pen = pg.mkPen(255, 255, 255, 200, width=1.4, style=Qt.PenStyle.SolidLine if given else Qt.PenStyle.DashLine)
        self.setPen(pen)
        self.hoverPen = pen
        self.show()

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
