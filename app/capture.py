"""A picture of the whole window, with the 3D view, which Qt's own grab leaves black on some drivers."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.views.skeleton3d import Skeleton3DPanel


def window_picture(window: QWidget, space: Skeleton3DPanel) -> QPixmap:
    """Return the window as it stands."""
    pixmap = window.grab()
    image = space.picture()
    if image is not None and space.scene is not None and space.isVisible():
        native = space.scene.canvas.native
        corner = native.mapTo(window, QPoint(0, 0))
        painter = QPainter(pixmap)
        painter.drawImage(QRect(corner, native.size()), image)
        painter.end()
    return pixmap
