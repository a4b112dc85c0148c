"""The 16 heatmaps side by side over the dimmed crop: a click, or the arrow keys, choose the joint."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from app.colours import JOINT_COLOURS, heat_table
from app.naming import JOINT_ORDER, tiny_joint_name
from app.state import AppState, HeatmapMode
from app.theme import ThemeWatcher
from app.views.joint_tip import joint_tip
from core import skeleton
from core.pose import Pose

_THUMB = 64
_FONT_PX = (11, 10, 9)
"""Sizes of the names, the largest that leaves them apart; under maps too narrow for the smallest there are none."""
_APART_PX = 3.0
_NARROWEST = 200
_GAP = 4
_TEXT_HEIGHT = 30
_FAINTEST_TOP = 0.15


def crop_thumbnail(rgb: NDArray[np.uint8], crop_to_picture: NDArray[np.float64], crop_size: int) -> NDArray[np.uint8]:
    """Sample the network's crop at (64, 64, 3), dimmed and grey; black outside the picture."""
    grid = (np.arange(_THUMB) + 0.5) * (crop_size / _THUMB)
    x, y = np.meshgrid(grid, grid)
    columns = np.floor(crop_to_picture[0, 0] * x + crop_to_picture[0, 1] * y + crop_to_picture[0, 2]).astype(int)
    rows = np.floor(crop_to_picture[1, 0] * x + crop_to_picture[1, 1] * y + crop_to_picture[1, 2]).astype(int)
    inside = (columns >= 0) & (rows >= 0) & (columns < rgb.shape[1]) & (rows < rgb.shape[0])
    sampled = rgb[np.clip(rows, 0, rgb.shape[0] - 1), np.clip(columns, 0, rgb.shape[1] - 1)].astype(np.float64)
    grey = sampled.mean(axis=2, keepdims=True) * 0.42
    return np.where(inside[..., None], np.repeat(grey, 3, axis=2), 0.0).astype(np.uint8)


def heat_image(heatmap: NDArray[np.float32], table: NDArray[np.uint8]) -> QImage:
    """Colour one map, scaled to its own peak so that weak ones can be read too, unless there is hardly any."""
    top = max(float(heatmap.max()), _FAINTEST_TOP)
    index = np.clip(heatmap / top * 255.0, 0, 255).astype(np.uint8)
    pixels = np.ascontiguousarray(table[index])
    height, width = index.shape
    return QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()


