"""Icons from resources/icons, drawn in the theme's colour."""

from __future__ import annotations

from importlib.resources import files

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SIZES = (16, 20, 24, 32, 48)
"""Of an icon on a button, pixels, up to twice a scaling of 100 %."""
LARGE_SIZES = (*_SIZES, 64, 128)
"""Of the window's own icon, which the desktop shows."""


def _pixmap(drawing: QSvgRenderer, size: int) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    drawing.render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def icon(name: str, colour: str = "#ffffff", disabled: str | None = None, sizes: tuple[int, ...] = _SIZES) -> QIcon:
    """Return an icon; a missing file gives an empty one, never an error."""
    try:
        svg = (files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    except OSError:
        return QIcon()
    made = QIcon()
    for mode, shade in ((QIcon.Mode.Normal, colour), (QIcon.Mode.Disabled, disabled or colour)):
        drawing = QSvgRenderer(QByteArray(svg.replace("currentColor", QColor(shade).name()).encode()))
        for size in sizes:
            made.addPixmap(_pixmap(drawing, size), mode)
    return made
