"""The pictures of a comparison: panels with linked zoom, or one model over A beyond a split line; and the arrows."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QPointF, QRectF, QSizeF, Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QStackedWidget, QStyleOptionGraphicsItem, QWidget

from app.compared import Compared
from app.comparing import Comparing, Layout
from app.state import AppState
from app.theme import ThemeWatcher
from app.views.box_tools import PictureViewBox
from app.views.heatmap_strip import HeatmapStrip
from app.views.panel import LOWEST_PX, EmptyState, Panel
from app.views.picture import PicturePanel
from app.views.pose_layer import PoseLayer
from app.views.why import WhyCard
from core.compare import LETTERS
from core.pose import Pose

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
    """The same picture with what another model sees in it; zoom and place are those of A's panel.

    With three models in a grid of four, the panel of the fourth place asks for one.
    """

    def __init__(self, state: AppState, themes: ThemeWatcher, comparing: Comparing, place: int) -> None:
        super().__init__(LETTERS[place + 1])
        self._state = state
        self._themes = themes
        self._comparing = comparing
        self._place = place
        self.graphics = pg.GraphicsView()
        self.graphics.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self.graphics.setMinimumSize(200, LOWEST_PX)
        self.graphics.setAcceptDrops(False)
        self.graphics.viewport().setAcceptDrops(False)
        self.graphics.setAccessibleName(f"Picture with model {LETTERS[place + 1]}")
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
        self.why = WhyCard(state)
        self.strip.shown_pose = self.why.shown_pose = self.shown_pose
        for part in (self.strip, self.why):
            self.add_content(part)
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

    @property
    def other(self) -> Compared | None:
        """The model of this place, None in a grid with a place left over."""
        others = self._comparing.others
        return others[self._place] if self._place < len(others) else None

    def shown_pose(self) -> Pose | None:
        """Return what the model saw."""
        return None if self.other is None else self.other.pose

    def _show_picture(self) -> None:
        picture = self._state.picture
        if picture is None:
            self._image.clear()
        else:
            self._image.setImage(picture.shown, autoLevels=False, levels=(0, 255))
            self._image.setRect(QRectF(0, 0, *picture.size_px))
        self.refresh()

    def refresh(self) -> None:
        """Draw what the model sees, or say what to do."""
        comparing, other = self._comparing, self.other
        grid = comparing.grid
        wanted = self._place < len(comparing.others) or (grid and self._place < len(LETTERS) - 1)
        self.setVisible(comparing.on and comparing.display.layout is Layout.SIDE and wanted)
        self.strip.setVisible(self._state.picture is not None and not grid)
        self.why.has_room = not grid
        self.why.refresh()
        if not comparing.on:
            return
        letter = LETTERS[self._place + 1]
        model = None if other is None else other.model
        self.title.setText(letter if model is None else f"{letter}  {model.name}")
        found = None if other is None else other.comparison
        apart = "" if found is None else f"{found.mean_mm:.0f} mm, {found.mean_px:.1f} px apart"
        self.note.setText(apart if other is None else other.activity or apart)
        self.note.setToolTip("Mean distance of the 16 joints from A's")
        self._pages.setCurrentWidget(self.empty if model is None or self._state.picture is None else self.graphics)
        if other is None:
            self.empty.say("Room for one more", "Add a model with the + in the toolbar\n(Shift+A).")
        elif model is None and not other.activity:
            self.empty.say(f"No model {letter}", f"Choose one in the toolbar ({letter}),\nor open a checkpoint there.")
        elif model is None:
            self.empty.say(f"Model {letter}", "It is being loaded…")
        else:
            self.empty.say("Open a picture of a person", f"Model {letter} looks at it too.")
        self.layer.show(self.shown_pose(), self._state.display)
        show_arrows(self.arrows, comparing, self._state, self.shown_pose())


def show_arrows(item: ArrowsItem, comparing: Comparing, state: AppState, b: Pose | None) -> None:
    """Show the arrows from A's joints to those of another pose, if they are wanted."""
    a = state.pose
    if comparing.on and comparing.display.arrows and a is not None and b is not None:
        item.show_arrows(a.joints_px, b.joints_px)
    else:
        item.clear()


