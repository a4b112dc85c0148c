"""The two pictures of a comparison: B's own panel with linked zoom, or B over A beyond a split line; and the arrows."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStackedWidget, QStyleOptionGraphicsItem, QWidget

from app.comparing import Comparing, Layout
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.box_tools import PictureViewBox
from app.views.heatmap_strip import HeatmapStrip
from app.views.panel import EmptyState, Panel
from app.views.picture import PicturePanel
from app.views.pose_layer import PoseLayer

ARROW_COLOUR: Final = QColor(255, 211, 77)
_SHORTEST_PX: Final = 9.0
"""Arrows shorter than this on screen would be heads alone."""
_HEAD_PX: Final = 9.0
_MARGIN_PX: Final = 12.0
_SETTLING_MS: Final = 3000
"""So long after another layout the panels may still change their size."""


class ArrowsItem(pg.GraphicsObject):
    """Arrows from A's joints to B's, of constant width on screen."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def show_arrows(self, starts_px: NDArray[np.float64], ends_px: NDArray[np.float64]) -> None:
        """Show one arrow per row of two (16, 2) arrays."""
        self.prepareGeometryChange()
        self._ends = (starts_px, ends_px)
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.prepareGeometryChange()
        self._ends = None
        self.update()

    def drawn(self) -> int:
        """Return how many arrows are long enough to be seen at this zoom."""
        if self._ends is None:
            return 0
        width, _ = self.pixelVectors()
        scale = 1.0 if width is None else max(width.length(), 1e-12)
        return int((np.linalg.norm(self._ends[1] - self._ends[0], axis=1) / scale >= _SHORTEST_PX).sum())

    def boundingRect(self) -> QRectF:  # noqa: N802
        """Cover all arrows at this zoom."""
        if self._ends is None:
            return QRectF()
        points = np.vstack(self._ends)
        width, height = self.pixelVectors()
        margin_x = _MARGIN_PX * (1.0 if width is None else width.length())
        margin_y = _MARGIN_PX * (1.0 if height is None else height.length())
        rect = QRectF(QPointF(*points.min(axis=0)), QPointF(*points.max(axis=0)))
        return rect.adjusted(-margin_x, -margin_y, margin_x, margin_y)

    def viewTransformChanged(self) -> None:  # noqa: N802
        """Follow the zoom: the margin is in screen pixels."""
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Draw the arrows in screen pixels."""
        if self._ends is None:
            return
        transform = painter.worldTransform()
        pairs = [
            (transform.map(QPointF(*start)), transform.map(QPointF(*end)))
            for start, end in zip(self._ends[0].tolist(), self._ends[1].tolist(), strict=True)
        ]
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for start, end in pairs:
            along = end - start
            length = float(np.hypot(along.x(), along.y()))
            if length >= _SHORTEST_PX:
                _draw_arrow(painter, start, end, along / length)
        painter.restore()


def _draw_arrow(painter: QPainter, start: QPointF, end: QPointF, unit: QPointF) -> None:
    back = end - unit * _HEAD_PX
    across = QPointF(-unit.y(), unit.x()) * (_HEAD_PX * 0.45)
    head = QPolygonF([end, back + across, back - across])
    dark = QColor(15, 16, 20, 210)
    for pen, brush in ((QPen(dark, 4.2), dark), (QPen(ARROW_COLOUR, 2.0), ARROW_COLOUR)):
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLine(start, back)
        painter.setPen(QPen(pen.color(), pen.widthF() / 2))
        painter.setBrush(brush)
        painter.drawPolygon(head)


class OtherPicturePanel(Panel):
    """The same picture with what B sees in it; zoom and place are those of A's panel."""

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing) -> None:
        super().__init__("B")
        self._state = state
        self._themes = themes
        self._comparing = comparing
        self.graphics = pg.GraphicsView()
        self.graphics.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self.graphics.setMinimumSize(200, 160)
        self.graphics.setAcceptDrops(False)
        self.graphics.viewport().setAcceptDrops(False)
        self.graphics.setAccessibleName("Picture with model B")
        self.box_view = PictureViewBox()
        self.graphics.setCentralItem(self.box_view)
        self._image = pg.ImageItem(axisOrder="row-major")
        self.layer = PoseLayer()
        self.arrows = ArrowsItem()
        for order, item in enumerate((self._image, self.layer.heat, self.layer.skeleton, self.arrows)):
            item.setZValue(order)
            self.box_view.addItem(item, ignoreBounds=item is not self._image)
        self.empty = EmptyState("", "")
        self._pages = QStackedWidget()
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.graphics)
        self.add_content(self._pages, 1)
        self.strip = HeatmapStrip(state, themes)
        self.strip.shown_pose = lambda: comparing.pose
        self.add_content(self.strip)
        state.picture_changed.connect(self._show_picture)
        state.frame_changed.connect(self._show_picture)
        state.display_changed.connect(self.refresh)
        comparing.changed.connect(self.refresh)
        comparing.compared.connect(self.refresh)
        comparing.compared.connect(self.strip.rebuild)
        comparing.model_changed.connect(self.refresh)
        themes.changed.connect(self._retheme)
        self._retheme()
        self._show_picture()

    def _retheme(self) -> None:
        self.graphics.setBackground(self._themes.theme.canvas)

    def _show_picture(self) -> None:
        picture = self._state.picture
        self.strip.setVisible(picture is not None)
        if picture is None:
            self._image.clear()
        else:
            self._image.setImage(picture.shown, autoLevels=False, levels=(0, 255))
            self._image.setRect(QRectF(0, 0, *picture.size_px))
        self.refresh()

    def refresh(self) -> None:
        """Draw what B sees, or say what to do."""
        comparing = self._comparing
        self.setVisible(comparing.on and comparing.display.layout is Layout.SIDE)
        if not comparing.on:
            return
        model = comparing.model
        self.title.setText("B" if model is None else f"B  {model.name}")
        found = comparing.comparison
        apart = "" if found is None else f"{found.mean_mm:.0f} mm, {found.mean_px:.1f} px apart"
        self.note.setText(comparing.activity or apart)
        self.note.setToolTip("Mean distance of the 16 joints from A's")
        self._pages.setCurrentWidget(self.empty if model is None or self._state.picture is None else self.graphics)
        if model is None and not comparing.activity:
            self.empty.say("No model B", "Choose one in the toolbar (Model B),\nor open a checkpoint there.")
        elif model is None:
            self.empty.say("Model B", "It is being loaded…")
        else:
            self.empty.say("Open a picture of a person", "Model B looks at it too.")
        self.layer.show(comparing.pose, self._state.display)
        show_arrows(self.arrows, comparing, self._state)


