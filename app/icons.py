"""Icons from resources/icons, drawn in the theme's colour."""

from __future__ import annotations

from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SIZES = (16, 20, 24, 32, 48, 64, 128)


def _pixmap(svg: str, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def icon(name: str, colour: str = "#ffffff", disabled: str | None = None) -> QIcon:
    """Return an icon; a missing file gives an empty one, never an error."""
    try:
        svg = (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    except OSError:
        return QIcon()
    made = QIcon()
    faded = QColor(disabled or colour)
    for size in _SIZES:
        made.addPixmap(_pixmap(svg.replace("currentColor", colour), size))
        made.addPixmap(_pixmap(svg.replace("currentColor", faded.name()), size), QIcon.Mode.Disabled)
    return made