class HeatmapStrip(QWidget):
    """Sixteen thumbnails with the joint's name and confidence."""

    def __init__(self, state: AppState, themes: ThemeWatcher) -> None:
        super().__init__()
        self._state = state
        self._themes = themes
        self.shown_pose: Callable[[], Pose | None] = lambda: state.pose
        """Whose maps are shown: a comparison puts another model's in their place."""
        self._table = heat_table()
        self._crop: QImage | None = None
        self._maps: list[QImage] = []
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Heatmaps of the 16 joints")
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        for changed in (state.pose_changed, state.maps_due):
            changed.connect(self.rebuild)
        state.display_changed.connect(self.update)
        themes.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Ask for one row."""
        return QSize(640, self.heightForWidth(max(self.width(), 320)))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Allow narrow panels."""
        return QSize(_NARROWEST, self.heightForWidth(_NARROWEST))

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        """One row of squares and two lines of text."""
        return int(self._side(width)) + _TEXT_HEIGHT + 10

    def cell(self, place: int) -> QRectF:
        """Return the square of the map at a place of the strip."""
        side = self._side(self.width())
        total = 16 * side + 15 * _GAP
        left = (self.width() - total) / 2
        return QRectF(left + place * (side + _GAP), 4.0, side, side)

    def joint_at(self, x: float) -> int | None:
        """Return the joint under a horizontal position."""
        for place, joint in enumerate(JOINT_ORDER):
            cell = self.cell(place)
            if cell.left() - _GAP / 2 <= x < cell.right() + _GAP / 2:
                return joint
        return None

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        """Keep the height to the width: layouts ask for it only when told."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        # Also where it has this height already: a splitter may have squeezed it below what is set.
        self.setFixedHeight(self.heightForWidth(self.width()))

    def event(self, event: QEvent) -> bool:
        """Tell about the joint under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            joint, pose = self.joint_at(event.pos().x()), self.shown_pose()
            if joint is not None and pose is not None:
                QToolTip.showText(event.globalPos(), joint_tip(pose, joint), self)
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the joint."""
        joint = self.joint_at(event.position().x())
        if joint is not None and event.button() == Qt.MouseButton.LeftButton:
            self._state.choose_joint(joint)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Step through the joints."""
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
            return
        place = JOINT_ORDER.index(self._state.display.joint)
        self._state.choose_joint(JOINT_ORDER[(place + step) % len(JOINT_ORDER)])

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        """Draw the strip."""
        painter = QPainter(self)
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        theme, display, pose = self._themes.theme, self._state.display, self.shown_pose()
        font = self.name_font()
        painter.setFont(font or _sized(self.font(), _FONT_PX[0]))
        for place, joint in enumerate(JOINT_ORDER):
            cell = self.cell(place)
            painter.fillRect(cell, QColor("#0c0d10" if theme.dark else "#d9dde4"))
            if pose is not None and self._crop is not None:
                painter.drawImage(cell, self._crop)
                painter.drawImage(cell, self._maps[joint])
            chosen = display.heatmap is HeatmapMode.ALL or (
                display.heatmap is HeatmapMode.JOINT and joint == display.joint
            )
            pen = QPen(QColor(theme.accent), 2.4) if chosen else QPen(QColor(theme.border), 1.0)
            painter.setPen(pen)
            painter.drawRect(cell)
            if font is None:
                continue
            text = QRectF(cell.left() - _GAP, cell.bottom() + 3, cell.width() + 2 * _GAP, _TEXT_HEIGHT / 2)
            colour = QColor(*JOINT_COLOURS[joint])
            painter.setPen(colour if theme.dark else colour.darker(165))
            painter.drawText(text, Qt.AlignmentFlag.AlignCenter, tiny_joint_name(joint))
            if pose is not None:
                painter.setPen(QColor(theme.muted))
                text.translate(0, _TEXT_HEIGHT / 2 - 1)
                painter.drawText(text, Qt.AlignmentFlag.AlignCenter, f"{100 * pose.confidence[joint]:.0f} %")
        if font is None:
            self._name_chosen(painter)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1.0, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def name_font(self) -> QFont | None:
        """Return the font in which no name touches the next one's, None where there is no room for names."""
        room = self._side(self.width()) + _GAP - _APART_PX
        names = [tiny_joint_name(joint) for joint in JOINT_ORDER]
        for size in _FONT_PX:
            font = _sized(self.font(), size)
            widths = [QFontMetricsF(font).horizontalAdvance(name) for name in names]
            if all((one + other) / 2 <= room for one, other in pairwise(widths)):
                return font
        return None

    def _name_chosen(self, painter: QPainter) -> None:
        """Name the chosen joint alone: in a narrow strip the names would run into each other."""
        pose, display = self.shown_pose(), self._state.display
        if display.heatmap is not HeatmapMode.JOINT:
            return
        sure = "" if pose is None else f"  {100 * pose.confidence[display.joint]:.0f} %"
        top = self.cell(0).bottom() + 3
        painter.setPen(QColor(self._themes.theme.muted))
        name = skeleton.plain_name(skeleton.JOINT_NAMES[display.joint])
        where = QRectF(0.0, top, float(self.width()), float(_TEXT_HEIGHT))
        painter.drawText(where, Qt.AlignmentFlag.AlignCenter, f"{name}{sure}")

    def _side(self, width: int) -> float:
        return max(8.0, min(float(_THUMB), (width - 16 - 15 * _GAP) / 16))

    def rebuild(self) -> None:
        """Make the thumbnails of the pose anew."""
        pose, picture = self.shown_pose(), self._state.picture
        if pose is None or picture is None:
            self._crop, self._maps = None, []
        else:
            pixels = np.ascontiguousarray(crop_thumbnail(picture.rgb, pose.crop_to_picture, pose.crop_size))
            self._crop = QImage(pixels.data, _THUMB, _THUMB, 3 * _THUMB, QImage.Format.Format_RGB888).copy()
            self._maps = [heat_image(heatmap, self._table) for heatmap in pose.heatmaps]
        self.update()


def _sized(font: QFont, size_px: int) -> QFont:
    sized = QFont(font)
    sized.setPixelSize(size_px)
    return sized
