"""The picture panel: the picture with heatmap, skeleton and box over it, and the strip of heatmaps under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QComboBox, QLabel, QSlider, QStackedWidget, QToolTip

from app.colours import TRUTH_COLOUR, ColourMode, joint_colours
from app.naming import JOINT_ORDER
from app.sources import Box
from app.state import AppState, HeatmapMode
from app.theme import ThemeWatcher
from app.views.box_tools import BoxItem, PictureViewBox
from app.views.heatmap_strip import HeatmapStrip
from app.views.joint_tip import joint_tip
from app.views.panel import LOWEST_PX, EmptyState, Panel, keep_keys
from app.views.pose_layer import PoseLayer
from app.views.skeleton_item import SkeletonItem
from app.views.why import WhyCard
from core import skeleton
from core.locate import NOBODY_CONFIDENCE
from core.pose import Pose

_NARROWEST = 200
_ROOM_FOR_CAPTION = 580
_ROOM_FOR_OPACITY = 400
"""From these widths in pixels on, the header has them."""
EMPTY_TITLE = "Open a picture of a person"
EMPTY_TEXT = "Drop a photo, a video or a folder here, press Ctrl+O,\nor choose one of the samples in the toolbar."


class BoxListener(Protocol):
    """Who is told about a box that the user drew."""

    def give_box(self, box: Box | None) -> None:
        """Take another box for the person."""


class PicturePanel(Panel):
    """Shows where the network sees each joint."""

    clicked = Signal(object)
    """A click beside the joints: QPointF in the picture."""

    def __init__(self, state: AppState, themes: ThemeWatcher, listener: BoxListener) -> None:
        super().__init__("Picture")
        self._state = state
        self._themes = themes
        self._listener = listener
        self._add_heatmap_controls()
        self.graphics = pg.GraphicsView()
        self.graphics.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        self.graphics.setMinimumSize(_NARROWEST, LOWEST_PX)
        # The window takes what is dropped; a graphics view would swallow it.
        self.graphics.setAcceptDrops(False)
        self.graphics.viewport().setAcceptDrops(False)
        self.graphics.setAccessibleName("Picture")
        self.box_view = PictureViewBox()
        self.graphics.setCentralItem(self.box_view)
        self._image = pg.ImageItem(axisOrder="row-major")
        self.layer = PoseLayer()
        self.skeleton = self.layer.skeleton
        self.shown_pose: Callable[[], Pose | None] = lambda: state.pose
        """The pose that is drawn: a comparison puts another one in its place for a moment."""
        self.prefix = ""
        """What stands before the title: which model a comparison shows here."""
        self.note_instead: Callable[[], str] = lambda: ""
        """What a live source has to say in place of the usual words."""
        self.note_others: Callable[[], str] = lambda: ""
        """What is said of other people in the picture."""
        self.truth = SkeletonItem(thin=True)
        self.box = BoxItem()
        for order, item in enumerate((self._image, self.layer.heat, self.truth, self.box, self.skeleton)):
            item.setZValue(order)
            self.box_view.addItem(item, ignoreBounds=item is not self._image)
        self.empty = EmptyState(EMPTY_TITLE, EMPTY_TEXT)
        self._pages = QStackedWidget()
        self._pages.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._pages.addWidget(self.empty)
        self._pages.addWidget(self.graphics)
        self.add_content(self._pages, 1)
        self.strip = HeatmapStrip(state, themes)
        keep_keys(self.strip)
        self.add_content(self.strip)
        self.why = WhyCard(state)
        self.add_content(self.why)
        self._connect()
        self._retheme()
        self._show_picture()
        self._show_display()

    def _add_heatmap_controls(self) -> None:
        self.heatmaps = QComboBox()
        self.heatmaps.setToolTip("Which heatmap lies over the picture: where the network believes a joint to be")
        self.heatmaps.setAccessibleName("Heatmap")
        self.heatmaps.addItem("No heatmap", None)
        self.heatmaps.addItem("All joints", -1)
        for joint in JOINT_ORDER:
            self.heatmaps.addItem(skeleton.plain_name(skeleton.JOINT_NAMES[joint]).capitalize(), joint)
        self.heatmaps.activated.connect(self._choose_heatmap)
        self.opacity = QSlider(Qt.Orientation.Horizontal, minimum=5, maximum=100)
        self.opacity.setFixedWidth(84)
        self.opacity.setToolTip("Opacity of the heatmap")
        self.opacity.setAccessibleName("Opacity of the heatmap")
        self.opacity.valueChanged.connect(lambda value: self._state.set_display(opacity=value / 100.0))
        keep_keys(self.heatmaps, self.opacity)
        # A click must not take the arrow keys away from stepping through pictures.
        self.heatmaps.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.opacity.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._caption = QLabel("Heatmap", objectName="muted")
        for control in (self._caption, self.heatmaps, self.opacity):
            self.add_control(control)
        # The panel may be narrower than its header, which leaves out what can be missed then.
        self.header.setMinimumWidth(_NARROWEST)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Leave out of the header what a narrow panel has no room for."""
        super().resizeEvent(event)
        self._caption.setVisible(self.width() >= _ROOM_FOR_CAPTION)
        self.opacity.setVisible(self.width() >= _ROOM_FOR_OPACITY)

    def _connect(self) -> None:
        state = self._state
        state.picture_changed.connect(self._show_picture)
        state.frame_changed.connect(self._show_pixels)
        state.pose_changed.connect(self._show_pose)
        state.moved.connect(self._show_moved)
        state.words_due.connect(self._show_note)
        state.display_changed.connect(self._show_display)
        state.box_changed.connect(self._show_box)
        state.activity_changed.connect(self._show_note)
        state.model_changed.connect(self._show_note)
        self._themes.changed.connect(self._retheme)
        self.box_view.drawn.connect(self._box_drawn)
        self.box_view.fit_asked.connect(self.fit)
        self.box.changed.connect(self._listener.give_box)
        self.graphics.scene().sigMouseMoved.connect(self._mouse_moved)
        self.graphics.scene().sigMouseClicked.connect(self._mouse_clicked)

    def fit(self) -> None:
        """Show the whole picture."""
        picture = self._state.picture
        if picture is not None:
            width, height = picture.size_px
            self.box_view.setRange(QRectF(0, 0, width, height), padding=0.02)

    def fit_person(self) -> None:
        """Show the person's box as large as it goes."""
        box = self._state.box_px or (self._state.pose.box_px if self._state.pose is not None else None)
        if box is not None:
            self.box_view.setRange(QRectF(*box), padding=0.04)

    def zoom(self, factor: float) -> None:
        """Zoom about the middle; over 1 shows more detail."""
        self.box_view.scaleBy((1.0 / factor, 1.0 / factor))

    def picture(self) -> QPixmap:
        """Return what the view shows, for export."""
        return self.graphics.grab()

    def _box_drawn(self, box: Box) -> None:
        # One box is what people want; drawing goes on only if asked again.
        self._state.set_display(drawing=False)
        self._listener.give_box(box)

    def _choose_heatmap(self, index: int) -> None:
        joint = self.heatmaps.itemData(index)
        if joint is None:
            self._state.set_display(heatmap=HeatmapMode.OFF)
        elif joint < 0:
            self._state.set_display(heatmap=HeatmapMode.ALL)
        else:
            self._state.choose_joint(joint)

    def _retheme(self) -> None:
        self.graphics.setBackground(self._themes.theme.canvas)

    def _show_picture(self) -> None:
        picture = self._state.picture
        self._pages.setCurrentWidget(self.empty if picture is None else self.graphics)
        self.strip.setVisible(picture is not None)
        for control in (self.heatmaps, self.opacity):
            control.setEnabled(picture is not None)
        self._show_pixels()
        self.fit()
        self._show_pose()

    def _show_pixels(self) -> None:
        picture = self._state.picture
        if picture is None:
            self._image.clear()
        else:
            self._image.setImage(picture.shown, autoLevels=False, levels=(0, 255))
            self._image.setRect(QRectF(0, 0, *picture.size_px))

    def _show_pose(self) -> None:
        self._show_moved()
        self._show_note()

    def _show_moved(self) -> None:
        self._show_box()
        self._show_layers()

    def _show_display(self) -> None:
        display = self._state.display
        wanted = {HeatmapMode.OFF: None, HeatmapMode.ALL: -1}.get(display.heatmap, display.joint)
        self.heatmaps.setCurrentIndex(self.heatmaps.findData(wanted) if wanted is not None else 0)
        self.opacity.setValue(round(100 * display.opacity))
        self.box_view.drawing = display.drawing
        cursor = Qt.CursorShape.CrossCursor if display.drawing else Qt.CursorShape.ArrowCursor
        self.graphics.viewport().setCursor(cursor)
        self._show_layers()
        self._show_box()

    def refresh(self) -> None:
        """Draw the pose anew, with its title."""
        self._show_layers()
        self._show_note()

    def _show_layers(self) -> None:
        picture, display = self._state.picture, self._state.display
        self.layer.show(self.shown_pose(), display)
        if picture is None or picture.truth is None or not display.ghost:
            self.truth.clear()
            return
        white = (TRUTH_COLOUR,) * skeleton.BONE_COUNT
        sure = np.ones(skeleton.JOINT_COUNT)
        self.truth.show_joints(picture.truth.joints_px, sure, white, joint_colours(ColourMode.VERDICT), None)

    def _show_box(self) -> None:
        state = self._state
        picture, box = state.picture, state.box_px or (state.pose.box_px if state.pose is not None else None)
        if picture is None or box is None or not state.display.box:
            self.box.hide()
        else:
            self.box.show_box(box, picture.size_px, given=state.box_px is not None)

    def _show_note(self) -> None:
        picture, pose = self._state.picture, self.shown_pose()
        self.title.setText(self.prefix + ("Picture" if picture is None else picture.title))
        instead = self.note_instead()
        if picture is None or instead:
            self.note.setText(instead)
        elif pose is None:
            idle = "no pose yet" if self._state.model is not None else "choose a model to see a pose"
            self.note.setText(self._state.activity or idle)
        elif pose.mean_confidence < NOBODY_CONFIDENCE:
            self.note.setText("unsure, perhaps nobody is here: draw a box around the person (B)")
        else:
            percent = f"{100 * pose.mean_confidence:.0f} %"
            others = self.note_others()
            self.note.tell(f"{percent} mean confidence{others}", f"{percent}{others}", percent)

    def _mouse_moved(self, position: QPointF) -> None:
        pose = self.shown_pose()
        joint = None
        if pose is not None and self.skeleton.isVisible():
            joint = self.skeleton.joint_near(self.box_view.mapSceneToView(position))
        self.skeleton.hover(joint)
        self.why.hover(joint)
        if joint is None or pose is None:
            QToolTip.hideText()
            return
        where = self.graphics.viewport().mapToGlobal(self.graphics.mapFromScene(position) + QPoint(14, 12))
        QToolTip.showText(where, joint_tip(pose, joint), self.graphics)

    def _mouse_clicked(self, event: object) -> None:
        if event.button() != Qt.MouseButton.LeftButton:  # type: ignore[attr-defined]
            return
        joint = self.skeleton.joint_near(self.box_view.mapSceneToView(event.scenePos()))  # type: ignore[attr-defined]
        if joint is not None:
            self._state.choose_joint(joint)
        else:
            self.clicked.emit(self.box_view.mapSceneToView(event.scenePos()))  # type: ignore[attr-defined]

    def take_focus(self) -> None:
        """Take the keyboard, so that the shortcuts work from the start."""
        self._pages.setFocus()