class PictureCompare(QObject):
    """Puts the chosen one into A's picture panel: arrows, the split line, the flip; and links the views of all."""

    def __init__(self, panel: PicturePanel, state: AppState, comparing: Comparing) -> None:
        super().__init__(panel)
        self._panel = panel
        self._others: list[OtherPicturePanel] = []
        self._state = state
        self._comparing = comparing
        self._linking = False
        self._followed: dict[PictureViewBox, QSizeF] = {}
        """The size that each view beside A had when it last followed."""
        panel.shown_pose = panel.strip.shown_pose = panel.why.shown_pose = lambda: comparing.shown
        self._stands: tuple[object, ...] = (False, comparing.display.layout, 1)
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
        self._settling = QTimer(self, interval=_SETTLING_MS, singleShot=True)
        self._watch(panel.box_view)
        for signal in (comparing.changed, comparing.compared, state.display_changed, state.picture_changed):
            signal.connect(self.refresh)
        self.refresh()

    def add(self, other: OtherPicturePanel) -> None:
        """Link one more view with A's."""
        self._others.append(other)
        other.box_view.fit_asked.connect(self._panel.fit)
        self._watch(other.box_view)

    def _watch(self, view: PictureViewBox) -> None:
        view.sigRangeChanged.connect(lambda *_: self._link(view))
        view.sigResized.connect(self._resized)
        view.sigRangeChangedManually.connect(lambda *_: self._settling.stop())

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
        letter = comparing.other.letter
        shown = f"A | {letter}" if split else letter if comparing.flipped else "A"
        self._panel.prefix = f"{shown}  " if comparing.on else ""
        # In two rows the pictures need all the height.
        self._panel.strip.setVisible(picture is not None and not comparing.grid)
        self._panel.why.has_room = not comparing.grid
        self._panel.why.refresh()
        # In A's own panel only those to the chosen one: more would be a tangle.
        show_arrows(self.arrows, comparing, self._state, comparing.pose)
        self._panel.refresh()
        self._panel.strip.rebuild()
        stands = (comparing.on, comparing.display.layout, len(comparing.others))
        if stands != self._stands:
            self._stands = stands
            # From when the new panels are made on: making the first 3D view takes a while.
            QTimer.singleShot(0, self._settling, self._settling.start)
            self._fit()

    def _views(self) -> list[PictureViewBox]:
        """Return the views that can be seen, A's first."""
        return [self._panel.box_view, *(other.box_view for other in self._others if other.graphics.isVisible())]

    def _fit(self) -> None:
        """Show the whole picture in every view; they share one scale: that of the smallest."""
        self._panel.fit()
        picture, views = self._state.picture, self._views()
        if picture is None or len(views) < 2 or min(min(view.width(), view.height()) for view in views) <= 0:
            return
        width, height = picture.size_px
        shown = views[0].viewRect()
        needed = 1.04 * max(max(width / view.width(), height / view.height()) for view in views[1:])
        factor = needed / (shown.width() / views[0].width())
        if factor > 1.0:
            wanted = QRectF(0, 0, shown.width() * factor, shown.height() * factor)
            wanted.moveCenter(shown.center())
            views[0].setRange(wanted, padding=0)

    def _resized(self, *_view: object) -> None:
        """Keep the link; while the panels find their new places, keep the whole picture in view too."""
        if self._settling.isActive():
            self._fit()
        self._link(self._panel.box_view)

    def _line_moved(self) -> None:
        picture = self._state.picture
        if picture is not None and self.line.isVisible():
            self._comparing.set_display(split=float(self.line.value()) / picture.size_px[0])

    def _link(self, leader: PictureViewBox) -> None:
        """Show the same place at the same scale in all views: they may be of different size."""
        views = self._views()
        if self._linking or len(views) < 2 or leader not in views or leader.width() <= 0:
            return
        if leader is not views[0] and self._followed.get(leader) != leader.rect().size():
            # It is new or gets another size, and what it shows meanwhile is nobody's choice.
            leader = views[0]
        shown = leader.viewRect()
        scale = shown.width() / leader.width()
        self._linking = True
        try:
            for follower in views:
                room = follower.rect()
                if follower is leader or room.width() <= 0 or room.height() <= 0:
                    continue
                wanted = QRectF(0, 0, room.width() * scale, room.height() * scale)
                wanted.moveCenter(shown.center())
                follower.setRange(wanted, padding=0)
                self._followed[follower] = room.size()
        finally:
            self._linking = False