def show_arrows(item: ArrowsItem, comparing: Comparing, state: AppState) -> None:
    """Show the arrows of the comparison, if they are wanted."""
    a, b = state.pose, comparing.pose
    if comparing.on and comparing.display.arrows and a is not None and b is not None:
        item.show_arrows(a.joints_px, b.joints_px)
    else:
        item.clear()


class PictureCompare(QObject):
    """Puts B into A's picture panel: arrows, the split line, the flip, and the link of the two views."""

    def __init__(self, panel: PicturePanel, other: OtherPicturePanel, state: AppState, comparing: Comparing) -> None:
        super().__init__(panel)
        self._panel = panel
        self._other = other
        self._state = state
        self._comparing = comparing
        self._linking = False
        panel.shown_pose = panel.strip.shown_pose = lambda: comparing.shown
        self._stands: tuple[bool, Layout] = (False, comparing.display.layout)
        self.layer = PoseLayer()
        self.arrows = ArrowsItem()
        self.line = pg.InfiniteLine(angle=90, movable=True, pen=pg.mkPen(255, 255, 255, 220, width=2))
        self.line.setHoverPen(pg.mkPen(255, 214, 102, width=3))
        self.line.setCursor(Qt.CursorShape.SplitHCursor)
        self.line.setToolTip("Drag: A is left of the line, B right of it")
        for order, item in ((1.5, self.layer.heat), (4.5, self.layer.skeleton), (5, self.arrows), (6, self.line)):
            item.setZValue(order)
            panel.box_view.addItem(item, ignoreBounds=True)
        self.line.sigPositionChanged.connect(self._line_moved)
        panel.box_view.sigRangeChanged.connect(lambda *_: self._link(panel.box_view, other.box_view))
        other.box_view.sigRangeChanged.connect(lambda *_: self._link(other.box_view, panel.box_view))
        other.box_view.fit_asked.connect(panel.fit)
        self._settling = QTimer(self, interval=_SETTLING_MS, singleShot=True)
        for view in (panel.box_view, other.box_view):
            view.sigResized.connect(self._resized)
            view.sigRangeChangedManually.connect(lambda *_: self._settling.stop())
        for signal in (comparing.changed, comparing.compared, state.display_changed, state.picture_changed):
            signal.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the comparison in A's panel."""
        comparing, picture = self._comparing, self._state.picture
        split = comparing.on and comparing.display.layout is Layout.SPLIT and picture is not None
        split = split and comparing.pose is not None and not comparing.flipped
        self._panel.layer.span = self.layer.span = None
        if split and picture is not None:
            width = float(picture.size_px[0])
            place = comparing.display.split * width
            # Joints may lie outside the picture: to each side the span goes on far beyond it.
            self._panel.layer.span, self.layer.span = (-10 * width, place), (place, 11 * width)
            self.line.setBounds((0.0, width))
            self.line.setPos(place)
        self.line.setVisible(split)
        self.layer.show(comparing.pose if split else None, self._state.display)
        self._panel.prefix = "" if not comparing.on else "A | B  " if split else "B  " if comparing.flipped else "A  "
        show_arrows(self.arrows, comparing, self._state)
        self._panel.refresh()
        self._panel.strip.rebuild()
        if (comparing.on, comparing.display.layout) != self._stands:
            self._stands = (comparing.on, comparing.display.layout)
            # From when the new panels are made on: making the first 3D view takes a while.
            QTimer.singleShot(0, self._settling, self._settling.start)
            self._fit()

    def _fit(self) -> None:
        """Show the whole picture in both views, which share one scale: that of the smaller one."""
        self._panel.fit()
        picture, view, other = self._state.picture, self._panel.box_view, self._other.box_view
        if picture is None or not self._other.isVisible() or min(view.width(), other.width(), other.height()) <= 0:
            return
        shown = view.viewRect()
        needed = 1.04 * max(picture.size_px[0] / other.width(), picture.size_px[1] / other.height())
        factor = needed / (shown.width() / view.width())
        if factor > 1.0:
            wanted = QRectF(0, 0, shown.width() * factor, shown.height() * factor)
            wanted.moveCenter(shown.center())
            view.setRange(wanted, padding=0)

    def _resized(self, *_view: object) -> None:
        """Keep the link; while the panels find their new places, keep the whole picture in view too."""
        if self._settling.isActive():
            self._fit()
        self._link(self._panel.box_view, self._other.box_view)

    def _line_moved(self) -> None:
        picture = self._state.picture
        if picture is not None and self.line.isVisible():
            self._comparing.set_display(split=float(self.line.value()) / picture.size_px[0])

    def _link(self, leader: PictureViewBox, follower: PictureViewBox) -> None:
        """Show the same place at the same scale: the views may be of different size."""
        if self._linking or not self._other.isVisible():
            return
        shown, room = leader.viewRect(), follower.rect()
        if leader.width() <= 0 or room.width() <= 0 or room.height() <= 0:
            return
        scale = shown.width() / leader.width()
        wanted = QRectF(0, 0, room.width() * scale, room.height() * scale)
        wanted.moveCenter(shown.center())
        self._linking = True
        try:
            follower.setRange(wanted, padding=0)
        finally:
            self._linking = False
