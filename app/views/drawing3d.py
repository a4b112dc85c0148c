"""The 3D view as lines: what an SVG of it is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPen

from app.colours import Rgb
from app.theme import Theme
from app.views import name_places
from app.views.joint_names import PLATE_ALPHA, JointNames
from app.views.scene3d import BONE_RADIUS_MM, JOINT_RADIUS_MM
from core import skeleton


def draw(
    painter: QPainter, area: QRectF, theme: Theme, points: NDArray[np.float64], bones: tuple[Rgb, ...],
    joints: tuple[Rgb, ...],
) -> None:  # fmt: skip
    """Draw the skeleton as the 3D view shows it now, far parts first.

    Args:
        painter: onto what.
        area: the view in its own pixels.
        theme: whose background to draw.
        points: (16, 4) from ``Scene3D.on_screen``.
        bones, joints: their colours.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(area, QColor(theme.canvas))
    depth = points[:, 3]
    of_bones = depth[skeleton.BONE_ENDS].mean(axis=1)
    parts: list[tuple[float, int, int | None]] = []
    for joint in range(skeleton.JOINT_COUNT):
        own = of_bones[np.equal(skeleton.BONE_ENDS, joint).any(axis=1)]
        # Just before the nearest of its bones, none of which may cover it.
        parts.append((float(own.min()) - 1e-6 if own.size else float(depth[joint]) - BONE_RADIUS_MM, joint, None))
    parts += [(float(far), -1, bone) for bone, far in enumerate(of_bones)]
    for _far, joint, bone in sorted(parts, key=lambda part: -part[0]):
        if bone is not None:
            _bone(painter, points[skeleton.BONE_ENDS[bone]], bones[bone], theme)
        else:
            loose = not np.equal(skeleton.BONE_ENDS, joint).any()
            _ball(painter, points[joint], 0.6 if loose else 1.0, joints[joint], theme)


def write_names(painter: QPainter, theme: Theme, names: JointNames) -> None:
    """Write the joints' names over the skeleton, as the 3D view shows them now."""
    font = QFont(name_places.FACE)
    font.setPixelSize(round(names.size_px))
    painter.setFont(font)
    plate = QColor(theme.canvas)
    plate.setAlphaF(PLATE_ALPHA)
    for name, (left, top, right, bottom) in names.written():
        place = QRectF(QPointF(left, top), QPointF(right, bottom))
        painter.fillRect(place, plate)
        painter.setPen(QColor(theme.text))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, name)


def _bone(painter: QPainter, ends: NDArray[np.float64], colour: Rgb, theme: Theme) -> None:
    width = 2.0 * float(ends[:, 2].mean()) * BONE_RADIUS_MM / JOINT_RADIUS_MM
    # A rim in the background's colour tells which bone is in front.
    for shade, extra in ((QColor(theme.canvas), 0.3 * width), (QColor(*colour), 0.0)):
        pen = QPen(shade, width + extra)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLine(QPointF(*ends[0, :2]), QPointF(*ends[1, :2]))


def _ball(painter: QPainter, point: NDArray[np.float64], size: float, colour: Rgb, theme: Theme) -> None:
    radius = size * float(point[2])
    painter.setPen(QPen(QColor(theme.canvas), max(1.0, 0.15 * radius)))
    painter.setBrush(QColor(*colour).lighter(112))
    painter.drawEllipse(QPointF(point[0], point[1]), radius, radius)
