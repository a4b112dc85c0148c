"""The 2D skeleton over the picture: constant size on screen, sure joints filled, guessed ones hollow."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QStyleOptionGraphicsItem, QWidget

from app.colours import LOW_CONFIDENCE, Rgb
from core import skeleton

_REACH_PX = 40.0
JOINT_RADIUS_PX = 5.0
_BONE_PX = 3.2


class SkeletonItem(pg.GraphicsObject):
    """Bones and joints in picture coordinates, drawn in screen pixels."""

    def __init__(self, thin: bool = False) -> None:
        super().__init__()
        self._thin = thin
        self._joints: NDArray[np.float64] | None = None
        self._confidence: NDArray[np.float64] | None = None
        self._bone_colours: tuple[Rgb, ...] = ()
        self._joint_colours: tuple[Rgb, ...] = ()
        self._chosen: int | None = None
        self._bone: int | None = None
        self._hovered: int | None = None
        self.span: tuple[float, float] | None = None
        """From where to where on the picture's x axis it is drawn, picture pixels; None for everywhere."""

    def show_joints(
        self, joints_px: NDArray[np.float64], confidence: NDArray[np.float64], bone_colours: tuple[Rgb, ...],
        joint_colours: tuple[Rgb, ...], chosen: int | None,
    ) -> None:  # fmt: skip
        """Show (16, 2) joints; ``chosen`` gets a ring."""
        self.prepareGeometryChange()
        self._joints, self._confidence = joints_px, confidence
        self._bone_colours, self._joint_colours, self._chosen = bone_colours, joint_colours, chosen
        self.update()

    def choose_bone(self, bone: int | None) -> None:
        """Draw one bone bolder."""
        self._bone = bone
        self.update()

    def clear(self) -> None:
        """Show nothing."""
        self.prepareGeometryChange()
        self._joints = None
        self._hovered = None
        self.update()

    def hover(self, joint: int | None) -> None:
        """Mark the joint under the pointer."""
        if joint != self._hovered:
            self._hovered = joint
            self.update()

    def joint_near(self, point: QPointF, reach_px: float = 12.0) -> int | None:
        """Return the joint nearest to a point of the picture, None if all are further than so many screen pixels."""
        if self._joints is None:
            return None
        width, height = self.pixelVectors()
        if width is None or height is None:
            return None
        scale = np.array([max(width.length(), 1e-12), max(height.length(), 1e-12)])
        distances = np.linalg.norm((self._joints - (point.x(), point.y())) / scale, axis=1)
        nearest = int(distances.argmin())
        return nearest if distances[nearest] <= reach_px else None

    def boundingRect(self) -> QRectF:  # noqa: N802
        """Cover the joints and what is drawn around them at this zoom."""
        if self._joints is None:
            return QRectF()
        width, height = self.pixelVectors()
        margin_x = _REACH_PX * (width.length() if width is not None else 1.0)
        margin_y = _REACH_PX * (height.length() if height is not None else 1.0)
        low, high = self._joints.min(axis=0), self._joints.max(axis=0)
        rect = QRectF(QPointF(*low), QPointF(*high))
        return rect.adjusted(-margin_x, -margin_y, margin_x, margin_y)

    def viewTransformChanged(self) -> None:  # noqa: N802
        """Follow the zoom: the margin is in screen pixels."""
        self.prepareGeometryChange()
        super().viewTransformChanged()

    def paint(self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None) -> None:
        """Draw bones, then joints."""
        if self._joints is None or self._confidence is None:
            return
        transform = painter.worldTransform()
        points = [transform.map(QPointF(float(x), float(y))) for x, y in self._joints]
        painter.save()
        if self.span is not None:
            high, low = self.boundingRect().bottom(), self.boundingRect().top()
            painter.setClipRect(QRectF(self.span[0], low, self.span[1] - self.span[0], high - low))
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for index, bone in enumerate(skeleton.BONES):
            first, second = bone.joints
            sure = min(self._confidence[first], self._confidence[second]) >= LOW_CONFIDENCE
            colour = QColor(*self._bone_colours[index])
            self._draw_bone(painter, (points[first], points[second]), colour, bool(sure), index == self._bone)
        if not self._thin:
            for joint, point in enumerate(points):
                self._draw_joint(painter, joint, point)
        painter.restore()

    def _draw_bone(
        self, painter: QPainter, ends: tuple[QPointF, QPointF], colour: QColor, sure: bool, bold: bool
    ) -> None:
        width = 1.6 if self._thin else _BONE_PX * (1.7 if bold else 1.0)
        outline = QPen(QColor(255, 255, 255) if bold else QColor(0, 0, 0, 130), width + (3.0 if bold else 2.0))
        outline.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen = QPen(colour, width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        if not sure and not bold:
            pen.setDashPattern([2.0, 2.2])
        else:
            painter.setPen(outline)
            painter.drawLine(*ends)
        painter.setPen(pen)
        painter.drawLine(*ends)

    def _draw_joint(self, painter: QPainter, joint: int, point: QPointF) -> None:
        assert self._confidence is not None
        colour = QColor(*self._joint_colours[joint])
        sure = self._confidence[joint] >= LOW_CONFIDENCE
        radius = JOINT_RADIUS_PX + (1.5 if joint == self._hovered else 0.0)
        if sure:
            painter.setPen(QPen(QColor(15, 16, 20), 1.4))
            painter.setBrush(colour)
        else:
            painter.setPen(QPen(colour, 2.0))
            painter.setBrush(QColor(15, 16, 20, 150))
        painter.drawEllipse(point, radius, radius)
        if joint in (self._chosen, self._hovered):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(QColor(15, 16, 20, 160), 3.6))
            painter.drawEllipse(point, radius + 4.0, radius + 4.0)
            painter.setPen(QPen(QColor(255, 255, 255), 1.8))
            painter.drawEllipse(point, radius + 4.0, radius + 4.0)
