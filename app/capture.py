"""A picture of the whole window, with its 3D views, which Qt's own grab leaves black on some drivers."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect
from PySide6.QtGui import QPainter, QPixmap
from PySide6.QtWidgets import QWidget

from app.views.skeleton3d import Skeleton3DPanel


def window_picture(window: QWidget) -> QPixmap:
    """Return the window as it stands, with every 3D view in it."""
    pixmap = window.grab()
    for space in window.findChildren(Skeleton3DPanel):
        image = space.picture() if space.isVisible() else None
        if image is not None and space.scene is not None:
            native = space.scene.canvas.native
            corner = native.mapTo(window, QPoint(0, 0))
            painter = QPainter(pixmap)
            painter.drawImage(QRect(corner, native.size()), image)
            painter.end()
    return pixmap
