"""Thin dashed boxes around the other people that were found in a picture, each with its score."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import QObject, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont
from PySide6.QtWidgets import QGraphicsRectItem

from app.state import AppState
from app.views.picture import PicturePanel
from core import locate
from core.locate import Candidate

_COLOUR = QColor(255, 214, 102)
"""Of boxes that can be had: white ones are of the person the pose is of."""


class OthersLayer(QObject):
    """Draws the boxes and lights the one up that a click would choose."""

    def __init__(self, picture: PicturePanel, state: AppState) -> None:
        super().__init__(picture)
        self._picture, self._state = picture, state
        self._items: list[tuple[QGraphicsRectItem, pg.TextItem]] = []
        self._hovered: int | None = None
        state.others_changed.connect(self._show)
        state.display_changed.connect(self._show)
        picture.graphics.scene().sigMouseMoved.connect(self._moved)

    @property
    def shown(self) -> list[QRectF]:
        """The boxes that are drawn, in picture pixels."""
        return [box.rect() for box, _ in self._items if box.isVisible()]

    @property
    def labels(self) -> list[str]:
        """What stands at them."""
        return [label.toPlainText() for _, label in self._items if label.isVisible()]

    def at(self, point: QPointF) -> int | None:
        """Return which of the others a click at a point of the picture means; None for nobody, or who has the pose."""
        others, pose = self._others(), self._state.pose
        own = [] if pose is None else [locate.box_of_joints(pose.joints_px)]
        number = locate.at([*(other.box_px for other in others), *own], point.x(), point.y())
        return number if number is not None and number < len(others) else None

    def _others(self) -> Sequence[Candidate]:
        return self._state.others if self._state.display.others else ()

    def _show(self) -> None:
        others = self._others()
        while len(self._items) < len(others):
            self._items.append(self._make())
        self._hovered = None
        for number, (box, label) in enumerate(self._items):
            box.setVisible(number < len(others))
            label.setVisible(number < len(others))
            if number < len(others):
                x, y, width, height = others[number].box_px
                box.setRect(x, y, width, height)
                label.setText(f"{100 * others[number].score:.0f} %")
                label.setPos(max(x, 0.0), max(y, 0.0))
                self._light(number, False)
        self._picture.refresh()

    def _make(self) -> tuple[QGraphicsRectItem, pg.TextItem]:
        box = QGraphicsRectItem()
        box.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        label = pg.TextItem(color=_COLOUR, fill=pg.mkBrush(15, 16, 20, 150), anchor=(0.0, 0.0))
        label.setAcceptedMouseButtons(Qt.MouseButton.NoButton)
        small = QFont(label.textItem.font())
        small.setPointSizeF(max(6.5, small.pointSizeF() - 2.0))
        label.setFont(small)
        for item in (box, label):
            item.setZValue(2.5)
            self._picture.box_view.addItem(item, ignoreBounds=True)
        return box, label

    def _light(self, number: int, lit: bool) -> None:
        colour = QColor(_COLOUR)
        colour.setAlpha(255 if lit else 200)
        self._items[number][0].setPen(pg.mkPen(colour, width=2.2 if lit else 1.2, style=Qt.PenStyle.DashLine))

    def _moved(self, position: QPointF) -> None:
        if not self._others():
            return
        number = self.at(self._picture.box_view.mapSceneToView(position))
        if number != self._hovered:
            for place, lit in ((self._hovered, False), (number, True)):
                if place is not None:
                    self._light(place, lit)
            self._hovered = number
